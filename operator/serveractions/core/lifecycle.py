"""One step of one object, whatever phase it is in.

A step may be taken at any time and again: it looks at what is written, not at what happened before.
Two things are
never done from memory: deciding that a request was sent, and deciding that it was not.
"""

import asyncio
import logging
from dataclasses import replace

from serveractions.api.resource import Key, Resource
from serveractions.api.status import Phase
from serveractions.core import marks
from serveractions.core.errors import Conflict, ObjectGone, StatusRefused, WaitError
from serveractions.core.following import Following
from serveractions.core.inbox import Entry, Inbox
from serveractions.core.issue import Bounds
from serveractions.core.ledger import Ledger
from serveractions.core.line import Line
from serveractions.core.order import ServerOrder
from serveractions.core.ports import Clock, Events, Leases, Poller
from serveractions.core.recorder import Recorder
from serveractions.core.recover import Recovery
from serveractions.core.waiting import Waiting

log = logging.getLogger(__name__)

RETRY_DELAY = 2.0
"""Seconds before a step is taken again that the Kubernetes API did not let happen."""
REFUSED_DELAY = 10.0
"""Seconds before a step is taken again whose status the API server refused: a person has to act."""
LEASE_DELAY = 2.0
"""Seconds before a process looks again whether it has come to hold the Lease of an object's
server.
"""


class Lifecycle:
    """Takes steps, and keeps the tables in memory in line with what the objects say."""

    def __init__(
        self,
        *,
        inbox: Inbox,
        order: ServerOrder,
        recorder: Recorder,
        waiting: Waiting,
        following: Following,
        recovery: Recovery,
        poller: Poller,
        leases: Leases,
        events: Events,
        ledger: Ledger,
        line: Line,
        clock: Clock,
        bounds: Bounds,
    ) -> None:
        self._inbox = inbox
        self._order = order
        self._recorder = recorder
        self._waiting = waiting
        self._following = following
        self._recovery = recovery
        self._poller = poller
        self._leases = leases
        self._events = events
        self._ledger = ledger
        self._line = line
        self._clock = clock
        self._bounds = bounds

    def take_in(self, resource: Resource) -> None:
        """Take in an object that was listed or watched."""
        self._ledger.note(resource)
        self._inbox.seen(resource)
        entry = self._inbox.get(resource.key)
        if entry is not None and not entry.gone:
            self._hold_if_in_flight(entry.resource)

    async def step(self, key: Key) -> None:
        """Take one step of the object and arrange the next."""
        entry = self._inbox.get(key)
        if entry is None or entry.gone:
            return
        try:
            delay = await self._on_newest(entry)
        except ObjectGone:
            self._released(entry)
            return
        except WaitError as error:
            log.warning("%s waits for the Kubernetes API: %s", key, error)
            delay = error.retry_after or RETRY_DELAY
        except StatusRefused as error:
            log.error(  # noqa: TRY400 - it is said what to do; a traceback adds nothing
                "%s cannot be written: are the resource definitions those of this release? %s",
                key,
                error,
            )
            delay = REFUSED_DELAY
        self._arrange(key, delay)

    async def _on_newest(self, entry: Entry) -> float | None:
        """Take the step; when the object has changed under it, read it and take the step again from
        there.
        """
        try:
            return await self._left(entry) if entry.left else await self._step(entry)
        except Conflict:
            await self._recorder.refresh(entry.resource.key)
            return 0.0

    def _arrange(self, key: Key, delay: float | None) -> None:
        entry = self._inbox.get(key)
        if entry is None:
            return
        if entry.resource.status.phase.finished:
            self._poller.forget(key)
            self._recorder.release(key)
        elif delay is not None:
            self._inbox.queue.add(key, delay)

    async def _step(self, known: Entry) -> float | None:
        """Take the step from the version that is known now.

        A newer one that arrives meanwhile must meet a conflict: what was decided on this version
        may not be written onto that one, which can be the claim of another process.
        """
        entry = replace(known)
        phase = entry.resource.status.phase
        if phase.finished:
            return None
        self._hold_if_in_flight(entry.resource)
        if not self._ours(entry.resource):
            self._line.step_out(entry.resource.key)
            self._poller.forget(entry.resource.key)
            return LEASE_DELAY
        if phase.waiting:
            return await self._waiting.step(entry)
        if self._copied(entry.resource):
            await self._waiting.end_copy(entry)
            return None
        if phase is Phase.ISSUING:  # and no worker of this process is busy with it
            return await self._recovery.step(entry)
        return await self._following.step(entry)

    def _copied(self, resource: Resource) -> bool:
        """Whether the object is a restored copy that brought the status of its original along."""
        marked = marks.read(resource.annotations, resource.uid)
        return marked.origin is marks.Origin.FOREIGN and marked.mark is not None

    async def _left(self, entry: Entry) -> float | None:
        """Find out whether an object that left the view was deleted or finished by another
        process.
        """
        if entry.resource.status.phase.finished:  # by our own write, and the watch was quicker
            self._let_go(entry)
            self._inbox.drop(entry.resource.key)
            return None
        current = await self._recorder.refresh(entry.resource.key)
        entry.left = False  # not before: it is all that is known of a deletion
        if not current.status.phase.finished:
            return 0.0
        self._let_go(entry)
        self._inbox.drop(entry.resource.key)
        return None

    def _released(self, entry: Entry) -> None:
        """Let a deleted object go. Nova is not touched: an Event says what is left running.

        The watch may still owe an echo of our own last write, which would bring the object back, so
        the entry stays until it has told of the deletion.
        """
        resource = entry.resource
        self._poller.forget(resource.key)
        if left := self._perhaps_under_way(entry):
            asyncio.get_running_loop().call_later(left, self._recorder.release, resource.key)
        else:
            self._recorder.release(resource.key)
        if entry.left:
            self._inbox.drop(resource.key)
        else:
            entry.gone = True
        if resource.status.phase.in_flight:
            request = resource.status.request_id
            which = f"request {request}" if request else "being sent, or just sent"
            self._events.post(
                resource,
                kind="Warning",
                reason="LeftRunning",
                message=(
                    f"deleted while {resource.kind.action} was in flight ({which}): what Nova has"
                    " accepted goes on there and is no longer followed"
                ),
            )

    def _perhaps_under_way(self, entry: Entry) -> float:
        """Return for how long a deleted object's request may still reach Nova, in seconds.

        So long nothing else may act on its server: the two could not be told apart.
        """
        intent, memory = entry.resource.status.intent, entry.memory
        if entry.resource.status.phase is not Phase.ISSUING or intent is None:
            return 0.0
        if memory.answered == intent.attempt:
            return 0.0
        now = self._clock.boottime()
        return max(0.0, memory.open_since(intent.attempt, now) + self._bounds.proven_after - now)

    def _let_go(self, entry: Entry) -> None:
        self._poller.forget(entry.resource.key)
        self._recorder.release(entry.resource.key)

    def _ours(self, resource: Resource) -> bool:
        """Whether this process takes steps of the object.

        It acts for a server whose Lease it holds; where only a name is known, any process may look.
        What was accepted is followed without a Lease, too, unless another process is seen to be
        alive: after a crash the Lease of the dead one has to expire, and an end should not wait for
        that. Every write is a compare-and-set, and follow-ups need the Lease themselves.
        """
        known = resource.status.server or resource.spec.server_ref
        if known.id is None or self._leases.remaining(known.id) > 0:
            return True
        phase = resource.status.phase
        return (
            phase.in_flight and phase is not Phase.ISSUING and not self._leases.elsewhere(known.id)
        )

    def _hold_if_in_flight(self, resource: Resource) -> None:
        status = resource.status
        self._line.note(resource)
        if status.phase.in_flight and status.server is not None:
            self._order.hold(resource.key, status.server.id)
