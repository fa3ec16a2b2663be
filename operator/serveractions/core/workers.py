"""The workers: they take keys from the queue and steps on them, and nothing that goes wrong with
one object stops another.
"""

import asyncio
import logging

from serveractions.api.resource import Key
from serveractions.core.inbox import Inbox
from serveractions.core.lifecycle import Lifecycle

log = logging.getLogger(__name__)

AFTER_A_DEFECT = 30.0
"""Seconds before an object is looked at again whose step raised what nobody foresaw."""


class Workers:
    """A fixed number of tasks that work the queue off."""

    def __init__(self, *, inbox: Inbox, lifecycle: Lifecycle, count: int) -> None:
        self._inbox = inbox
        self._lifecycle = lifecycle
        self._count = count
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to work."""
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._count)]

    async def drain(self, grace: float) -> None:
        """Let the steps under way come to their end, for at most `grace` seconds, and stop.

        A step that has sent a request must write what came of it: that is what the grace is for.
        """
        queue = self._inbox.queue
        queue.close()
        try:
            async with asyncio.timeout(grace):
                await queue.idle()
        except TimeoutError:
            log.warning("%d steps did not end within %s s and are cut off", queue.working, grace)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            key = await self._inbox.queue.get()
            try:
                await self._step(key)
            finally:
                self._inbox.queue.done(key)

    async def _step(self, key: Key) -> None:
        try:
            await self._lifecycle.step(key)
        except Exception:  # the one supervisor loop: a defect must not stop the other objects
            log.exception("a step of %s ended in a defect; it is taken again", key)
            self._inbox.queue.add(key, AFTER_A_DEFECT)
