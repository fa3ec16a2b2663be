"""The requests that follow a migration: confirm, revert, abort, force complete.

Each is a write like the action itself and is recorded before it is sent. confirmResize and
revertResize name no migration: they would settle anybody's. So each may be sent only while the
migration that we recorded is in the state that the request needs and is the newest of its server.

Nor does Nova ask which is the newest: it takes the first record that says `finished`
(nova/db/main/api.py migration_get_by_instance_and_status). A migration whose server had its state
set while it waited for confirmation leaves such a record behind, and would be settled in place of
ours, on a host where the server may be at home again. No migration is begun beside one.
"""

from collections.abc import Sequence

from serveractions.actions import migrations
from serveractions.actions.action import Go, NovaRequest, Precheck, Refuse, Wait
from serveractions.actions.microversions import FLOOR
from serveractions.actions.observation import Migration, Observation, Server
from serveractions.actions.server_states import existing
from serveractions.actions.wording import named
from serveractions.api.status import Reason, Status

CONFIRM = "confirmResize"
REVERT = "revertResize"
ABORT = "abort"
FORCE_COMPLETE = "force_complete"

_MEND = (
    "An administrator has to bring that record to an end in Nova's database first; Nova itself does"
    " so only where resize_confirm_window is set"
)
_BEFORE_FINISHED = frozenset({"accepted", "pre-migrating", "migrating", "post-migrating"})
_ABORTABLE = frozenset({"queued", "preparing", "running"})  # the first two from 2.65 on: our floor


def confirm(server_id: str) -> NovaRequest:
    """Return the request that gives up the old host's copy after a cold migration."""
    return _on_server(CONFIRM, server_id)


def revert(server_id: str) -> NovaRequest:
    """Return the request that moves a cold-migrated server back."""
    return _on_server(REVERT, server_id)


def abort(server_id: str, migration_id: int) -> NovaRequest:
    """Return the request that stops a live migration."""
    return NovaRequest(
        name=ABORT,
        method="DELETE",
        path=f"/servers/{server_id}/migrations/{migration_id}",
        body=None,
        microversion=FLOOR,
    )


def force_complete(server_id: str, migration_id: int) -> NovaRequest:
    """Return the request that makes Nova finish a live migration, pausing the server if need be."""
    return NovaRequest(
        name=FORCE_COMPLETE,
        method="POST",
        path=f"/servers/{server_id}/migrations/{migration_id}/action",
        body={"force_complete": None},
        microversion=FLOOR,
    )


def cannot_settle(server: Server, found: Sequence[Migration]) -> Refuse | None:
    """Say why a cold migration of this server could not be confirmed or reverted afterwards.

    Args:
        server: As just read, without a task.
        found: All its migrations that Nova has on record.
    """
    if server.status == "VERIFY_RESIZE":
        return None  # this one is not left behind: Nova itself refuses another
    left = _left_finished(found)
    if left is None:
        return None
    return Refuse(
        Reason.WRONG_SERVER_STATE,
        f"{named(server)} cannot be migrated: {_left_behind(left)}, and would confirm or revert"
        f" that one in place of a new one. {_MEND}",
    )


def may_confirm(status: Status, seen: Observation) -> Precheck:
    """Say whether confirmResize may be sent now."""
    return _may_settle(status, seen, CONFIRM)


def may_revert(status: Status, seen: Observation) -> Precheck:
    """Say whether revertResize may be sent now."""
    return _may_settle(status, seen, REVERT)


def may_abort(status: Status, seen: Observation) -> Precheck:
    """Say whether the abort may be sent now (nova/compute/api.py live_migrate_abort)."""
    found = _subject(status, seen, ABORT)
    if not isinstance(found, tuple):
        return found
    migration, server = found
    if migration.status == "accepted":
        return Wait(Reason.PROGRESSING, f"{_of(migration)} is not begun yet: the abort waits")
    if migration.status not in _ABORTABLE:
        return _too_late(migration, ABORT)
    if server.task_state != "migrating":
        return _not_migrating(migration, server, ABORT)
    return Go()


def may_force_complete(status: Status, seen: Observation) -> Precheck:
    """Say whether the force-complete may be sent now (live_migrate_force_complete)."""
    found = _subject(status, seen, FORCE_COMPLETE)
    if not isinstance(found, tuple):
        return found
    migration, server = found
    if migration.status in ("accepted", "queued", "preparing"):
        return Wait(
            Reason.PROGRESSING,
            f"{_of(migration)} is {migration.status}: it can be forced only once it runs",
        )
    if migration.status != "running":
        return _too_late(migration, FORCE_COMPLETE)
    if server.task_state != "migrating":
        return _not_migrating(migration, server, FORCE_COMPLETE)
    if server.vm_state is not None and server.vm_state != "active":
        return Refuse(
            Reason.WRONG_SERVER_STATE,
            f"{named(server)} is {server.vm_state}: Nova forces a live migration to complete only"
            " while the server is active",
        )
    return Go()


def _on_server(name: str, server_id: str) -> NovaRequest:
    return NovaRequest(
        name=name,
        method="POST",
        path=f"/servers/{server_id}/action",
        body={name: None},
        microversion=FLOOR,
    )


def _may_settle(status: Status, seen: Observation, request: str) -> Precheck:
    found = _subject(status, seen, request)
    if not isinstance(found, tuple):
        return found
    migration, server = found
    if migration.status in _BEFORE_FINISHED:
        return Wait(
            Reason.PROGRESSING, f"{_of(migration)} is {migration.status}: {request} waits for it"
        )
    if migration.status != "finished":
        return _too_late(migration, request)
    left = _left_finished(seen.migrations or (), but=migration)
    if left is not None:
        return Refuse(
            Reason.WRONG_SERVER_STATE,
            f"{request} is not sent: {_left_behind(left)}, and would settle that one. {_MEND}",
        )
    if server.task_state is not None:
        return Wait(
            Reason.SERVER_BUSY,
            f"Nova is busy with {named(server)} (task_state {server.task_state}): {request} waits"
            " until that is over",
        )
    if server.status != "VERIFY_RESIZE":
        return Wait(
            Reason.PROGRESSING,
            f"{named(server)} is {server.status}: {request} waits for VERIFY_RESIZE",
        )
    return Go()


def _subject(
    status: Status, seen: Observation, request: str
) -> tuple[Migration, Server] | Wait | Refuse:
    """Return the recorded migration as it is now, or why nothing may be sent about it."""
    server = existing(seen)
    if server is None:
        return Refuse(Reason.SERVER_GONE, f"the server is gone: there is nothing to {request}")
    if server.partial:
        return Wait(
            Reason.TRANSIENT_ERROR,
            f"Nova cannot see {named(server)} just now (its cell is down): {request} waits for it",
        )
    if seen.migrations is None:
        return Refuse(
            Reason.POLICY_FORBIDS,
            f"these credentials may not list migrations (os_compute_api:os-migrations:index), so"
            f" whose migration {request} would act on cannot be told: it is not sent",
        )
    if status.migration is None:
        return Wait(
            Reason.PROGRESSING,
            f"Nova has no migration of {named(server)} for this action yet: {request} waits for it",
        )
    uuid = status.migration.uuid
    migration = next((each for each in seen.migrations if each.uuid == uuid), None)
    if migration is None:
        return Refuse(
            Reason.OUTCOME_UNKNOWN,
            f"Nova shows migration {uuid} of {named(server)} no more: {request} is not sent",
        )
    if not migrations.newest(seen, uuid):
        return Refuse(
            Reason.OUTCOME_UNKNOWN,
            f"{named(server)} has a newer migration than {uuid}: {request} would act on that one,"
            " and is not sent",
        )
    return migration, server


def _left_finished(found: Sequence[Migration], *, but: Migration | None = None) -> Migration | None:
    return next((each for each in found if each.status == "finished" and each != but), None)


def _left_behind(migration: Migration) -> str:
    return (
        f"Nova still calls {_of(migration)} finished, which was left behind when the state of its"
        " server was set"
    )


def _of(migration: Migration) -> str:
    return f"migration {migration.uuid}"


def _too_late(migration: Migration, request: str) -> Refuse:
    return Refuse(
        Reason.WRONG_SERVER_STATE,
        f"{_of(migration)} is {migration.status}: it is too late for {request}",
    )


def _not_migrating(migration: Migration, server: Server, request: str) -> Wait:
    return Wait(
        Reason.PROGRESSING,
        f"{_of(migration)} is {migration.status}, but Nova is not migrating {named(server)}"
        f" (task_state {server.task_state}): {request} waits to see which is true",
    )
