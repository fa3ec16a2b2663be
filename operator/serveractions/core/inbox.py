"""What is known of each unfinished object: the newest version that was read or written, and the
newest look at Nova.

Watch events, own writes and the poller all arrive here; the queue then hands the key to one worker.
Nothing in it has
to survive: a new process fills it from the API server and from Nova.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass, field

from serveractions.actions.observation import Observation
from serveractions.api.resource import Key, Resource
from serveractions.core.queue import KeyedQueue


@dataclass(slots=True)
class Memory:
    """What one process remembers of an object beside what is written.

    Attributes:
        tries: How often it was waited for in a row; lengthens the next wait.
        claimed: The attempt that this process claimed itself and when, as (attempt, seconds on the
            boot clock).
        answered: The last attempt of which this process knows what became of it.
        first_seen: When this process first saw an attempt of another one stand open, likewise.
        visible_since: Since when Nova's records can be seen without a gap, on the boot clock.
        written: When a running status was last written, on the boot clock; progress is written at
            intervals.
        stepped_down: Nova refused the microversion (406) once; the next attempt uses the floor.
        retry_after: For how many seconds Nova asked to be left alone when it last refused a
            request.
        unseen: Why Nova cannot be looked at, while that lasts.
        beside: Objects that acted on the server meanwhile and are not yet in the status.
    """

    tries: int = 0
    claimed: tuple[int, float] | None = None
    answered: int | None = None
    first_seen: tuple[int, float] | None = None
    visible_since: float | None = None
    written: float = 0.0
    stepped_down: bool = False
    retry_after: float | None = None
    unseen: str | None = None
    beside: tuple[str, ...] = ()

    def claim(self, attempt: int, now: float) -> None:
        """Note that this process is about to claim an attempt."""
        self.claimed, self.visible_since = (attempt, now), None

    def issued(self, attempt: int) -> bool:
        """Say whether it was this process that claimed the attempt."""
        return self.claimed is not None and self.claimed[0] == attempt

    def open_since(self, attempt: int, now: float) -> float:
        """Return since when an attempt stands open: its claim, or when it was first seen."""
        if self.claimed is not None and self.claimed[0] == attempt:
            return self.claimed[1]
        if self.first_seen is None or self.first_seen[0] != attempt:
            self.first_seen = (attempt, now)
        return self.first_seen[1]


@dataclass(slots=True)
class Entry:
    """An object with its newest observation.

    Attributes:
        left: Whether the object left the view of unfinished ones without a write of ours: deleted,
            or finished by another process.
        gone: Whether a read or write of ours found it deleted, before the watch told so.
    """

    resource: Resource
    observation: Observation | None = None
    left: bool = False
    gone: bool = False
    memory: Memory = field(default_factory=Memory)


class Inbox:
    """The unfinished objects, and a queue of those that need a worker."""

    def __init__(self, *, width: float = float("inf")) -> None:
        """Know nothing yet.

        Args:
            width: How many objects that name the same credentials are worked on at the same time.
        """
        self.queue: KeyedQueue[Key] = KeyedQueue(lane=self._credentials, width=width)
        self._entries: dict[Key, Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Key) -> Entry | None:
        """Return what is known of an object, None when it is not known."""
        return self._entries.get(key)

    def unfinished(self) -> Iterator[Resource]:
        """Yield the objects that are not finished and not known to be gone."""
        for entry in self._entries.values():
            if not entry.gone and not entry.resource.status.phase.finished:
                yield entry.resource

    def look_at_all(self) -> None:
        """Have everything that is known looked at again, the oldest first."""
        for key, _ in sorted(self._entries.items(), key=lambda each: each[1].resource.created):
            self.queue.add(key)

    def seen(self, resource: Resource) -> None:
        """Take in an object that was listed or watched, and have it looked at if it is news."""
        if self.remember(resource):
            self.queue.add(resource.key)

    def remember(self, resource: Resource) -> bool:
        """Keep `resource` if it is newer than what is known; return whether it was.

        A watch lags behind our own writes, so an older version may arrive after a newer one.
        resourceVersions of one object can be compared as numbers (Kubernetes 1.35 promises it; etcd
        has always done so). That is also why
        finished objects stay until the watch says that they left: an echo would bring an older life
            back.
        """
        entry = self._entries.get(resource.key)
        if entry is None:
            if resource.status.phase.finished:
                return False
            self._entries[resource.key] = Entry(resource)
            return True
        if int(resource.resource_version) <= int(entry.resource.resource_version):
            return False
        entry.resource = resource
        # The watch may have told of our own last write before its answer came: no more will come.
        entry.left = entry.left and resource.status.phase.finished
        return True

    def set_back(self, resource: Resource) -> None:
        """Take an older version for the true one."""
        entry = self._entries.get(resource.key)
        if entry is not None:
            entry.resource, entry.observation, entry.left = resource, None, False

    def observed(self, key: Key, observation: Observation) -> None:
        """Take in a look at Nova."""
        entry = self._entries.get(key)
        if entry is not None and not entry.gone and not entry.resource.status.phase.finished:
            entry.observation, entry.memory.unseen = observation, None
            self.queue.add(key, news=True)

    def unseen(self, key: Key, why: str) -> None:
        """Take in that Nova could not be looked at for a while."""
        entry = self._entries.get(key)
        if entry is not None and not entry.gone:
            entry.memory.unseen = why
            self.queue.add(key)

    def left(self, key: Key) -> None:
        """Take in that an object left the view: finished by our own write, or deleted, or finished
        elsewhere.
        """
        entry = self._entries.get(key)
        if entry is None:
            return
        if entry.gone or entry.resource.status.phase.finished:
            self.drop(key)
        else:
            entry.left = True
            self.queue.add(key)

    def check_against(self, listed: Set[Key]) -> None:
        """Take it that whatever is not in a fresh list of unfinished objects has left."""
        for key in [key for key in self._entries if key not in listed]:
            self.left(key)

    def drop(self, key: Key) -> None:
        """Forget an object."""
        self._entries.pop(key, None)
        self.queue.discard(key)

    def _credentials(self, key: Key) -> tuple[str, str, str] | None:
        """Return whose credentials an object uses; an object that is unknown needs none."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        ref = entry.resource.spec.cloud_credentials_ref
        return (key.namespace, ref.secret_name, ref.cloud_name)
