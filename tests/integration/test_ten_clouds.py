"""Ten clouds, one of them dead: the other nine do not notice."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

import assembled
from assembled import Assembled, FakeCloud
from local_stack.kubernetes import ControlPlane
from phases import RESET

OTHERS = 9
TO_THE_DEAD, EACH = 60, 4
SILENCE = 30.0
"""Seconds after which a read without an answer is given up."""
UNNOTICED = SILENCE / 2
"""Seconds in which all of the others' are over."""
SETTINGS = {
    "workers": "32",
    "workers-per-credentials": "8",
    "read-timeout": f"{SILENCE:g}",
    "retry-interval": "1",
}


@dataclass(frozen=True)
class Clouds:
    world: Assembled
    others: dict[str, FakeCloud]
    """By the name of the Secret."""

    def finished(self, prefix: str) -> int:
        statuses = self.world.statuses(RESET)
        return sum(
            status.get("phase") == "Succeeded"
            for name, status in statuses.items()
            if name.startswith(prefix)
        )


@pytest.fixture
def clouds(kubernetes: ControlPlane) -> Iterator[Clouds]:
    with (
        assembled.running(kubernetes, name="ten", settings=SETTINGS) as world,
        ExitStack() as stack,
    ):
        others = {
            name: stack.enter_context(world.another_cloud(name, {}))
            for name in (f"cloud-{number}" for number in range(OTHERS))
        }
        yield Clouds(world, others)


def test_nine_clouds_do_not_notice_that_the_tenth_is_dead(clouds: Clouds) -> None:
    world, dead = clouds.world, clouds.world.cloud
    world.until_phase(RESET, world.act(RESET, state="Active")[0], "Succeeded")
    names = [f"dead-{number:02}" for number in range(TO_THE_DEAD)]
    doomed = [
        world.body(RESET, name, server, state="Active")
        for name, server in zip(names, dead.boot(*names), strict=True)
    ]
    alive = [
        world.body(RESET, f"alive-{secret}-{number}", server, secret=secret, state="Active")
        for secret, cloud in clouds.others.items()
        for number, server in enumerate(cloud.boot(*(f"vm-{number}" for number in range(EACH))))
    ]

    dead.door("compute", "silent")
    world.create(*doomed)
    begun = time.monotonic()
    world.create(*alive)
    world.until(
        lambda: clouds.finished("alive-") == OTHERS * EACH,
        seconds=UNNOTICED,
        what="the ends of all actions of the nine",
    )

    assert time.monotonic() - begun < UNNOTICED
    assert clouds.finished("dead-") == 0
    dead.door("compute", "open")
    world.until(
        lambda: clouds.finished("dead-") == TO_THE_DEAD,
        seconds=3 * SILENCE,
        what="the ends in the cloud that is back",
    )
