"""Whether a server is in a state in which Nova will take an action.

Nova's own answer is the authority: what it would refuse because of a state is sent all the same,
and its words reach the user. The warning is what a suspended object shows beforehand. Only a
running task makes the action wait, since Nova would answer 409 and the task ends.
"""

from serveractions.actions.action import Go, Precheck, Refuse, Wait
from serveractions.actions.observation import Observation, Server
from serveractions.actions.wording import named
from serveractions.api.status import Reason


def check(
    server: Server,
    action: str,
    *,
    states: frozenset[str] | None = None,
    idle: bool = True,
    obeys_lock: bool = True,
) -> Precheck:
    """Compare a server with what Nova demands for an action.

    Args:
        server: As just read.
        action: For the messages.
        states: The vm_states that Nova wants, None for any (nova/compute/api.py,
            `check_instance_state`).
        idle: Whether Nova wants no task_state.
        obeys_lock: Whether a lock stops everybody but administrators (`check_instance_lock`).
    """
    if server.partial:
        return Wait(
            Reason.TRANSIENT_ERROR,
            f"Nova cannot see {named(server)} just now (its cell is down); {action} waits for it",
        )
    if _deleted(server):
        return Refuse(
            Reason.SERVER_GONE, f"{named(server)} is deleted: {action} has nothing to act on"
        )
    if idle and server.task_state is not None:
        return Wait(
            Reason.SERVER_BUSY,
            f"Nova is busy with {named(server)} (task_state {server.task_state}); {action} waits"
            " until that is over",
        )
    doubts = []
    if states is not None and server.vm_state is not None and server.vm_state not in states:
        doubts.append(
            f"{named(server)} is in vm_state {server.vm_state}, and Nova takes {action} in"
            f" {', '.join(sorted(states))} only: it will answer 409 unless that changes"
        )
    if obeys_lock and server.locked:
        doubts.append(
            f"{named(server)} is locked: Nova takes {action} from an administrator only"
            " ('openstack server unlock' opens it)"
        )
    return Go("; ".join(doubts) or None)


def existing(seen: Observation) -> Server | None:
    """Return the server, None when it is gone: changes-since lists deleted servers, too."""
    return None if seen.server is None or _deleted(seen.server) else seen.server


def _deleted(server: Server) -> bool:
    return not server.partial and (server.vm_state == "deleted" or server.status == "DELETED")
