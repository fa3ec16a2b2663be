"""A process that dies with much in its hands, and the one that comes after it.

What the new one does is read from outside: an action that ended meanwhile, an object that was
applied meanwhile, and the writes to what was finished long before. The memory is that of the
process that has all of it in view.
"""

import time
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from assembled import Assembled
from operators import Operator
from scale import tally
from scale.results import Figures
from scale.seeding import RESET, Template, put_finished, put_in_flight
from scale.stage import Stage
from serveractions.config import Config

IN_FLIGHT = 1000
LASTING = 3600.0
"""Seconds of a live migration: none ends but the one that is told to."""
ROUNDS = 3
"""So many poll intervals after it has begun to follow, the memory is read."""


def run(stage: Stage, finished: tuple[int, ...], in_flight: int = IN_FLIGHT) -> dict[str, Figures]:
    """Measure each number of finished objects, by that number as a text."""
    found: dict[str, Figures] = {}
    with stage.world("restart", migration=LASTING) as world:
        world.start()
        done, flying = Template.finished(world), Template.in_flight(world)
        flights = put_in_flight(world, flying, in_flight)
        there = 0
        for number, wanted in enumerate(finished):
            world.operator.kill()
            stage.say(f"putting {wanted - there} finished objects in place")
            put_finished(world, done, range(there, wanted))
            there = wanted
            moving = flights[2 * number : 2 * number + 2]
            found[str(wanted)] = _measure(stage, world, [each.server for each in moving], wanted)
    _add_growth(found)
    return found


def _measure(stage: Stage, world: Assembled, ending: list[str], finished: int) -> Figures:
    """Start one process, kill it, and start the next."""
    first = _followed(stage, world, world.start(), ending[0])
    memory = world.operator.memory()
    world.operator.kill()
    name, server = world.act(RESET, state="Active")
    world.cloud.driver.delay("live_migration", 0.001, servers=[ending[1]])
    earlier, position = len(world.cloud.requests()), stage.audit.position()
    begun = time.time()
    operator = world.start(wait=False)
    over: dict[str, float] = {}

    def told() -> bool:
        over.update(tally.finished(stage.audit.since(position)))
        return len(over) > 1

    world.until(
        told, seconds=120, what="the end of what has ended and of what was applied meanwhile"
    )
    world.until_phase(RESET, name, "Succeeded")
    events = list(stage.audit.since(position))
    journal = world.cloud.journal()
    issued = tally.accepted(journal)[server]
    (ended,) = [moment for each, moment in over.items() if each != name]
    old = [each for each in events if _is_old(each)]
    posts = [
        each
        for each in journal["entries"][earlier:]
        if each["method"] == "POST" and each["family"] == "action"
    ]
    return {
        "finished": finished,
        "in_flight": len(world.cloud.ledger()["migrations"]),
        "memory_mib": round(memory.now, 1),
        "memory_after_restart_mib": round(operator.memory().now, 1),
        "memory_peak_mib": round(memory.peak, 1),
        "followed_first_s": round(first, 1),
        "following_again_s": round(ended - begun, 1),
        "issuing_again_s": round(issued - begun, 1),
        "lease_s": Config().lease_duration,
        "posts_for_finished": len(posts) - 1,
        "writes_to_finished": len(old),
        "cloud_ceiling_per_s": stage.ceiling(world.cloud),
    }


def _followed(stage: Stage, world: Assembled, operator: Operator, server: str) -> float:
    """Wait until an end that comes now is told, and for a steady state; return how long it took."""
    position = stage.audit.position()
    world.cloud.driver.delay("live_migration", 0.001, servers=[server])
    begun = time.time()
    found: dict[str, float] = {}

    def told() -> bool:
        found.update(tally.finished(stage.audit.since(position)))
        return bool(found)

    world.until(told, seconds=120, what="the end of a migration")
    _rest(world, operator)
    return min(found.values()) - begun


def _rest(world: Assembled, operator: Operator) -> None:
    """Wait until the operator has looked around some times."""
    interval = Config().poll_interval
    end = time.monotonic() + ROUNDS * interval
    world.until(
        lambda: time.monotonic() > end and operator.running,
        seconds=2 * ROUNDS * interval,
        what="a few rounds",
    )


def _is_old(event: Mapping[str, Any]) -> bool:
    name = (event.get("objectRef") or {}).get("name") or ""
    return event.get("userAgent") == "serveractions" and name.startswith("done-")


def _add_growth(found: dict[str, Figures]) -> None:
    """Say how much memory each further thousand of finished objects takes."""
    ordered = sorted(found.values(), key=lambda each: each["finished"])
    for smaller, larger in pairwise(ordered):
        more = (larger["finished"] - smaller["finished"]) / 1000
        grown = larger["memory_mib"] - smaller["memory_mib"]
        larger["memory_mib_per_1000_finished"] = round(grown / more, 3)
