"""The probes: what they answer, and to whom."""

import asyncio
import threading
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
import requests

from serveractions import kopf_settings
from serveractions.config import Config
from serveractions.health import LOOK, STUCK, Check, Health, at_most, liveness, readiness
from serveractions.kube import paths
from serveractions.metrics import Metrics


class Wheel:
    """Something that has not turned for a while."""

    idle = 0.0


@pytest.fixture
def wheel() -> Wheel:
    return Wheel()


@pytest.fixture
async def url(wheel: Wheel) -> AsyncIterator[str]:
    health = Health(
        live={"wheel": at_most(120, lambda: wheel.idle, "no turn for {:.0f} s")},
        ready={"first": lambda: None, "second": lambda: "not yet"},
        metrics=Metrics(),
    )
    port = await health.start("127.0.0.1", 0)
    yield f"http://127.0.0.1:{port}"
    await health.stop()


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def test_a_process_whose_wheels_turn_lives(url: str, wheel: Wheel) -> None:
    wheel.idle = 120.0
    assert await get(f"{url}/livez") == (200, "ok\n")


async def test_a_stuck_part_is_named_and_fails_the_probe(url: str, wheel: Wheel) -> None:
    wheel.idle = 130.4
    assert await get(f"{url}/livez") == (500, "wheel: no turn for 130 s\n")


async def test_readiness_says_what_is_missing(url: str) -> None:
    assert await get(f"{url}/readyz") == (500, "second: not yet\n")


async def test_metrics_are_served(url: str) -> None:
    status, text = await get(f"{url}/metrics")
    assert status == 200
    assert "serveractions_event_loop_lag_seconds_count 0.0" in text


def test_an_event_loop_that_stands_still_answers_no_probe() -> None:
    loop, stands, goes_on = asyncio.new_event_loop(), threading.Event(), threading.Event()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def stand_still() -> None:
        stands.set()
        goes_on.wait()

    health = Health(live={}, ready={}, metrics=Metrics())
    port = asyncio.run_coroutine_threadsafe(health.start("127.0.0.1", 0), loop).result()
    try:
        assert requests.get(f"http://127.0.0.1:{port}/livez", timeout=5).text == "ok\n"
        loop.call_soon_threadsafe(stand_still)
        stands.wait()
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"http://127.0.0.1:{port}/livez", timeout=0.1)
        goes_on.set()
        assert requests.get(f"http://127.0.0.1:{port}/livez", timeout=5).text == "ok\n"
    finally:
        goes_on.set()
        asyncio.run_coroutine_threadsafe(health.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class Parts:
    """What the checks ask, all of it well until a test says otherwise."""

    def __init__(self) -> None:
        self.overdue = self.silence = self.stuck = 0.0
        self.answering = 10_000.0
        self.heartbeat = asyncio.get_running_loop().time()
        self.settled = True
        self.unheard: list[str] = []
        self.watching = asyncio.Event()

    def live(self, **config: Any) -> dict[str, str]:
        inbox: Any = SimpleNamespace(queue=SimpleNamespace(overdue=lambda: self.overdue))
        poller: Any = SimpleNamespace(heartbeat=self.heartbeat, stuck=lambda: self.stuck)
        api: Any = SimpleNamespace(answering=lambda: self.answering)
        checks = liveness(
            inbox=inbox, poller=poller, pulse=self._pulse(), api=api, config=Config(**config)
        )
        return wrong(checks)

    def ready(self) -> dict[str, str]:
        leases: Any = SimpleNamespace(settled=self.settled)
        checks = readiness(
            watching=self.watching, pulse=self._pulse(), leases=leases, config=Config()
        )
        return wrong(checks)

    def _pulse(self) -> Any:
        def unanswered(watched: list[str]) -> list[str]:
            return [path for path in watched if path in self.unheard]

        return SimpleNamespace(silence=lambda: self.silence, unanswered=unanswered)


def wrong(checks: Any) -> dict[str, str]:
    given: dict[str, Check] = dict(checks)
    return {name: text for name, check in given.items() if (text := check())}


async def test_a_poller_that_does_not_turn_is_not_alive() -> None:
    parts = Parts()
    assert parts.live() == {}
    parts.heartbeat -= STUCK + 1
    assert parts.live() == {"poller": "no turn for 121 s"}


async def test_looks_that_never_end_are_noticed_however_the_poller_turns() -> None:
    parts = Parts()
    parts.stuck = LOOK + 1
    assert parts.live() == {"looks": "no look at a cloud has ended for 601 s"}
    assert parts.live(poll_interval=60.0) == {}, "which is looked at once in six minutes"


async def test_a_blind_watch_and_a_stuck_worker_count_only_while_the_api_server_answers() -> None:
    parts = Parts()
    parts.silence, parts.overdue = kopf_settings.SILENT + 1, STUCK + 1
    assert parts.live().keys() == {"watch", "workers"}
    parts.answering = 0.0
    assert parts.live() == {}


async def test_a_process_is_ready_when_every_kind_is_watched_and_every_lease_known() -> None:
    parts = Parts()
    assert parts.ready() == {"watch": "the watches have not begun"}
    parts.watching.set()
    (_, path), *_ = paths.collections(())
    parts.unheard, parts.settled = [path], False
    assert parts.ready() == {
        "watch": f"no answer yet to a watch of {path}",
        "lease": "not every Lease has been looked at yet",
    }
    parts.unheard, parts.settled = [], True
    assert parts.ready() == {}
