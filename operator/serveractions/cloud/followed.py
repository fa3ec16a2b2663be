"""What the poller keeps of each action that it follows, and of those that share credentials."""

import asyncio
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from datetime import datetime

from serveractions.actions.action import Look
from serveractions.actions.observation import Image, Migration, Observation, Server
from serveractions.api.resource import Key
from serveractions.cloud.look import Looked
from serveractions.core.ports import Subject

GroupKey = tuple[str, str, str]
"""A namespace, a Secret and a cloud of it."""

LISTED_FROM, LISTED_DOWN_TO = 6, 3
"""A group has its lists read from so many listable actions on, until fewer than so many are left:
two lists cost about as much as two actions that are looked at singly."""
_LISTABLE = frozenset({Look.MIGRATIONS, Look.IMAGE})
"""What takes a while. All else is over with the first look."""
_OPEN = frozenset(
    {"accepted", "queued", "preparing", "running", "pre-migrating", "migrating", "post-migrating"}
)
"""States in which a migration may go on (nova/objects/migration.py)."""


@dataclass(slots=True)
class Group:
    """The actions that share credentials.

    Attributes:
        running: Looks under way.
        waiting: Due, and not begun: a few are looked at at once.
        failures: In a row, of looks at the cloud.
        resume: Until then the cloud is left alone.
        reported: When the log last said so.
        seen: When the cloud was last looked at with success.
        tried: When a look last came to an end of any kind.
        listable: Those of its actions whose servers the lists can tell of.
        rounds: The task that reads the lists; None while they are not read.
        unlisted_until: The lists cannot be had; they are not asked for before that.
        since: From when on changes are asked for, on Nova's clock; None before the first list.
        migrations_hidden: Migrations are not for these credentials to list.
        view: What its lists show; groups with the same share what they read. None while unknown.
        read: When it last had the lists read.
        told: Another group has just read of its servers.
        took: Seconds that it has just read lists for; 0 where another group did that.
        progressed: When a round last read how far running migrations are.
        wake: Set when a round should not wait for its time.
    """

    key: GroupKey
    seen: float = float("-inf")
    tried: float = float("-inf")
    running: int = 0
    waiting: "deque[Followed]" = field(default_factory=deque)
    failures: int = 0
    resume: float = 0.0
    reported: float = float("-inf")
    listable: "dict[Key, Followed]" = field(default_factory=dict)
    rounds: "asyncio.Task[None] | None" = None
    unlisted_until: float = float("-inf")
    since: datetime | None = None
    migrations_hidden: bool = False
    view: Hashable | None = None
    read: float = float("-inf")
    told: bool = False
    took: float = 0.0
    progressed: float = float("-inf")
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def listing(self) -> bool:
        """Whether the lists are read."""
        return self.rounds is not None

    def about(self) -> dict[str, str]:
        """Return which Secret and cloud this is, for the log."""
        namespace, secret, cloud = self.key
        return {"namespace": namespace, "secret": secret, "cloud": cloud}

    def wants_lists(self, now: float) -> bool:
        """Say whether lists are cheaper than single looks."""
        if now < self.unlisted_until:
            return False
        return len(self.listable) >= (LISTED_DOWN_TO if self.listing else LISTED_FROM)


@dataclass(slots=True, eq=False)
class Followed:
    """One action and what was seen of it.

    Attributes:
        due: When it is looked at singly next.
        joined: Since when it is followed.
        asked_again: Another look was asked for while one was under way.
        told: Whether it was told that its cloud cannot be looked at.
        looks: How many looks there were.
        last: The newest observation.
        changed: When something was last seen to have changed.
        full: When the last full look ended.
        quiet: For how long full looks have shown no change.
        progressed: When its progress was read last between full looks.
        row: The server as a list last showed it.
        changes: Its migrations that lists have shown, by uuid.
        image: Its image as it was just read with others.
    """

    subject: Subject
    group: Group
    due: float
    joined: float
    looking: bool = False
    asked_again: bool = False
    told: bool = False
    looks: int = 0
    last: Observation | None = None
    changed: float = 0.0
    full: float = float("-inf")
    quiet: float = 0.0
    progressed: float = float("-inf")
    row: Server | None = None
    changes: dict[str, Migration] = field(default_factory=dict)
    image: Image | None = None

    @property
    def listable(self) -> bool:
        """Whether the lists can tell of it."""
        return bool(self.subject.looks & _LISTABLE)

    @property
    def at_work(self) -> bool:
        """Whether Nova was last seen at work on it, so that lists will show when that ends."""
        server = self.last.server if self.last else None
        busy = server is not None and not server.partial and server.task_state is not None
        return busy and self.open

    @property
    def open(self) -> bool:
        """Whether no list has shown a migration of its server that is over."""
        return all(each.status in _OPEN for each in self.changes.values())

    def ask_anew(self, subject: Subject) -> bool:
        """Take other facts to look for; return whether what was seen belongs to the old ones."""
        before, self.subject = self.subject, subject
        if replace(before, urgent=subject.urgent) == subject:
            return False
        self.last, self.quiet, self.looks = None, 0.0, 0
        self.full = float("-inf")
        self.row = None
        self.changes.clear()
        return True

    def note(self, looked: Looked, now: float, *, most: float) -> Observation:
        """Take in a look; return it with the time for which nothing has changed.

        Args:
            looked: What was seen.
            now: When.
            most: Seconds that may count between two looks: time in which nothing was seen is not
                quiet.
        """
        last = self.last
        if last is None or not _same(looked.observation, last):
            self.quiet, self.changed = 0.0, now
        elif looked.full:
            # Only a full look proves quiet.
            self.quiet += min(now - max(self.full, self.changed), most)
        if looked.full:
            self.full = now
        self.looks += 1
        self.last = replace(looked.observation, quiet_seconds=self.quiet)
        return self.last

    def note_listed(self, seen: Observation, now: float) -> Observation:
        """Take in what lists showed: a change, and never quiet."""
        self.quiet, self.changed = 0.0, now
        self.last = replace(seen, quiet_seconds=0.0)
        return self.last


def _same(one: Observation, other: Observation) -> bool:
    return replace(one, nova_time=other.nova_time, quiet_seconds=other.quiet_seconds) == other
