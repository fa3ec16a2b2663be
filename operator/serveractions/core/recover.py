"""What becomes of a request of which nobody knows whether Nova accepted it.

An intent that stands open, a mark whose claim is not in the status, a reply that was lost: none of
them is answered with a second request before Nova's own records prove that the first one was not
accepted. The object stays `Issuing`, and so holds its server, while they are searched. Then it is
adopted, goes back to `Pending`, or ends as `OutcomeUnknown` with a message for a person.

No two clocks are ever compared here. How old an attempt is, is measured on the boot clock of the
process that looks: from its own claim, or from when it first saw the attempt of another process,
which is later.
"""

import logging
from datetime import datetime

from serveractions.actions.traces import Absent, Found, Several, Unseen
from serveractions.api.model import rfc3339
from serveractions.api.resource import Resource
from serveractions.api.status import ImageStatus, Intent, Phase, Reason, ServerStatus, Status
from serveractions.core import marks, transitions
from serveractions.core.errors import CloudUnavailable, Forbidden
from serveractions.core.evidence import Evidence, Gone, Look, NoRecord
from serveractions.core.inbox import Entry, Memory
from serveractions.core.issue import Bounds
from serveractions.core.ports import Clock, Clouds, Recovered, Telemetry
from serveractions.core.recorder import Recorder

log = logging.getLogger(__name__)

LONGEST_PAUSE = 6
"""The pause between looks grows up to this many times the retry interval."""
SHORTEST_PAUSE = 0.1
"""Seconds. A limit that is a rounding error away would be looked for again and again."""


class Recovery:
    """Takes an object with an open attempt one step further."""

    def __init__(
        self,
        *,
        evidence: Evidence,
        clouds: Clouds,
        recorder: Recorder,
        telemetry: Telemetry,
        clock: Clock,
        bounds: Bounds,
        retry_interval: float,
    ) -> None:
        self._evidence = evidence
        self._clouds = clouds
        self._recorder = recorder
        self._telemetry = telemetry
        self._clock = clock
        self._bounds = bounds
        self._retry_interval = retry_interval

    async def step(self, entry: Entry) -> float | None:
        """Look once; return in how many seconds to look again, None when it is over."""
        resource = entry.resource
        intent = resource.status.intent
        if resource.status.phase is not Phase.ISSUING:
            intent = await self._claimed_again(entry)
        if intent is None:
            return await self._wait(entry, "the mark does not say where the request was to go")
        if pause := self._others_turn(entry.memory, intent.attempt):
            return pause
        look = await self._evidence.look(entry.resource, intent)
        self._note_sight(entry.memory, look)
        match look.finding:
            case Found() as found:
                await self._adopt(entry.resource, intent, found, look.nova_time)
                return 0.0
            case Several(request_ids):
                which = ", ".join(request_ids)
                why = f"Nova has several records that could be it ({which})"
                await self._end_unknown(entry.resource, why, candidates=request_ids)
                return None
            case NoRecord():
                why = f"this Nova keeps no record of {intent.action}, so that cannot be found out"
                await self._end_unknown(entry.resource, why)
                return None
            case Gone():
                await self._end_unknown(entry.resource, "the server is gone, and its records too")
                return None
            case Unseen(why):
                return await self._wait(entry, why)
            case Absent(orphans):
                return await self._absent(entry, intent, orphans)

    def lost(self, resource: Resource, cause: str) -> Status:
        """Return the status of an attempt whose reply was lost, to be searched for from now on."""
        return self._searching(resource, f"{cause}; Nova's records are searched for it")

    def _others_turn(self, memory: Memory, attempt: int) -> float:
        """Return how long an attempt of another process must still be left alone, in seconds.

        That process may be in the middle of it, and then writes down itself what comes of it.
        """
        if memory.issued(attempt):
            return 0.0
        left = self._bounds.settled_after - self._age(memory, attempt)
        return max(left, SHORTEST_PAUSE) if left > 0 else 0.0

    def _age(self, memory: Memory, attempt: int) -> float:
        now = self._clock.boottime()
        return now - memory.open_since(attempt, now)

    def _note_sight(self, memory: Memory, look: Look) -> None:
        """Note since when Nova's records can be seen without a gap.

        A Nova that was away may still have the request in a queue when it comes back, so that what
        is absent then proves nothing for a while.
        """
        if isinstance(look.finding, Unseen):
            memory.visible_since = None
        elif memory.visible_since is None:
            memory.visible_since = self._clock.boottime()

    async def _claimed_again(self, entry: Entry) -> Intent | None:
        """Write the intent anew whose status was lost, so that the object holds its server.

        The mark on the object survived: it says where the request went. Without an address in it,
        None.
        """
        resource = entry.resource
        mark = marks.read(resource.annotations, resource.uid).mark
        intent = marks.intent(mark, action=resource.kind.action)
        if intent is None:
            return None
        known = resource.status.server
        status = resource.status.model_copy(
            update={
                "intent": intent,
                "attempts": intent.attempt - 1,
                "server": known or ServerStatus(id=intent.server_id),
            }
        )
        why = "it was claimed, but the claim is not in its status any more"
        searching = self._searching(resource, why, status=status)
        entry.resource = await self._recorder.write(resource, searching)
        return intent

    async def _absent(self, entry: Entry, intent: Intent, orphans: tuple[str, ...]) -> float | None:
        """Take it as not sent once nothing can be under way any more."""
        memory, bounds = entry.memory, self._bounds
        now = self._clock.boottime()
        seen_for = now - (memory.visible_since if memory.visible_since is not None else now)
        left = max(
            bounds.proven_after - self._age(memory, intent.attempt),
            bounds.proxy_lifetime - seen_for,
        )
        if left > 0:
            return await self._look_again(entry, "there is none yet", at_most=left)
        if not bounds.reissue_unproven:
            why = "Nova has no record of it, which this operator does not take for a proof"
            await self._end_unknown(entry.resource, why)
            return None
        if orphans and not await self._orphans_deleted(entry.resource, orphans):
            return await self._wait(entry, "the image of the refused request cannot be deleted")
        status = transitions.not_accepted(entry.resource.status, request_id=None)
        message = (
            f"Nova has no record of {intent.action} (attempt {intent.attempt}): it was not"
            " accepted, and is sent again"
        )
        await self._move(entry.resource, status, Phase.PENDING, Reason.TRANSIENT_ERROR, message)
        self._telemetry.recovered(entry.resource, Recovered.SENT_AGAIN)
        self._recorder.wake(intent.server_id)
        return self._retry_interval

    async def _adopt(
        self, resource: Resource, intent: Intent, found: Found, nova_time: datetime | None
    ) -> None:
        """Record the request that was found, as if its reply had come."""
        now = self._clock.now()
        changes: dict[str, object] = {
            "request_id": found.request_id,
            "issued_time": now - (nova_time - found.started) if nova_time else now,
        }
        if found.image_id is not None:
            changes["image"] = ImageStatus(id=found.image_id)
        message = (
            f"Nova's records show {intent.action} as request {found.request_id}: it was accepted,"
            " and is followed"
        )
        status = resource.status.model_copy(update=changes)
        await self._move(resource, status, Phase.RUNNING, Reason.PROGRESSING, message)
        self._telemetry.recovered(resource, Recovered.ADOPTED)

    async def _orphans_deleted(self, resource: Resource, orphans: tuple[str, ...]) -> bool:
        ref = resource.spec.cloud_credentials_ref
        try:
            cloud = await self._clouds.open(resource.namespace, ref)
            for image_id in orphans:
                await cloud.delete_image(image_id)
        except (CloudUnavailable, Forbidden) as error:
            log.warning("%s: an image could not be deleted: %s", resource.key, error)
            return False
        return True

    async def _wait(self, entry: Entry, why: str) -> float | None:
        """Wait for a look that shows something, as long as a person and the configuration allow."""
        age = self._age(entry.memory, _attempt(entry.resource))
        if entry.resource.spec.cancel:
            await self._end_unknown(entry.resource, f"it was cancelled before that was seen: {why}")
            return None
        if age >= self._bounds.recovery_deadline:
            await self._end_unknown(entry.resource, f"Nova's records could not be seen: {why}")
            return None
        return await self._look_again(
            entry, f"they cannot be seen: {why}", at_most=self._bounds.recovery_deadline - age
        )

    async def _look_again(self, entry: Entry, why: str, *, at_most: float) -> float:
        await self._recorder.write(
            entry.resource, self._searching(entry.resource, f"Nova's records are searched: {why}")
        )
        entry.memory.tries += 1
        pause = self._retry_interval * min(entry.memory.tries, LONGEST_PAUSE)
        return min(pause, max(at_most, SHORTEST_PAUSE))

    def _searching(self, resource: Resource, why: str, *, status: Status | None = None) -> Status:
        status = status or resource.status
        claimed = status.intent is not None and status.intent.attempt > status.attempts
        return transitions.move(
            resource,
            status,
            phase=Phase.ISSUING if claimed else resource.status.phase,
            reason=Reason.RECOVERING,
            message=f"It is not known yet whether Nova accepted {_what(resource, status)}: {why}",
            now=self._clock.now(),
        )

    async def _end_unknown(
        self, resource: Resource, cause: str, *, candidates: tuple[str, ...] = ()
    ) -> None:
        ended = unknown(resource, cause, now=self._clock.now(), candidates=candidates)
        await self._recorder.write(resource, ended)
        self._telemetry.recovered(resource, Recovered.UNKNOWN)

    async def _move(
        self, resource: Resource, status: Status, phase: Phase, reason: Reason, message: str
    ) -> None:
        moved = transitions.move(
            resource, status, phase=phase, reason=reason, message=message, now=self._clock.now()
        )
        await self._recorder.write(resource, moved)


def unknown(
    resource: Resource, cause: str, *, now: datetime, candidates: tuple[str, ...] = ()
) -> Status:
    """Return the end of an object of which nobody can tell whether Nova accepted its action.

    Args:
        resource: The object.
        cause: Why that cannot be told.
        now: The operator's clock.
        candidates: Requests that could be it: no other object takes one of them for its own.
    """
    status = resource.status.model_copy(update={"candidate_request_ids": candidates})
    what = _what(resource, status)
    return transitions.move(
        resource,
        status,
        phase=Phase.FAILED,
        reason=Reason.OUTCOME_UNKNOWN,
        message=f"It is not known whether Nova accepted {what}: {cause}. {_advice(resource)}",
        now=now,
    )


def _attempt(resource: Resource) -> int:
    intent = resource.status.intent
    return intent.attempt if intent else marks.open_attempt(resource) or 0


def _what(resource: Resource, status: Status) -> str:
    server = status.server.id if status.server else "its server"
    return f"{resource.kind.action} for {server}"


def _advice(resource: Resource) -> str:
    """Say where a person finds the truth, and what to do then."""
    status = resource.status
    server = status.server.id if status.server else "<server>"
    since = f" from {rfc3339(status.intent.nova_time)} on" if status.intent else ""
    return (
        f"Look at `openstack server event list {server}` for a {resource.kind.action} of the"
        f" operator's user{since}; if there is none and it is still wanted, create a new object"
    )
