"""What Nova and Glance showed at one moment, as plain values.

The poller makes these, the actions judge them. Fields are None where the credentials may not see
them or an older cloud does not have them; "not visible" is never "not there".
"""

from dataclasses import dataclass
from datetime import datetime

from serveractions.api.status import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server, from `GET /servers/{id}`.

    Attributes:
        status: Nova's mapped status (`ACTIVE`, `VERIFY_RESIZE`, ...; nova/api/openstack/common.py).
        vm_state: `active`, `stopped`, `resized`, ...
        task_state: What Nova is doing to the server, None when it is idle.
        host: The compute host; administrators only.
        host_id: A hash of host and project; everyone, empty when the server is on no host.
        volume_backed: Whether it boots from a volume (Nova shows an empty image then).
        locked: Whether it is locked; an administrator passes a lock.
        fault: Nova's words for status ERROR.
        partial: True for a row of a cell that is down: nothing but the id may be trusted.
        progress: Nova's coarse progress in percent, for live migrations.
    """

    id: str
    name: str
    status: str
    vm_state: str | None = None
    task_state: str | None = None
    host: str | None = None
    host_id: str | None = None
    project_id: str | None = None
    volume_backed: bool = False
    locked: bool = False
    fault: str | None = None
    partial: bool = False
    progress: int | None = None
    updated: datetime | None = None

    @property
    def place(self) -> str | None:
        """The host where it may be seen, else the hostId."""
        return self.host or self.host_id or None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionEvent:
    """One event of an instance action.

    Attributes:
        name: `compute_live_migration`, `conductor_migrate_server`, ...
        result: `Success`, `Error`, or None while it runs.
        finished: Whether Nova noted its end.
        details: Why it failed (microversion 2.84 and administrators), else None.
    """

    name: str
    result: str | None
    finished: bool
    details: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceAction:
    """One record of `os-instance-actions`.

    Attributes:
        action: Nova's name of the record (`live-migration`, `migrate`, `resetState`, ...).
        message: None, or `Error` once an event has failed.
        events: None in lists and where the policy hides them.
    """

    action: str
    request_id: str
    user_id: str | None
    project_id: str | None
    start_time: datetime
    message: str | None = None
    events: tuple[ActionEvent, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One record of `os-migrations`.

    Attributes:
        type: `live-migration`, `migration`, `resize` or `evacuation`.
        user_id: Who asked for it (microversion 2.80), else None.
    """

    id: int
    uuid: str
    status: str
    type: str
    server_id: str
    source_host: str | None
    dest_host: str | None
    created: datetime
    updated: datetime | None = None
    user_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One Glance image; `properties` holds all that Glance does not name itself."""

    id: str
    name: str | None
    status: str
    size: int | None
    created: datetime
    properties: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """All that was seen of one action in one look.

    Attributes:
        server: None when Nova says 404: the server is gone.
        action: The instance action of our request id; None when it was not (yet) found or not
            looked for.
        migrations: The server's migrations, newest first; None when the policy hides them or they
            were not looked for.
        progress: Byte counts of the running live migration, where they may be seen.
        image: The backup's image; None when it is gone or was not looked for (`image_gone` tells
            which).
        image_gone: Glance was asked and has no such image.
        backups: Ids of all images of this server and backup type, newest first; None when not
            looked for.
        nova_time: Nova's clock.
        quiet_seconds: For how long nothing of the above has changed, as far as this process saw.
    """

    server: Server | None
    nova_time: datetime
    action: InstanceAction | None = None
    migrations: tuple[Migration, ...] | None = None
    progress: Progress | None = None
    image: Image | None = None
    image_gone: bool = False
    backups: tuple[str, ...] | None = None
    quiet_seconds: float = 0.0
