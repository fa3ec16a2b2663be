"""A live migration: checked by the conductor, done by the source host.

Nova notes Success long before the outcome is known, and a failure of the hypervisor shows nowhere
but in the migration's status.
"""

from collections.abc import Generator
from dataclasses import dataclass

from fakes.cloud.courses import at, at_once, breaks, call, event, moves, passing, shows
from fakes.cloud.driver import DriverError
from fakes.cloud.records import Action, Migration, Server, User
from fakes.cloud.state import CONTROLLER, Cloud, Steps

NO_HOST = "No valid host was found. There are not enough hosts available."
_KNOWN = frozenset(
    {
        "NoValidHost",
        "ComputeServiceUnavailable",
        "UnableToMigrateToSelf",
        "MigrationPreCheckError",
        "HypervisorUnavailable",
    }
)
"""What leaves the server as it was; all else leaves it in ERROR (nova/conductor/manager.py)."""


@dataclass
class Checks:
    """What a request below microversion 2.34 waits for."""

    over: bool = False
    error: DriverError | None = None


def live_migration(
    cloud: Cloud,
    server: Server,
    action: Action,
    user: User,
    *,
    dest: str | None,
    forced: bool,
    checks: Checks,
    reply_at_once: bool,
) -> Steps:
    """Move a running server.

    Args:
        cloud: Where.
        server: What is moved.
        action: The record of the request.
        user: Who asked.
        dest: The host that was asked for.
        forced: Whether the scheduler is passed over for it, as below 2.30.
        checks: Told what came of the checks.
        reply_at_once: Whether the request does not wait for them, as from 2.34 on.
    """
    shows(cloud, server, "migrating")
    yield from passing(cloud, cloud.pace.queued)
    try:
        # The conductor has an older entrance for a request that waits.
        name = "live_migrate_instance" if reply_at_once else "migrate_server"
        with event(cloud, action, f"conductor_{name}"):
            migration = yield from _conduct(cloud, server, action, user, dest=dest, forced=forced)
    except DriverError as error:
        checks.over, checks.error = True, error
        return
    checks.over = True
    yield from _carry_out(cloud, server, action, migration)


def _conduct(
    cloud: Cloud, server: Server, action: Action, user: User, *, dest: str | None, forced: bool
) -> Generator[float, None, Migration]:
    """Find a host that can take it; return the migration."""
    migration = cloud.migration("live-migration", server, user, dest=dest if forced else None)
    action.migration = migration.uuid
    try:
        if server.host in cloud.conditions.down:
            raise _unavailable(server.host)
        found = yield from _destination(cloud, server, action, dest=dest, forced=forced)
    except DriverError as error:
        moves(cloud, migration, "error")
        if error.kind in _KNOWN:
            shows(cloud, server, None)
            raise
        breaks(cloud, server, error)
        raise DriverError("MigrationError", f"Migration error: {error.message}") from error
    migration.dest, migration.updated = found, cloud.now
    return migration


def _destination(
    cloud: Cloud, server: Server, action: Action, *, dest: str | None, forced: bool
) -> Generator[float, None, str]:
    if forced and dest == server.host:
        words = f"Unable to migrate instance ({server.id}) to current host ({dest})."
        raise DriverError("UnableToMigrateToSelf", words)
    if forced and dest in cloud.conditions.down:
        raise _unavailable(dest)
    for host in cloud.candidates(server, dest):
        try:
            yield from _check(cloud, server, action, host)
        except DriverError as error:
            if error.kind != "MigrationPreCheckError" or forced:
                raise
        else:
            return host
    raise DriverError("NoValidHost", NO_HOST)


def _check(cloud: Cloud, server: Server, action: Action, host: str) -> Steps:
    """Ask the destination, which asks the source."""
    with event(cloud, action, "compute_check_can_live_migrate_destination", host):
        yield from call(cloud, "check_can_live_migrate_destination", server, host)
        try:
            with event(cloud, action, "compute_check_can_live_migrate_source", server.host):
                yield from call(cloud, "check_can_live_migrate_source", server, server.host)
        except DriverError as error:
            words = (
                f"Error while check_can_live_migrate_source from {server.host} to host {host}:"
                f" {error.kind} {error.message}"
            )
            raise DriverError("MigrationPreCheckError", words) from error
    yield from at(cloud, CONTROLLER)


def _carry_out(cloud: Cloud, server: Server, action: Action, migration: Migration) -> Steps:
    source, target = server.host, migration.dest or ""
    yield from at(cloud, source)
    at_once(cloud, action, "compute_live_migration", source)
    moves(cloud, migration, "queued")
    moves(cloud, migration, "preparing")

    def ended() -> bool:
        return migration.wish is not None

    try:
        yield from passing(cloud, cloud.pace.queued)
        with event(cloud, action, "compute_pre_live_migration", target):
            yield from call(cloud, "pre_live_migration", server, target)
        if migration.wish != "abort":
            yield from at(cloud, source)
            moves(cloud, migration, "running")
            migration.began = cloud.time
            seconds = cloud.pace.live_migration
            yield from call(cloud, "live_migration", server, source, seconds=seconds, until=ended)
    except DriverError:
        _over(cloud, server, migration, "failed")
        return
    if migration.wish == "abort":
        _over(cloud, server, migration, "cancelled")
        return
    yield from _arrive(cloud, server, action, migration, target)


def _arrive(
    cloud: Cloud, server: Server, action: Action, migration: Migration, target: str
) -> Steps:
    """Hand over to the destination; the server is itself again a moment before the record ends."""
    server.host = target
    try:
        with event(cloud, action, "compute_post_live_migration_at_destination", target):
            yield from call(cloud, "post_live_migration_at_destination", server, target)
    except DriverError as error:
        breaks(cloud, server, error)
        moves(cloud, migration, "error")
        return
    shows(cloud, server, None)
    yield from passing(cloud, cloud.pace.queued)
    moves(cloud, migration, "completed")


def _over(cloud: Cloud, server: Server, migration: Migration, status: str) -> None:
    shows(cloud, server, None)
    moves(cloud, migration, status)


def _unavailable(host: str | None) -> DriverError:
    words = f"Compute service of {host} is unavailable at this time."
    return DriverError("ComputeServiceUnavailable", words)


def memory_share(cloud: Cloud, migration: Migration) -> float:
    """Return how much of the memory is over, from 0 to 1."""
    if migration.began is None or migration.status != "running":
        return 0.0
    gone = (cloud.time - migration.began).total_seconds()
    default = cloud.pace.live_migration
    ordered = cloud.driver.seconds("live_migration", migration.source, migration.server_id, default)
    return min(1.0, max(0.0, gone / max(ordered, 1e-9)))
