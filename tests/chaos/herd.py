"""Several operator processes of one installation, which are hurt again and again.

Each is hurt at random: at a moment, or at a call of a port, since most moments are spent waiting
and the calls are where something can be lost.
"""

import asyncio
import itertools
import random
import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from chaos.nursery import Nursery, Operator
from fakes.mortal import Point

CALLS = {
    "cloud.send": 2,
    "cloud.send>leases.remaining": 2,
    "objects.mark": 2,
    "objects.write_status": 6,
    "objects.read": 2,
    "objects.of_server": 1,
    "clouds.open": 8,
    "cloud.find_server": 4,
    "cloud.instance_actions": 3,
    "cloud.migrations": 3,
    "cloud.server": 8,
    "poller.follow": 4,
    "events.post": 4,
}
"""The calls that are died at, and up to the how many-eth of a process."""
AT_A_CALL = 0.6
"""Of all processes: those that are hurt at a call."""
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP)
LIFE = (2.0, 12.0)
"""Seconds until a process is hurt that did not come to its call before."""
STOPPED = (0.3, 7.0)
"""Seconds for which one is stopped: from a hiccup to more than a Lease lasts."""
AWAY = (0.0, 2.0)
"""Seconds until the next one is started."""


@dataclass
class Hurts:
    """What was done to the processes."""

    by_signal: Counter[str] = field(default_factory=Counter)
    at_a_call: Counter[str] = field(default_factory=Counter)
    wrong_exits: list[str] = field(default_factory=list)

    @property
    def all(self) -> int:
        """How often a process was hurt."""
        return self.by_signal.total()


class Herd:
    """Operator processes of one installation."""

    def __init__(
        self, nursery: Nursery, *, settings: Mapping[str, str], directory: Path, seed: str
    ) -> None:
        """Start nothing yet.

        Args:
            nursery: Where processes come from.
            settings: The operator's flags, the identity aside.
            directory: For calls and logs.
            seed: Of the dice.
        """
        self._nursery = nursery
        self._settings = settings
        self._directory = directory
        self._dice = random.Random(seed)  # noqa: S311 - dice, no secret
        self._numbers = itertools.count()
        self._running: dict[Operator, signal.Signals | None] = {}
        self.hurts = Hurts()
        self.logs: list[Path] = []

    async def keep(self, identity: str) -> None:
        """Keep one process running and have it hurt, until cancelled."""
        while True:
            await self._one_life(identity)
            await asyncio.sleep(self._dice.uniform(*AWAY))

    async def start(
        self, identity: str, hurt: tuple[Point, signal.Signals] | None = None
    ) -> Operator:
        """Start one process, which may be going to hurt itself."""
        name = f"{identity}-{next(self._numbers)}"
        operator = await self._nursery.start(
            name, self._settings, directory=self._directory, hurt=hurt
        )
        self._running[operator] = hurt[1] if hurt else None
        self.logs.append(operator.log)
        return operator

    async def leave(self) -> None:
        """Have all that run stop in good order; some may meet the call that they are to die at."""
        running, self._running = self._running, {}
        await asyncio.gather(*(each.leave() for each in running))
        for each, planned in running.items():
            self._judge_exit(each, -planned if planned and each.code == -planned else 0)

    async def kill(self) -> None:
        """End all that run, whatever they are at."""
        running, self._running = self._running, {}
        await asyncio.gather(*(each.kill() for each in running))

    async def _one_life(self, identity: str) -> None:
        number = self._dice.choice(SIGNALS)
        point = self._point()
        operator = await self.start(identity, (point, number) if point else None)
        try:
            async with asyncio.timeout(self._dice.uniform(*LIFE)):
                await operator.hurt(number)
            self.hurts.at_a_call[point.call if point else ""] += 1
        except TimeoutError:
            operator.send(number)
        self.hurts.by_signal[number.name] += 1
        if number is signal.SIGSTOP:
            await asyncio.sleep(self._dice.uniform(*STOPPED))
            operator.send(signal.SIGCONT)
            await asyncio.sleep(self._dice.uniform(*LIFE))
            operator.send(signal.SIGKILL)
            self.hurts.by_signal[signal.SIGKILL.name] += 1
        await operator.ended.wait()
        self._running.pop(operator, None)
        self._judge_exit(operator, 0 if number is signal.SIGTERM else -signal.SIGKILL)

    def _point(self) -> Point | None:
        if self._dice.random() >= AT_A_CALL:
            return None
        call = self._dice.choice(list(CALLS))
        nth = self._dice.randint(1, CALLS[call])
        return Point(call, nth, self._dice.choice(("before", "after")))

    def _judge_exit(self, operator: Operator, expected: int) -> None:
        if expected == 0 and operator.code == -signal.SIGTERM and not operator.log.stat().st_size:
            return  # on a busy machine it was asked to leave before it had come up
        if operator.code != expected:
            told = f"{operator.identity} ended with {operator.code} in place of {expected}"
            self.hurts.wrong_exits.append(told)
