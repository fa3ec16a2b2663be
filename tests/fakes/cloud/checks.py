"""What Nova checks before it takes an action on a server, in its words."""

from fakes.cloud.call import Call, Refused, unexpected
from fakes.cloud.records import Action, Server


def check_lock(call: Call, server: Server) -> None:
    """Refuse a locked server to all but administrators."""
    if server.locked and not call.is_admin:
        raise Refused(409, f"Instance {server.id} is locked")


def check_host(call: Call, host: str | None) -> None:
    """Refuse a host that is none."""
    if host is not None and host not in call.cloud.hosts:
        raise Refused(400, f"Compute host {host} could not be found.")


def check_host_is_up(call: Call, host: str) -> None:
    """Refuse while Nova knows the host to be down."""
    if host in call.cloud.conditions.down:
        raise Refused(409, "Service is unavailable at this time.")


def check_state(
    name: str, server: Server, *allowed: str, tasks: tuple[str | None, ...] | None = (None,)
) -> None:
    """Refuse an action in a wrong state; `tasks` None where none matters."""
    found = None
    if allowed and server.vm_state not in allowed:
        found = f"vm_state {server.vm_state}"
    elif tasks is not None and server.task_state not in tasks:
        found = f"task_state {server.task_state}"
    if found is not None:
        raise Refused(409, f"Cannot '{name}' instance {server.id} while it is in {found}")


def check_race(call: Call, server: Server) -> None:
    """Refuse where another request has set a task since the state was checked.

    Nova has no words for that: it is an unexpected error to it, although nothing was begun.
    """
    left = call.cloud.conditions.races.get(server.id, 0)
    if left > 0:
        call.cloud.conditions.races[server.id] = left - 1
        raise unexpected("nova.exception.UnexpectedTaskStateError")


def note(call: Call, server: Server, name: str, record: str) -> Action:
    """Note that a write takes effect, for the journal and in Nova's own records."""
    call.accept(server, name)
    return call.cloud.record(record, server, request_id=call.request_id, user=call.user)
