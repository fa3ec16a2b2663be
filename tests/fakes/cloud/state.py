"""The cloud: its records, its clocks, and what takes time in it.

Everything that takes time in a real cloud is a course: a generator that yields how many seconds it
wants to wait. Due steps are taken before anything is read, with the clock set to the moment at
which each was due. So time needs no task, and a test may bring a clock of its own. A course may be
woken early at any time (an order has changed, a request wants it to end): each waits in a loop for
what it really waits for.
"""

import heapq
import itertools
import time
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from fakes.cloud.driver import Driver
from fakes.cloud.records import Action, Image, Migration, Server, User

Steps = Generator[float, None, None]
"""Yields the seconds to wait."""

CONTROLLER = "controller"
"""Where API, conductor and scheduler run."""
FOREVER = 1e9
_IMAGE = "70a599e0-31e7-49b7-b260-868f441e862b"


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
    rpc_timeout: float = 60.0
    """How long the API waits for a compute host that has to answer and is gone."""


@dataclass(eq=False)
class Course:
    """Something on its way."""

    steps: Steps
    server_id: str
    host: str = CONTROLLER
    """Where it is being done just now: with that process it is lost."""


@dataclass
class Conditions:
    """What is not as it should be, until somebody changes it back."""

    skew: timedelta = timedelta()
    """How far Nova's clock is ahead of the true time."""
    down: set[str] = field(default_factory=set)
    """Compute hosts that Nova knows to be down."""
    gone: set[str] = field(default_factory=set)
    """Compute hosts where nova-compute does not run; what is asked of them waits."""
    unseen: set[str] = field(default_factory=set)
    """Servers whose cell does not answer."""
    lag: dict[str, timedelta] = field(default_factory=dict)
    """How late records appear: `actions`, `migrations`, `images`."""
    confirm_window: float = 0.0
    """Nova's resize_confirm_window in seconds; 0: never."""
    races: dict[str, int] = field(default_factory=dict)
    """How many of the next actions of a server find that another came between."""


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
        self.conditions = Conditions()
        self.driver = Driver(changed=self.wake)
        self.time = self._wall()
        self.current: Course | None = None
        self._steps: list[tuple[datetime, int, Course]] = []
        self._numbers = itertools.count(1)
        self._order = itertools.count()

    @property
    def now(self) -> datetime:
        """Nova's clock as its records have it: MySQL keeps whole seconds."""
        return (self.time + self.conditions.skew).replace(microsecond=0)

    def settle(self) -> None:
        """Take all steps that are due, each at its own moment, then set the clock to now."""
        wall = self._wall()
        while self._steps and self._steps[0][0] <= wall:
            due, _, course = heapq.heappop(self._steps)
            self.time = max(self.time, due)
            self._resume(course)
        self.time = wall

    def begin(self, steps: Steps, server: Server) -> Course:
        """Let something take its course."""
        course = Course(steps, server.id)
        self._resume(course)
        return course

    def wake(self, server_id: str | None = None) -> None:
        """Have the courses of a server, or all, look whether they still have to wait."""
        waiting = [step for step in sorted(self._steps) if server_id in (None, step[2].server_id)]
        for step in waiting:
            if step in self._steps:  # one course may end another
                self._steps.remove(step)
                heapq.heapify(self._steps)
                self._resume(step[2])

    def lose(self, host: str | None = None) -> None:
        """Forget what is being done on a host, or everywhere: its process is gone."""
        self._steps = [step for step in self._steps if host not in (None, step[2].host)]
        heapq.heapify(self._steps)

    def add_user(self, name: str, *, password: str, project: str, role: str) -> User:
        """Make an account; its ids follow from the names, so that a restart gives the same."""
        user = User(_hex(f"user {name}"), name, password, _hex(f"project {project}"), project, role)
        self.users[name] = user
        return user

    def add_server(
        self,
        name: str,
        *,
        owner: User,
        host: str | None = None,
        only_host: str | None = None,
        volume_backed: bool = False,
    ) -> Server:
        """Boot a server, which is ACTIVE at once."""
        server = Server(
            id=str(uuid.uuid4()),
            name=name,
            project_id=owner.project_id,
            user_id=owner.id,
            host=host or only_host or self.hosts[len(self.servers) % len(self.hosts)],
            created=self.now,
            updated=self.now,
            image_id=None if volume_backed else _IMAGE,
            only_host=only_host,
        )
        self.servers[server.id] = server
        self.record("create", server, request_id=new_request_id(), user=owner)
        return server

    def record(self, name: str, server: Server, *, request_id: str, user: User | None) -> Action:
        """Note the start of an action; what Nova does by itself has no user."""
        action = Action(
            name=name,
            server_id=server.id,
            request_id=request_id,
            user_id=user.id if user else None,
            project_id=user.project_id if user else None,
            start=self.now,
            updated=self.now,
            born=self.time,
        )
        self.actions.setdefault(server.id, []).append(action)
        return action

    def migration(self, type_: str, server: Server, user: User, *, dest: str | None) -> Migration:
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
            born=self.time,
        )
        self.migrations.append(migration)
        return migration

    def candidates(self, server: Server, wanted: str | None) -> list[str]:
        """Return the hosts where the scheduler would put a server, the best first."""
        place = self.hosts.index(server.host)
        others = [*self.hosts[place + 1 :], *self.hosts[:place]]
        return [
            host
            for host in others
            if host not in self.conditions.down
            and wanted in (None, host)
            and server.only_host in (None, host)
        ]

    def newest_migration(self, server: Server) -> Migration | None:
        """Return the newest migration of a server."""
        return next((one for one in reversed(self.migrations) if one.server_id == server.id), None)

    def hidden(self, kind: str, born: datetime) -> bool:
        """Say whether a record is too young for the replica that answers."""
        return self.time < born + self.conditions.lag.get(kind, timedelta())

    def _resume(self, course: Course) -> None:
        outer, self.current = self.current, course
        seconds = next(course.steps, None)
        self.current = outer
        if seconds is not None:
            due = self.time + timedelta(seconds=min(seconds, FOREVER))
            heapq.heappush(self._steps, (due, next(self._order), course))

    def _wall(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def new_request_id() -> str:
    """Return an id as oslo.middleware makes them."""
    return f"req-{uuid.uuid4()}"


def _hex(name: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, name).hex
