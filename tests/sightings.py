"""What was seen of an imagined server: the tables of the tests of the actions are made of it.

Every builder gives a server that has just been accepted for an action and moves from `compute-1` to
`compute-2`; a test names only what differs.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from serveractions.actions.observation import (
    ActionEvent,
    Image,
    InstanceAction,
    Migration,
    Observation,
    Server,
)
from serveractions.actions.settling import SETTLE_SECONDS, STALLED_SECONDS
from serveractions.api.status import (
    FollowUp,
    FollowUpState,
    ImageStatus,
    Intent,
    MigrationStatus,
    ServerStatus,
    Status,
)

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SERVER_ID = "1bea47ed-f6a9-463b-b423-14b9cca9ad27"
UID = "0c1f8f3e-4a0f-4d6e-9b8e-0a2f1f2d3c4b"
MIGRATION = "5d3a1f0c-52f5-4c0e-8f6d-5b2a0f2c8e11"
OTHER_MIGRATION = "77c2b9b0-0d1c-4a9d-93b5-1a2f1e0d4c22"
IMAGE = "a9d0b0c4-8f39-4d0f-8c3e-6f1e2d3c4b5a"
USER, PROJECT = "operator-user", "operator-project"
OURS = "req-11111111-1111-4111-8111-111111111111"

MOMENT, SETTLED, STALLED = 0.0, SETTLE_SECONDS, STALLED_SECONDS

SPEC: dict[str, Any] = {
    "cloud_credentials_ref": {"secret_name": "openstack", "cloud_name": "admin"},
    "server_ref": {"id": SERVER_ID},
}


def server(status: str = "ACTIVE", task: str | None = None, **changes: Any) -> Server:
    states = {
        "SHUTOFF": "stopped",
        "VERIFY_RESIZE": "resized",
        "REVERT_RESIZE": "resized",
        "RESIZE": "active",
        "MIGRATING": "active",
    }
    facts: dict[str, Any] = {
        "id": SERVER_ID,
        "name": "web-1",
        "status": status,
        "vm_state": states.get(status, status.lower()),
        "task_state": task,
        "host": "compute-1",
        "host_id": "hash-1",
        "project_id": "their-project",
    }
    return Server(**(facts | changes))


def moved(status: str = "ACTIVE", task: str | None = None, **changes: Any) -> Server:
    return server(status, task, **({"host": "compute-2", "host_id": "hash-2"} | changes))


def event(name: str, result: str | None = "Success", details: str | None = None) -> ActionEvent:
    return ActionEvent(name=name, result=result, finished=result is not None, details=details)


def record(
    action: str, events: Sequence[ActionEvent] | None = (), **changes: Any
) -> InstanceAction:
    failed = any(each.result == "Error" for each in events or ())
    facts: dict[str, Any] = {
        "action": action,
        "request_id": OURS,
        "user_id": USER,
        "project_id": PROJECT,
        "start_time": NOW,
        "message": "Error" if failed else None,
        "events": None if events is None else tuple(events),
    }
    return InstanceAction(**(facts | changes))


def migration(status: str, type_: str = "migration", **changes: Any) -> Migration:
    facts: dict[str, Any] = {
        "id": 7,
        "uuid": MIGRATION,
        "status": status,
        "type": type_,
        "server_id": SERVER_ID,
        "source_host": "compute-1",
        "dest_host": "compute-2",
        "created": NOW + timedelta(seconds=1),
        "user_id": USER,
    }
    return Migration(**(facts | changes))


def image(status: str = "active", **changes: Any) -> Image:
    facts: dict[str, Any] = {
        "id": IMAGE,
        "name": "web-1-nightly",
        "status": status,
        "size": 1024 if status == "active" else None,
        "created": NOW,
        "properties": {},
    }
    return Image(**(facts | changes))


def seen(server_: Server | None, *, quiet: float = MOMENT, **facts: Any) -> Observation:
    return Observation(server=server_, nova_time=NOW, quiet_seconds=quiet, **facts)


def intent(action: str, **changes: Any) -> Intent:
    facts: dict[str, Any] = {
        "attempt": 1,
        "holder": "operator-0",
        "action": action,
        "server_id": SERVER_ID,
        "endpoint": "https://nova.example/v2.1",
        "user_id": USER,
        "project_id": PROJECT,
        "microversion": "2.65",
        "nova_time": NOW,
        "source_host": "compute-1",
        "source_host_id": "hash-1",
    }
    return Intent(**(facts | changes))


def status(action: str, **changes: Any) -> Status:
    facts: dict[str, Any] = {
        "intent": intent(action),
        "server": ServerStatus(id=SERVER_ID, name="web-1"),
        "request_id": OURS,
    }
    return Status(**(facts | changes))


def recorded(state: str = "running", **changes: Any) -> MigrationStatus:
    return MigrationStatus(**({"id": 7, "uuid": MIGRATION, "status": state} | changes))


def with_image(**changes: Any) -> ImageStatus:
    return ImageStatus(**({"id": IMAGE} | changes))


def sent(action: str, state: FollowUpState = FollowUpState.ACCEPTED, **changes: Any) -> FollowUp:
    facts: dict[str, Any] = {
        "action": action,
        "attempt": 1,
        "state": state,
        "holder": "operator-0",
        "migration_uuid": MIGRATION,
        "migration_id": 7,
        "microversion": "2.65",
        "nova_time": NOW,
        "claimed_time": NOW,
    }
    return FollowUp(**(facts | changes))
