"""A queue of keys with due times, each key worked on by one worker at a time.

The lifecycle's safety inside one process rests on the second half of that sentence: between the
claim and the record of an object no second worker can look at it.

Keys stand in lanes, and a lane has only so many workers at once: those who wait for a cloud that is
dead leave workers for all others.
"""

import asyncio
import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

NEVER = float("inf")
_Place = tuple[bool, int]
"""Of a key in the line: news before all else, then in the order in which they came."""


def one_lane(_key: object) -> Hashable:
    """Return the same lane for all keys."""
    return None


class KeyedQueue(Generic[K]):
    """Keys that wait to be worked on.

    A key is in it at most once, with its earliest due time. Adding a key that is being worked on
    makes it due again when the work is done. The event loop keeps the times; a key that has become
    due wakes one worker, not all of them. Keys that were added as news go before the others.

    Args:
        lane: Tells in which lane a key stands.
        width: How many keys of one lane are worked on at the same time.
    """

    def __init__(
        self, *, lane: Callable[[K], Hashable] = one_lane, width: float = float("inf")
    ) -> None:
        self._lane = lane
        self._width = width
        self._due: dict[K, float] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._news: set[K] = set()
        self._ready: asyncio.PriorityQueue[tuple[_Place, K, Hashable]] = asyncio.PriorityQueue()
        # Those that were first in the line while their lane was full.
        self._held: dict[Hashable, list[tuple[_Place, K, Hashable]]] = {}
        self._places = itertools.count()
        self._working: dict[K, Hashable] = {}
        self._busy: Counter[Hashable] = Counter()
        self._idle = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._due)

    @property
    def working(self) -> int:
        """How many keys are being worked on."""
        return len(self._working)

    @property
    def at_work(self) -> frozenset[K]:
        """The keys that are being worked on."""
        return frozenset(self._working)

    def add(self, key: K, delay: float = 0.0, *, news: bool = False) -> None:
        """Make `key` due in `delay` seconds, or earlier if it already is.

        Args:
            key: What waits.
            delay: Seconds.
            news: Whether it goes before those that are due and are none. What has ended must not
                stand behind a thousand that are still to begin.
        """
        loop = asyncio.get_running_loop()
        due, known = loop.time() + delay, self._due.get(key, NEVER)
        if self._closed:
            return
        if due < known:
            news = news or key in self._news
            self.discard(key)
            self._due[key] = due
            if delay > 0:
                self._timers[key] = loop.call_at(due, self._ripen, key)
        elif not news or key in self._news:
            return
        if news:
            self._news.add(key)
        if self._due[key] <= loop.time():
            self._ripen(key)  # also one that stands in the line: now further in front

    def discard(self, key: K) -> None:
        """Forget that `key` is due; work under way goes on."""
        self._due.pop(key, None)
        self._news.discard(key)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    async def get(self) -> K:
        """Return the next due key; the caller must call `done` with it."""
        loop = asyncio.get_running_loop()
        while True:
            place, key, lane = await self._ready.get()
            # What was discarded or put off since, or is at work again, is still in the line.
            if self._due.get(key, NEVER) > loop.time() or key in self._working:
                self._let_in(lane)
            elif self._busy[lane] >= self._width:
                heapq.heappush(self._held.setdefault(lane, []), (place, key, lane))
            else:
                del self._due[key]
                self._news.discard(key)
                self._working[key] = lane
                self._busy[lane] += 1
                return key

    def done(self, key: K) -> None:
        """Say that the work on `key` is over: it may be handed out again."""
        lane = self._working.pop(key)
        self._busy[lane] -= 1
        if not self._busy[lane]:
            del self._busy[lane]
        if not self._working:
            self._idle.set()
        if key in self._due and key not in self._timers:  # it became due meanwhile
            self._stand(key)
        self._let_in(lane)

    def overdue(self) -> float:
        """Return for how long the longest waiting key has been due, in seconds; 0 when none is."""
        now = asyncio.get_running_loop().time()
        waiting = [due for key, due in self._due.items() if key not in self._working]
        return max(0.0, now - min(waiting, default=now))

    def close(self) -> None:
        """Hand out nothing more."""
        self._closed = True
        for key in tuple(self._due):
            self.discard(key)

    async def idle(self) -> None:
        """Wait until no key is being worked on."""
        while self._working:
            self._idle.clear()
            await self._idle.wait()

    def _ripen(self, key: K) -> None:
        """Put a key that has become due into the line; if it is at work, `done` does so."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()  # it has not fired where news came in the moment in which it was due
        # A timer may fire a clock tick early.
        self._due[key] = min(self._due[key], asyncio.get_running_loop().time())
        if key not in self._working:
            self._stand(key)

    def _stand(self, key: K) -> None:
        place = (key not in self._news, next(self._places))
        self._ready.put_nowait((place, key, self._lane(key)))

    def _let_in(self, lane: Hashable) -> None:
        """Put the first that was held back into the line again, with the place that it had."""
        if held := self._held.get(lane):
            self._ready.put_nowait(heapq.heappop(held))
            if not held:
                del self._held[lane]
