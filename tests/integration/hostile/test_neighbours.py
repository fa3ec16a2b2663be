"""A cloud that lets everybody wait is no reason for the objects of another one to wait."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from fakes.faults import Faults
from fakes.kube_store import Store
from fakes.ports import FakeEvents, FakeLeases, FakeObjects, LeaseBoard, LoopClock
from fakes.world import BOUNDS, PROGRESS, RETRY, manifest
from serveractions.api.resource import Key
from serveractions.cloud.connections import Connections
from serveractions.cloud.poller import SharedPoller
from serveractions.config import Config
from serveractions.core.engine import Engine, Ports, Timing
from serveractions.core.inbox import Inbox
from unit.cloud.openstack import SERVER, OpenStack, cloud, server
from unit.cloud.test_connections import Kube, clouds_yaml

pytestmark = [
    pytest.mark.timeout(60),
    # openstacksdk 4.22 uses its own deprecated argument (proxy.py).
    pytest.mark.filterwarnings("ignore:The 'service_type' parameter"),
]

MANY = 60
WORKERS = 4
SECONDS = 1.0
"""What one look at the silent cloud costs. All of them would cost 15 s of all workers."""
SOON = 4.0
"""Seconds in which the other cloud's object is sent, on a machine with other things to do."""
ANSWER = f"/compute/v2.1/servers/{SERVER}"


class Scene:
    """One operator, its objects in memory, and two clouds over HTTP."""

    def __init__(self, silent: OpenStack, well: OpenStack) -> None:
        kube, clock = Kube(), LoopClock()
        kube.put(clouds_yaml(silent.url), namespace="silent")
        kube.put(clouds_yaml(well.url), namespace="well")
        config = Config(read_timeout=SECONDS)
        self.store = Store(clock.now)
        self._connections = Connections(config=config, secrets=kube)
        inbox, board, faults = Inbox(), LeaseBoard(), Faults()
        board.holder = "first"
        self._poller = SharedPoller(
            open_cloud=self._connections.open, deliver=inbox.observed, config=config
        )
        self._engine = Engine(
            inbox=inbox,
            ports=Ports(
                objects=FakeObjects(self.store, faults),
                events=FakeEvents([], faults),
                leases=FakeLeases(board, "first", clock.boottime),
                clouds=self._connections,
                poller=self._poller,
                clock=clock,
            ),
            timing=Timing(
                bounds=BOUNDS,
                retry_interval=RETRY,
                progress_interval=PROGRESS,
                sweep_interval=60.0,
                relist_interval=300.0,
            ),
            workers=WORKERS,
        )

    def create(self, namespace: str, name: str) -> Key:
        spec = manifest("ServerStateReset") | {
            "cloudCredentialsRef": {"secretName": "openstack", "cloudName": "it"},
            "serverRef": {"id": SERVER},
        }
        return self.store.create("ServerStateReset", name, spec, namespace=namespace)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self.store.watchers.append(self._engine)
        await self._engine.learn()
        self._engine.start()
        polling = asyncio.create_task(self._poller.run())
        try:
            yield
        finally:
            polling.cancel()
            await self._engine.stop(0.1)
            await self._connections.close()
            await asyncio.gather(polling, return_exceptions=True)


async def test_many_objects_of_a_silent_cloud_do_not_hold_up_those_of_another() -> None:
    async with cloud() as silent, cloud() as well:
        over, busy = asyncio.Event(), asyncio.Semaphore(0)

        async def never(_: web.Request) -> web.Response:
            busy.release()
            await over.wait()
            return web.Response()

        silent.answers[ANSWER] = never
        well.answers[ANSWER] = lambda _: {"server": server()}
        well.answers[f"{ANSWER}/os-instance-actions"] = lambda _: {"instanceActions": []}
        well.answers[f"{ANSWER}/action"] = lambda _: web.Response(status=202)
        scene = Scene(silent, well)
        for number in range(MANY):
            scene.create("silent", f"object-{number}")
        async with contextlib.AsyncExitStack() as ending:
            ending.callback(over.set)
            await ending.enter_async_context(scene.running())
            async with asyncio.timeout(SOON):
                for _ in range(WORKERS):  # every worker is busy with one of them
                    await busy.acquire()
            begun = asyncio.get_running_loop().time()
            key = scene.create("well", "object")
            async with asyncio.timeout(SOON):
                while scene.store.get(key).status.issued_time is None:
                    scene.store.changed.clear()
                    await scene.store.changed.wait()
            assert asyncio.get_running_loop().time() - begun < SOON
            assert [one for one in well.asked if one.path.endswith("/action")]
