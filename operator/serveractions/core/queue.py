"""A queue of keys with due times, each key worked on by one worker at a time.

The lifecycle's safety inside one process rests on the second half of that sentence: between the
claim and the record of an object no second worker can look at it.
"""

import asyncio
import contextlib
import heapq
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class KeyedQueue(Generic[K]):
    """Keys that wait to be worked on.

    A key is in it at most once, with its earliest due time. Adding a key that is being worked on
    makes it due again when the work is done.
    """

    def __init__(self) -> None:
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._working: set[K] = set()
        self._order = 0
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._due)

    @property
    def working(self) -> int:
        """How many keys are being worked on."""
        return len(self._working)

    def add(self, key: K, delay: float = 0.0) -> None:
        """Make `key` due in `delay` seconds, or earlier if it already is."""
        due = asyncio.get_running_loop().time() + delay
        if due >= self._due.get(key, float("inf")):
            return
        self._due[key] = due
        self._order += 1
        heapq.heappush(self._heap, (due, self._order, key))
        self._changed.set()

    def discard(self, key: K) -> None:
        """Forget that `key` is due; work under way goes on."""
        self._due.pop(key, None)

    async def get(self) -> K:
        """Return the next due key; the caller must call `done` with it."""
        while True:
            wait = self._next_wait()
            if wait is not None and wait <= 0:
                return self._take()
            self._changed.clear()
            # Not wait_for: in Python 3.11 it swallows a cancellation that comes with the change,
            # and a worker that was told to stop would wait for ever.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()

    def done(self, key: K) -> None:
        """Say that the work on `key` is over: it may be handed out again."""
        self._working.discard(key)
        if not self._working:
            self._idle.set()
        if key in self._due:
            self._order += 1
            heapq.heappush(self._heap, (self._due[key], self._order, key))
            self._changed.set()

    def overdue(self) -> float:
        """Return for how long the longest waiting key has been due, in seconds; 0 when none is."""
        now = asyncio.get_running_loop().time()
        waiting = [due for key, due in self._due.items() if key not in self._working]
        return max(0.0, now - min(waiting, default=now))

    def close(self) -> None:
        """Hand out nothing more."""
        self._closed = True

    async def idle(self) -> None:
        """Wait until no key is being worked on."""
        while self._working:
            self._idle.clear()
            await self._idle.wait()

    def _next_wait(self) -> float | None:
        """Return seconds until the first key that may be handed out, None when there is none."""
        if self._closed:
            return None
        while self._heap:
            due, _, key = self._heap[0]
            stale = self._due.get(key) != due
            if stale or key in self._working:  # a key at work comes back through `done`
                heapq.heappop(self._heap)
                continue
            return due - asyncio.get_running_loop().time()
        return None

    def _take(self) -> K:
        _, _, key = heapq.heappop(self._heap)
        del self._due[key]
        self._working.add(key)
        if self._heap:
            self._changed.set()  # another waiter may take the next one
        return key
