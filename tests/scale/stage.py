"""What every part of the benchmark shares: the world that it runs in, and how it is measured.

The cloud is the fake one, as a process of its own, with the latencies of the real one. Whether it
could be what limits a figure is measured each time: how many requests it can answer in a second.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import yaml

import assembled
from assembled import Assembled, FakeCloud
from audit import Audit
from local_stack.kubernetes import ControlPlane
from scale import machine, tally
from serveractions.api.kinds import Kind

LATENCIES = {"read-latency": "0.028", "write-latency": "0.041"}
"""Of a real Nova, with one request at a time."""
QUIET = {"log-level": "info"}
"""As it is installed; other tests have it print more."""
HAMMERS = 64
HAMMERED = 1.0
"""Requests under way at once, and seconds, while the cloud's ceiling is measured."""
PATIENCE = 600.0
POLL = 1.0
"""A look at thousands of objects costs the API server 50 ms and more, and no figure hangs on it."""

Say = Callable[[str], None]


@dataclass
class Meter:
    """Processor time of several processes between two moments."""

    pids: Mapping[str, int]
    begun: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.begun = self._read()

    def spent(self) -> dict[str, float]:
        """Return the seconds that each has used since the beginning."""
        return {name: round(now - self.begun[name], 2) for name, now in self._read().items()}

    def _read(self) -> dict[str, float]:
        return {name: machine.cpu_seconds(pid) for name, pid in self.pids.items()}


@dataclass(frozen=True)
class Stage:
    """A control plane for all parts."""

    kubernetes: ControlPlane
    audit: Audit
    say: Say

    @contextmanager
    def world(self, name: str, *, migration: float = 60.0) -> Iterator[Assembled]:
        """Prepare a namespace and a cloud, without an operator.

        Args:
            name: Of the processes' logs.
            migration: Seconds that a live migration takes.
        """
        pace = {**LATENCIES, "live-migration": str(migration)}
        with assembled.prepared(self.kubernetes, name=name, settings=QUIET, pace=pace) as world:
            yield world

    def meter(self, world: Assembled, **others: int) -> Meter:
        """Begin to measure the processor time of everything that takes part."""
        supervisor = self.kubernetes.supervisor
        pids = {
            "cloud": supervisor.pid(f"{world.name}-cloud"),
            "kube_apiserver": supervisor.pid("kube-apiserver"),
            "etcd": supervisor.pid("etcd"),
            "bench": os.getpid(),
        }
        return Meter(pids | others)

    def until_none(self, world: Assembled, kind: Kind, phases: tuple[str, ...], what: str) -> None:
        """Wait until no object of a kind is outside these phases; asks for one object at a time."""
        selector = ",".join(f"status.phase!={phase}" for phase in phases)
        query = {"fieldSelector": selector, "limit": "1"}
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = world.session.get(world.path(kind), params=query, timeout=30)
            answer.raise_for_status()
            if not answer.json()["items"]:
                return
            self.kubernetes.supervisor.check()
            if time.monotonic() > deadline:
                left = answer.json()["items"][0]
                raise TimeoutError(f"{what}: not within {PATIENCE:g} s, such as {left}")
            time.sleep(POLL)

    def ceiling(self, cloud: FakeCloud) -> int:
        """Return how many reads of a server the cloud answers in a second, at least."""
        (server,) = cloud.boot("ceiling")
        return asyncio.run(_hammer(yaml.safe_load(cloud.clouds_yaml()), server))


async def _hammer(clouds: Mapping[str, Any], server: str) -> int:
    auth = clouds["clouds"]["admin"]["auth"]
    user = {
        "name": auth["username"],
        "domain": {"id": "default"},
        "password": auth["password"],
    }
    scope = {"project": {"name": auth["project_name"], "domain": {"id": "default"}}}
    order = {
        "auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}
    }
    connector = aiohttp.TCPConnector(limit=HAMMERS)
    async with aiohttp.ClientSession(connector=connector, trust_env=False) as client:
        async with client.post(f"{auth['auth_url']}/auth/tokens", json=order) as answer:
            token = answer.headers["X-Subject-Token"]
            catalogue = (await answer.json())["token"]["catalog"]
        (nova,) = [each for each in catalogue if each["type"] == "compute"]
        url = f"{nova['endpoints'][0]['url']}/servers/{server}"
        end = time.monotonic() + HAMMERED
        done = await asyncio.gather(*(_reads(client, url, token, end) for _ in range(HAMMERS)))
    return round(sum(done) / HAMMERED)


async def _reads(client: aiohttp.ClientSession, url: str, token: str, end: float) -> int:
    count = 0
    while time.monotonic() < end:
        async with client.get(url, headers={"X-Auth-Token": token}) as answer:
            await answer.read()
        count += 1
    return count


def busiest(journal: Mapping[str, Any]) -> int:
    """Return the requests of the busiest second, beside the ceiling."""
    return tally.peak(journal["entries"])
