"""What became of a cold migration whose record is not there yet, or may not be seen.

Policy may hide os-migrations from those who may migrate. Then the instance action, the server's
status and its host are all there is. The failures that need no record are worded here, too.
"""

from serveractions.actions import migrations, records
from serveractions.actions.action import Failed, Running, Succeeded, Verdict
from serveractions.actions.observation import Observation, Server
from serveractions.actions.settling import settled, stalled
from serveractions.actions.wording import named, on, quoted, to
from serveractions.api.status import Reason, Status

BETWEEN = frozenset({"RESIZE", "VERIFY_RESIZE", "REVERT_RESIZE"})
"""The statuses that a server has between acceptance and the end."""


def busy(server: Server) -> bool:
    """Say whether Nova is at work on a cold migration of the server, or on its revert."""
    return (server.task_state or "").startswith("resize_")


def judge(status: Status, seen: Observation, server: Server) -> Verdict:
    """Judge by the instance action first, and by the host once all has settled."""
    waiting = server.status == "VERIFY_RESIZE"
    if busy(server) or (server.status in BETWEEN and not waiting and not stalled(seen)):
        return Running(f"Nova is migrating {named(server)}")
    if records.failed(seen.action) and server.status not in (*BETWEEN, "ERROR"):
        return not_begun(status, seen, server)
    if not settled(seen):
        return Running(f"Nova shows no migration of {named(server)} yet")
    if server.status == "ERROR":
        return broken(seen, server)
    return _settled(status, seen, server)


def _settled(status: Status, seen: Observation, server: Server) -> Verdict:
    hidden = seen.migrations is None
    if hidden and server.status == "VERIFY_RESIZE":
        return Failed(
            Reason.POLICY_FORBIDS,
            f"{named(server)} has moved{to(server.place)} and waits for confirmation, but these"
            " credentials may not list migrations (os_compute_api:os-migrations:index), so whose"
            " it is cannot be told: confirm with 'openstack server migration confirm' or revert it",
        )
    moved = migrations.moved(status.intent, server)
    if server.status in BETWEEN or moved is None or (moved and not hidden):
        return Failed(
            Reason.OUTCOME_UNKNOWN,
            f"{named(server)} is {server.status}{on(server.place)}, and Nova shows no migration of"
            " this action: look at 'openstack server migration list', and confirm or revert by"
            f" hand if the server is in VERIFY_RESIZE.{quoted(records.words(seen.action))}",
        )
    if moved:
        return Succeeded(
            f"{named(server)} has moved{to(server.place)} and that was confirmed (these"
            " credentials may not see Nova's migrations)"
        )
    return Failed(
        Reason.ACTION_FAILED,
        f"{named(server)} is idle and still{on(server.place)}: Nova did not migrate it, or it was"
        " moved back, and Nova shows no cause to these credentials",
    )


def not_begun(status: Status, seen: Observation, server: Server) -> Failed:
    """Return the end of a migration that left the server as it was."""
    where = "" if migrations.moved(status.intent, server) is None else on(server.place)
    return Failed(
        records.reason(records.words(seen.action)),
        f"Nova did not migrate {named(server)}; it is {server.status}{where} as before."
        f"{records.cause(seen.action)}",
    )


def broken(seen: Observation, server: Server) -> Failed:
    """Return the end of a migration that left the server in status ERROR."""
    return Failed(
        Reason.ACTION_FAILED,
        f"the migration of {named(server)} failed and left it in status ERROR"
        f"{on(server.place)}: look at it before anything else."
        f"{quoted(server.fault) or records.cause(seen.action)}",
    )
