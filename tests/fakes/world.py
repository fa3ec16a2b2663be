"""A whole world for the core: one Kubernetes, one Nova, and as many operator processes as a test
starts, kills and stops. All of it runs on the virtual loop.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from fakes.faults import Faults, Killed, Point
from fakes.kube_store import Store
from fakes.nova_model import Nova
from fakes.nova_records import SERVER_ID, Machine
from fakes.ports import (
    Account,
    Event,
    FakeClouds,
    FakeEvents,
    FakeLeases,
    FakeObjects,
    FakePoller,
    LeaseBoard,
    LoopClock,
    Vault,
)
from serveractions.api.resource import Key, Resource
from serveractions.api.status import Status
from serveractions.core.engine import Engine, Ports, Timing
from serveractions.core.inbox import Inbox
from serveractions.core.issue import Bounds
from serveractions.core.ports import Telemetry, Uncounted
from serveractions.core.rooms import Limits

BOUNDS = Bounds(claim_bound=30.0, post_deadline=60.0, proxy_lifetime=60.0, recovery_deadline=3600.0)
RETRY = 5.0
PROGRESS = 10.0
POLL = 1.0
LEASE_DURATION = 30.0

OWN: dict[str, dict[str, Any]] = {
    "ServerBackup": {"backupType": "daily", "rotation": 2},
    "ServerMigration": {},
    "ServerLiveMigration": {},
    "ServerStateReset": {"state": "Active"},
    "ServerPasswordChange": {"passwordSecretRef": {"name": "web-1-password", "key": "password"}},
    "ServerNetworkReset": {},
    "ServerNetworkInjection": {},
}
"""What each kind needs in its spec."""

RELEASES = {"ServerNetworkReset": 22}
"""The newest Nova that takes the action of a kind, where it is not the newest of all."""


class Process:
    """One operator process: an engine over the fake ports."""

    def __init__(self, world: "World", identity: str, *, poll: float | None) -> None:
        self.world = world
        self.faults = Faults(on_death=self._died)
        self.killed = asyncio.Event()
        inbox = Inbox()
        self.poller = FakePoller(
            vault=world.vault, nova=world.nova, faults=self.faults, deliver=inbox.observed
        )
        self.leases = FakeLeases(world.leases, identity, world.clock.boottime)
        self.engine = Engine(
            inbox=inbox,
            ports=Ports(
                objects=FakeObjects(world.store, self.faults),
                events=FakeEvents(world.events, self.faults),
                leases=self.leases,
                clouds=FakeClouds(world.vault, world.nova, self.faults),
                poller=self.poller,
                clock=world.clock,
                telemetry=world.telemetry,
            ),
            timing=Timing(
                bounds=world.bounds,
                retry_interval=RETRY,
                progress_interval=PROGRESS,
                sweep_interval=60.0,
                relist_interval=300.0,
                limits=world.limits,
            ),
            workers=4,
        )
        self._identity = identity
        self._poll = poll
        self._tasks: list[asyncio.Task[Any]] = []

    async def start(self) -> None:
        """Take the Lease, learn what is there, and work."""
        self.world.leases.holder = self._identity
        self.world.store.watchers.append(self.engine)
        if self._poll is not None:
            self._tasks.append(asyncio.create_task(self.poller.poll(self._poll)))
        with contextlib.suppress(Killed):
            await self.engine.learn()
            self.engine.start()
            self._tasks += self.engine.workers._tasks

    def kill(self) -> None:
        """End it as SIGKILL does."""
        self.faults.die()

    async def bury(self) -> None:
        """Clean up after its death."""
        self.faults.dead = True
        self._died()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self, grace: float = 75.0) -> None:
        """End it as SIGTERM does."""
        await self.engine.stop(grace)
        self._died()

    def _died(self) -> None:
        self.killed.set()
        if self.engine in self.world.store.watchers:
            self.world.store.watchers.remove(self.engine)


class World:
    """Everything outside the processes."""

    def __init__(self) -> None:
        self.clock = LoopClock()
        self.store = Store(self.clock.now)
        self.nova = Nova(self.clock.now)
        self.leases = LeaseBoard()
        self.bounds = BOUNDS
        self.limits = Limits()
        self.telemetry: Telemetry = Uncounted()
        self.vault = Vault(
            accounts={("default", "openstack"): Account()},
            passwords={("default", "web-1-password", "password"): "s3cret"},
        )
        self.events: list[Event] = []
        self.processes: list[Process] = []

    @property
    def account(self) -> Account:
        """What the objects' own Secret leads to."""
        return self.vault.accounts["default", "openstack"]

    @property
    def machine(self) -> Machine:
        """The server that all objects act on."""
        return self.nova.machines[SERVER_ID]

    def create(
        self,
        kind: str,
        name: str = "one",
        *,
        annotations: dict[str, str] | None = None,
        labels: dict[str, str] | None = None,
        **spec: Any,
    ) -> Key:
        """Apply an object; its spec in camelCase, as in a manifest."""
        return self.store.create(
            kind, name, manifest(kind, **spec), annotations=annotations, labels=labels
        )

    async def process(
        self,
        identity: str = "first",
        *,
        poll: float | None = POLL,
        hurt_at: Point | None = None,
        hurt: Callable[[Faults], None] | None = None,
        prepare: Callable[[Faults], None] | None = None,
    ) -> Process:
        """Start an operator process.

        Args:
            identity: As it signs Leases and intents.
            poll: How often its poller looks; None for only when the test says so.
            hurt_at: Where something happens to it.
            hurt: What happens there; that it dies, if nothing else is said.
            prepare: Plans its mishaps.
        """
        process = Process(self, identity, poll=poll)
        process.faults.hurt_at, process.faults.hurt = hurt_at, hurt
        if prepare is not None:
            prepare(process.faults)
        self.processes.append(process)
        await process.start()
        return process

    async def close(self) -> None:
        """End all processes."""
        for process in self.processes:
            await process.bury()

    def resource(self, key: Key) -> Resource:
        """Return an object as it is stored."""
        return self.store.get(key)

    def status(self, key: Key) -> Status:
        """Return its status."""
        return self.store.get(key).status

    async def until(self, holds: Callable[[], bool], within: float = 600.0) -> None:
        """Wait until something holds that depends on what is stored."""
        async with asyncio.timeout(within):
            while not holds():
                self.store.changed.clear()
                await self.store.changed.wait()

    async def until_phase(self, key: Key, *phases: str, within: float = 600.0) -> Status:
        """Wait until an object is in one of the phases; return its status."""
        try:
            await self.until(lambda: self.status(key).phase in phases, within)
        except TimeoutError:
            status = self.status(key)
            raise AssertionError(f"{key} stays {status.phase}: {status.message}") from None
        return self.status(key)

    async def until_reason(self, key: Key, reason: str, within: float = 600.0) -> Status:
        """Wait until an object gives a reason; return its status."""
        try:
            await self.until(lambda: self.status(key).reason == reason, within)
        except TimeoutError:
            status = self.status(key)
            raise AssertionError(f"{key} stays {status.reason}: {status.message}") from None
        return self.status(key)

    async def until_finished(self, key: Key, within: float = 600.0) -> Status:
        """Wait for the end of an object; return its status."""
        return await self.until_phase(key, "Succeeded", "Failed", "Cancelled", within=within)

    def sent(self, key: Key, name: str | None = None) -> int:
        """Return how often Nova accepted an action, the object's own by default, for an object."""
        action = name or self.resource(key).kind.action
        return self.nova.times(key.uid, action)

    def told(self, key: Key) -> list[str]:
        """Return the reasons of the Events on an object."""
        return [event.reason for event in self.events if event.key == key]


def manifest(kind: str, **spec: Any) -> dict[str, Any]:
    """Return a spec for the one server."""
    common = {
        "cloudCredentialsRef": {"secretName": "openstack", "cloudName": "admin"},
        "serverRef": {"id": SERVER_ID},
    }
    return common | OWN[kind] | spec


@contextlib.asynccontextmanager
async def a_world() -> AsyncIterator[World]:
    """Make a world and end its processes."""
    world = World()
    try:
        yield world
    finally:
        await world.close()
