"""What this cloud has on record: accounts, servers, migrations, instance actions, images.

Plain records in memory. Everything that takes time in a real cloud is a generator that yields how
many seconds the next step is away; due steps are taken before anything is read, with the clock
set to the moment at which each was due. So time needs no task, and a test may bring a clock of its
own.
"""

import heapq
import itertools
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

Course = Iterator[float]
"""Something that takes time; yields the seconds until it goes on."""

STATUSES: dict[tuple[str, str | None], str] = {
    ("active", None): "ACTIVE",
    ("active", "updating_password"): "PASSWORD",
    ("active", "migrating"): "MIGRATING",
    ("paused", "migrating"): "MIGRATING",
    ("stopped", None): "SHUTOFF",
    ("resized", None): "VERIFY_RESIZE",
    ("resized", "resize_reverting"): "REVERT_RESIZE",
    ("paused", None): "PAUSED",
    ("suspended", None): "SUSPENDED",
    ("rescued", None): "RESCUE",
    ("error", None): "ERROR",
    ("building", None): "BUILD",
} | {
    (state, f"resize_{step}"): "RESIZE"
    for state in ("active", "stopped")
    for step in ("prep", "migrating", "migrated", "finish")
}
"""The status that Nova shows; a task that is not listed does not change it
(nova/api/openstack/common.py)."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long things take, in seconds."""

    live_migration: float = 2.0
    cold_migration: float = 1.0
    confirm: float = 0.3
    backup: float = 1.0
    password: float = 0.0
    queued: float = 0.05
    """Between the answer to a request and the first thing that a compute host does."""


@dataclass(frozen=True)
class User:
    """An account, and its one role in one project."""

    id: str
    name: str
    password: str
    project_id: str
    project: str
    role: str


@dataclass
class Server:
    """A server."""

    id: str
    name: str
    project_id: str
    user_id: str
    host: str
    created: datetime
    updated: datetime
    image_id: str | None
    """None for one that boots from a volume."""
    vm_state: str = "active"
    task_state: str | None = None
    locked: bool = False
    progress: int = 0
    fault: str | None = None
    password: str | None = None
    old_state: str = "active"
    """What a cold migration brings it back to."""

    @property
    def status(self) -> str:
        """The status that the API shows."""
        known = STATUSES.get((self.vm_state, self.task_state))
        return known or STATUSES.get((self.vm_state, None), "UNKNOWN")


@dataclass
class Event:
    """A part of an instance action."""

    name: str
    host: str
    start: datetime
    finish: datetime | None = None
    result: str | None = None
    details: str | None = None


@dataclass
class Action:
    """An instance action: Nova's record of a request."""

    name: str
    server_id: str
    request_id: str
    user_id: str
    project_id: str
    start: datetime
    updated: datetime
    message: str | None = None
    events: list[Event] = field(default_factory=list)


@dataclass
class Migration:
    """A cold or live migration."""

    id: int
    uuid: str
    type: str
    server_id: str
    user_id: str
    project_id: str
    source: str
    dest: str | None
    status: str
    created: datetime
    updated: datetime
    began: datetime | None = None
    """When the transfer of memory did."""
    wish: str | None = None
    """What a request wants of it: `abort` or `force`."""


@dataclass
class Image:
    """An image in Glance."""

    id: str
    name: str
    owner: str
    created: datetime
    updated: datetime
    status: str = "queued"
    size: int | None = None
    properties: dict[str, str] = field(default_factory=dict)


class Cloud:
    """All records of one cloud."""

    def __init__(
        self,
        *,
        pace: Pace | None = None,
        hosts: tuple[str, ...] = ("host1", "host2", "host3"),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make a cloud with hosts and nothing on them.

        Args:
            pace: How long things take.
            hosts: The compute hosts.
            clock: Seconds since the epoch.
        """
        self.pace = pace or Pace()
        self.hosts = hosts
        self._clock = clock
        self.users: dict[str, User] = {}
        self.servers: dict[str, Server] = {}
        self.images: dict[str, Image] = {}
        self.actions: dict[str, list[Action]] = {}
        self.migrations: list[Migration] = []
        self.courses: dict[str, Course] = {}
        """The newest live migration of each server, which a request may end early."""
        self.now = self._wall()
        self._steps: list[tuple[datetime, int, Course]] = []
        self._numbers = itertools.count(1)
        self._order = itertools.count()

    def settle(self) -> None:
        """Take all steps that are due, each at its own moment, then set the clock to now."""
        wall = self._wall()
        while self._steps and self._steps[0][0] <= wall:
            self.now, _, course = heapq.heappop(self._steps)
            self._resume(course)
        self.now = wall

    def begin(self, course: Course) -> Course:
        """Let something take its course; return it, for `hasten`."""
        self._resume(course)
        return course

    def hasten(self, course: Course) -> None:
        """Have a course go on at once, whatever it waits for."""
        self._steps = [step for step in self._steps if step[2] is not course]
        heapq.heapify(self._steps)
        self._resume(course)

    def add_user(self, name: str, *, password: str, project: str, role: str) -> User:
        """Make an account; its ids follow from the names, so that a restart gives the same."""
        user = User(_hex(f"user {name}"), name, password, _hex(f"project {project}"), project, role)
        self.users[name] = user
        return user

    def add_server(
        self, name: str, *, owner: User, host: str | None = None, volume_backed: bool = False
    ) -> Server:
        """Boot a server, which is ACTIVE at once."""
        server = Server(
            id=str(uuid.uuid4()),
            name=name,
            project_id=owner.project_id,
            user_id=owner.id,
            host=host or self.hosts[len(self.servers) % len(self.hosts)],
            created=self.now,
            updated=self.now,
            image_id=None if volume_backed else "70a599e0-31e7-49b7-b260-868f441e862b",
        )
        self.servers[server.id] = server
        self.record("create", server, request_id=new_request_id(), user=owner)
        return server

    def record(self, name: str, server: Server, *, request_id: str, user: User) -> Action:
        """Note the start of an action."""
        action = Action(
            name, server.id, request_id, user.id, user.project_id, start=self.now, updated=self.now
        )
        self.actions.setdefault(server.id, []).append(action)
        return action

    def migration(self, type_: str, server: Server, user: User, *, dest: str) -> Migration:
        """Make the record of a migration."""
        migration = Migration(
            id=next(self._numbers),
            uuid=str(uuid.uuid4()),
            type=type_,
            server_id=server.id,
            user_id=user.id,
            project_id=user.project_id,
            source=server.host,
            dest=dest,
            status="accepted" if type_ == "live-migration" else "pre-migrating",
            created=self.now,
            updated=self.now,
        )
        self.migrations.append(migration)
        return migration

    def other_host(self, server: Server) -> str:
        """Return where the scheduler would put the server."""
        place = self.hosts.index(server.host)
        return self.hosts[(place + 1) % len(self.hosts)]

    def newest_migration(self, server: Server) -> Migration | None:
        """Return the newest migration of a server."""
        return next((one for one in reversed(self.migrations) if one.server_id == server.id), None)

    def _resume(self, course: Course) -> None:
        seconds = next(course, None)
        if seconds is not None:
            due = self.now + timedelta(seconds=seconds)
            heapq.heappush(self._steps, (due, next(self._order), course))

    def _wall(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def new_request_id() -> str:
    """Return an id as oslo.middleware makes them."""
    return f"req-{uuid.uuid4()}"


def _hex(name: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, name).hex
