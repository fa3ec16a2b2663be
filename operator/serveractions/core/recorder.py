"""Writes statuses, and keeps the inbox, the order of the servers and the Events in step with what
was written.

Every write is a compare-and-set. Most may simply lose: the newer version of the object comes by the
watch and the step is taken again from there. Only what would be lost with the process is written
until it stands (`persist`).
"""

import asyncio
import logging
from collections.abc import Callable

from serveractions.api.resource import Key, Resource
from serveractions.api.status import Reason, Status
from serveractions.core.errors import ApiUnavailable, Conflict, StatusRefused
from serveractions.core.inbox import Inbox
from serveractions.core.ledger import Ledger
from serveractions.core.line import Line
from serveractions.core.order import ServerOrder
from serveractions.core.ports import Events, Mark, Objects, Telemetry
from serveractions.core.transitions import NORMAL_REASONS

log = logging.getLogger(__name__)

FIRST_DELAY = 0.2
LONGEST_DELAY = 15.0
"""Seconds between tries of a write that must not be lost; doubled each time up to the longest."""


class Recorder:
    """Writes to the Kubernetes API on behalf of the lifecycle."""

    def __init__(
        self,
        *,
        objects: Objects,
        inbox: Inbox,
        order: ServerOrder,
        events: Events,
        ledger: Ledger,
        line: Line,
        telemetry: Telemetry,
    ) -> None:
        self._objects = objects
        self._inbox = inbox
        self._order = order
        self._events = events
        self._ledger = ledger
        self._line = line
        self._telemetry = telemetry

    async def mark(self, resource: Resource, mark: Mark) -> Resource:
        """Write the mark onto the object."""
        stored = await self._objects.mark(resource, mark)
        self._remember(stored)
        return stored

    def sent(self, resource: Resource, request_id: str | None) -> None:
        """Remember whose a request is, whatever becomes of the object before that is written."""
        self._ledger.sent(resource, request_id)

    async def write(self, resource: Resource, status: Status) -> Resource:
        """Write `status` if it says anything new, and tell of the transition.

        Raises:
            Conflict, ObjectGone, ApiUnavailable, StatusRefused: Nothing was written.
        """
        if status == resource.status:
            return resource
        stored = await self._objects.write_status(resource, status)
        self._ledger.note(stored)
        self._remember(stored)
        self._tell(resource, stored)
        if stored.status.phase.finished:
            self.release(stored.key)
        return stored

    async def persist(
        self, resource: Resource, change: Callable[[Resource], Status | None]
    ) -> Resource:
        """Write what only this process knows, until it is written.

        Args:
            resource: The object as last read.
            change: Returns the status to write for an object as it is now, or None when it must not
                be written any more (the object has gone on to another attempt).

        Raises:
            ObjectGone: The object was deleted meanwhile.
        """
        delay = FIRST_DELAY
        while True:
            status = change(resource)
            if status is None:
                return resource
            try:
                return await self.write(resource, status)
            except Conflict:
                resource = await self.reread(resource.key)
            except (ApiUnavailable, StatusRefused) as error:
                # A refused status (422) is a CRD of another release: it may be mended, what we know
                # may not be lost.
                log.warning(
                    "a status that must not be lost could not be written yet",
                    extra={"object": str(resource.key), "error": str(error)},
                )
                await asyncio.sleep(delay)
                delay = min(delay * 2, LONGEST_DELAY)

    async def refresh(self, key: Key) -> Resource:
        """Read the object anew into the inbox. Raises ObjectGone, ApiUnavailable."""
        known = self._inbox.get(key)
        before = int(known.resource.resource_version) if known else 0
        resource = await self._objects.read(key)
        self._ledger.note(resource)
        if int(resource.resource_version) < before:
            # A read is never older than what was known when it began: etcd was set back.
            log.warning("%s was set back by whoever restored etcd", key)
            self._inbox.set_back(resource)
        self._remember(resource)
        return resource

    def warn(self, resource: Resource, reason: str, message: str) -> None:
        """Tell people of something that changes neither phase nor reason."""
        self._events.post(resource, kind="Warning", reason=reason, message=message)

    def release(self, key: Key) -> None:
        """Free the server of an object that is over, and wake those that wait for it."""
        server_id = self._order.server_of(key)
        self._order.leave(key)
        self._line.leave(key)
        if server_id is not None:
            self.wake(server_id)

    def wake(self, server_id: str) -> None:
        """Have every object that waits for the server looked at again."""
        for waiting in self._order.waiting(server_id):
            self._inbox.queue.add(waiting)

    def note_beside(self, resource: Resource, others: tuple[Key, ...]) -> None:
        """Have the objects in flight say that `resource` acted on their server too."""
        for key in others:
            entry = self._inbox.get(key)
            if entry is not None:
                entry.memory.beside = (*entry.memory.beside, str(resource.key))
                self._inbox.queue.add(key)

    async def reread(self, key: Key) -> Resource:
        """Read the object anew, however long the API server is away. Raises ObjectGone."""
        delay = FIRST_DELAY
        while True:
            try:
                return await self.refresh(key)
            except ApiUnavailable:
                await asyncio.sleep(delay)
                delay = min(delay * 2, LONGEST_DELAY)

    def _remember(self, stored: Resource) -> None:
        self._inbox.remember(stored)
        entry = self._inbox.get(stored.key)
        if entry is not None and not entry.gone:
            self._line.note(entry.resource)

    def _tell(self, before: Resource, after: Resource) -> None:
        old, new = before.status, after.status
        if (old.phase, old.reason) == (new.phase, new.reason):
            return
        self._telemetry.moved(before, after)
        kind = "Normal" if new.reason in NORMAL_REASONS else "Warning"
        log.info(
            "transition",
            extra={
                "object": str(after.key),
                "was": f"{old.phase}/{old.reason}",
                "phase": str(new.phase),
                "reason": str(new.reason),
                "server": new.server.id if new.server else None,
                "request_id": new.request_id,
            },
        )
        # While nothing is decided the phase says more than "Progressing" does.
        reason = new.phase if new.reason == Reason.PROGRESSING else new.reason
        self._events.post(after, kind=kind, reason=str(reason), message=new.message or "")
