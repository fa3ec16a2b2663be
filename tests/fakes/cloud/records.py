"""What this cloud has on record, as plain data: accounts, servers, actions, migrations, images."""

from dataclasses import dataclass, field
from datetime import datetime

STATUSES: dict[tuple[str, str | None], str] = {
    ("active", None): "ACTIVE",
    ("active", "updating_password"): "PASSWORD",
    ("active", "migrating"): "MIGRATING",
    ("paused", "migrating"): "MIGRATING",
    ("stopped", None): "SHUTOFF",
    ("resized", None): "VERIFY_RESIZE",
    ("resized", "resize_reverting"): "REVERT_RESIZE",
    ("paused", None): "PAUSED",
    ("suspended", None): "SUSPENDED",
    ("rescued", None): "RESCUE",
    ("error", None): "ERROR",
    ("deleted", None): "DELETED",
} | {
    (state, f"resize_{step}"): "RESIZE"
    for state in ("active", "stopped")
    for step in ("prep", "migrating", "migrated", "finish")
}
"""The status that Nova shows; a task that is not listed does not change it
(nova/api/openstack/common.py)."""


@dataclass(frozen=True)
class User:
    """An account, and its one role in one project."""

    id: str
    name: str
    password: str
    project_id: str
    project: str
    role: str


@dataclass
class Server:
    """A server."""

    id: str
    name: str
    project_id: str
    user_id: str
    host: str
    created: datetime
    updated: datetime
    image_id: str | None
    """None for one that boots from a volume."""
    only_host: str | None = None
    """Its flavor fits on no other."""
    vm_state: str = "active"
    task_state: str | None = None
    locked: bool = False
    progress: int = 0
    fault: str | None = None
    fault_at: datetime | None = None
    password: str | None = None
    old_state: str = "active"
    """What a cold migration brings it back to."""

    @property
    def deleted(self) -> bool:
        """Whether it is gone: most of the API knows it no more."""
        return self.vm_state == "deleted"

    @property
    def status(self) -> str:
        """The status that the API shows."""
        known = STATUSES.get((self.vm_state, self.task_state))
        return known or STATUSES.get((self.vm_state, None), "UNKNOWN")


@dataclass
class Event:
    """A part of an instance action."""

    name: str
    host: str
    start: datetime
    finish: datetime | None = None
    result: str | None = None
    details: str | None = None


@dataclass
class Action:
    """An instance action: Nova's record of a request."""

    name: str
    server_id: str
    request_id: str
    user_id: str | None
    project_id: str | None
    start: datetime
    updated: datetime
    born: datetime
    """In true time: what a replica shows late depends on it."""
    message: str | None = None
    events: list[Event] = field(default_factory=list)
    migration: str | None = None
    """The uuid of the one that it began. Nova does not keep this, and does not tell it."""


@dataclass
class Migration:
    """A cold or live migration."""

    id: int
    uuid: str
    type: str
    server_id: str
    user_id: str
    project_id: str
    source: str
    dest: str | None
    """None until the scheduler has chosen."""
    status: str
    created: datetime
    born: datetime
    updated: datetime | None = None
    """None until it is changed for the first time."""
    moved: datetime | None = None
    """The same as `updated` in true time, and not in whole seconds."""
    began: datetime | None = None
    """When the transfer of memory did, in true time."""
    wish: str | None = None
    """What a request wants of it: `abort` or `force_complete`."""

    @property
    def in_progress(self) -> bool:
        """Whether `servers/{id}/migrations` lists it: `accepted` is not in progress yet."""
        listed = ("queued", "preparing", "running", "post-migrating")
        return self.type == "live-migration" and self.status in listed


@dataclass
class Image:
    """An image in Glance."""

    id: str
    name: str
    owner: str
    created: datetime
    updated: datetime
    status: str = "queued"
    size: int | None = None
    properties: dict[str, str] = field(default_factory=dict)
