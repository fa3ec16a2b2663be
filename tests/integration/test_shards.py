"""Operators that share the slots on a real API server; `tests/chaos` has the long play."""

from collections.abc import Iterator

import pytest

import assembled
import shards
from assembled import Assembled
from local_stack.kubernetes import ControlPlane

SETTINGS = {**shards.SETTINGS, "lease-duration": "3"}
PACE = {"live-migration": "1"}


@pytest.fixture(scope="module")
def world(kubernetes: ControlPlane) -> Iterator[Assembled]:
    with assembled.prepared(kubernetes, name="shards", settings=SETTINGS, pace=PACE) as made:
        yield made


def test_a_second_shard_gets_its_slots_back_and_its_death_is_made_good(world: Assembled) -> None:
    zero = shards.start(world, 0, 2)
    shards.until_divided(world, zero)  # nobody else is there: it stands in for the other shard
    servers = world.cloud.boot(*(f"server-{number}" for number in range(6)))
    targets = shards.move(world, [f"move-{number:02}" for number in range(12)], servers)
    one = shards.start(world, 1, 2)
    shards.until_divided(world, zero, one)
    zero.kill()
    shards.until_moved(world, targets, seconds=60)
    shards.until_divided(world, one)
