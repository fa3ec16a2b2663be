"""os-migrateLive: move a running server to another host.

Two things look like success and are none. The event `compute_live_migration` says Success as soon
as the job stands in a queue, and a server that was rolled back is ACTIVE like one that has moved.
So success is a migration that Nova calls `completed` and a server that is elsewhere than before.
"""

from typing import Any, ClassVar

from serveractions.actions import follow_up, migrations, records
from serveractions.actions.action import (
    Cancelled,
    Failed,
    Look,
    NovaRequest,
    Precheck,
    Running,
    Succeeded,
    Target,
    Verdict,
)
from serveractions.actions.microversions import DISK_OVER_COMMIT, LIVE_MIGRATE, step_down
from serveractions.actions.observation import InstanceAction, Migration, Observation, Server
from serveractions.actions.server_states import check, existing
from serveractions.actions.settling import settled, stalled
from serveractions.actions.traces import Records, Trace, among
from serveractions.actions.wording import named, on, quoted, to
from serveractions.api.spec import BlockMigration, ServerLiveMigrationSpec
from serveractions.api.status import Intent, Reason, Status

_STATES = frozenset({"active", "paused"})
_CONDUCTOR = ("conductor_live_migrate_instance", "conductor_migrate_server")
"""The events that end with the conductor's part; the second where Nova checks before it answers."""
_DECISIVE = frozenset({*_CONDUCTOR, "compute_live_migration"})
"""Only these events end the action with their error: a failed pre-check on one host
(compute_check_can_live_migrate_destination) makes Nova try the next."""
_ENDED = frozenset({"error", "failed", "cancelled"})


class LiveMigrate:
    """Nova's os-migrateLive."""

    name: ClassVar[str] = "os-migrateLive"
    record: ClassVar[str | None] = "live-migration"
    looks: ClassVar[frozenset[Look]] = frozenset({Look.ACTION, Look.MIGRATIONS, Look.PROGRESS})
    exclusive: ClassVar[bool] = True
    needs_settling: ClassVar[bool] = False

    def request(self, spec: ServerLiveMigrationSpec, target: Target, newest: str) -> NovaRequest:
        """Return the request; `disk_over_commit` is known only up to microversion 2.24."""
        block: bool | str = spec.block_migration is BlockMigration.ALWAYS
        body: dict[str, Any] = {"host": spec.host, "block_migration": block}
        pin = LIVE_MIGRATE
        if spec.disk_over_commit is not None:
            body["disk_over_commit"] = spec.disk_over_commit
            pin = DISK_OVER_COMMIT
        elif spec.block_migration is BlockMigration.AUTO:
            body["block_migration"] = "auto"
        return NovaRequest(
            name=self.name,
            method="POST",
            path=f"/servers/{target.server.id}/action",
            body={self.name: body},
            microversion=step_down(pin, newest),
        )

    def precheck(self, spec: ServerLiveMigrationSpec, server: Server) -> Precheck:
        """Wait for a running task; Nova itself judges the rest."""
        return check(server, self.name, states=_STATES)

    def matches(self, record: InstanceAction, intent: Intent) -> bool:
        """Say whether a record could be the request of this intent."""
        return records.matches(record, intent, self.record)

    def traceable(self, newest: str) -> bool:
        """Return True: every Nova from the floor on records it."""
        return True

    def trace(self, intent: Intent, uid: str, records: Records) -> Trace:
        """Find the request by its instance action."""
        return among(records.candidates(lambda record: self.matches(record, intent)))

    def accepted(self, spec: ServerLiveMigrationSpec) -> Verdict | None:
        """Return None: the migration is still to come."""
        return None

    def judge(self, spec: ServerLiveMigrationSpec, status: Status, seen: Observation) -> Verdict:
        """Judge by the migration, and by the record and the host where that may not be seen."""
        server = existing(seen)
        found = migrations.search(status, seen)
        if server is None:
            return _server_gone(found)
        if server.partial:
            return Running(f"Nova cannot see {named(server)} just now: its cell is down")
        if isinstance(found, migrations.Ambiguous):
            return _ambiguous(found, server, seen)
        if found is None:
            return _without_migration(status, seen, server)
        if found.status == "completed":
            return _completed(status, seen, server, found)
        if found.status in _ENDED:
            return _ended(status, seen, server, found)
        return _in_progress(status, seen, server, found)


def _busy(server: Server) -> bool:
    return server.task_state == "migrating"


def _server_gone(found: Migration | migrations.Ambiguous | None) -> Verdict:
    if isinstance(found, Migration) and found.status == "completed":
        return Succeeded(
            f"the server was live-migrated{to(found.dest_host)}; it was deleted afterwards"
        )
    return Failed(Reason.SERVER_GONE, "the server was deleted while it was being live-migrated")


def _ambiguous(found: migrations.Ambiguous, server: Server, seen: Observation) -> Verdict:
    if _busy(server) or not settled(seen):
        return Running(f"Nova is migrating {named(server)}; which migration is ours is not clear")
    return Failed(
        Reason.OUTCOME_UNKNOWN,
        f"{named(server)} is{on(server.place)}, and the migrations {', '.join(found.uuids)} began"
        " at almost the same time: look at them to see which one was this",
    )


def _completed(status: Status, seen: Observation, server: Server, found: Migration) -> Verdict:
    target = found.dest_host or server.place
    if migrations.moved(status.intent, server) is not False:
        now = f", and is now in status ERROR.{quoted(server.fault)}" if _broken(server) else ""
        return Succeeded(f"{named(server)} was live-migrated{to(target)}{now}")
    if not settled(seen):
        return Running(
            f"Nova calls the migration of {named(server)} completed; its host is still the old one"
        )
    if not migrations.newest(seen, found.uuid):
        return Succeeded(f"{named(server)} was live-migrated{to(target)}, and moved back since")
    return Failed(
        Reason.OUTCOME_UNKNOWN,
        f"Nova calls migration {found.uuid} completed, but {named(server)} is still"
        f"{on(server.place)}: look where it runs",
    )


def _ended(status: Status, seen: Observation, server: Server, found: Migration) -> Verdict:
    """Judge a migration that Nova gave up."""
    newest = migrations.newest(seen, found.uuid)
    busy = _busy(server) and newest
    if not settled(seen) and (busy or _words_may_follow(seen, found)):
        return Running(f"the live migration of {named(server)} is over ({found.status})")
    if found.status == "cancelled":
        return _cancelled(status, server, found)
    if _broken(server):
        return _left_broken(seen, server)
    if newest and migrations.moved(status.intent, server):
        return Failed(
            Reason.ACTION_FAILED,
            f"{named(server)} was moved{to(server.place)}, but Nova could not finish its migration"
            f" ({found.status}): look at its network and volumes.{records.cause(seen.action)}",
        )
    why = quoted(records.words(seen.action)) or " The log of nova-compute there says why."
    stuck = (
        f" Nova still has task_state {server.task_state} on record: a ServerStateReset clears it."
        if busy
        else ""
    )
    if _decisive(seen.action):
        words = records.words(seen.action)
        return Failed(
            records.reason(words),
            f"Nova could not begin to live-migrate {named(server)}; it stays{on(server.place)}."
            f"{stuck}{records.cause(seen.action)}",
        )
    left = f"it runs{on(server.place)} as before" if newest else "another one has begun since"
    return Failed(
        Reason.ROLLED_BACK, f"the live migration of {named(server)} failed and {left}.{stuck}{why}"
    )


def _cancelled(status: Status, server: Server, found: Migration) -> Verdict:
    stays = f"{named(server)} stays{on(server.place)}"
    if status.cancel_requested_time is not None:
        return Cancelled(f"the live migration was aborted as asked: {stays}")
    if migrations.asked(status, follow_up.ABORT, found.uuid):
        return Failed(
            Reason.DEADLINE_EXCEEDED,
            f"the live migration was aborted because its deadline had passed: {stays}",
        )
    return Failed(
        Reason.ROLLED_BACK,
        f"the live migration was aborted, by someone else or by Nova's own time limit: {stays}",
    )


def _in_progress(status: Status, seen: Observation, server: Server, found: Migration) -> Verdict:
    if _broken(server) and not _busy(server) and settled(seen):
        return _left_broken(seen, server)
    if _busy(server) or not stalled(seen):
        return Running(
            f"Nova is live-migrating {named(server)}{to(found.dest_host)} ({found.status})",
            seen.progress,
        )
    if migrations.moved(status.intent, server) is False:
        return Failed(
            Reason.ACTION_FAILED,
            f"{named(server)} is idle{on(server.place)} and Nova has left its migration in state"
            f" {found.status}: nova-compute was probably restarted",
        )
    return Failed(
        Reason.OUTCOME_UNKNOWN,
        f"{named(server)} is idle{on(server.place)} and Nova has left its migration in state"
        f" {found.status}: look where it runs and at nova-compute of the old host",
    )


def _without_migration(status: Status, seen: Observation, server: Server) -> Verdict:
    """Judge by the record and the host: no migration is there yet, or none may be seen."""
    if _busy(server):
        return Running(f"Nova is live-migrating {named(server)}", seen.progress)
    if _decisive(seen.action) and not _broken(server):
        return Failed(
            records.reason(records.words(seen.action)),
            f"Nova did not live-migrate {named(server)}; it is{on(server.place)}."
            f"{records.cause(seen.action)}",
        )
    if not settled(seen):
        return Running(f"Nova shows no live migration of {named(server)} yet")
    if _broken(server):
        return _left_broken(seen, server)
    moved = migrations.moved(status.intent, server)
    if moved and seen.migrations is None:
        return Succeeded(
            f"{named(server)} has moved{to(server.place)} (these credentials may not see Nova's"
            " migrations)"
        )
    if moved is False:
        return Failed(
            Reason.ROLLED_BACK,
            f"{named(server)} is idle and still{on(server.place)}: Nova did not live-migrate it,"
            " and shows no cause to these credentials",
        )
    return Failed(
        Reason.OUTCOME_UNKNOWN,
        f"{named(server)} is idle{on(server.place)}, and Nova shows no migration of this action:"
        " look where it runs and at 'openstack server migration list'",
    )


def _broken(server: Server) -> bool:
    return server.status == "ERROR"


def _left_broken(seen: Observation, server: Server) -> Failed:
    return Failed(
        Reason.ACTION_FAILED,
        f"the live migration of {named(server)} failed and left it in status ERROR"
        f"{on(server.place)}: look at it before anything else."
        f"{quoted(server.fault) or records.cause(seen.action)}",
    )


def _decisive(action: InstanceAction | None) -> bool:
    """Say whether Nova noted an error that ends the action."""
    if action is not None and action.events is None:
        return records.failed(action)
    return any(event.name in _DECISIVE for event in records.errors(action))


def _words_may_follow(seen: Observation, found: Migration) -> bool:
    """Say whether Nova may still write down why: it saves the migration before the event."""
    if found.status == "cancelled" or _decisive(seen.action):
        return False
    if seen.action is not None and seen.action.events is None:
        return False
    return records.finished(seen.action, *_CONDUCTOR) is None
