"""The API server's own account of who did what: its audit log, of all writes, and of what the
operator read.

Counting what a client believes to have sent would miss what a library sends on its own. Of what the
operator writes the content is kept too, so that it can be searched after the object is gone.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from serveractions.api.kinds import GROUP

NAIVE_GROUP = "naive.example.org"
"""Of the operator that this one is compared with in `scale`."""
WRITING = ["create", "update", "patch", "delete", "deletecollection"]
OPERATOR = "system:serviceaccount:serveractions-system:serveractions"
ALONE = "system:serviceaccount:serveractions-alone:serveractions"
"""Of an installation that sees its own namespace only."""
POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {
            "level": "Request",
            "verbs": WRITING,
            "resources": [
                {"group": GROUP},
                {"group": "", "resources": ["events"]},
                {"group": "events.k8s.io"},
                {"group": "coordination.k8s.io"},
            ],
        },
        {
            "level": "Request",
            "verbs": ["create", "update", "patch"],
            "resources": [{"group": NAIVE_GROUP}],
        },
        {"level": "Metadata", "verbs": WRITING},
        {"level": "Metadata", "users": [OPERATOR, ALONE], "verbs": ["get", "list", "watch"]},
        {"level": "None"},
    ],
}


@dataclass(frozen=True, kw_only=True)
class Write:
    """One write that the API server answered; or a read, where it was asked for those."""

    agent: str
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int

    def __str__(self) -> str:
        what = "/".join(part for part in (self.resource, self.subresource) if part)
        return f"{self.verb} {what} {self.namespace}/{self.name} -> {self.code} by {self.agent}"


class Audit:
    """The audit log of one API server."""

    def __init__(self, directory: Path) -> None:
        """Write the policy into a directory; the log will be there too."""
        self._policy = directory / "audit-policy.yaml"
        self._log = directory / "audit.log"
        self._policy.write_text(yaml.safe_dump(POLICY))

    @property
    def flags(self) -> Sequence[str]:
        """What the API server is started with."""
        return (
            f"--audit-policy-file={self._policy}",
            f"--audit-log-path={self._log}",
            # In MB. By default it begins a new file after 100, and a position means nothing then.
            "--audit-log-maxsize=100000",
        )

    def position(self) -> int:
        """Return where the log ends just now."""
        return self._log.stat().st_size if self._log.exists() else 0

    def since(self, position: int) -> Iterator[dict[str, Any]]:
        """Yield all writes after a position, as the API server noted them."""
        return self._events(position)

    def writes(self, *, user: str) -> list[Write]:
        """Return all writes of a user so far, in order; those under way are not there yet."""
        return [each for each in self.requests(user=user) if each.verb in WRITING]

    def requests(self, *, user: str) -> list[Write]:
        """Return all writes of a user so far, and the reads too if it is an operator."""
        return [_write(event) for event in self._events() if event["user"]["username"] == user]

    def events(self, *, agent: str) -> Iterator[dict[str, Any]]:
        """Yield all writes of a client so far, as the API server noted them."""
        for event in self._events():
            if event.get("userAgent") == agent and event["verb"] in WRITING:
                yield event

    def _events(self, position: int = 0) -> Iterator[dict[str, Any]]:
        with self._log.open() as log:
            log.seek(position)
            for line in log:
                if not line.endswith("\n"):
                    break  # it is just being written
                yield json.loads(line)


def _write(event: dict[str, Any]) -> Write:
    target, answer = event.get("objectRef") or {}, event.get("responseStatus") or {}
    return Write(
        agent=str(event.get("userAgent", "")),
        verb=str(event["verb"]),
        group=target.get("apiGroup", ""),
        resource=target.get("resource", ""),
        subresource=target.get("subresource", ""),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=answer.get("code", 0),
    )
