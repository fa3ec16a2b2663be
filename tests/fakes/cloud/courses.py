"""What happens after a request was accepted: each course is a generator that yields seconds.

States, tasks, events and their order are those that a real Nova 34 showed with its fake driver.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from fakes.cloud.state import Action, Cloud, Course, Event, Image, Migration, Server, User

CONTROLLER = "controller"
NO_HOST = "No valid host was found. There are not enough hosts available."


def live_migration(
    cloud: Cloud, server: Server, action: Action, user: User, *, dest: str | None
) -> Course:
    """Move a running server; Nova notes Success long before the outcome is known."""
    server.task_state = "migrating"
    _touch(cloud, server)
    yield cloud.pace.queued
    target = dest or cloud.other_host(server)
    conductor = _start(cloud, action, "conductor_live_migrate_instance", CONTROLLER)
    migration = cloud.migration("live-migration", server, user, dest=target)
    yield cloud.pace.queued
    if target == server.host:
        _finish(cloud, action, conductor, error=NO_HOST)
        migration.dest = None
        _end_live(cloud, server, migration, "error")
        return
    for name, host in (
        ("compute_check_can_live_migrate_destination", target),
        ("compute_check_can_live_migrate_source", server.host),
    ):
        _at_once(cloud, action, name, host)
    _finish(cloud, action, conductor)
    _at_once(cloud, action, "compute_live_migration", server.host)
    _set(cloud, migration, "preparing")
    yield cloud.pace.queued
    if migration.wish != "abort":
        _at_once(cloud, action, "compute_pre_live_migration", target)
        _set(cloud, migration, "running")
        migration.began = cloud.now
        yield cloud.pace.live_migration
    if migration.wish == "abort":
        _end_live(cloud, server, migration, "cancelled")
        return
    _at_once(cloud, action, "compute_post_live_migration_at_destination", target)
    server.host = target
    _end_live(cloud, server, migration, "completed")


def cold_migration(
    cloud: Cloud, server: Server, action: Action, user: User, *, dest: str | None
) -> Course:
    """Move a server that is shut down for it, up to VERIFY_RESIZE."""
    server.old_state = server.vm_state
    server.task_state = "resize_prep"
    _touch(cloud, server)
    yield cloud.pace.queued
    target = dest or cloud.other_host(server)
    with _event(cloud, action, "conductor_migrate_server", CONTROLLER):
        migration = cloud.migration("migration", server, user, dest=target)
        _at_once(cloud, action, "cold_migrate", CONTROLLER)
    step = cloud.pace.cold_migration / 3
    with _event(cloud, action, "compute_prep_resize", target):
        yield step
    with _event(cloud, action, "compute_resize_instance", server.host):
        server.task_state = "resize_migrating"
        _set(cloud, migration, "migrating")
        _touch(cloud, server)
        yield step
    server.task_state, server.host = "resize_migrated", target
    _set(cloud, migration, "post-migrating")
    with _event(cloud, action, "compute_finish_resize", target):
        server.task_state = "resize_finish"
        _touch(cloud, server)
        yield step
        server.vm_state, server.task_state = "resized", None
        _set(cloud, migration, "finished")
        _touch(cloud, server)


def confirm(cloud: Cloud, server: Server, action: Action, migration: Migration) -> Course:
    """Give up the old host's copy; the server stays VERIFY_RESIZE, without a task, until then."""
    _set(cloud, migration, "confirming")
    yield cloud.pace.queued
    with _event(cloud, action, "compute_confirm_resize", migration.source):
        yield cloud.pace.confirm
        _set(cloud, migration, "confirmed")
        server.vm_state = server.old_state
        _touch(cloud, server)


def revert(cloud: Cloud, server: Server, action: Action, migration: Migration) -> Course:
    """Go back; the migration is `reverted` a while before the server is itself again."""
    server.task_state = "resize_reverting"
    _touch(cloud, server)
    _set(cloud, migration, "reverting")
    yield cloud.pace.queued
    _at_once(cloud, action, "compute_revert_resize", server.host)
    _set(cloud, migration, "reverted")
    with _event(cloud, action, "compute_finish_revert_resize", migration.source):
        yield cloud.pace.confirm
        server.host, server.vm_state, server.task_state = migration.source, server.old_state, None
        _touch(cloud, server)


def backup(cloud: Cloud, server: Server, action: Action, image: Image, *, rotation: int) -> Course:
    """Upload the image, then delete the oldest of its type; the event ends after that."""
    server.task_state = "image_backup"
    _touch(cloud, server)
    yield cloud.pace.queued
    event = _start(cloud, action, "compute_backup_instance", server.host)
    for task in ("image_pending_upload", "image_uploading"):
        server.task_state = task
        _touch(cloud, server)
        yield cloud.pace.backup / 2
        if server.task_state != task:  # somebody reset the state: Nova gives the image up
            del cloud.images[image.id]
            _finish(cloud, action, event, error="Unexpected task state")
            return
    image.status, image.size, image.updated = "active", 48, cloud.now
    server.task_state = None
    _touch(cloud, server)
    same = [
        one
        for one in reversed(cloud.images.values())
        if _row(one) == _row(image) and one.status == "active"
    ]
    for old in same[rotation:]:
        del cloud.images[old.id]
    _finish(cloud, action, event)


def password(cloud: Cloud, server: Server, action: Action, *, new: str) -> Course:
    """Set the password inside the server; Nova answers only after this."""
    server.task_state = "updating_password"
    with _event(cloud, action, "compute_set_admin_password", server.host):
        yield cloud.pace.password
        server.password, server.task_state = new, None


def immediate(cloud: Cloud, action: Action, name: str, host: str) -> Course:
    """Note an event that is over at once, as soon as the compute host gets to it."""
    yield cloud.pace.queued
    _at_once(cloud, action, name, host)


def memory_share(cloud: Cloud, migration: Migration) -> float:
    """Return how much of the memory is over, from 0 to 1."""
    if migration.began is None:
        return 0.0
    gone = (cloud.now - migration.began).total_seconds()
    return min(1.0, gone / max(cloud.pace.live_migration, 1e-9))


def _row(image: Image) -> tuple[str | None, str | None]:
    return image.properties.get("instance_uuid"), image.properties.get("backup_type")


def _end_live(cloud: Cloud, server: Server, migration: Migration, status: str) -> None:
    server.task_state = None
    _touch(cloud, server)
    _set(cloud, migration, status)


def _set(cloud: Cloud, migration: Migration, status: str) -> None:
    migration.status, migration.updated = status, cloud.now


def _touch(cloud: Cloud, server: Server) -> None:
    server.updated = cloud.now


def _start(cloud: Cloud, action: Action, name: str, host: str) -> Event:
    event = Event(name, host, start=cloud.now)
    action.events.append(event)
    action.updated = cloud.now
    return event


def _finish(cloud: Cloud, action: Action, event: Event, *, error: str | None = None) -> None:
    event.finish = action.updated = cloud.now
    event.result, event.details = ("Error", error) if error else ("Success", None)
    if error:
        action.message = "Error"


def _at_once(cloud: Cloud, action: Action, name: str, host: str) -> None:
    _finish(cloud, action, _start(cloud, action, name, host))


@contextmanager
def _event(cloud: Cloud, action: Action, name: str, host: str) -> Iterator[None]:
    event = _start(cloud, action, name, host)
    yield
    _finish(cloud, action, event)
