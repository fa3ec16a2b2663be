"""Many things go wrong at once, by dice: processes come and go, writes are lost in both directions,
people edit, the Lease wanders. Each seed is a storm of its own and runs the same each time.
"""

import asyncio
import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from fakes.faults import Faults, Mishap, When
from fakes.world import OWN, World
from serveractions.api.resource import Key
from serveractions.api.status import Phase
from serveractions.core.errors import (
    Ambiguous,
    ApiUnavailable,
    CloudUnavailable,
    NeverSent,
)

CALLS = (
    "objects.mark",
    "objects.write_status",
    "objects.write_status",
    "objects.read",
    "clouds.open",
    "cloud.find_server",
    "cloud.migrations",
    "cloud.send",
)
UNRECORDED = ("ServerNetworkInjection",)
"""Nova keeps no record of it. Of resetNetwork it is known that a Nova of our time takes none."""
STEERED: dict[str, list[dict[str, Any]]] = {
    "ServerMigration": [
        {},
        {"confirmation": "Manual", "decision": "Confirm"},
        {"confirmation": "Manual", "decision": "Revert"},
    ],
    "ServerLiveMigration": [
        {},
        {"activeDeadlineSeconds": 30, "onDeadline": "Abort"},
        {"activeDeadlineSeconds": 30, "onDeadline": "ForceComplete"},
    ],
}


class Storm:
    """One sequence of misfortunes."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._dice = random.Random(seed)  # noqa: S311 - dice, no secret
        self._keys: list[Key] = []

    async def rage(self) -> list[Key]:
        """Create objects, let processes come and go, and leave one that works."""
        world, dice = self._world, self._dice
        world.nova.live_seconds = dice.choice([10.0, 100.0])
        for number in range(dice.randint(1, 4)):
            kind = dice.choice(list(OWN))
            spec = dice.choice(STEERED.get(kind, [{}]))
            self._keys.append(world.create(kind, f"object-{number}", **spec))
            await asyncio.sleep(dice.choice([0, 1.3]))
        for number in range(dice.randint(1, 3)):
            process = await world.process(f"process-{number}", poll=2.0, prepare=self._plan)
            await asyncio.sleep(dice.choice([0.05, 0.1, 0.15, 0.3, 3, 8, 15]))
            match dice.choice(["stop", "kill", "lose its Lease and live on"]):
                case "stop":
                    await process.stop()
                case "kill":
                    process.kill()
            await asyncio.sleep(dice.choice([0, 1, 31, 200]))
        await world.process("the last", poll=2.0)
        return self._keys

    def _plan(self, faults: Faults) -> None:
        for _ in range(self._dice.randint(0, 6)):
            call = self._dice.choice(CALLS)
            when, mishap = self._mishap(call)
            skip, times = self._dice.randint(0, 12), self._dice.choice([1, 1, 2, 5])
            faults.plan(call, when, mishap, skip=skip, times=times)

    def _mishap(self, call: str) -> tuple[When, Mishap]:
        when = self._dice.choice([_BEFORE, _AFTER])
        if call == "cloud.send":
            lost: list[tuple[When, Mishap]] = [
                ("before", NeverSent("no connection")),
                ("before", Ambiguous("broken")),
                ("after", Ambiguous("broken")),
            ]
            return self._dice.choice(lost)
        if call.startswith("objects"):
            away: list[Mishap] = [ApiUnavailable("away"), self._edit(), self._edit(cancel=True)]
            return when, self._dice.choice(away)
        unseen: list[Mishap] = [CloudUnavailable("503"), self._lease_wanders]
        return when, self._dice.choice(unseen)

    def _edit(self, **spec: Any) -> Callable[[], None]:
        def edit() -> None:
            key = self._dice.choice(self._keys)
            if not self._world.status(key).phase.finished:
                changes = spec or {"ttlSecondsAfterFinished": self._dice.randint(1, 9)}
                self._world.store.edit(key, **changes)

        return edit

    def _lease_wanders(self) -> None:
        leases = self._world.leases
        leases.holder, before = None, leases.holder

        def come_back() -> None:
            leases.holder = leases.holder or before

        asyncio.get_running_loop().call_later(20, come_back)


_BEFORE: When = "before"
_AFTER: When = "after"


@pytest.mark.parametrize("seed", range(20))
async def test_no_storm_sends_an_action_twice_or_leaves_anything_behind(
    world: World, seed: int
) -> None:
    keys = await Storm(world, seed).rage()
    for key in keys:
        await world.until_finished(key, within=5000)
    await asyncio.sleep(30)

    in_flight = []
    for key in keys:
        status = world.status(key)
        assert all(world.sent(key, each.name) <= 1 for each in world.nova.accepted)
        if status.phase is Phase.SUCCEEDED:
            assert world.sent(key) == 1
        if key.kind not in UNRECORDED:
            assert status.reason != "OutcomeUnknown", status.message
        if world.sent(key) and status.reason != "OutcomeUnknown":
            assert status.issued_time is not None, "an accepted action was denied"
        if status.issued_time and status.completion_time and key.kind != "ServerStateReset":
            in_flight.append((status.issued_time, status.completion_time))
    in_flight.sort()
    for (_, end), (begin, _) in pairwise(in_flight):
        assert begin >= end, "two actions were in flight on one server"
    engine = world.processes[-1].engine
    assert len(engine.inbox) == 0
    assert engine.order._server == {}
    assert world.processes[-1].poller.following == {}
