"""The life of an object before anything is sent: why it waits, why it ends, and when it is its
turn.
"""

import logging
from collections.abc import Sequence

from serveractions.actions.action import Action, Go, Refuse, Wait
from serveractions.actions.registry import action_for
from serveractions.api.resource import Resource
from serveractions.api.status import Phase, Reason, ServerStatus, Status
from serveractions.core import marks, timing, transitions, unsent
from serveractions.core.attempt import Attempt
from serveractions.core.inbox import Entry
from serveractions.core.line import Line
from serveractions.core.order import ServerOrder
from serveractions.core.ports import Clock, Leases, Mark
from serveractions.core.precedents import Precedents
from serveractions.core.prepare import Ended, Held, Preparation, Prepared, Seen
from serveractions.core.recorder import Recorder
from serveractions.core.recover import Recovery, unknown
from serveractions.core.rooms import NEAR, Blocked, rooms_of

log = logging.getLogger(__name__)

LONGEST_WAIT = 6
"""A wait grows up to this many times the retry interval."""
MOST_NAMED = 5
"""Requests that a message names."""


class Waiting:
    """Takes a Pending or Suspended object one step further."""

    def __init__(
        self,
        *,
        preparation: Preparation,
        precedents: Precedents,
        attempt: Attempt,
        recovery: Recovery,
        recorder: Recorder,
        order: ServerOrder,
        line: Line,
        leases: Leases,
        clock: Clock,
        retry_interval: float,
        progress_interval: float,
    ) -> None:
        self._preparation = preparation
        self._precedents = precedents
        self._attempt = attempt
        self._recovery = recovery
        self._recorder = recorder
        self._order = order
        self._line = line
        self._leases = leases
        self._clock = clock
        self._retry_interval = retry_interval
        self._progress_interval = progress_interval
        self.stopping = False
        """Set when the process is about to end: nothing is claimed any more."""

    async def step(self, entry: Entry) -> float | None:
        """Look at the object once; return in how many seconds to look again, None when an event
        will tell.
        """
        key = entry.resource.key
        called = self._line.has_place(key)
        try:
            return await self._step(entry)
        finally:
            if called:
                self._line.settle(key)

    async def _step(self, entry: Entry) -> float | None:
        resource = entry.resource
        if resource.deleting:
            self._recorder.release(resource.key)
            return None
        if marks.open_attempt(resource) is not None:
            return await self._recovery.step(entry)
        if ended := unsent.over(resource, self._clock.now()):
            await self._end(resource, *ended)
            return None
        if (blocked := self._line.blocked(resource.key)) and not resource.spec.suspend:
            return await self._stay(entry, blocked, None)
        seen = await self._preparation.look(resource)
        match seen:
            case Ended(reason, message):
                await self._end(resource, Phase.FAILED, reason, message)
                return None
            case Held():
                self._recorder.release(resource.key)
                return await self._hold(entry, seen, None)
            case Seen():
                return await self._with_server(entry, seen)

    async def end_copy(self, entry: Entry) -> None:
        """End a copy that brought the status of an action in flight along: it is not its own."""
        await self._end(entry.resource, *unsent.COPY)

    async def _with_server(self, entry: Entry, seen: Seen) -> float | None:
        resource, server = entry.resource, seen.server
        action = action_for(resource.kind.name)
        check = action.precheck(resource.spec, server)
        if resource.spec.suspend:
            return await self._suspend(entry, seen, check)
        if isinstance(check, Refuse):
            await self._end(resource, Phase.FAILED, check.reason, check.message, seen.status)
            return None
        if ended := unsent.before(resource):
            await self._end(resource, *ended, seen.status)
            return None
        self._stand(resource, server.id)
        if isinstance(check, Wait):
            # what keeps Nova busy may be an object of ours: naming it says more
            ahead = self._not_our_turn(resource, action, server.id)
            held = ahead or Held(check.reason, check.message)
            return await self._hold(entry, held, seen)
        if self.stopping or self._leases.remaining(server.id) <= 0:
            # Another process acts for this server: it is the one to say so.
            self._recorder.release(resource.key)
            return self._retry_interval
        if busy := self._not_our_turn(resource, action, server.id):
            return await self._hold(entry, busy, seen)
        rooms = rooms_of(resource, seen.cloud.identity, server.place)
        if blocked := self._line.take(resource, rooms):
            # After a restart Nova's records need not be looked through for all of a long line.
            known = resource.status.reason == Reason.LIMIT_REACHED
            return await self._stay(entry, blocked, None if known else seen)
        try:
            return await self._prepare(entry, action, seen)
        finally:
            self._line.settle(resource.key)

    async def _stay(self, entry: Entry, blocked: Blocked, seen: Seen | None) -> float:
        """Say which place in the line the object has, where that is worth a write."""
        status, now = entry.resource.status, self._clock.boottime()
        message = status.message or ""
        if status.reason != Reason.LIMIT_REACHED or (
            now - entry.memory.written >= self._progress_interval and blocked.news_after(message)
        ):
            message, entry.memory.written = blocked.message, now
        delay = await self._hold(entry, Held(Reason.LIMIT_REACHED, message), seen)
        return min(delay, self._progress_interval) if blocked.before < NEAR else delay

    async def _prepare(self, entry: Entry, action: Action, seen: Seen) -> float | None:
        """Read what an intent needs; it is this object's turn, as far as was known before."""
        resource = entry.resource
        prepared = await self._preparation.prepare(
            resource, action, seen, stepped_down=entry.memory.stepped_down
        )
        match prepared:
            case Ended(reason, message):
                await self._end(resource, Phase.FAILED, reason, message, seen.status)
                return None
            case Held():
                self._recorder.release(resource.key)
                return await self._hold(entry, prepared, seen)
        precedents = await self._precedents.of(
            resource, action, seen, actions=prepared.actions, images=prepared.images
        )
        if precedents:
            await self._refuse_to_repeat(resource, precedents, seen)
            return None
        await self._precedents.remove_orphans(resource, prepared)
        if self.stopping:
            return self._retry_interval
        if busy := self._not_our_turn(resource, action, seen.server.id):  # the reads took a while
            return await self._hold(entry, busy, seen)
        return await self._go(entry, action, seen, prepared)

    def _not_our_turn(self, resource: Resource, action: Action, server_id: str) -> Held | None:
        ahead = self._order.ahead(resource, server_id, exclusive=action.exclusive)
        if ahead is None:
            return None
        return Held(
            Reason.SERVER_BUSY, f"waits for {ahead}, which comes first on server {server_id}"
        )

    async def _go(
        self, entry: Entry, action: Action, seen: Seen, prepared: Prepared
    ) -> float | None:
        """Send it: the server is this object's from here on, until it is over or known unsent."""
        resource, server_id = entry.resource, seen.server.id
        beside = tuple(self._order.holders(server_id))
        self._order.hold(resource.key, server_id)
        waits = True
        try:
            stored = await self._attempt.run(
                resource,
                action,
                prepared,
                seen.status,
                memory=entry.memory,
                beside=tuple(str(key) for key in beside),
            )
            waits = stored.status.phase.waiting
        finally:
            if waits:
                self._recorder.wake(server_id)  # others first: this object waits, it is not woken
                self._stand(resource, server_id)
        if waits:
            return self._delay(entry, entry.memory.retry_after)
        self._recorder.note_beside(stored, beside)
        entry.memory.tries = 0
        entry.memory.written = self._clock.boottime()
        return 0.0

    async def _suspend(self, entry: Entry, seen: Seen, check: Go | Wait | Refuse) -> float | None:
        resource = entry.resource
        self._recorder.release(resource.key)
        match check:
            case Go(None):
                would = "would be sent now"
            case Go(warning):
                would = f"would be sent now, but {warning}"
            case Wait(reason, message):
                would = f"would wait ({reason}): {message}"
            case Refuse(reason, message):
                would = f"would fail ({reason}): {message}"
        moved = transitions.move(
            resource,
            resource.status.model_copy(update={"server": seen.status}),
            phase=Phase.SUSPENDED,
            reason=Reason.SUSPENDED,
            message=(
                f"held by spec.suspend; {resource.kind.action} for server {seen.server.name}"
                f" {would}"
            ),
            now=self._clock.now(),
        )
        await self._write_waiting(resource, moved, seen)
        return self._retry_interval * LONGEST_WAIT

    async def _hold(self, entry: Entry, held: Held, seen: Seen | None) -> float:
        resource = entry.resource
        status = resource.status
        if seen is not None:
            status = status.model_copy(update={"server": seen.status})
        moved = transitions.move(
            resource,
            status,
            phase=Phase.PENDING,
            reason=held.reason,
            message=held.message,
            now=self._clock.now(),
        )
        await self._write_waiting(resource, moved, seen)
        return self._delay(entry, held.retry_after)

    async def _write_waiting(self, resource: Resource, moved: Status, seen: Seen | None) -> None:
        """Write why the object waits, and until when Nova's records were looked through for it."""
        if seen is not None and self._undisturbed(seen.server.id):
            action = action_for(resource.kind.name)
            precedents = await self._precedents.before_a_wait(resource, action, seen)
            if precedents:
                await self._refuse_to_repeat(resource, precedents, seen)
                return
            if precedents is not None:
                moved = moved.model_copy(update={"unsent_time": seen.nova_time})
        await self._recorder.write(resource, moved)

    def _undisturbed(self, server_id: str) -> bool:
        """Whether every record of the server is known to whom it belongs, if to an object at all.

        A neighbour may just have been accepted, and its request id is not written yet.
        """
        return self._leases.remaining(server_id) > 0 and not any(self._order.holders(server_id))

    async def _refuse_to_repeat(
        self, resource: Resource, precedents: Sequence[str], seen: Seen
    ) -> None:
        """End an object whose action may have been sent before it knew of it."""
        now = self._clock.now()
        which = ", ".join(precedents[:MOST_NAMED])
        cause = (
            f"since this object was created, its own user has asked Nova for the same ({which}),"
            " and no object owns that. Its status may have been set back, or somebody else uses the"
            " same credentials. Nothing was sent this time"
        )
        status = resource.status.model_copy(update={"server": seen.status})
        ended = unknown(resource.with_status(status), cause, now=now, candidates=tuple(precedents))
        await self._finish(resource, ended)

    async def _end(
        self,
        resource: Resource,
        phase: Phase,
        reason: Reason,
        message: str,
        server: ServerStatus | None = None,
    ) -> None:
        """End an object of which nothing was sent; the mark goes first, so that a copy of it does
        not run either.
        """
        status = resource.status
        if server is not None:
            status = status.model_copy(update={"server": server})
        status = transitions.move(
            resource, status, phase=phase, reason=reason, message=message, now=self._clock.now()
        )
        await self._finish(resource, status)

    async def _finish(self, resource: Resource, status: Status) -> None:
        if marks.read(resource.annotations, resource.uid).origin is marks.Origin.NONE:
            resource = await self._recorder.mark(resource, Mark(uid=resource.uid, ended=True))
        await self._recorder.write(resource, status)
        self._recorder.release(resource.key)

    def _stand(self, resource: Resource, server_id: str) -> None:
        self._order.stand(resource, server_id)

    def _delay(self, entry: Entry, retry_after: float | None = None) -> float:
        """Return the next wait: what the cloud asked for, or longer with each try, and never past
        the expiry.
        """
        entry.memory.tries += 1
        delay = retry_after or self._retry_interval * min(entry.memory.tries, LONGEST_WAIT)
        until = timing.seconds_until(timing.expiry(entry.resource), self._clock.now())
        return delay if until is None else min(delay, until + 1.0)
