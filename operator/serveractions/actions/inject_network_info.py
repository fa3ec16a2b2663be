"""injectNetworkInfo: tell the hypervisor to put the network information into the server.

Nova casts it to the host and keeps no record: no instance action, no task, no fault, whatever the
driver does with it (libvirt: nothing). Its acceptance is all that can be known, and a lost answer
cannot be looked up.
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
from serveractions.actions.microversions import FLOOR, step_down
from serveractions.actions.observation import InstanceAction, Observation, Server
from serveractions.actions.server_states import check
from serveractions.actions.traces import Records, Trace, Unseen
from serveractions.actions.wording import named
from serveractions.api.spec import ServerNetworkInjectionSpec
from serveractions.api.status import Intent, Status

_ACCEPTED = Succeeded(
    "Accepted by Nova, which reports no outcome for this action: look inside the server whether it"
    " took effect (the libvirt driver does nothing)"
)


class InjectNetworkInfo:
    """Nova's injectNetworkInfo."""

    name: ClassVar[str] = "injectNetworkInfo"
    record: ClassVar[str | None] = None
    looks: ClassVar[frozenset[Look]] = frozenset()
    exclusive: ClassVar[bool] = True
    needs_settling: ClassVar[bool] = False

    def request(self, spec: ServerNetworkInjectionSpec, target: Target, newest: str) -> NovaRequest:
        """Return the request."""
        return NovaRequest(
            name=self.name,
            method="POST",
            path=f"/servers/{target.server.id}/action",
            body={self.name: None},
            microversion=step_down(FLOOR, newest),
        )

    def precheck(self, spec: ServerNetworkInjectionSpec, server: Server) -> Precheck:
        """Let it go in any state; without a host Nova answers 500 (observed: a shelved server)."""
        found = check(server, self.name, idle=False)
        if isinstance(found, Go) and server.vm_state == "shelved_offloaded":
            homeless = f"{named(server)} is on no host: Nova has nowhere to inject anything"
            return Go("; ".join(filter(None, (homeless, found.warning))))
        return found

    def matches(self, record: InstanceAction, intent: Intent) -> bool:
        """Return False: it leaves no record."""
        return False

    def traceable(self, newest: str) -> bool:
        """Return False: no Nova records it."""
        return False

    def trace(self, intent: Intent, uid: str, records: Records) -> Trace:
        """Return that it cannot be told."""
        return Unseen("Nova keeps no record of injectNetworkInfo")

    def accepted(self, spec: ServerNetworkInjectionSpec) -> Verdict | None:
        """Return success, and say how little that means."""
        return _ACCEPTED

    def judge(self, spec: ServerNetworkInjectionSpec, status: Status, seen: Observation) -> Verdict:
        """Return what acceptance has decided."""
        return _ACCEPTED
