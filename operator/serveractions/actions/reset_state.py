"""os-resetState: set the state that Nova has on record, and clear its task.

The server itself is not touched. It is the cure for a server that is stuck in another action, so it
waits for no other kind of action. Nova does it inside the request; a look at the server proves it.
"""

from typing import ClassVar

from serveractions.actions import records
from serveractions.actions.action import (
    Failed,
    Look,
    NovaRequest,
    Precheck,
    Running,
    Succeeded,
    Target,
    Verdict,
)
from serveractions.actions.microversions import (
    FLOOR,
    RESET_STATE_RECORDED,
    parse,
    step_down,
)
from serveractions.actions.observation import InstanceAction, Observation, Server
from serveractions.actions.server_states import check, existing
from serveractions.actions.settling import settled
from serveractions.actions.traces import Records, Trace, among
from serveractions.actions.wording import named, quoted
from serveractions.api.spec import ServerStateResetSpec
from serveractions.api.status import Intent, Reason, Status


class ResetState:
    """Nova's os-resetState."""

    name: ClassVar[str] = "os-resetState"
    record: ClassVar[str | None] = "resetState"
    looks: ClassVar[frozenset[Look]] = frozenset()
    exclusive: ClassVar[bool] = False
    needs_settling: ClassVar[bool] = False

    def request(self, spec: ServerStateResetSpec, target: Target, newest: str) -> NovaRequest:
        """Return the request."""
        return NovaRequest(
            name=self.name,
            method="POST",
            path=f"/servers/{target.server.id}/action",
            body={self.name: {"state": spec.state.lower()}},
            microversion=step_down(FLOOR, newest),
        )

    def precheck(self, spec: ServerStateResetSpec, server: Server) -> Precheck:
        """Let it go in any state: Nova checks neither state nor task nor lock."""
        return check(server, self.name, idle=False, obeys_lock=False)

    def matches(self, record: InstanceAction, intent: Intent) -> bool:
        """Say whether a record could be the request of this intent (from microversion 2.88 on)."""
        return records.matches(record, intent, self.record)

    def traceable(self, newest: str) -> bool:
        """Say whether it is a Nova of release 23 or later: older ones keep no record of it."""
        return parse(newest) >= parse(RESET_STATE_RECORDED)

    def trace(self, intent: Intent, uid: str, records: Records) -> Trace:
        """Find the request by its instance action."""
        return among(records.candidates(lambda record: self.matches(record, intent)))

    def accepted(self, spec: ServerStateResetSpec) -> Verdict | None:
        """Return None: a look at the server is what proves it."""
        return None

    def judge(self, spec: ServerStateResetSpec, status: Status, seen: Observation) -> Verdict:
        """Judge by the state that the server shows."""
        server = existing(seen)
        wanted = spec.state.lower()
        if server is None:
            return Failed(Reason.SERVER_GONE, "the server was deleted after its state was reset")
        if server.partial:
            return Running(f"Nova cannot see {named(server)} just now: its cell is down")
        if _state(server) == wanted:
            return Succeeded(f"Nova has {named(server)} on record as {wanted}, with no task")
        if not settled(seen):
            return Running(f"Nova does not show the new state of {named(server)} yet")
        return Failed(
            Reason.ACTION_FAILED,
            f"Nova took the reset of {named(server)} to {wanted}, but shows {server.status}"
            f" (vm_state {server.vm_state}): something has changed it since, so look at it before"
            f" it is reset again.{quoted(server.fault)}",
        )


def _state(server: Server) -> str:
    return server.vm_state if server.vm_state is not None else server.status.lower()
