"""The courses that an object can take: what is asked for, what a person does meanwhile, the end.

Each kind has one, and each follow-up: confirmed and reverted cold migrations, aborted and forced
live ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from serveractions.api.kinds import BY_NAME

PASSWORD_SECRET = "password"
PASSWORD = "a-new-password"
QUICK = {"live-migration": "0.6", "cold-migration": "0.6", "confirm": "0.2", "backup": "0.6"}
"""The pace of a cloud in which everything comes to its end by itself."""
SLOW = {"live-migration": "45"}
"""And of one in which there is time to interfere with a live migration."""


def asks_to_undo(spec: Mapping[str, Any]) -> bool:
    """Say whether this in a spec asks for what is under way to be stopped or taken back."""
    return bool(spec.get("cancel")) or spec.get("decision") == "Revert"


@dataclass(frozen=True, kw_only=True, eq=False)
class Life:
    """A course.

    Attributes:
        name: For tables.
        kind: Of the object.
        spec: Beside credentials and server.
        follow_up: The write that follows the action.
        slow: Whether it needs the slow cloud.
        edit: What a person changes in the spec.
        edit_in: The phase in which that is done.
        end: The phase that is right.
    """

    name: str
    kind: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    follow_up: str | None = None
    slow: bool = False
    edit: Mapping[str, Any] = field(default_factory=dict)
    edit_in: str = "AwaitingDecision"
    end: str = "Succeeded"

    @property
    def action(self) -> str:
        """Nova's name of the action."""
        return BY_NAME[self.kind].action


LIVES = (
    Life(name="backup", kind="ServerBackup", spec={"backupType": "daily", "rotation": 1}),
    Life(name="migration", kind="ServerMigration", follow_up="confirmResize"),
    Life(name="live migration", kind="ServerLiveMigration"),
    Life(name="state reset", kind="ServerStateReset", spec={"state": "Active"}),
    Life(
        name="password change",
        kind="ServerPasswordChange",
        spec={"passwordSecretRef": {"name": PASSWORD_SECRET, "key": PASSWORD_SECRET}},
    ),
    Life(name="network reset", kind="ServerNetworkReset", end="Failed"),
    Life(name="network injection", kind="ServerNetworkInjection"),
    Life(
        name="migration, confirmed by hand",
        kind="ServerMigration",
        spec={"confirmation": "Manual"},
        follow_up="confirmResize",
        edit={"decision": "Confirm"},
    ),
    Life(
        name="migration, reverted",
        kind="ServerMigration",
        spec={"confirmation": "Manual"},
        follow_up="revertResize",
        edit={"decision": "Revert"},
        end="Cancelled",
    ),
    Life(
        name="live migration, aborted",
        kind="ServerLiveMigration",
        follow_up="abort",
        slow=True,
        edit={"cancel": True},
        edit_in="Running",
        end="Cancelled",
    ),
    Life(
        name="live migration, forced",
        kind="ServerLiveMigration",
        spec={"activeDeadlineSeconds": 1, "onDeadline": "ForceComplete"},
        follow_up="force_complete",
        slow=True,
    ),
)
