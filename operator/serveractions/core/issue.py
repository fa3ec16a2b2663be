"""The one place that sends a write to Nova.

Everything that Nova must not get twice goes through `issue`: the seven actions, and the confirm,
revert, abort and force-complete that may follow. It is called only with an acknowledged intent, at
most once for each, and it says
which of three things is true: accepted, certainly not accepted, or unknown.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from serveractions.actions import replies
from serveractions.actions.action import NovaRequest
from serveractions.actions.observation import Server
from serveractions.core.errors import Ambiguous, NeverSent
from serveractions.core.ports import Clock, Cloud, Leases, Reply

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answered:
    """Nova answered in full: what its answer means, and the answer."""

    meaning: replies.Meaning
    reply: Reply


@dataclass(frozen=True, slots=True)
class NotSent:
    """No byte of the request reached the cloud."""

    message: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nova may have accepted it. It must be looked for and never be sent again."""

    message: str


Issued = Answered | NotSent | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Until when a request may leave, how long it may take, and when its absence is a proof.

    Attributes:
        claim_bound: Seconds after the claim was sent.
        post_deadline: Seconds for the whole exchange.
        proxy_lifetime: Seconds for which something before Nova may hold a request.
        recovery_deadline: Seconds for which Nova's records are searched while they cannot be seen.
        reissue_unproven: Whether what the records do not show is sent again.
    """

    claim_bound: float
    post_deadline: float
    proxy_lifetime: float
    recovery_deadline: float
    reissue_unproven: bool = True

    @property
    def settled_after(self) -> float:
        """Seconds after a claim by which its request has left and was answered, or never will."""
        return self.claim_bound + self.post_deadline

    @property
    def proven_after(self) -> float:
        """Seconds after a claim by which Nova has got its request, or never will."""
        return self.settled_after + self.proxy_lifetime


class Issuer:
    """Sends claimed requests while this process holds the server's Lease."""

    def __init__(self, *, leases: Leases, clock: Clock, bounds: Bounds) -> None:
        self._leases = leases
        self._clock = clock
        self._bounds = bounds

    async def issue(
        self,
        cloud: Cloud,
        request: NovaRequest,
        *,
        uid: str,
        server: Server,
        claimed: float,
        expiry: datetime | None = None,
    ) -> Issued:
        """Send `request` once.

        Args:
            cloud: Where to, as whom.
            request: What.
            uid: Of the custom resource.
            server: As last read; its lock tells one 409 from another.
            claimed: When the claim was sent, on the boot clock.
            expiry: After this moment it may not leave any more.
        """
        try:
            reply = await cloud.send(
                request,
                uid=uid,
                deadline=self._bounds.post_deadline,
                may_send=self._permission(server.id, claimed, expiry),
            )
        except NeverSent as error:
            return NotSent(str(error))
        except Ambiguous as error:
            return Unknown(str(error))
        meaning = replies.classify(
            reply.status,
            reply.message,
            action_name=request.name,
            locked=server.locked,
            server=f"server {server.name}",
            retry_after=reply.retry_after,
        )
        log.info(
            "Nova answered %s with %s",
            request.name,
            reply.status,
            extra={"server": server.id, "request_id": reply.request_id, "uid": uid},
        )
        if isinstance(meaning, replies.Unclear):
            return Unknown(meaning.message)
        return Answered(meaning, reply)

    def _permission(
        self, server_id: str, claimed: float, expiry: datetime | None
    ) -> Callable[[], bool]:
        """Return the last check, for the moment at which the connection stands.

        It reads a clock that goes on while a process is stopped: one that was stopped after its
        claim and is woken after another process took over must not send.
        """

        def may_send() -> bool:
            late = self._clock.boottime() - claimed > self._bounds.claim_bound
            expired = expiry is not None and self._clock.now() > expiry
            return not late and not expired and self._leases.remaining(server_id) > 0

        return may_send
