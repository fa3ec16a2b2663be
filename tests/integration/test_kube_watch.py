"""kopf as the watcher, on a real API server: what arrives, what does not, and no writes."""

import asyncio
import logging
import os
import re
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import kopf
import pytest

from kube_world import create, manifest, new_namespace, until
from local_stack.kubernetes import ControlPlane
from serveractions import handlers, kopf_settings
from serveractions.api.kinds import BY_NAME
from serveractions.api.resource import Resource
from serveractions.api.status import Phase
from serveractions.config import Config
from serveractions.kube.client import Api
from serveractions.kube.pulse import WatchPulse
from serveractions.kube.status import KubeObjects


class Recorder:
    """An inbox that keeps what it was told."""

    def __init__(self) -> None:
        self.seen_bodies: list[Mapping[str, Any]] = []
        self.left_bodies: list[Mapping[str, Any]] = []

    def seen(self, body: Mapping[str, Any]) -> None:
        self.seen_bodies.append(body)

    def left(self, body: Mapping[str, Any]) -> None:
        self.left_bodies.append(body)

    def seen_names(self) -> list[str]:
        return [body["metadata"]["name"] for body in self.seen_bodies]

    def left_names(self) -> list[str]:
        return [body["metadata"]["name"] for body in self.left_bodies]


@pytest.fixture
async def api(kubernetes: ControlPlane) -> AsyncIterator[Api]:
    api = await Api.connect(str(kubernetes.kubeconfig))
    yield api
    await api.close()


@pytest.fixture
def namespace(kubernetes: ControlPlane) -> str:
    return new_namespace(kubernetes)


@asynccontextmanager
async def watching(api: Api, *namespaces: str) -> AsyncIterator[Recorder]:
    """Run kopf as the operator does; at the end it must have stopped without an error."""
    inbox, stop, ready = Recorder(), asyncio.Event(), asyncio.Event()
    config = Config(watch_namespaces=namespaces)
    settings = kopf.OperatorSettings()
    kopf_settings.configure(settings, config)
    logins = handlers.Logins(api.credentials, WatchPulse(clock=monotonic))
    registry = handlers.build_registry(inbox, logins)
    task = asyncio.create_task(
        handlers.watch(
            config=config,
            registry=registry,
            logins=logins,
            settings=settings,
            stop=stop,
            ready=ready,
        )
    )
    async with asyncio.timeout(20):
        await ready.wait()
    yield inbox
    stop.set()
    async with asyncio.timeout(20):
        await task


def writes(kubernetes: ControlPlane) -> int:
    """How many requests to write objects or Events the API server has counted so far."""
    status, text = kubernetes.get("/metrics")
    assert status == 200
    total = 0
    for line in text.splitlines():
        if not line.startswith("apiserver_request_total{"):
            continue
        labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
        ours = labels["group"] == "serveractions.dev" or labels["resource"] == "events"
        if ours and labels["verb"] not in {"GET", "LIST", "WATCH"}:
            total += int(float(line.rsplit(" ", 1)[1]))
    return total


async def test_listed_and_later_objects_of_every_namespace_are_seen(
    api: Api, kubernetes: ControlPlane, namespace: str
) -> None:
    create(kubernetes, manifest(namespace, "listed"))
    async with watching(api) as inbox:
        await until(lambda: "listed" in inbox.seen_names())
        create(kubernetes, manifest(new_namespace(kubernetes), "later"))
        await until(lambda: "later" in inbox.seen_names())
    assert all("spec" in body for body in inbox.seen_bodies)


async def test_only_the_named_namespaces_are_watched(
    api: Api, kubernetes: ControlPlane, namespace: str
) -> None:
    other = new_namespace(kubernetes)
    async with watching(api, namespace) as inbox:
        create(kubernetes, manifest(other, "elsewhere"))
        create(kubernetes, manifest(namespace, "here"))
        await until(lambda: "here" in inbox.seen_names())
    assert "elsewhere" not in inbox.seen_names()


async def test_finished_objects_do_not_arrive_and_finishing_ones_leave(
    api: Api, kubernetes: ControlPlane, namespace: str
) -> None:
    objects = KubeObjects(api=api, namespaces=[namespace])

    async def move(resource: Resource, phase: Phase) -> Resource:
        status = resource.status.model_copy(update={"phase": phase})
        return await objects.write_status(resource, status)

    old, new, _ = create(
        kubernetes,
        manifest(namespace, "old", kind=BY_NAME["ServerNetworkReset"]),
        manifest(namespace, "new"),
        manifest(namespace, "gone"),
    )
    await move(old, Phase.FAILED)
    async with watching(api, namespace) as inbox:
        await until(lambda: {"new", "gone"} <= set(inbox.seen_names()))
        running = await move(new, Phase.RUNNING)
        await until(lambda: inbox.seen_names().count("new") == 2)
        assert inbox.left_names() == []
        finished = await move(running, Phase.SUCCEEDED)
        await until(lambda: "new" in inbox.left_names())
        kubernetes.kubectl("delete", "serverstatereset", "gone", "-n", namespace)
        await until(lambda: "gone" in inbox.left_names())
        await move(finished, Phase.PENDING)  # nobody does so, but the view would tell
        await until(lambda: inbox.seen_names().count("new") == 3)
    assert "old" not in inbox.seen_names()


async def test_watching_writes_nothing(
    api: Api, kubernetes: ControlPlane, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"n{number}" for number in range(20)]
    created = create(kubernetes, *(manifest(namespace, name) for name in names))
    before = writes(kubernetes)
    with caplog.at_level(logging.WARNING, logger="kopf"):
        async with watching(api, namespace) as inbox:
            await until(lambda: set(names) <= set(inbox.seen_names()))
    assert writes(kubernetes) == before
    objects = KubeObjects(api=api, namespaces=[namespace])
    versions = {item.name: item.resource_version for item in await objects.unfinished()}
    assert versions == {item.name: item.resource_version for item in created}
    assert [record.message for record in caplog.records] == []


async def test_stopping_leaves_the_other_tasks_of_the_process_alone(api: Api) -> None:
    async with watching(api):
        younger = asyncio.create_task(asyncio.Event().wait())
    await asyncio.sleep(0)
    assert not younger.done()
    younger.cancel()


async def test_sigterm_means_stop_and_nothing_more(api: Api) -> None:
    stop, ready = asyncio.Event(), asyncio.Event()
    config, settings = Config(), kopf.OperatorSettings()
    kopf_settings.configure(settings, config)
    logins = handlers.Logins(api.credentials, WatchPulse(clock=monotonic))
    registry = handlers.build_registry(Recorder(), logins)
    task = asyncio.create_task(
        handlers.watch(
            config=config,
            registry=registry,
            logins=logins,
            settings=settings,
            stop=stop,
            ready=ready,
        )
    )
    await ready.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(20):
        await task
    assert stop.is_set()


async def test_a_watch_that_is_refused_ends_with_an_error(
    api: Api, kubernetes: ControlPlane, namespace: str
) -> None:
    stop, ready = asyncio.Event(), asyncio.Event()
    config, settings = Config(watch_namespaces=(namespace,)), kopf.OperatorSettings()
    kopf_settings.configure(settings, config)
    settings.networking.error_backoffs = ()
    settings.watching.field_selectors["serveractions.dev", "v1alpha1", "serverbackups"] = "no=thing"
    logins = handlers.Logins(api.credentials, WatchPulse(clock=monotonic))
    registry = handlers.build_registry(Recorder(), logins)
    async with asyncio.timeout(20):
        with pytest.raises(Exception, match="no"):  # whatever kopf raises; it is not swallowed
            await handlers.watch(
                config=config,
                registry=registry,
                logins=logins,
                settings=settings,
                stop=stop,
                ready=ready,
            )
    assert not stop.is_set()


async def test_a_watch_outlives_a_restart_of_the_api_server(
    api: Api, kubernetes: ControlPlane, namespace: str
) -> None:
    async with watching(api, namespace) as inbox:
        create(kubernetes, manifest(namespace, "before"))
        await until(lambda: "before" in inbox.seen_names())
        await asyncio.to_thread(kubernetes.restart_apiserver)
        create(kubernetes, manifest(namespace, "after"))
        await until(lambda: "after" in inbox.seen_names(), seconds=60)
