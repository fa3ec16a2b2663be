"""Three operators share the slots. Their number grows while sixty live migrations are in flight and
in line, one of them is asked to leave and another one is killed: each server gets exactly its
requests, one after the other.
"""

from collections.abc import Iterator

import pytest

import assembled
import shards
from assembled import Assembled
from local_stack.kubernetes import ControlPlane
from phases import LIVE

SERVERS = 30
MIGRATIONS = 60
IN_FLIGHT = 12
"""So that there is a line, too, while the shards change."""


@pytest.fixture(scope="module")
def world(kubernetes: ControlPlane) -> Iterator[Assembled]:
    settings = {**shards.SETTINGS, "actions-in-flight": str(IN_FLIGHT)}
    with assembled.prepared(
        kubernetes, name="shards", settings=settings, pace={"live-migration": "3"}
    ) as world:
        yield world


def test_a_rescaling_in_flight_loses_nothing_and_repeats_nothing(world: Assembled) -> None:
    zero, one = (shards.start(world, index, 2) for index in range(2))
    shards.until_divided(world, zero, one)
    servers = world.cloud.boot(*(f"server-{number:02}" for number in range(SERVERS)))
    targets = shards.move(world, [f"move-{number:02}" for number in range(MIGRATIONS)], servers)

    in_the_middle(world)
    two = shards.start(world, 2, 3)
    in_the_middle(world)
    one.leave()
    assert one.ended(seconds=60) == 0
    one = shards.start(world, 1, 3)
    in_the_middle(world)
    zero.kill()
    zero = shards.start(world, 0, 3, wait=False)

    shards.until_moved(world, targets, seconds=300)
    shards.until_divided(world, zero, one, two)
    seen = shards.senders(world, targets)
    print(f"{MIGRATIONS} live migrations were sent by {dict(seen)}")  # noqa: T201
    assert len(seen) >= 3, "the work was shared"


def in_the_middle(world: Assembled) -> None:
    """Wait for a moment in which some are in flight and some are in line."""

    def now() -> bool:
        phases = [each.get("phase") for each in world.statuses(LIVE).values()]
        return phases.count("Running") >= IN_FLIGHT // 2 and phases.count("Pending") > IN_FLIGHT

    world.until(now, seconds=60, what="some in flight and some in line")
