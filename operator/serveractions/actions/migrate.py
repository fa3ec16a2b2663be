"""migrate: move a server to another host while it is shut down, then have that confirmed.

Nova stops half-way, in VERIFY_RESIZE, and holds the resources of both hosts until somebody confirms
or reverts. "No valid host" leaves no trace on the server at all: only the instance action tells.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from serveractions.actions import follow_up, migrations, records, unrecorded_migration
from serveractions.actions.action import (
    Cancelled,
    Decide,
    Failed,
    Look,
    NovaRequest,
    Precheck,
    Running,
    Succeeded,
    Target,
    Verdict,
)
from serveractions.actions.microversions import FLOOR, step_down
from serveractions.actions.observation import InstanceAction, Migration, Observation, Server
from serveractions.actions.server_states import check, existing
from serveractions.actions.settling import settled, stalled
from serveractions.actions.traces import Records, Trace, among
from serveractions.actions.unrecorded_migration import BETWEEN, broken, busy, not_begun
from serveractions.actions.wording import named, on, quoted, to
from serveractions.api.spec import Decision, ServerMigrationSpec
from serveractions.api.status import Intent, Reason, Status

_STATES = frozenset({"active", "stopped"})
_CONDUCTOR = ("cold_migrate", "conductor_migrate_server")


class Migrate:
    """Nova's migrate."""

    name: ClassVar[str] = "migrate"
    record: ClassVar[str | None] = "migrate"
    looks: ClassVar[frozenset[Look]] = frozenset({Look.ACTION, Look.MIGRATIONS})
    exclusive: ClassVar[bool] = True
    needs_settling: ClassVar[bool] = True

    def request(self, spec: ServerMigrationSpec, target: Target, newest: str) -> NovaRequest:
        """Return the request; without a host Nova wants null, not an empty object."""
        body: dict[str, Any] | None = {"host": spec.host} if spec.host is not None else None
        return NovaRequest(
            name=self.name,
            method="POST",
            path=f"/servers/{target.server.id}/action",
            body={self.name: body},
            microversion=step_down(FLOOR, newest),
        )

    def precheck(self, spec: ServerMigrationSpec, server: Server) -> Precheck:
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

    def accepted(self, spec: ServerMigrationSpec) -> Verdict | None:
        """Return None: the migration is still to come."""
        return None

    def judge(self, spec: ServerMigrationSpec, status: Status, seen: Observation) -> Verdict:
        """Judge by the migration, and by the record and the host where that may not be seen."""
        server = existing(seen)
        found = migrations.search(status, seen)
        if server is None:
            return _server_gone(status, found)
        if server.partial:
            return Running(f"Nova cannot see {named(server)} just now: its cell is down")
        if isinstance(found, migrations.Ambiguous):
            return _ambiguous(found, server, seen)
        if found is None:
            return unrecorded_migration.judge(status, seen, server)
        return _BY_STATUS.get(found.status, _moving)(status, seen, server, found)


def _server_gone(status: Status, found: Migration | migrations.Ambiguous | None) -> Verdict:
    """Judge a deleted server; its deletion confirms what waits (API._confirm_resize_on_deleting).

    So only a confirmation of ours says that somebody had wanted the server where it is. Nova hides
    the migrations of a deleted server: whether one that a deletion has confirmed is seen at all is
    a matter of the moment, and the end must not hang on that.
    """
    if (
        isinstance(found, Migration)
        and found.status == "confirmed"
        and migrations.asked(status, follow_up.CONFIRM, found.uuid)
    ):
        return Succeeded(f"the server was migrated{to(found.dest_host)}; it was deleted afterwards")
    return Failed(Reason.SERVER_GONE, "the server was deleted while it was being migrated")


def _ambiguous(found: migrations.Ambiguous, server: Server, seen: Observation) -> Verdict:
    if busy(server) or not settled(seen):
        return Running(f"Nova is migrating {named(server)}; which migration is ours is not clear")
    return Failed(
        Reason.OUTCOME_UNKNOWN,
        f"{named(server)} is {server.status}{on(server.place)}, and the migrations"
        f" {', '.join(found.uuids)} began at almost the same time: look which one was this, and"
        " confirm or revert by hand if the server is in VERIFY_RESIZE",
    )


def _moving(status: Status, seen: Observation, server: Server, found: Migration) -> Verdict:
    """Judge pre-migrating, migrating, post-migrating and what a later Nova may add."""
    if busy(server):
        return Running(f"Nova is migrating {named(server)}{to(found.dest_host)} ({found.status})")
    if server.status == "ERROR" and settled(seen):
        return broken(seen, server)
    if server.status not in (*BETWEEN, "ERROR"):
        if records.failed(seen.action):
            return not_begun(status, seen, server)
        if stalled(seen):
            return Failed(
                Reason.ACTION_FAILED,
                f"{named(server)} is idle{on(server.place)} and Nova has left its migration in"
                f" state {found.status}: nova-compute was probably restarted",
            )
    if stalled(seen):
        return Failed(
            Reason.OUTCOME_UNKNOWN,
            f"{named(server)} is {server.status}{on(server.place)} and Nova has left its migration"
            f" in state {found.status}: look at the server and at nova-compute of both hosts",
        )
    return Running(f"Nova is migrating {named(server)}{to(found.dest_host)} ({found.status})")


def _finished(status: Status, seen: Observation, server: Server, found: Migration) -> Verdict:
    """Judge a migration that has reached the other host and waits for confirmation."""
    if server.status == "VERIFY_RESIZE" and server.task_state is None:
        return Decide(
            f"{named(server)} has moved{to(found.dest_host or server.place)} and waits for"
            " confirmation; until then both hosts hold its resources",
            found,
        )
    between = server.status in BETWEEN and (server.task_state is not None or not stalled(seen))
    if busy(server) or between or not settled(seen):
        return Running(f"Nova is finishing the migration of {named(server)}")
    if server.status == "ERROR":
        return broken(seen, server)
    return Failed(
        Reason.ACTION_FAILED,
        f"{named(server)} has moved{to(found.dest_host or server.place)}, but is {server.status}"
        " before anybody confirmed that: its state was set, or a confirmation went to another"
        " migration. Nova takes none for this one any more and holds resources on both hosts: an"
        " administrator has to clean up the old one",
    )


def _confirming(status: Status, seen: Observation, server: Server, found: Migration) -> Verdict:
    if server.status == "ERROR" and settled(seen):
        return broken(seen, server)
    if stalled(seen) and not busy(server):
        return Failed(
            Reason.OUTCOME_UNKNOWN,
            f"{named(server)} has moved{to(found.dest_host or server.place)}, but Nova does not"
            " come to an end with the confirmation: look at nova-compute of the old host",
        )
    return Running(f"Nova is confirming the migration of {named(server)}")


def _confirmed(status: Status, seen: Observation, server: Server, found: Migration) -> Verdict:
    """Judge a confirmed migration; Nova saves it before the server (drop_move_claim_at_source)."""
    if server.status in BETWEEN and migrations.newest(seen, found.uuid):
        return _confirming(status, seen, server, found)
    if server.status in ("ERROR", "UNKNOWN") and not settled(seen):
        return Running(f"Nova is confirming the migration of {named(server)}")
    by = (
        "confirmed"
        if migrations.asked(status, follow_up.CONFIRM, found.uuid)
        else "confirmed by someone else, or by Nova's resize_confirm_window"
    )
    now = f"; it is now in status ERROR.{quoted(server.fault)}" if server.status == "ERROR" else ""
    return Succeeded(
        f"{named(server)} was migrated{to(found.dest_host or server.place)} and that was {by}{now}"
    )


def _reverting(status: Status, seen: Observation, server: Server, found: Migration) -> Verdict:
    if server.status == "ERROR" and settled(seen):
        return broken(seen, server)
    if stalled(seen) and not busy(server):
        return Failed(
            Reason.OUTCOME_UNKNOWN,
            f"{named(server)} is {server.status}{on(server.place)} and Nova has left the revert of"
            " its migration undone: look at nova-compute of both hosts",
        )
    return Running(f"Nova is moving {named(server)} back{to(found.source_host)}")


def _reverted(status: Status, seen: Observation, server: Server, found: Migration) -> Verdict:
    """Judge a reverted migration; Nova calls it so before the server is back on the old host."""
    between = server.status in BETWEEN or busy(server)
    if between and migrations.newest(seen, found.uuid):
        return _reverting(status, seen, server, found)
    if server.status == "ERROR":
        return broken(seen, server) if settled(seen) else _reverting(status, seen, server, found)
    wanted = (
        status.cancel_requested_time is not None
        or status.decision == Decision.REVERT
        or migrations.asked(status, follow_up.REVERT, found.uuid)
    )
    back = f"{named(server)} is back{on(found.source_host or server.place)}"
    if wanted:
        return Cancelled(f"the migration was reverted as asked: {back}")
    return Failed(Reason.REVERTED, f"someone else reverted the migration: {back}")


def _error(status: Status, seen: Observation, server: Server, found: Migration) -> Verdict:
    """Judge a migration that failed: before it began the server is as before, later it is ERROR."""
    newest = migrations.newest(seen, found.uuid)
    between = server.status in BETWEEN and newest
    hopeful = (busy(server) and newest) or between or _words_may_follow(seen, server)
    if hopeful and not settled(seen):
        return Running(f"the migration of {named(server)} has failed; Nova is tidying up")
    if server.status == "ERROR":
        return broken(seen, server)
    if between:
        return Failed(
            Reason.ACTION_FAILED,
            f"the migration of {named(server)} failed and left it"
            f" {server.status}{on(server.place)}: an administrator has to look at it."
            f"{records.cause(seen.action)}",
        )
    return not_begun(status, seen, server)


_BY_STATUS: dict[str, Callable[[Status, Observation, Server, Migration], Verdict]] = {
    "finished": _finished,
    "confirming": _confirming,
    "confirmed": _confirmed,
    "reverting": _reverting,
    "reverted": _reverted,
    "error": _error,
    "failed": _error,
}


def _words_may_follow(seen: Observation, server: Server) -> bool:
    """Say whether Nova may still write down why: it saves the migration before the event."""
    if server.status == "ERROR" or records.failed(seen.action):
        return False
    if seen.action is not None and seen.action.events is None:
        return True
    return records.finished(seen.action, *_CONDUCTOR) is None
