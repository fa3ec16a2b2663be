"""One attempt at an action: claim, issue, record. The heart of "exactly once".

The three are methods of one class, in the order in which they happen, so that every point at which
a process may die can be seen on one page:

    before the claim is acknowledged   nothing was sent; nothing will be
    between claim and record           the intent stands in the status; `recover` looks for the
                                       request in Nova's records
    after the record                   the request id stands in the status; the action is followed
"""

import logging

from serveractions.actions import replies
from serveractions.actions.action import Action, Succeeded
from serveractions.api.resource import Resource
from serveractions.api.status import ImageStatus, Intent, Phase, Reason, ServerStatus, Status
from serveractions.core import marks, timing, transitions
from serveractions.core.errors import ApiUnavailable, Conflict, StatusRefused
from serveractions.core.inbox import Memory
from serveractions.core.issue import Answered, Issued, Issuer, NotSent, Unknown
from serveractions.core.ports import Clock
from serveractions.core.prepare import Prepared
from serveractions.core.recorder import Recorder
from serveractions.core.recover import Recovery

log = logging.getLogger(__name__)


class Attempt:
    """Carries a prepared action across the line once."""

    def __init__(
        self, *, recorder: Recorder, issuer: Issuer, recovery: Recovery, clock: Clock
    ) -> None:
        self._recorder = recorder
        self._issuer = issuer
        self._recovery = recovery
        self._clock = clock

    async def run(
        self,
        resource: Resource,
        action: Action,
        prepared: Prepared,
        server: ServerStatus,
        *,
        memory: Memory,
        beside: tuple[str, ...] = (),
    ) -> Resource:
        """Claim, issue and record; return the object as it then is.

        Args:
            resource: As last read: the mark and the claim are written against its version.
            action: What kind of action it is.
            prepared: What is sent, and the intent.
            server: The server as the status shows it before the action.
            memory: Keeps whether Nova refused the microversion before, and its Retry-After.
            beside: Objects whose action is in flight on the same server (os-resetState only).

        Raises:
            Conflict: The object has changed since it was looked at; nothing was sent.
            ObjectGone: It was deleted. If that was after the claim, the action may run on in Nova.
        """
        attempt, claimed_at = prepared.intent.attempt, self._clock.boottime()
        memory.claim(attempt, claimed_at)
        claimed = await self.claim(resource, prepared, server, beside=beside)
        issued = await self._issuer.issue(
            prepared.cloud,
            prepared.request,
            uid=resource.uid,
            server=prepared.server,
            claimed=claimed_at,
            expiry=timing.expiry(resource),
        )
        if not isinstance(issued, Unknown):
            memory.answered = attempt
        if isinstance(issued, Answered):
            self._recorder.sent(claimed, issued.reply.request_id)
        memory.retry_after = None
        match issued:
            case Answered(replies.StepDown()):
                issued = _stepped_down(issued, memory)
            case Answered(replies.NotAccepted(_, _, retry_after)):
                memory.retry_after = retry_after
        return await self.record(claimed, action, prepared.intent, issued)

    async def claim(
        self,
        resource: Resource,
        prepared: Prepared,
        server: ServerStatus,
        *,
        beside: tuple[str, ...] = (),
    ) -> Resource:
        """Write the mark and then the intent, each against the version that was read before.

        Raises:
            Conflict, ObjectGone, ApiUnavailable, StatusRefused: Nothing was claimed, and nothing is
            left open.
        """
        intent = prepared.intent
        marked = resource
        try:
            marked = await self._recorder.mark(resource, marks.of_attempt(resource.uid, intent))
            status = marked.status.model_copy(
                update={"intent": intent, "server": server, "beside": beside}
            )
            status = transitions.move(
                marked,
                status,
                phase=Phase.ISSUING,
                reason=Reason.PROGRESSING,
                message=f"Sending {intent.action} for server {intent.server_id} to Nova",
                now=self._clock.now(),
            )
            return await self._recorder.write(marked, status)
        except Conflict as error:
            # Whoever repeats a request on the way makes a conflict of a write that took effect.
            await self._withdraw(resource, intent, str(error), in_doubt=False)
            raise
        except (ApiUnavailable, StatusRefused) as error:
            await self._withdraw(resource, intent, str(error))
            raise

    async def record(
        self, claimed: Resource, action: Action, intent: Intent, issued: Issued
    ) -> Resource:
        """Write what became of the request, until it is written, onto this very attempt.

        If somebody has wiped the status meanwhile, the intent is written again with it.
        """

        def change(current: Resource) -> Status | None:
            if not _open(current.status, intent):
                return None
            status = current.status.model_copy(
                update={"intent": intent, "attempts": intent.attempt - 1}
            )
            if status.server is None:
                status = status.model_copy(update={"server": claimed.status.server})
            return self._after(current.with_status(status), action, issued)

        return await self._recorder.persist(claimed, change)

    async def _withdraw(
        self, resource: Resource, intent: Intent, cause: str, *, in_doubt: bool = True
    ) -> None:
        """Close an attempt of which this process knows that it sent nothing.

        The mark or the claim may stand all the same (a time-out of the API server): left alone,
        another process would have to take it for a request that was sent.

        Args:
            resource: The object.
            intent: Of the attempt.
            cause: Why nothing was sent.
            in_doubt: The write that failed may still be on its way. Where it is not, and the mark
                does not stand either, there is nothing to close.
        """
        ours = (intent.attempt, intent.holder)

        def change(current: Resource) -> Status | None:
            status = current.status
            mark = marks.read(current.annotations, current.uid).mark
            whose = (mark.attempt, mark.holder) if mark is not None else None
            if whose != ours and (not in_doubt or (whose and whose[0] == intent.attempt)):
                return None  # it never stood, or the number is another process's
            if not _open(status, intent):
                return None
            closed = status.model_copy(update={"attempts": intent.attempt})
            return transitions.move(
                current,
                closed,
                phase=Phase.PENDING,
                reason=Reason.TRANSIENT_ERROR,
                message=f"Not sent: the claim could not be written ({cause}). It is tried again",
                now=self._clock.now(),
            )

        current = await self._recorder.reread(resource.key)
        await self._recorder.persist(current, change)

    def _after(self, resource: Resource, action: Action, issued: Issued) -> Status:
        """Return the status that tells what the request came to."""
        match issued:
            case NotSent(message):
                return self._waiting(
                    resource, Reason.TRANSIENT_ERROR, f"Not sent: {message}. It is tried again"
                )
            case Unknown(message):
                return self._recovery.lost(resource, message)
            case Answered(meaning, reply):
                return self._answered(resource, action, Answered(meaning, reply))

    def _answered(self, resource: Resource, action: Action, answered: Answered) -> Status:
        reply = answered.reply
        match answered.meaning:
            case replies.Accepted():
                return self._accepted(resource, action, answered)
            case replies.NotAccepted(reason, message):
                return self._waiting(resource, reason, message, request_id=reply.request_id)
            case replies.StepDown(message):
                return self._waiting(
                    resource, Reason.TRANSIENT_ERROR, message, request_id=reply.request_id
                )
            case replies.Rejected(reason, message):
                return self._moved(
                    resource,
                    transitions.not_accepted(resource.status, request_id=reply.request_id),
                    Phase.FAILED,
                    reason,
                    message,
                )
            case replies.Unclear(message):  # the issuer turns these into Unknown
                return self._recovery.lost(resource, message)

    def _accepted(self, resource: Resource, action: Action, answered: Answered) -> Status:
        reply = answered.reply
        changes: dict[str, object] = {
            "request_id": reply.request_id,
            "issued_time": self._clock.now(),
        }
        image_id = reply.body.get("image_id")
        if isinstance(image_id, str):
            changes["image"] = ImageStatus(id=image_id)
        status = resource.status.model_copy(update=changes)
        verdict = action.accepted(resource.spec)
        if isinstance(verdict, Succeeded):
            return self._moved(resource, status, Phase.SUCCEEDED, Reason.SUCCEEDED, verdict.message)
        message = f"Nova accepted {action.name} as request {reply.request_id}"
        return self._moved(resource, status, Phase.RUNNING, Reason.PROGRESSING, message)

    def _waiting(
        self, resource: Resource, reason: Reason, message: str, *, request_id: str | None = None
    ) -> Status:
        status = transitions.not_accepted(resource.status, request_id=request_id)
        return self._moved(resource, status, Phase.PENDING, reason, message)

    def _moved(
        self, resource: Resource, status: Status, phase: Phase, reason: Reason, message: str
    ) -> Status:
        return transitions.move(
            resource, status, phase=phase, reason=reason, message=message, now=self._clock.now()
        )


_BEFORE_RECORD = frozenset({Phase.PENDING, Phase.SUSPENDED, Phase.ISSUING})


def _open(status: Status, intent: Intent) -> bool:
    """Whether nothing is written yet of what became of this attempt.

    The mark, which is a compare-and-set, gives each number to one process only; another one may
    have written the intent anew in its own name.
    """
    return (
        status.phase in _BEFORE_RECORD
        and status.attempts < intent.attempt
        and (status.intent is None or status.intent.attempt <= intent.attempt)
    )


def _stepped_down(answered: Answered, memory: Memory) -> Answered:
    """Let a refused microversion (406) be tried once more at the floor, and not again after
    that.
    """
    if memory.stepped_down:
        message = f"this Nova refuses every microversion that can be used: {answered.reply.message}"
        return Answered(replies.Rejected(Reason.INVALID_CONFIGURATION, message), answered.reply)
    memory.stepped_down = True
    return answered
