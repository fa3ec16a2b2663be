"""Specs that must be accepted and specs that must be refused, at least one for every rule.

The unit tests try them on the Python types, the integration tests on a real API server: that the
two agree is the point.
"""

from dataclasses import dataclass, field
from typing import Any

from serveractions.api.kinds import API_VERSION

Spec = dict[str, Any]

SERVER_ID = "1bea47ed-f6a9-463b-b423-14b9cca9ad27"

COMMON: Spec = {
    "cloudCredentialsRef": {"secretName": "openstack", "cloudName": "admin"},
    "serverRef": {"id": SERVER_ID},
}
OWN: dict[str, Spec] = {
    "ServerBackup": {"backupType": "daily", "rotation": 7},
    "ServerMigration": {},
    "ServerLiveMigration": {},
    "ServerStateReset": {"state": "Active"},
    "ServerPasswordChange": {"passwordSecretRef": {"name": "web-1", "key": "password"}},
    "ServerNetworkReset": {},
    "ServerNetworkInjection": {},
}
"""What each kind needs beside COMMON: the smallest spec that is accepted."""

VALUES: Spec = {
    "cloudCredentialsRef": {"secretName": "other", "cloudName": "admin"},
    "serverRef": {"name": "web-1"},
    "reason": "compute-3 gets a new fan",
    "notAfter": "2026-12-01T06:00:00Z",
    "startingDeadlineSeconds": 600,
    "activeDeadlineSeconds": 3600,
    "ttlSecondsAfterFinished": 86400,
    "suspend": True,
    "cancel": True,
    "imageName": "web-1 before the upgrade",
    "backupType": "weekly",
    "rotation": 0,
    "metadata": {"ticket": "OPS-4711"},
    "host": "compute-3.example.com",
    "confirmation": "Manual",
    "decision": "Revert",
    "blockMigration": "Never",
    "diskOverCommit": True,
    "onDeadline": "Abort",
    "state": "Error",
    "passwordSecretRef": {"name": "web-1", "key": "PASSWORD_2"},
}
"""For every field a good value that is neither its default nor in the smallest spec."""

NEEDS: dict[str, Spec] = {
    "decision": {"confirmation": "Manual"},
    "diskOverCommit": {"blockMigration": "Always"},
    "onDeadline": {"activeDeadlineSeconds": 60},
}
"""What a field needs beside it."""


def smallest(kind: str) -> Spec:
    """Return the smallest spec of a kind."""
    return {**COMMON, **OWN[kind]}


def manifest(kind: str, name: str, spec: Spec) -> dict[str, Any]:
    """Return an object to apply."""
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


@dataclass(frozen=True)
class Case:
    """A spec, as a change of the smallest one of its kind.

    Attributes:
        says: A part of the API server's answer, for a spec to refuse; where `rule` is set, Python's
            words too.
        rule: Whether it breaks a rule with words of ours, and not only a bound, an enum or a
            requirement.
    """

    id: str
    kind: str
    change: Spec = field(default_factory=dict)
    without: str = ""
    says: str = ""
    rule: bool = True

    @property
    def spec(self) -> Spec:
        """The whole spec."""
        spec = {**smallest(self.kind), **self.change}
        spec.pop(self.without, None)
        return spec


def _ref(**members: str) -> Spec:
    return {"serverRef": members}


def _credentials(**members: str) -> Spec:
    return {"cloudCredentialsRef": {**COMMON["cloudCredentialsRef"], **members}}


_OBJECT = "write the name of an object in this namespace"
_KEY = "write a key of the Secret"
_ID = "write the server's id as Nova shows it"
_HOST = "write a compute host"
_NAME = "write 1 to 255 printable characters on one line"
_MOMENT = "write a moment from the years 2000 to 2999"
_ONE = "write exactly one of 'id' and 'name'"
_METADATA = "write keys of 1 to 255 letters"
_RESERVED = "choose other keys"
_DECISION = "'decision' needs 'confirmation: Manual'"
_OVERCOMMIT = "'diskOverCommit' needs 'blockMigration: Always' or 'Never'"
_DEADLINE = "'onDeadline: Abort' and 'ForceComplete' need a deadline"

BK, MG, LM = "ServerBackup", "ServerMigration", "ServerLiveMigration"
SR, PW, NR = "ServerStateReset", "ServerPasswordChange", "ServerNetworkReset"

REFUSED = (
    Case("a secret name in upper case", NR, _credentials(secretName="OpenStack"), says=_OBJECT),
    Case(
        "a secret of another namespace",
        NR,
        _credentials(secretName="other/openstack"),
        says=_OBJECT,
    ),
    Case("an empty secret name", NR, _credentials(secretName=""), says=_OBJECT),
    Case("an empty cloud name", NR, _credentials(cloudName=""), says=_NAME),
    Case("a server's name as its id", NR, _ref(id="web-1"), says=_ID),
    Case("an id in upper case", NR, _ref(id=SERVER_ID.upper()), says=_ID),
    Case("an id with a line break", NR, _ref(id=SERVER_ID[:-1] + "\n"), says=_ID),
    Case("a blank server name", NR, _ref(name=" "), says=_NAME),
    Case("a server name with a line break at its end", NR, _ref(name="web-1\n"), says=_NAME),
    Case("a server name with a space at its end", NR, _ref(name="web-1 "), says=_NAME),
    Case("a server name with a hard space at its end", NR, _ref(name="web-1\u00a0"), says=_NAME),
    Case("a server name with a control character", NR, _ref(name="web\u0085-1"), says=_NAME),
    Case("both ways to name a server", NR, _ref(id=SERVER_ID, name="web-1"), says=_ONE),
    Case("no way to name a server", NR, _ref(), says=_ONE),
    Case("a moment long ago", NR, {"notAfter": "1999-12-31T23:59:59Z"}, says=_MOMENT),
    Case("a moment far away", NR, {"notAfter": "3000-01-01T00:00:00Z"}, says=_MOMENT),
    Case("an empty image name", BK, {"imageName": ""}, says=_NAME),
    Case("a backup type of spaces", BK, {"backupType": "  "}, says=_NAME),
    Case("a metadata key with a slash", BK, {"metadata": {"a/b": "c"}}, says=_METADATA),
    Case("an empty metadata key", BK, {"metadata": {"": "c"}}, says=_METADATA),
    Case("a metadata key with a line break", BK, {"metadata": {"a\n": "c"}}, says=_METADATA),
    Case("a long metadata key", BK, {"metadata": {"a" * 256: "c"}}, says=_METADATA),
    Case("metadata of Nova's", BK, {"metadata": {"instance_uuid": "x"}}, says=_RESERVED),
    Case("metadata of Nova's rotation", BK, {"metadata": {"backup_type": "x"}}, says=_RESERVED),
    Case(
        "metadata of the operator's", BK, {"metadata": {"serveractions.uid": "x"}}, says=_RESERVED
    ),
    Case("a host with a space", MG, {"host": "compute 3"}, says=_HOST),
    Case("an empty host", LM, {"host": ""}, says=_HOST),
    Case("a decision where none is asked for", MG, {"decision": "Confirm"}, says=_DECISION),
    Case("overcommit where Nova decides", LM, {"diskOverCommit": True}, says=_OVERCOMMIT),
    Case("no overcommit where Nova decides", LM, {"diskOverCommit": False}, says=_OVERCOMMIT),
    Case("an abort without a deadline", LM, {"onDeadline": "Abort"}, says=_DEADLINE),
    Case("force without a deadline", LM, {"onDeadline": "ForceComplete"}, says=_DEADLINE),
    Case(
        "a secret's key with a slash",
        PW,
        {"passwordSecretRef": {"name": "web-1", "key": "../token"}},
        says=_KEY,
    ),
    Case(
        "an empty password secret",
        PW,
        {"passwordSecretRef": {"name": "", "key": "password"}},
        says=_OBJECT,
    ),
    # Bounds, enums, requirements: the API server's own words say what to write.
    Case("no credentials", NR, without="cloudCredentialsRef", says="Required value", rule=False),
    Case("no server", NR, without="serverRef", says="Required value", rule=False),
    Case("no backup type", BK, without="backupType", says="Required value", rule=False),
    Case("no rotation", BK, without="rotation", says="Required value", rule=False),
    Case("no state", SR, without="state", says="Required value", rule=False),
    Case("no password", PW, without="passwordSecretRef", says="Required value", rule=False),
    Case(
        "a negative rotation", BK, {"rotation": -1}, says="greater than or equal to 0", rule=False
    ),
    Case(
        "rotation in words", BK, {"rotation": "seven"}, says="must be of type integer", rule=False
    ),
    Case("a name too long", NR, _ref(name="x" * 256), says="may not be more than 255", rule=False),
    Case("a host too long", LM, {"host": "x" * 256}, says="may not be more than 255", rule=False),
    Case("a long reason", NR, {"reason": "x" * 1025}, says="may not be more than 1024", rule=False),
    Case(
        "a long metadata value",
        BK,
        {"metadata": {"a": "x" * 256}},
        says="may not be more than 255",
        rule=False,
    ),
    Case(
        "much metadata",
        BK,
        {"metadata": {str(number): "" for number in range(65)}},
        says="must have at most 64 items",
        rule=False,
    ),
    Case(
        "no time to start",
        NR,
        {"startingDeadlineSeconds": 0},
        says="greater than or equal to 1",
        rule=False,
    ),
    Case(
        "no time to run",
        NR,
        {"activeDeadlineSeconds": 0},
        says="greater than or equal to 1",
        rule=False,
    ),
    Case(
        "a time to live below none",
        NR,
        {"ttlSecondsAfterFinished": -1},
        says="greater than or equal to 0",
        rule=False,
    ),
    Case("a day of no year", NR, {"notAfter": "tomorrow"}, says="date-time", rule=False),
    Case("an unknown state", SR, {"state": "Stopped"}, says='"Active", "Error"', rule=False),
    Case(
        "an unknown way to confirm",
        MG,
        {"confirmation": "automatic"},
        says='"Automatic", "Manual"',
        rule=False,
    ),
    Case(
        "an unknown decision",
        MG,
        {"confirmation": "Manual", "decision": "Yes"},
        says='"Confirm", "Revert"',
        rule=False,
    ),
    Case(
        "an unknown way to copy disks",
        LM,
        {"blockMigration": "true"},
        says='"Auto", "Always", "Never"',
        rule=False,
    ),
    Case(
        "an unknown end",
        LM,
        {"activeDeadlineSeconds": 60, "onDeadline": "Kill"},
        says='"Fail", "Abort", "ForceComplete"',
        rule=False,
    ),
)

ACCEPTED = (
    *(Case(f"the smallest {kind}", kind) for kind in OWN),
    Case("a server by name", NR, _ref(name="web 1, the “old” one")),
    Case("a name of one character", NR, _ref(name="x")),
    Case("the longest name", NR, _ref(name="ü" * 255)),
    Case("a moment elsewhere", NR, {"notAfter": "2026-12-01T08:00:00+02:00"}),
    Case("a reason of two lines", NR, {"reason": "the fan\nis loud"}),
    Case("all of a backup", BK, {"imageName": "a", "rotation": 0, "metadata": {"a:b. -_": ""}}),
    Case("full metadata", BK, {"metadata": {str(number): "x" * 255 for number in range(64)}}),
    Case("the longest metadata key", BK, {"metadata": {"a" * 255: "c"}}),
    Case("a decision beforehand", MG, {"confirmation": "Manual", "decision": "Confirm"}),
    Case("a host by address", MG, {"host": "compute-3.rack_1.example.com"}),
    Case("overcommit with copied disks", LM, {"blockMigration": "Always", "diskOverCommit": True}),
    Case("an abort at a deadline", LM, {"onDeadline": "Abort", "activeDeadlineSeconds": 60}),
)
