"""Lists that are read once for all who would read the same ones.

One administrator's Secret may lie in a hundred namespaces, and a hundred administrators may share a
cloud. Each of them may list all servers of that cloud, so each would read what has changed for all
the others, too. Here whoever comes first reads for all, the others are told if their servers are in
it, and whoever comes soon after takes what was read. Lists are shared only where they are known to
have the same rows: each group has asked for them with its own credentials before.
"""

import asyncio
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from serveractions.cloud import rounds
from serveractions.cloud.asking import CredentialsRefused
from serveractions.cloud.followed import Group
from serveractions.cloud.rounds import Changes, Lists
from serveractions.core.errors import WaitError

STRAGGLER = timedelta(minutes=1)
"""Who has missed so much reads alone, rather than have the others read all that."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """The lists as one group reads them, or has read them.

    Attributes:
        begun: On our own clock.
        since: From when on changes were asked for, on Nova's clock.
        changes: What comes of it; cancelled where the reader was refused.
    """

    begun: float
    since: datetime
    changes: "asyncio.Future[Changes]"

    def serves(self, group: Group) -> bool:
        """Say whether nothing would be missed by a group, and something may be new to it."""
        return group.since is not None and self.since <= group.since and self.begun > group.read


class Sharing:
    """Who would read the same lists, and the newest reading of each."""

    def __init__(self, clock: Callable[[], float], *, at_once: int) -> None:
        """Share nothing yet.

        Args:
            clock: Monotonic seconds.
            at_once: How many groups read lists of one cloud at the same time. A page takes some
                megabytes while it is read.
        """
        self._clock = clock
        self._at_once = at_once
        self._gates: weakref.WeakValueDictionary[str, asyncio.Semaphore] = (
            weakref.WeakValueDictionary()
        )
        self._groups: dict[Hashable, list[Group]] = {}
        self._newest: dict[Hashable, Reading] = {}

    async def read(self, sight: Lists, group: Group, *, fresh: float) -> Changes:
        """Return what has changed since the group's last round.

        Args:
            sight: The lists with the group's own credentials.
            group: Whose round it is.
            fresh: For how many seconds a reading of another group is new enough.

        Raises:
            Forbidden: These credentials may not list servers.
            WaitError: The cloud did not answer.
        """
        group.took = 0.0
        self._place(group, sight)
        changes = await self._theirs(group, fresh)
        if changes is None:
            async with self._gate(sight.identity.endpoint):
                if group.since is None and self._groups:
                    return await self._introduced(sight, group)
                changes = await self._theirs(group, fresh)  # read while this one waited
                if changes is None:
                    changes = await self._own(sight, group)
        group.since = changes.nova_time - rounds.OVERLAP
        self._place(group, sight)  # others read for it from now on
        return changes

    def leave(self, group: Group) -> None:
        """Take it that the group reads no lists any more."""
        if group.view is None:
            return
        others = self._groups[group.view]
        others.remove(group)
        if not others:
            del self._groups[group.view]
            self._newest.pop(group.view, None)
        group.view = None

    async def _introduced(self, sight: Lists, group: Group) -> Changes:
        """Learn what these credentials may list, by lists that have next to nothing in them.

        Whoever reads next reads for this group as well.
        """
        changes = await rounds.read(sight, group, since=datetime.now(UTC), wanted=())
        group.since = rounds.first(group)
        self._place(group, sight)
        return changes

    def _gate(self, endpoint: str) -> asyncio.Semaphore:
        gate = self._gates.get(endpoint)
        if gate is None:
            gate = self._gates[endpoint] = asyncio.Semaphore(self._at_once)
        return gate

    def _place(self, group: Group, sight: Lists) -> None:
        """Put the group among those with the same lists, once it has read them itself."""
        known = group.since is not None and sight.view is not None
        view = (sight.view, group.migrations_hidden) if known else None
        if view != group.view:
            self.leave(group)
            group.view = view
            if view is not None:
                self._groups.setdefault(view, []).append(group)

    async def _theirs(self, group: Group, fresh: float) -> Changes | None:
        """Return what another group has just read, or reads just now, if that is enough.

        An action that has come since is not in it, and is in the next one: a round for each that
        comes would be as many as there are actions.

        Raises:
            WaitError: The cloud did not answer that group, so it is not asked by all of them.
        """
        reading = self._newest.get(group.view)
        if reading is None or not reading.serves(group):
            return None
        if reading.changes.done() and reading.begun < self._clock() - fresh:
            return None
        await asyncio.wait([reading.changes])
        if reading.changes.cancelled():
            return None
        group.read = self._clock()
        if group.told:  # of this one
            group.told = False
            group.wake.clear()
        return reading.changes.result()

    async def _own(self, sight: Lists, group: Group) -> Changes:
        since, wanted = group.since or rounds.first(group), _wanted(group)
        for other in self._groups.get(group.view, ()):
            if other.since is not None and other.since > since - STRAGGLER:
                since = min(since, other.since)
                wanted |= _wanted(other)
        begun, future = self._clock(), asyncio.get_running_loop().create_future()
        reading = Reading(begun, since, future)
        if group.view is not None:
            self._newest[group.view] = reading
        try:
            changes = await rounds.read(sight, group, since=since, wanted=wanted)
        except CredentialsRefused:
            raise  # others may well be let in
        except WaitError as error:
            future.set_exception(error)
            future.exception()  # it is no defect that nobody waits for it
            raise
        else:
            future.set_result(changes)
            group.read = self._clock()
            group.took = group.read - begun
            self._tell(group, reading, changes)
            return changes
        finally:
            future.cancel()  # unless it is done

    def _tell(self, reader: Group, reading: Reading, changes: Changes) -> None:
        """Have the others whose servers are in a reading take it."""
        found = changes.servers.keys() | changes.migrations.keys()
        for other in self._groups.get(reader.view, ()):
            if reading.serves(other) and not found.isdisjoint(_wanted(other)):
                other.told = True
                other.wake.set()


def _wanted(group: Group) -> set[str]:
    return {followed.subject.server_id for followed in group.listable.values()}
