"""Follows accepted actions: looks at each when it is due and hands in what was seen.

One schedule for all clouds. Subjects that share credentials form a group: a group looks at a few of
its subjects at a time and backs off as one, so that a dead cloud delays nobody else. Nothing that a
cloud does ends the following of an action; only `forget` does.

A few actions are looked at one by one (`look`). From a handful on a group has two lists of changes
read in their place (`rounds`), at a cost that hardly grows with the actions. Then an action is
looked at by itself when a list tells that something has ended, while it is not clear what it is at,
and every ten minutes for what the lists have missed.
"""

import asyncio
import heapq
import itertools
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from serveractions.actions.observation import Observation
from serveractions.api.resource import Key
from serveractions.cloud import pace
from serveractions.cloud.followed import Followed, Group, GroupKey
from serveractions.cloud.listing import SWEEP, Listing, Open, in_place
from serveractions.cloud.look import Sight, look
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
UNSEEN = 120.0
"""Seconds after which it is told of an action that its cloud cannot be looked at."""
LONGEST_SLEEP = 5.0
"""The heartbeat is never older while the loop is alive."""
EAGER_LOOKS = 6
"""The first looks read everything: the records of an action appear one after the other."""
FULL_EVERY = 3
"""In poll intervals: how often everything is read while Nova is at work."""

PATIENCE = 3
"""In poll intervals: for so long a new action may be missing in the lists."""
LISTS_AGAIN = 900.0
"""When lists that could not be had are asked for again."""


class SharedPoller:
    """Implements the core's `Poller`."""

    def __init__(
        self,
        *,
        open_cloud: Open,
        deliver: Callable[[Key, Observation], None],
        unseen: Callable[[Key, str], None] = lambda _key, _why: None,
        config: Config,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Follow nothing yet.

        Args:
            open_cloud: `Connections.open`.
            deliver: Takes each observation; it must not block.
            unseen: Takes, once for each outage, why an action cannot be looked at for long.
            config: The intervals, and how many reads a cloud gets at once.
            clock: Monotonic seconds, the event loop's pace.
        """
        self._open = open_cloud
        self._deliver = deliver
        self._unseen = unseen
        self._config = config
        self._clock = clock
        self._followed: dict[Key, Followed] = {}
        self._groups: dict[GroupKey, Group] = {}
        self._schedule: list[tuple[float, int, Followed]] = []
        self._order = itertools.count()
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        # Half of the cloud's threads: what is about to be sent must not wait behind looks.
        self._at_once = max(1, config.cloud_threads // 2)
        self._listing = Listing(open_cloud=open_cloud, schedule=self, config=config, clock=clock)
        self.heartbeat = clock()

    def follow(self, subject: Subject) -> None:
        """Begin, or go on with changed facts. Safe to call again."""
        now = self._clock()
        known = self._followed.get(subject.key)
        if known is None:
            known = Followed(subject, self._group(subject), due=now, joined=now)
            self._followed[subject.key] = known
            self._join(known, now)
            return
        if known.subject == subject:
            return
        group = self._group(subject)
        if group is not known.group:
            self._leave(known)
            known.group = group
        if known.ask_anew(subject):
            self._join(known, now)
            self._put(known, now)
        elif group.listable.get(subject.key) is not known:
            self._join(known, now)
        elif subject.urgent:
            self._hurry(known, now)

    def forget(self, key: Key) -> None:
        """Stop following: nothing is delivered for `key` after this returns."""
        followed = self._followed.pop(key, None)
        if followed is not None:
            self._leave(followed)

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
        for group in self._groups.values():
            group.rounds = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _group(self, subject: Subject) -> Group:
        ref = subject.credentials
        key = (subject.namespace, ref.secret_name, ref.cloud_name)
        if key not in self._groups:
            self._sweep()
            self._groups[key] = Group(key)
        return self._groups[key]

    def _sweep(self) -> None:
        """Drop the groups that nobody is in."""
        used = {followed.group.key for followed in self._followed.values()}
        for key in [one for one in self._groups if one not in used]:
            self._stop_lists(self._groups.pop(key))

    def _join(self, followed: Followed, now: float) -> None:
        """Have an action looked at: at once, or by the next round where one comes."""
        group = followed.group
        if not followed.listable:
            group.listable.pop(followed.subject.key, None)
            self._put(followed, now)
            return
        group.listable[followed.subject.key] = followed
        if not group.listing and group.wants_lists(now):
            self._begin_lists(group)
        if group.listing:
            self._put(followed, now + pace.jitter(PATIENCE * self._config.poll_interval))
            group.wake.set()
        else:
            self._put(followed, now)

    def _leave(self, followed: Followed) -> None:
        group = followed.group
        group.listable.pop(followed.subject.key, None)
        if group.listing and not group.wants_lists(self._clock()):
            self._stop_lists(group)

    def _hurry(self, followed: Followed, now: float) -> None:
        if self._listed(followed):
            followed.group.wake.set()
        else:
            self._put(followed, now)

    def _listed(self, followed: Followed) -> bool:
        """Say whether the lists tell when to look at it next."""
        return followed.group.listing and followed.listable and followed.at_work

    def _begin_lists(self, group: Group) -> None:
        group.since, group.migrations_hidden = None, False
        group.rounds = self._begin(self._listing.run(group))

    def _stop_lists(self, group: Group) -> None:
        """Go back to single looks."""
        group.rounds = None
        group.wake.set()
        for followed in group.listable.values():
            self._put(followed, self._clock() + pace.jitter(self._config.poll_interval))

    def _put(self, followed: Followed, due: float) -> None:
        """Schedule the next look; one that is under way schedules itself when it ends."""
        followed.due = due
        followed.asked_again = followed.looking
        if not followed.looking:
            heapq.heappush(self._schedule, (due, next(self._order), followed))
            self._wake.set()

    def _current(self, followed: Followed) -> bool:
        return self._followed.get(followed.subject.key) is followed

    def _begin_due(self, now: float) -> None:
        while self._schedule and self._schedule[0][0] <= now:
            due, _, followed = heapq.heappop(self._schedule)
            if followed.looking or due != followed.due or not self._current(followed):
                continue  # forgotten, or scheduled anew since
            followed.looking = True
            followed.group.waiting.append(followed)
            self._begin_waiting(followed.group)

    def _begin_waiting(self, group: Group) -> None:
        while group.waiting and group.running < self._at_once:
            followed = group.waiting.popleft()
            if group.resume > self._clock():
                self._end(followed, group.resume)
                continue
            group.running += 1
            self._begin(self._look(followed, group))

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def _look(self, followed: Followed, group: Group) -> None:
        # Should this fail in a way that nobody foresaw, the next look is far away, not never.
        followed.due = self._clock() + pace.jitter(pace.MAX_PAUSE)
        followed.asked_again = False
        try:
            if self._current(followed):
                await self._look_once(followed, group)
        finally:
            group.running -= 1
            self._end(followed, followed.due)
            self._begin_waiting(group)

    def _end(self, followed: Followed, due: float) -> None:
        followed.looking = False
        if self._current(followed):
            self._put(followed, due)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (defect := task.exception()) is not None:
            log.error("a look failed: a defect of the operator", exc_info=defect)

    async def _look_once(self, followed: Followed, group: Group) -> None:
        subject = followed.subject
        try:
            sight = await self._open(subject.namespace, subject.credentials)
            _check_place(sight, subject)
            image, followed.image = followed.image, None
            looked = await look(sight, subject, last=self._stand_in(followed), image=image)
        except Forbidden as error:
            # Another subject of the group may well be seen.
            group.tried = self._clock()
            self._report(group, error)
            self._tell(followed, error, since=followed.full)
            return
        except (WaitError, InvalidCredentials, UnsupportedCloud) as error:
            self.failed(group, error)
            followed.due = group.resume
            return
        self.answered(group)
        if not self._current(followed):
            return
        if replace(followed.subject, urgent=subject.urgent) != subject:
            followed.due = self._clock()  # this answers what is not asked any more
            return
        most = 2 * max(self._interval(followed), self._config.poll_interval)
        seen = followed.note(looked, self._clock(), most=most)
        next_look = self._clock() + pace.jitter(self._interval(followed))
        # What a list told meanwhile may be newer than what this look has read.
        followed.due = min(followed.due, next_look) if followed.asked_again else next_look
        followed.told = False
        self._deliver(subject.key, seen)

    def _stand_in(self, followed: Followed) -> Observation | None:
        """Return the facts that need not be read anew while Nova is at work."""
        age = self._clock() - followed.full
        if followed.looks < EAGER_LOOKS or age >= FULL_EVERY * self._config.poll_interval:
            return None
        return followed.last

    def _interval(self, followed: Followed) -> float:
        if followed.last is None:
            return self._config.poll_interval
        if self._listed(followed):
            return SWEEP
        return pace.interval(
            self._config,
            looks=followed.looks,
            last=followed.last,
            urgent=followed.subject.urgent,
        )

    def look_in(self, followed: Followed, seconds: float) -> None:
        """Have an action looked at by itself after so many seconds."""
        self._put(followed, self._clock() + pace.jitter(seconds))

    def show(self, followed: Followed) -> None:
        """Hand in what lists have told of an action."""
        if self._current(followed) and followed.last is not None:
            self._deliver(followed.subject.key, followed.last)

    def unlist(self, group: Group, why: str) -> None:
        """Do without lists for a while."""
        log.info(
            "the cloud's lists cannot be used, its actions are looked at one by one",
            extra=group.about() | {"error": why},
        )
        group.unlisted_until = self._clock() + LISTS_AGAIN
        self._stop_lists(group)

    def unseen(self) -> float:
        """Return for how many seconds an action's cloud has not been seen, where that is longest.

        Short times between two looks count, too: what is well depends on the intervals.
        """
        now = self._clock()
        followed = self._followed.values()
        return now - min((max(one.group.seen, one.joined) for one in followed), default=now)

    def stuck(self) -> float:
        """Return for how many seconds no look at a cloud has come to any end, where that is
        longest. A cloud that is left alone for a while is not stuck.
        """
        now = self._clock()
        tried = (
            max(one.group.tried, one.joined, min(one.group.resume, now))
            for one in self._followed.values()
        )
        return now - min(tried, default=now)

    def answered(self, group: Group) -> None:
        """Take it that the cloud can be looked at."""
        group.seen = group.tried = self._clock()
        if group.failures:
            log.info("the cloud can be looked at again", extra=group.about())
            group.failures, group.reported = 0, float("-inf")
            for followed in list(self._followed.values()):
                if followed.told and followed.group is group:
                    followed.told = False
                    self.show(followed)

    def failed(self, group: Group, error: Exception) -> None:
        """Have the whole group wait, longer each time it fails again."""
        group.tried = now = self._clock()
        if now < group.resume:
            return  # looks that were under way together count once
        group.failures += 1
        asked = error.retry_after if isinstance(error, WaitError) else None
        group.resume = now + pace.pause(self._config, failures=group.failures, asked=asked)
        self._report(group, error)
        for followed in list(self._followed.values()):
            if followed.group is group:
                self._tell(followed, error, since=group.seen)

    def _tell(self, followed: Followed, error: Exception, *, since: float) -> None:
        """Have the object say that it cannot be looked at, if that lasts."""
        if not followed.told and self._clock() - max(since, followed.joined) >= UNSEEN:
            followed.told = True
            self._unseen(followed.subject.key, str(error))

    def _report(self, group: Group, error: Exception) -> None:
        now = self._clock()
        if now - group.reported >= LOG_INTERVAL:
            group.reported = now
            log.warning(
                "the cloud cannot be looked at; its actions are followed on when it can",
                extra=group.about() | {"error": str(error)},
            )


def _check_place(sight: Sight, subject: Subject) -> None:
    """Refuse to look elsewhere: there, that a server is not found says nothing about ours.

    Raises:
        Forbidden: The Secret was changed and leads to another cloud or project by now.
    """
    if not in_place(sight, subject):
        raise Forbidden("the Secret leads to another endpoint or project than the action went to")
