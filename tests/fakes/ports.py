"""The core's ports in memory: what one process sees of the Kubernetes API, its Leases and a cloud.

The store and Nova behind them are shared by all processes; every call passes the `Faults` of the
process that makes it, so that it can be made to fail, or to be the last one.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from fakes.faults import Faults
from fakes.kube_store import Store
from fakes.nova_model import Nova
from fakes.nova_records import PROJECT
from serveractions.actions.action import Look, NovaRequest
from serveractions.actions.backup_traces import marked
from serveractions.actions.observation import Image, InstanceAction, Migration, Observation, Server
from serveractions.api.kinds import Kind
from serveractions.api.resource import Key, Resource
from serveractions.api.spec import CloudCredentialsRef, ServerRef
from serveractions.api.status import Progress, Status
from serveractions.core.errors import AmbiguousName, Forbidden, NeverSent, NotFound, SecretMissing
from serveractions.core.ports import CloudIdentity, Mark, Reply, Subject

START = datetime(2026, 5, 4, 12, 0, 0, 700_000, tzinfo=UTC)
"""Not a whole second, so that a time that is compared before and after storing it shows."""


class LoopClock:
    """Time as the running (virtual) loop has it."""

    def now(self) -> datetime:
        return START + timedelta(seconds=self.boottime())

    def boottime(self) -> float:
        return asyncio.get_running_loop().time()


class FakeObjects:
    """The custom resources, as one process reaches them."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self._store = store
        self._faults = faults

    async def read(self, key: Key) -> Resource:
        async with self._faults.at("objects.read"):
            return self._store.get(key)

    async def mark(self, resource: Resource, mark: Mark) -> Resource:
        async with self._faults.at("objects.mark"):
            return self._store.mark(resource, mark)

    async def write_status(self, resource: Resource, status: Status) -> Resource:
        async with self._faults.at("objects.write_status"):
            return self._store.write_status(resource, status)

    async def unfinished(self) -> Sequence[Resource]:
        async with self._faults.at("objects.unfinished"):
            return [each for each in self._store.all() if not each.status.phase.finished]

    async def finished(self) -> AsyncIterator[Sequence[Resource]]:
        async with self._faults.at("objects.finished"):
            found = [each for each in self._store.all() if each.status.phase.finished]
        return _pages(found)

    async def of_server(self, kind: Kind, server_id: str) -> Sequence[Resource]:
        async with self._faults.at("objects.of_server"):
            return [
                each
                for each in self._store.all()
                if each.kind is kind
                and each.status.server is not None
                and each.status.server.id == server_id
            ]

    def server_time(self) -> datetime:
        return self._store.time

    async def delete(self, resource: Resource) -> None:
        async with self._faults.at("objects.delete"):
            self._store.delete(resource)


async def _pages(found: Sequence[Resource]) -> AsyncIterator[Sequence[Resource]]:
    for start in range(0, len(found), 2):
        yield found[start : start + 2]


@dataclass(frozen=True, slots=True)
class Event:
    """An Event that was posted."""

    key: Key
    kind: str
    reason: str
    message: str


class FakeEvents:
    """Keeps what is posted, for all processes in one list."""

    def __init__(self, posted: list[Event], faults: Faults) -> None:
        self._posted = posted
        self._faults = faults

    def post(self, resource: Resource, *, kind: str, reason: str, message: str) -> None:
        event = Event(resource.key, kind, reason, message)
        self._faults.reach("events.post", lambda: self._posted.append(event))


class LeaseBoard:
    """Who holds the Lease of every server, since when and until when on the boot clock."""

    def __init__(self) -> None:
        self._holder: str | None = None
        self.since = 0.0
        self.until = float("inf")
        self.renewing = True
        """Whether others see the holder renew it."""

    @property
    def holder(self) -> str | None:
        return self._holder

    @holder.setter
    def holder(self, holder: str | None) -> None:
        if holder != self._holder:
            self._holder, self.since = holder, asyncio.get_running_loop().time()


class FakeLeases:
    """The right to act, as one process sees it. It reads memory only: no crash point of its own."""

    def __init__(self, board: LeaseBoard, identity: str, boottime: Callable[[], float]) -> None:
        self._board = board
        self._identity = identity
        self._boottime = boottime

    @property
    def identity(self) -> str:
        return self._identity

    def remaining(self, server_id: str) -> float:
        if self._board.holder != self._identity:
            return 0.0
        return self._board.until - self._boottime()

    def elsewhere(self, server_id: str) -> bool:
        other = self._board.holder not in (None, self._identity)
        return other and self._board.renewing and self._board.until > self._boottime()

    def held_for(self, server_id: str) -> float:
        return self._boottime() - self._board.since if self.remaining(server_id) > 0 else 0.0


@dataclass
class Account:
    """What a Secret with a clouds.yaml leads to.

    Attributes:
        problem: Raised where the cloud is opened.
        unreadable: Raised by every read of the cloud.
        sees_migrations, sees_actions: Whether the policy lets these credentials list them.
        newest: The highest microversion, where it is not the one of the cloud's release.
        connecting: Seconds until the connection of a write stands.
    """

    user_id: str = "operator-user"
    project_id: str = PROJECT
    endpoint: str = "https://nova.example/v2.1"
    newest: str | None = None
    problem: Exception | None = None
    unreadable: Exception | None = None
    sees_migrations: bool = True
    sees_actions: bool = True
    connecting: float = 0.0


@dataclass
class Vault:
    """The Secrets, by namespace and name."""

    accounts: dict[tuple[str, str], Account] = field(default_factory=dict)
    passwords: dict[tuple[str, str, str], str] = field(default_factory=dict)


class FakeClouds:
    """Opens the cloud that a Secret leads to."""

    def __init__(self, vault: Vault, nova: Nova, faults: Faults) -> None:
        self._vault = vault
        self._nova = nova
        self._faults = faults

    async def open(self, namespace: str, ref: CloudCredentialsRef) -> "FakeCloud":
        async with self._faults.at("clouds.open"):
            account = self._vault.accounts.get((namespace, ref.secret_name))
            if account is None:
                raise SecretMissing(f"there is no Secret {namespace}/{ref.secret_name}")
            if account.problem is not None:
                raise account.problem
        return FakeCloud(account, self._nova, self._faults)

    async def password(self, namespace: str, name: str, key: str) -> str:
        async with self._faults.at("clouds.password"):
            password = self._vault.passwords.get((namespace, name, key))
            if password is None:
                raise SecretMissing(f"there is no key {key} in a Secret {namespace}/{name}")
        return password


class FakeCloud:
    """One Nova as one account."""

    def __init__(self, account: Account, nova: Nova, faults: Faults) -> None:
        self._account = account
        self._nova = nova
        self._faults = faults

    @property
    def identity(self) -> CloudIdentity:
        account = self._account
        return CloudIdentity(
            endpoint=account.endpoint,
            region="RegionOne",
            user_id=account.user_id,
            project_id=account.project_id,
            secret_uid="uid-of-the-secret",
            secret_resource_version="7",
        )

    @property
    def newest(self) -> str:
        return self._account.newest or self._nova.newest

    async def find_server(self, ref: ServerRef) -> tuple[Server, datetime]:
        async with self._faults.at("cloud.find_server"):
            nova = self._readable()
            found = [
                each
                for each in nova.machines.values()
                if (each.id == ref.id if ref.id else each.name == ref.name)
            ]
            if not found:
                raise NotFound(f"no server {ref.id or ref.name}")
            if len(found) > 1:
                raise AmbiguousName(f"{len(found)} servers are named {ref.name}")
            return found[0].seen, nova.time

    async def instance_actions(self, server_id: str) -> Sequence[InstanceAction]:
        async with self._faults.at("cloud.instance_actions"):
            if not self._account.sees_actions:
                raise Forbidden("Policy doesn't allow os_compute_api:os-instance-actions:list")
            nova = self._readable()
            return [each.seen for each in nova.records if each.server_id == server_id]

    async def instance_action(self, server_id: str, request_id: str) -> InstanceAction | None:
        async with self._faults.at("cloud.instance_action"):
            return record_of(self._readable(), server_id, request_id)

    async def migrations(self, server_id: str) -> Sequence[Migration]:
        async with self._faults.at("cloud.migrations"):
            if not self._account.sees_migrations:
                raise Forbidden("Policy doesn't allow os_compute_api:os-migrations:index")
            nova = self._readable()
            return [each.seen for each in nova.moves if each.server_id == server_id]

    async def backups(self, server_id: str, backup_type: str | None = None) -> Sequence[Image]:
        async with self._faults.at("cloud.backups"):
            return self._readable().backups(server_id, backup_type)

    async def delete_image(self, image_id: str) -> None:
        async with self._faults.at("cloud.delete_image"):
            self._readable().images.pop(image_id, None)

    async def send(
        self, request: NovaRequest, *, uid: str, deadline: float, may_send: Callable[[], bool]
    ) -> Reply:
        async with self._faults.at("cloud.send"):
            await asyncio.sleep(self._account.connecting)
            if not may_send():
                raise NeverSent("it may not be sent any more")
            return self._nova.post(request, uid=uid, user_id=self._account.user_id)

    def _readable(self) -> Nova:
        if self._account.unreadable is not None:
            raise self._account.unreadable
        self._nova.catch_up()
        return self._nova


def record_of(nova: Nova, server_id: str, request_id: str) -> InstanceAction | None:
    """Return the record of one request."""
    for each in nova.records:
        if (each.server_id, each.request_id) == (server_id, request_id):
            return each.seen
    return None


class FakePoller:
    """Notes what it is told to follow, and looks at Nova when asked or at intervals.

    Attributes:
        following: What it follows now.
        follows: Every subject that it was given, in order.
        forgotten: Every key that it was told to forget.
        blind: Whether Nova cannot be read: then nothing is delivered.
    """

    def __init__(
        self,
        *,
        vault: Vault,
        nova: Nova,
        faults: Faults,
        deliver: Callable[[Key, Observation], None],
    ) -> None:
        self._vault = vault
        self._nova = nova
        self._faults = faults
        self._deliver = deliver
        self._seen: dict[Key, tuple[Observation, float]] = {}
        self.following: dict[Key, Subject] = {}
        self._begun = asyncio.Event()
        self.follows: list[Subject] = []
        self.forgotten: list[Key] = []
        self.blind = False

    def follow(self, subject: Subject) -> None:
        def note() -> None:
            self.following[subject.key] = subject
            self._begun.set()
            self.follows.append(subject)

        self._faults.reach("poller.follow", note)

    def forget(self, key: Key) -> None:
        def note() -> None:
            if self.following.pop(key, None) is not None:
                self.forgotten.append(key)

        self._faults.reach("poller.forget", note)

    async def poll(self, interval: float) -> None:
        """Look at everything that is followed, for ever."""
        while True:
            if not self.following:
                self._begun.clear()
                await self._begun.wait()
            await asyncio.sleep(interval)
            for key in tuple(self.following):
                self.look(key)

    def look(self, key: Key) -> None:
        """Deliver one observation of an object that is followed."""
        if self.blind or self._faults.dead:
            return
        observation = self.observe(self.following[key])
        now = asyncio.get_running_loop().time()
        before, since = self._seen.get(key, (None, now))
        if before != observation:
            since = now
        self._seen[key] = (observation, since)
        self._deliver(key, _timed(observation, self._nova.time, now - since))

    def observe(self, subject: Subject) -> Observation:
        """Return what Nova and Glance show of a subject now."""
        nova = self._nova
        nova.catch_up()
        machine = nova.machines.get(subject.server_id)
        account = self._vault.accounts.get(
            (subject.namespace, subject.credentials.secret_name), Account()
        )
        moves = None
        if Look.MIGRATIONS in subject.looks and account.sees_migrations:
            moves = tuple(each.seen for each in nova.moves if each.server_id == subject.server_id)
        action = None
        if Look.ACTION in subject.looks and subject.request_id is not None:
            action = record_of(nova, subject.server_id, subject.request_id)
        progress = None
        if Look.PROGRESS in subject.looks and machine is not None and machine.progress is not None:
            progress = Progress(percent=machine.progress, memory_total_bytes=1000)
        image, backups = None, None
        if Look.IMAGE in subject.looks and subject.backup_type:
            listed = nova.backups(subject.server_id, subject.backup_type)
            marks = (each.id for each in listed if marked(each, subject.key.uid))
            image = nova.images.get(subject.image_id or next(marks, ""))
            backups = tuple(each.id for each in listed)
        return Observation(
            server=machine.seen if machine is not None else None,
            nova_time=START,
            action=action,
            migrations=moves,
            progress=progress,
            image=image,
            image_gone=subject.image_id is not None and backups is not None and image is None,
            backups=backups,
        )


def _timed(observation: Observation, nova_time: datetime, quiet: float) -> Observation:
    return Observation(
        server=observation.server,
        nova_time=nova_time,
        action=observation.action,
        migrations=observation.migrations,
        progress=observation.progress,
        image=observation.image,
        image_gone=observation.image_gone,
        backups=observation.backups,
        quiet_seconds=quiet,
    )


__all__ = [
    "START",
    "Account",
    "Event",
    "FakeCloud",
    "FakeClouds",
    "FakeEvents",
    "FakeLeases",
    "FakeObjects",
    "FakePoller",
    "LeaseBoard",
    "LoopClock",
    "Vault",
]
