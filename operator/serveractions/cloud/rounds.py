"""One round for all actions of one login: two lists of what has changed in the cloud.

However many actions are followed, a round costs a few requests. It tells of each action whether
Nova is at work on its server, and where it is not any more, it has the action looked at, unless the
lists themselves show a good end. Nothing ends badly by the lists alone: they hold what changed and
not what is, so what they lack proves nothing.

The servers are read before the migrations: once a server is idle, what is read of its migrations
after that is at least as new.
"""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Protocol

from serveractions.actions.observation import Image, Migration, Observation, Server
from serveractions.cloud.followed import Followed, Group
from serveractions.cloud.look import Sight
from serveractions.core.errors import Forbidden

OVERLAP = timedelta(seconds=30)
"""How far each list reaches back before the last one: the times of changes are written by many
machines, and a change may be stored a while after its time."""
HORIZON = timedelta(minutes=15)
"""The furthest that a first list reaches back. What is older is looked at singly."""
_DONE = frozenset({"completed", "confirmed", "finished"})
"""A migration's state that, with its server idle, tells all there is to know."""


class Lists(Sight, Protocol):
    """The reads of a look and of a round; `NovaCloud` has them."""

    @property
    def view(self) -> Hashable | None:
        """What the lists show: equal views have the same rows. None while that is not known."""
        ...

    async def changed_servers(
        self, since: datetime, wanted: Collection[str]
    ) -> tuple[Sequence[Server], datetime]:
        """Return those of the wanted servers that changed, and Nova's clock."""
        ...

    async def changed_migrations(
        self, since: datetime, wanted: Collection[str]
    ) -> Sequence[Migration]:
        """Return the migrations of the wanted servers that changed."""
        ...

    async def images(self, image_ids: Sequence[str]) -> Sequence[Image]:
        """Return those of the images that there are."""
        ...


class News(Enum):
    """What a round means for one action."""

    NONE = auto()
    AT_WORK = auto()
    """Nova is at work on the server, in another way than before."""
    DONE = auto()
    """Server and migration show a good end."""
    LOOK = auto()
    """Something has ended, or the lists do not tell what is."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What the lists of one round showed.

    Attributes:
        servers: By id.
        migrations: By server id.
        nova_time: Nova's clock when the round began.
    """

    servers: Mapping[str, Server]
    migrations: Mapping[str, Sequence[Migration]]
    nova_time: datetime


def first(group: Group) -> datetime:
    """Return from when on a first list must show changes: since what is known of each action."""
    furthest = datetime.now(UTC) - HORIZON
    known = (
        one.last.nova_time if one.last else one.subject.sent or furthest
        for one in group.listable.values()
    )
    return max(min(known, default=furthest), furthest) - OVERLAP


async def read(sight: Lists, group: Group, *, since: datetime, wanted: Collection[str]) -> Changes:
    """Read what has changed.

    Args:
        sight: The lists.
        group: Whose credentials read them.
        since: From when on, on Nova's clock.
        wanted: The ids of the servers that matter.

    Raises:
        Forbidden: These credentials may not list servers.
        WaitError: The cloud did not answer.
    """
    servers, nova_time = await sight.changed_servers(since, wanted)
    migrations: dict[str, list[Migration]] = {}
    if not group.migrations_hidden:
        try:
            for each in await sight.changed_migrations(since, wanted):
                migrations.setdefault(each.server_id, []).append(each)
        except Forbidden:
            group.migrations_hidden = True  # the servers alone tell when to look
    return Changes({server.id: server for server in servers}, migrations, nova_time)


def news(followed: Followed, changes: Changes) -> News:
    """Take in what a round showed of one action; return what it means."""
    server_id = followed.subject.server_id
    row, rows = changes.servers.get(server_id), changes.migrations.get(server_id, ())
    # Nova touches a running migration all the time, and a list shows again what the last one did.
    moved = [each for each in rows if not _same(followed.changes.get(each.uuid), each)]
    followed.changes.update((each.uuid, each) for each in moved)
    stands = row is None or (followed.row is not None and _facts(row) == _facts(followed.row))
    if stands and not moved:
        return News.NONE
    followed.row = row = row or followed.row
    if row is None:
        return News.NONE  # a server that has not changed for long is looked at singly
    if row.partial:
        return News.LOOK
    if row.task_state is not None:
        return News.AT_WORK if followed.open else News.LOOK
    states = [each.status for each in followed.changes.values()]
    return News.DONE if len(states) == 1 and states[0] in _DONE else News.LOOK


def observation(followed: Followed, changes: Changes) -> Observation:
    """Return what is known of an action after a round that brought news of it."""
    last = followed.last or Observation(server=None, nova_time=changes.nova_time)
    known = {each.uuid: each for each in last.migrations or ()} | followed.changes
    newest_first = sorted(known.values(), key=lambda one: (one.created, one.id), reverse=True)
    return replace(
        last,
        server=followed.row,
        nova_time=changes.nova_time,
        migrations=tuple(newest_first) if known else last.migrations,
    )


def _same(one: Migration | None, other: Migration) -> bool:
    return one is not None and replace(one, updated=other.updated) == other


def _facts(server: Server) -> Server:
    return replace(server, updated=None, progress=None)
