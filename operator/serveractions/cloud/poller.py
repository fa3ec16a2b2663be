"""Follows accepted actions: looks at each when it is due and hands in what was seen.

One schedule for all clouds. Subjects that share credentials form a group: a group looks at a few of
its subjects at a time and backs off as one, so that a dead cloud delays nobody else. Nothing that a
cloud does ends the following of an action; only `forget` does.

How a look is made is `look.look`'s affair. Lists of all that changed in a cloud can take the place
of single looks behind the same interface: a group is what they would be read for.
"""

import asyncio
import heapq
import itertools
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from serveractions.actions.observation import Observation
from serveractions.api.resource import Key
from serveractions.api.spec import CloudCredentialsRef
from serveractions.cloud import pace
from serveractions.cloud.look import Looked, Sight, look
from serveractions.config import Config
from serveractions.core.errors import (
    Forbidden,
    InvalidCredentials,
    UnsupportedCloud,
    WaitError,
)
from serveractions.core.ports import Subject

log = logging.getLogger(__name__)

LOG_INTERVAL = 300.0
"""How often the log repeats that a cloud cannot be looked at."""
LONGEST_SLEEP = 5.0
"""The heartbeat is never older while the loop is alive."""
EAGER_LOOKS = 6
"""The first looks read everything: the records of an action appear one after the other."""
FULL_EVERY = 3
"""In poll intervals: how often everything is read while Nova is at work."""

Open = Callable[[str, CloudCredentialsRef], Awaitable[Sight]]
GroupKey = tuple[str, str, str]


@dataclass(slots=True)
class _Group:
    """The subjects that share credentials."""

    key: GroupKey
    running: int = 0
    waiting: "deque[_Followed]" = field(default_factory=deque)
    failures: int = 0
    resume: float = 0.0
    reported: float = float("-inf")


@dataclass(slots=True, eq=False)
class _Followed:
    """One subject and what was seen of it."""

    subject: Subject
    group: _Group
    due: float
    looking: bool = False
    looks: int = 0
    last: Observation | None = None
    changed: float = 0.0
    """When something was last seen to have changed."""
    full: float = float("-inf")
    """When the last full look ended."""
    quiet: float = 0.0


class SharedPoller:
    """Implements the core's `Poller`."""

    def __init__(
        self,
        *,
        open_cloud: Open,
        deliver: Callable[[Key, Observation], None],
        config: Config,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Follow nothing yet.

        Args:
            open_cloud: `Connections.open`.
            deliver: Takes each observation; it must not block.
            config: The intervals, and how many reads a cloud gets at once.
            clock: Monotonic seconds, the event loop's pace.
        """
        self._open = open_cloud
        self._deliver = deliver
        self._config = config
        self._clock = clock
        self._followed: dict[Key, _Followed] = {}
        self._groups: dict[GroupKey, _Group] = {}
        self._schedule: list[tuple[float, int, _Followed]] = []
        self._order = itertools.count()
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        # Half of the cloud's threads: what is about to be sent must not wait behind looks.
        self._at_once = max(1, config.cloud_threads // 2)
        self.heartbeat = clock()

    def follow(self, subject: Subject) -> None:
        """Begin, or go on with changed facts. Safe to call again."""
        now = self._clock()
        known = self._followed.get(subject.key)
        if known is None:
            known = _Followed(subject, self._group(subject), due=now)
            self._followed[subject.key] = known
            self._put(known, now)
            return
        if known.subject == subject:
            return
        before, known.subject = known.subject, subject
        known.group = self._group(subject)
        if replace(before, urgent=subject.urgent) != subject:
            # Other facts are wanted: what was seen belongs to the old ones.
            known.last, known.quiet, known.looks = None, 0.0, 0
            known.full = float("-inf")
            self._put(known, now)
        elif subject.urgent:
            self._put(known, now)

    def forget(self, key: Key) -> None:
        """Stop following: nothing is delivered for `key` after this returns."""
        self._followed.pop(key, None)

    async def run(self) -> None:
        """Look at what is due, until cancelled."""
        try:
            while True:
                self.heartbeat = now = self._clock()
                self._begin_due(now)
                self._wake.clear()
                pause = self._schedule[0][0] - now if self._schedule else LONGEST_SLEEP
                try:
                    async with asyncio.timeout(min(max(pause, 0.0), LONGEST_SLEEP)):
                        await self._wake.wait()
                except TimeoutError:
                    pass
        finally:
            await self.close()

    async def close(self) -> None:
        """Stop looking. What is under way is dropped, not waited for."""
        self._followed.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _group(self, subject: Subject) -> _Group:
        ref = subject.credentials
        key = (subject.namespace, ref.secret_name, ref.cloud_name)
        if key not in self._groups:
            self._sweep()
            self._groups[key] = _Group(key)
        return self._groups[key]

    def _sweep(self) -> None:
        """Drop the groups that nobody is in."""
        used = {followed.group.key for followed in self._followed.values()}
        for key in [one for one in self._groups if one not in used]:
            del self._groups[key]

    def _put(self, followed: _Followed, due: float) -> None:
        """Schedule the next look; one that is under way schedules itself when it ends."""
        followed.due = due
        if not followed.looking:
            heapq.heappush(self._schedule, (due, next(self._order), followed))
            self._wake.set()

    def _current(self, followed: _Followed) -> bool:
        return self._followed.get(followed.subject.key) is followed

    def _begin_due(self, now: float) -> None:
        while self._schedule and self._schedule[0][0] <= now:
            due, _, followed = heapq.heappop(self._schedule)
            if followed.looking or due != followed.due or not self._current(followed):
                continue  # forgotten, or scheduled anew since
            followed.looking = True
            followed.group.waiting.append(followed)
            self._begin_waiting(followed.group)

    def _begin_waiting(self, group: _Group) -> None:
        while group.waiting and group.running < self._at_once:
            followed = group.waiting.popleft()
            if group.resume > self._clock():
                self._end(followed, group.resume)
                continue
            group.running += 1
            task = asyncio.create_task(self._look(followed, group))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    async def _look(self, followed: _Followed, group: _Group) -> None:
        # Should this fail in a way that nobody foresaw, the next look is far away, not never.
        followed.due = self._clock() + pace.jitter(pace.MAX_PAUSE)
        try:
            if self._current(followed):
                await self._look_once(followed, group)
        finally:
            group.running -= 1
            self._end(followed, followed.due)
            self._begin_waiting(group)

    def _end(self, followed: _Followed, due: float) -> None:
        followed.looking = False
        if self._current(followed):
            self._put(followed, due)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (defect := task.exception()) is not None:
            log.error("a look failed: a defect of the operator", exc_info=defect)

    async def _look_once(self, followed: _Followed, group: _Group) -> None:
        subject = followed.subject
        try:
            sight = await self._open(subject.namespace, subject.credentials)
            _check_place(sight, subject)
            looked = await look(sight, subject, last=self._stand_in(followed))
        except Forbidden as error:
            # Another subject of the group may well be seen.
            self._report(group, error)
            return
        except (WaitError, InvalidCredentials, UnsupportedCloud) as error:
            self._pause(group, error)
            followed.due = group.resume
            return
        if group.failures:
            log.info("the cloud can be looked at again", extra=_extra(group))
            group.failures, group.reported = 0, float("-inf")
        if not self._current(followed):
            return
        if replace(followed.subject, urgent=subject.urgent) != subject:
            followed.due = self._clock()  # this answers what is not asked any more
            return
        followed.last = self._note(followed, looked)
        followed.due = self._clock() + pace.jitter(self._interval(followed, followed.last))
        self._deliver(subject.key, followed.last)

    def _stand_in(self, followed: _Followed) -> Observation | None:
        """Return the facts that need not be read anew while Nova is at work."""
        age = self._clock() - followed.full
        if followed.looks < EAGER_LOOKS or age >= FULL_EVERY * self._config.poll_interval:
            return None
        return followed.last

    def _note(self, followed: _Followed, looked: Looked) -> Observation:
        """Return what was seen, with the time for which nothing has changed."""
        now, last = self._clock(), followed.last
        if last is None or not _same(looked.observation, last):
            followed.quiet, followed.changed = 0.0, now
        elif looked.full:
            # Only a full look proves quiet, and time in which nothing was seen is not counted.
            most = 2 * max(self._interval(followed, last), self._config.poll_interval)
            followed.quiet += min(now - max(followed.full, followed.changed), most)
        if looked.full:
            followed.full = now
        followed.looks += 1
        return replace(looked.observation, quiet_seconds=followed.quiet)

    def _interval(self, followed: _Followed, last: Observation) -> float:
        return pace.interval(
            self._config, looks=followed.looks, last=last, urgent=followed.subject.urgent
        )

    def _pause(self, group: _Group, error: Exception) -> None:
        """Have the whole group wait, longer each time it fails again."""
        now = self._clock()
        if now < group.resume:
            return  # looks that were under way together count once
        group.failures += 1
        asked = error.retry_after if isinstance(error, WaitError) else None
        group.resume = now + pace.pause(self._config, failures=group.failures, asked=asked)
        self._report(group, error)

    def _report(self, group: _Group, error: Exception) -> None:
        now = self._clock()
        if now - group.reported >= LOG_INTERVAL:
            group.reported = now
            log.warning(
                "the cloud cannot be looked at; its actions are followed on when it can",
                extra=_extra(group) | {"error": str(error)},
            )


def _same(one: Observation, other: Observation) -> bool:
    return replace(one, nova_time=other.nova_time, quiet_seconds=other.quiet_seconds) == other


def _check_place(sight: Sight, subject: Subject) -> None:
    """Refuse to look elsewhere: there, that a server is not found says nothing about ours.

    Raises:
        Forbidden: The Secret was changed and leads to another cloud or project by now.
    """
    identity = sight.identity
    expected = (subject.endpoint or identity.endpoint, subject.project_id or identity.project_id)
    if expected != (identity.endpoint, identity.project_id):
        raise Forbidden("the Secret leads to another endpoint or project than the action went to")


def _extra(group: _Group) -> dict[str, str]:
    namespace, secret, cloud = group.key
    return {"namespace": namespace, "secret": secret, "cloud": cloud}
