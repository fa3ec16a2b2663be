"""resetNetwork: an action of the Xen driver. Nova removed it in release 23 and answers 410 since.

The kind exists so that the answer is a clear one. Releases up to 22 accept it and, but for Xen, do
nothing.
"""

from typing import ClassVar

from serveractions.actions.action import (
    Go,
    Look,
    NovaRequest,
    Precheck,
    Succeeded,
    Target,
    Verdict,
)
from serveractions.actions.microversions import (
    FLOOR,
    RESET_NETWORK_REMOVED,
    parse,
    step_down,
)
from serveractions.actions.observation import InstanceAction, Observation, Server
from serveractions.actions.server_states import check
from serveractions.actions.traces import Absent, Records, Trace
from serveractions.api.spec import ServerNetworkResetSpec
from serveractions.api.status import Intent, Status

_ACCEPTED = Succeeded(
    "Accepted by Nova, which reports no outcome for this action: outside Xen it does nothing"
)
_REMOVED = "Nova from release 23 (Wallaby) on has removed resetNetwork and will answer 410"


class ResetNetwork:
    """Nova's resetNetwork."""

    name: ClassVar[str] = "resetNetwork"
    record: ClassVar[str | None] = None
    looks: ClassVar[frozenset[Look]] = frozenset()
    exclusive: ClassVar[bool] = True
    needs_settling: ClassVar[bool] = False

    def request(self, spec: ServerNetworkResetSpec, target: Target, newest: str) -> NovaRequest:
        """Return the request."""
        return NovaRequest(
            name=self.name,
            method="POST",
            path=f"/servers/{target.server.id}/action",
            body={self.name: None},
            microversion=step_down(FLOOR, newest),
        )

    def precheck(self, spec: ServerNetworkResetSpec, server: Server) -> Precheck:
        """Say beforehand that Nova has most likely removed it."""
        found = check(server, self.name, idle=False)
        if isinstance(found, Go):
            return Go("; ".join(filter(None, (_REMOVED, found.warning))))
        return found

    def matches(self, record: InstanceAction, intent: Intent) -> bool:
        """Return False: it leaves no record."""
        return False

    def traceable(self, newest: str) -> bool:
        """Say whether it is a Nova that has removed the action: that one certainly took nothing."""
        return parse(newest) >= parse(RESET_NETWORK_REMOVED)

    def trace(self, intent: Intent, uid: str, records: Records) -> Trace:
        """Return that there is none: asked of a Nova that answers 410 whatever it is sent."""
        return Absent()

    def accepted(self, spec: ServerNetworkResetSpec) -> Verdict | None:
        """Return success: there is nothing to follow."""
        return _ACCEPTED

    def judge(self, spec: ServerNetworkResetSpec, status: Status, seen: Observation) -> Verdict:
        """Return what acceptance has decided."""
        return _ACCEPTED
