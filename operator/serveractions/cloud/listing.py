"""Reads the lists of changes for a group of actions, round after round.

What a round means for each action is told by `rounds`, and who reads for whom by `sharing`; when
the next one comes, and what of a running live migration is read beside it, is told here.
"""

import asyncio
import contextlib
import heapq
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from serveractions.actions.action import Look
from serveractions.api.spec import CloudCredentialsRef
from serveractions.cloud import pace, rounds
from serveractions.cloud.followed import Followed, Group
from serveractions.cloud.look import Sight
from serveractions.cloud.nova import TooManyChanges
from serveractions.cloud.rounds import Changes, Lists, News
from serveractions.cloud.sharing import Sharing
from serveractions.config import Config
from serveractions.core.errors import (
    Forbidden,
    InvalidCredentials,
    NotFound,
    UnsupportedCloud,
    WaitError,
)
from serveractions.core.ports import Subject

SWEEP = 600.0
"""How often what the lists tell of is looked at by itself, for what they have missed."""
MOST_PROGRESS = 4
"""Running live migrations whose progress is read in one round, each in its turn."""
PROGRESS_AGAIN = 0.8
"""In poll intervals: a quick round does not read progress if one before it did."""
PROGRESS_A_SECOND = 8
"""The most such reads of all groups, however many they are."""
AT_A_TIME = 50
"""Actions for which the news of a round are taken in without a pause."""
YOUNG = 20.0
"""For so long an action is new: most that fail do so at once."""

Open = Callable[[str, CloudCredentialsRef], Awaitable[Lists]]


class Schedule(Protocol):
    """What rounds have done: the poller does it."""

    def look_in(self, followed: Followed, seconds: float) -> None:
        """Have an action looked at by itself after so many seconds."""
        ...

    def show(self, followed: Followed) -> None:
        """Hand in what lists have told of an action."""
        ...

    def answered(self, group: Group) -> None:
        """Take it that the cloud can be looked at."""
        ...

    def failed(self, group: Group, error: Exception) -> None:
        """Leave the cloud alone for a while."""
        ...

    def unlist(self, group: Group, why: str) -> None:
        """Do without lists for a while."""
        ...


class Listing:
    """Rounds, for as long as a group is one for lists."""

    def __init__(
        self,
        *,
        open_cloud: Open,
        schedule: Schedule,
        config: Config,
        clock: Callable[[], float],
    ) -> None:
        self._open = open_cloud
        self._schedule = schedule
        self._config = config
        self._clock = clock
        self._sharing = Sharing(clock, at_once=max(1, config.cloud_threads // 2))
        self._progress_paid = clock()

    async def run(self, group: Group) -> None:
        """Have one round after the other until another task, or none, is the group's."""
        me = asyncio.current_task()
        try:
            while group.rounds is me:
                begun, lively = self._clock(), False
                if begun >= group.resume:
                    lively = await self._round(group)
                await self._until_next(group, begun, lively=lively)
        finally:
            self._sharing.leave(group)
            if group.rounds is me:
                self._schedule.unlist(group, "a defect of the operator")

    async def _round(self, group: Group) -> bool:
        """Read what has changed, and what that leads to; return whether anything may have ended."""
        asked = list(group.listable.values())
        if not asked:
            return False
        subject, lively = asked[0].subject, False
        try:
            sight = await self._open(subject.namespace, subject.credentials)
            changes = await self._sharing.read(sight, group, fresh=self._config.poll_interval / 2)
            self._schedule.answered(group)
            unclear = []
            for place, followed in enumerate(asked, start=1):
                if place % AT_A_TIME == 0:
                    await asyncio.sleep(0)  # the event loop has more to do
                if _stands(followed, group) and in_place(sight, followed.subject):
                    news = rounds.news(followed, changes)
                    self._take_in(followed, news, changes)
                    unclear += [followed] if news is News.LOOK else []
                    lively = lively or news in (News.DONE, News.LOOK)
            await self._look_at(unclear, sight)
            if self._clock() - group.progressed > self._config.poll_interval * PROGRESS_AGAIN:
                group.progressed = self._clock()
                await self._read_progress(sight, group)
        except TooManyChanges as error:
            if group.since is not None:
                self._schedule.unlist(group, str(error))
            else:
                # What changed before that is missing in the lists, and is looked at singly, once.
                group.since = datetime.now(UTC) - rounds.OVERLAP
        except (Forbidden, NotFound) as error:
            self._schedule.unlist(group, str(error))
        except (WaitError, InvalidCredentials, UnsupportedCloud) as error:
            self._schedule.failed(group, error)
        return lively

    def _take_in(self, followed: Followed, news: News, changes: Changes) -> None:
        match news:
            case News.AT_WORK:
                self._show(followed, changes)
                self._schedule.look_in(followed, SWEEP)
            case News.DONE:
                # Should that not be the end of it, a look follows.
                self._show(followed, changes)
                self._schedule.look_in(followed, self._config.poll_interval)
            case News.NONE | News.LOOK:
                pass

    async def _look_at(self, unclear: Sequence[Followed], sight: Lists) -> None:
        """Have each looked at by itself; the images of backups are read for all at once."""
        backups = {one.subject.image_id: one for one in unclear if one.subject.image_id}
        try:
            for image in await sight.images(list(backups)) if len(backups) > 1 else ():
                # Only this is an end: all else may have changed when the server is looked at.
                if image.status == "active":
                    backups[image.id].image = image
        except (Forbidden, NotFound):
            pass  # each look finds out for itself
        finally:
            for followed in unclear:
                self._schedule.look_in(followed, 0.0)

    def _show(self, followed: Followed, changes: Changes) -> None:
        followed.note_listed(rounds.observation(followed, changes), self._clock())
        self._schedule.show(followed)

    async def _read_progress(self, sight: Sight, group: Group) -> None:
        """Read the progress of a few: those of which it was read longest ago."""
        running = [
            one
            for one in group.listable.values()
            if Look.PROGRESS in one.subject.looks and one.at_work and in_place(sight, one.subject)
        ]
        for followed in heapq.nsmallest(MOST_PROGRESS, running, key=lambda one: one.progressed):
            if not self._may_read_progress():
                return
            followed.progressed = self._clock()
            if (last := followed.last) is None or last.server is None:
                continue
            try:
                progress = await sight.progress(last.server)
            except Forbidden:
                return
            except NotFound:
                continue
            if progress is not None and followed.last is last:
                followed.last = replace(last, progress=progress)
                self._schedule.show(followed)

    def _may_read_progress(self) -> bool:
        now = self._clock()
        if self._progress_paid > now:
            return False
        self._progress_paid = max(self._progress_paid, now - 1.0) + 1.0 / PROGRESS_A_SECOND
        return True

    async def _until_next(self, group: Group, begun: float, *, lively: bool) -> None:
        """Wait for the next round: sooner where actions are new or have ended, as one end is seldom
        alone, and where one has just come.
        """
        now = self._clock()
        young = any(now - one.joined < YOUNG for one in group.listable.values())
        gap = pace.rest(self._config, since=now - begun, took=group.took, quick=young or lively)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(gap, group.resume - now)):
                await group.wake.wait()
                group.wake.clear()
                if not group.told:
                    # What has come within the same moment is seen by the same round.
                    await asyncio.sleep(max(self._config.poll_interval_urgent, group.took))
        group.told = False


def in_place(sight: Sight, subject: Subject) -> bool:
    """Say whether these credentials lead to where the action went."""
    identity = sight.identity
    expected = (subject.endpoint or identity.endpoint, subject.project_id or identity.project_id)
    return expected == (identity.endpoint, identity.project_id)


def _stands(followed: Followed, group: Group) -> bool:
    return group.listable.get(followed.subject.key) is followed
