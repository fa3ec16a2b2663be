"""What a kind asks of Nova, told by the very code that asks it.

The request is the one that the action builds, and what holds it back is what the action's own
precheck says of servers that are put before it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from serveractions.actions import follow_up
from serveractions.actions.action import Action, NovaRequest, Target, Wait
from serveractions.actions.live_migrate import LiveMigrate
from serveractions.actions.microversions import FLOOR
from serveractions.actions.observation import Server
from serveractions.actions.policies import POLICIES, Rule
from serveractions.actions.registry import action_for
from serveractions.api.kinds import Kind
from serveractions.api.spec import ActionSpec

_NEWER_THAN_ALL = "2.9999"
"""A Nova that speaks every microversion: with it the pin itself is in the request."""
_VM_STATES = (
    "active",
    "building",
    "paused",
    "suspended",
    "stopped",
    "rescued",
    "resized",
    "soft-delete",
    "error",
    "shelved",
    "shelved_offloaded",
)
"""The states of a server in Nova (nova/compute/vm_states.py), but for `deleted`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is sent for an object, and when.

    Attributes:
        sent: The request, with words in angle brackets where the server's facts go.
        oldest: The microversion that the oldest supported Nova is asked with.
        states: The vm_states in which Nova takes it.
        other_states: Those in which it does not.
        waits_for_task: Whether a task that Nova runs on the server makes it wait.
        obeys_lock: Whether a lock keeps everybody but administrators from it.
        alone: Whether it waits for the other actions on its server.
        record: Nova's name of the instance action that it leaves, None where it leaves none.
        settled: Whether a confirm or a revert has to follow.
        later: The requests that may follow, with when they do.
        rules: What the policy has to allow.
    """

    sent: NovaRequest
    oldest: str
    states: tuple[str, ...]
    other_states: tuple[str, ...]
    waits_for_task: bool
    obeys_lock: bool
    alone: bool
    record: str | None
    settled: bool
    later: tuple[tuple[NovaRequest, str], ...]
    rules: tuple[Rule, ...]


def request_of(kind: Kind, spec: ActionSpec) -> Request:
    """Return what is sent for an object of a kind with this spec."""
    action = action_for(kind.name)
    target = Target(
        uid="<uid of the object>",
        name="<name of the object>",
        server=_server(),
        password="<the password>",  # noqa: S106 - a place for one
    )

    def hinders(server: Server) -> bool:
        """Whether a server is one that the precheck has something to say of."""
        usual, found = action.precheck(spec, _server()), action.precheck(spec, server)
        return isinstance(found, Wait) or found != usual

    refused = tuple(state for state in _VM_STATES if hinders(_server(vm_state=state)))
    return Request(
        sent=action.request(spec, target, _NEWER_THAN_ALL),
        oldest=action.request(spec, target, FLOOR).microversion,
        states=tuple(state for state in _VM_STATES if state not in refused),
        other_states=refused,
        waits_for_task=hinders(_server(task_state="rebooting")),
        obeys_lock=hinders(_server(locked=True)),
        alone=action.exclusive,
        record=action.record,
        settled=action.needs_settling,
        later=tuple(_later(action)),
        rules=POLICIES[kind.name],
    )


def _later(action: Action) -> Iterator[tuple[NovaRequest, str]]:
    server, migration = "<id of the server>", 0
    if action.needs_settling:
        yield follow_up.confirm(server), "to confirm"
        yield follow_up.revert(server), "to revert"
    if action.name == LiveMigrate.name:
        for made, when in (
            (follow_up.abort(server, migration), "to abort"),
            (follow_up.force_complete(server, migration), "to force it to complete"),
        ):
            path = made.path.replace(f"/migrations/{migration}", "/migrations/<its number>")
            yield replace(made, path=path), when


def _server(
    *, vm_state: str = "active", task_state: str | None = None, locked: bool = False
) -> Server:
    return Server(
        id="<id of the server>",
        name="<name of the server>",
        status="ACTIVE",
        vm_state=vm_state,
        task_state=task_state,
        locked=locked,
    )
