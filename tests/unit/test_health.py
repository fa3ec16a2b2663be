"""The probes: what they answer, and to whom."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from serveractions.health import Health, at_most
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
