"""A cold migration: up to VERIFY_RESIZE, and then confirmed, reverted, or confirmed by Nova."""

from datetime import timedelta

from fakes.cloud.courses import at, at_once, breaks, call, event, moves, passing, shows
from fakes.cloud.driver import DriverError
from fakes.cloud.records import Action, Migration, Server, User
from fakes.cloud.state import FOREVER, Cloud, Steps, new_request_id


def cold_migration(
    cloud: Cloud,
    server: Server,
    action: Action,
    user: User,
    *,
    dest: str | None,
    kind: str = "migration",
) -> Steps:
    """Move a server that is shut down for it; `kind` is `resize` where its size changes, too."""
    server.old_state = server.vm_state
    shows(cloud, server, "resize_prep")
    yield from passing(cloud, cloud.pace.queued)
    migration = cloud.migration(kind, server, user, dest=None)
    action.migration = migration.uuid
    source = server.host
    step = cloud.pace.cold_migration / 3
    try:
        target = _schedule(cloud, server, action, dest=dest, kind=kind)
    except DriverError:
        shows(cloud, server, None)
        moves(cloud, migration, "error")
        return
    migration.dest, migration.updated = target, cloud.now
    try:
        yield from at(cloud, target)
        with event(cloud, action, "compute_prep_resize", target):
            yield from passing(cloud, step)
        yield from at(cloud, source)
        with event(cloud, action, "compute_resize_instance", source):
            moves(cloud, migration, "migrating")
            shows(cloud, server, "resize_migrating")
            yield from call(cloud, "migrate_disk_and_power_off", server, source, seconds=step)
            moves(cloud, migration, "post-migrating")
            server.host = target
            shows(cloud, server, "resize_migrated")
        yield from at(cloud, target)
        with event(cloud, action, "compute_finish_resize", target):
            shows(cloud, server, "resize_finish")
            yield from call(cloud, "finish_migration", server, target, seconds=step)
            moves(cloud, migration, "finished")
            shows(cloud, server, None, "resized")
    except DriverError as error:
        breaks(cloud, server, error)
        moves(cloud, migration, "error")
        return
    cloud.begin(_confirm_unasked(cloud, server, migration), server)


def confirm(cloud: Cloud, server: Server, action: Action, migration: Migration) -> Steps:
    """Give up the old host's copy; the server stays VERIFY_RESIZE, without a task, until then."""
    moves(cloud, migration, "confirming")
    yield from passing(cloud, cloud.pace.queued)
    yield from at(cloud, migration.source)
    try:
        with event(cloud, action, "compute_confirm_resize", migration.source):
            seconds = cloud.pace.confirm
            yield from call(cloud, "confirm_migration", server, migration.source, seconds=seconds)
            moves(cloud, migration, "confirmed")
            shows(cloud, server, None, server.old_state)
    except DriverError as error:
        breaks(cloud, server, error)
        moves(cloud, migration, "error")


def revert(cloud: Cloud, server: Server, action: Action, migration: Migration) -> Steps:
    """Go back; the migration is `reverted` a while before the server is itself again."""
    shows(cloud, server, "resize_reverting")
    moves(cloud, migration, "reverting")
    yield from passing(cloud, cloud.pace.queued)
    yield from at(cloud, server.host)
    at_once(cloud, action, "compute_revert_resize", server.host)
    server.host = source = migration.source
    moves(cloud, migration, "reverted")
    yield from at(cloud, source)
    try:
        with event(cloud, action, "compute_finish_revert_resize", source):
            seconds = cloud.pace.confirm
            yield from call(cloud, "finish_revert_migration", server, source, seconds=seconds)
            shows(cloud, server, None, server.old_state)
    except DriverError as error:
        breaks(cloud, server, error)
        moves(cloud, migration, "error")


def _schedule(cloud: Cloud, server: Server, action: Action, *, dest: str | None, kind: str) -> str:
    with event(cloud, action, "conductor_migrate_server"), event(cloud, action, "cold_migrate"):
        found = cloud.candidates(server, dest)
        if not found:
            what = "cold migrate" if kind == "migration" else kind
            words = f"No valid host was found. No valid host found for {what}"
            raise DriverError("NoValidHost", words)
        return found[0]


def _confirm_unasked(cloud: Cloud, server: Server, migration: Migration) -> Steps:
    """Confirm what nobody has settled when Nova's resize_confirm_window is over, and end what can
    be settled no more: without a window that stays finished for ever.
    """
    finished = cloud.time
    while migration.status == "finished":
        window = cloud.conditions.confirm_window
        left = (finished + timedelta(seconds=window) - cloud.time).total_seconds()
        if window > 0 and left <= 0 and server.vm_state != "resized":
            moves(cloud, migration, "error")
            return
        if window > 0 and left <= 0:
            request_id = new_request_id()
            action = cloud.record("confirmResize", server, request_id=request_id, user=None)
            yield from confirm(cloud, server, action, migration)
            return
        yield left if window > 0 else FOREVER
