"""What is done to a server where it is: backups, passwords, its power, its end."""

from collections.abc import Mapping
from dataclasses import dataclass

from fakes.cloud.courses import ServerGoneError, at, at_once, call, event, passing, shows
from fakes.cloud.driver import DriverError, hashed
from fakes.cloud.records import Action, Image, Server
from fakes.cloud.state import Cloud, Steps


def backup(cloud: Cloud, server: Server, action: Action, image: Image, *, rotation: int) -> Steps:
    """Upload the image, then delete the oldest of its type; the event ends after that."""
    shows(cloud, server, "image_backup")
    yield from passing(cloud, cloud.pace.queued)
    yield from at(cloud, server.host)
    try:
        with event(cloud, action, "compute_backup_instance", server.host):
            try:
                yield from _upload(cloud, server, image)
            except ServerGoneError:
                cloud.images.pop(image.id, None)
            else:
                _rotate(cloud, image, rotation)
    except DriverError:
        cloud.images.pop(image.id, None)
        if server.task_state in _TASKS:
            shows(cloud, server, None)


_TASKS = ("image_backup", "image_pending_upload", "image_uploading")


def _upload(cloud: Cloud, server: Server, image: Image) -> Steps:
    yield from call(cloud, "snapshot", server, server.host)
    expected: str | None = "image_backup"
    for task in _TASKS[1:]:
        _expect(server, expected)
        shows(cloud, server, task)
        expected = task
        seconds = cloud.pace.backup / 2
        yield from call(cloud, "snapshot_upload", server, server.host, seconds=seconds)
    image.status, image.size = "active", len(f"snapshot of {server.id}")
    image.updated = cloud.time
    _expect(server, expected)
    shows(cloud, server, None)


def _expect(server: Server, task: str | None) -> None:
    """Fail where somebody has changed the task meanwhile, by resetting the state for instance."""
    if server.task_state != task:
        words = (
            f"Conflict updating instance {server.id}. Expected: {{'task_state': ['{task}']}}."
            f" Actual: {{'task_state': {server.task_state!r}}}"
        )
        raise DriverError("UnexpectedTaskStateError", words)


def _rotate(cloud: Cloud, image: Image, rotation: int) -> None:
    """Delete the oldest of the type: what was never uploaded counts, too."""
    same = [one for one in reversed(cloud.images.values()) if _row(one) == _row(image)]
    for old in same[rotation:]:
        del cloud.images[old.id]


def _row(image: Image) -> tuple[str | None, str | None]:
    return image.properties.get("instance_uuid"), image.properties.get("backup_type")


@dataclass
class PasswordSet:
    """What the request waits for: it is answered when the guest has the password, or has not."""

    over: bool = False
    error: DriverError | None = None


def password(
    cloud: Cloud, server: Server, action: Action, *, new: str, outcome: PasswordSet
) -> Steps:
    """Set the password inside the server."""
    shows(cloud, server, "updating_password")
    host = server.host
    yield from at(cloud, host)
    try:
        with event(cloud, action, "compute_set_admin_password", host):
            seconds, sha256 = cloud.pace.password, hashed(new)
            yield from _set_password(cloud, server, seconds=seconds, sha256=sha256)
            server.password = new
            _expect(server, "updating_password")
            shows(cloud, server, None)
    except DriverError as error:
        if server.task_state == "updating_password":
            shows(cloud, server, None)
        outcome.error = error
    outcome.over = True


_OWN_WORDS = frozenset(
    {"NotImplementedError", "SetAdminPasswdNotSupported", "InstanceAgentNotEnabled"}
)


def _set_password(cloud: Cloud, server: Server, *, seconds: float, sha256: str) -> Steps:
    try:
        yield from call(
            cloud,
            "set_admin_password",
            server,
            server.host,
            seconds=seconds,
            password_sha256=sha256,
        )
    except DriverError as error:
        if error.kind in _OWN_WORDS or isinstance(error, ServerGoneError):
            raise
        words = f"Failed to set admin password on {server.id} because error setting admin password"
        raise DriverError("InstancePasswordSetFailed", words) from error


def inject_network_info(cloud: Cloud, server: Server) -> Steps:
    """Tell the hypervisor; whatever comes of it, nobody is told."""
    yield from passing(cloud, cloud.pace.queued)
    try:
        yield from call(cloud, "inject_network_info", server, server.host)
    except DriverError:
        return


def delete(cloud: Cloud, server: Server, action: Action) -> Steps:
    """End a server; what others do to it finds it gone."""
    shows(cloud, server, "deleting")
    yield from passing(cloud, cloud.pace.queued)
    yield from at(cloud, server.host)
    with event(cloud, action, "compute_terminate_instance", server.host):
        shows(cloud, server, None, "deleted")
    cloud.wake(server.id)


@dataclass(frozen=True)
class Power:
    """One of the small actions that only bring a server into another state."""

    record: str
    wanted: tuple[str, ...]
    state: str


POWER: Mapping[str, Power] = {
    "os-stop": Power("stop", ("active", "error"), "stopped"),
    "os-start": Power("start", ("stopped",), "active"),
    "pause": Power("pause", ("active",), "paused"),
    "unpause": Power("unpause", ("paused",), "active"),
    "suspend": Power("suspend", ("active",), "suspended"),
    "resume": Power("resume", ("suspended",), "active"),
    "rescue": Power("rescue", ("active", "stopped", "error"), "rescued"),
    "unrescue": Power("unrescue", ("rescued",), "active"),
}


def power(cloud: Cloud, server: Server, action: Action, change: Power) -> Steps:
    """Bring a server into another state."""
    yield from at(cloud, server.host)
    at_once(cloud, action, f"compute_{change.record}_instance", server.host)
    shows(cloud, server, None, change.state)
