"""One object, two operator processes, and what befalls the first of them."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chaos.audit import Told
from chaos.lives import Life, asks_to_undo
from chaos.logs import complaints, kept_a_lease
from chaos.nursery import Operator
from chaos.stage import NAME, Hurt, Operators, Place, Stage
from chaos.truth import NOTHING, Account, accounts
from chaos.waiting import until
from fakes import mortal
from fakes.mortal import Call

FIRST, SECOND = "first", "second"
BEGIN_WITHIN = 120.0
HURT_WITHIN = 60.0
END_WITHIN = 120.0
"""Seconds, each far more than it takes: many runs share two processors."""
BEHIND_THE_END = 1.0
"""Seconds in which the calls that follow an object's end are made."""
QUIET = 1.0
"""A process that made no call for so long makes none any more."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run came to.

    Attributes:
        life: The course that was wanted.
        hurt: None for a good run.
        reached: Whether the first process came to the point at all.
        calls: Of the first process, from the creation of the object on.
        told: What the operator told of the object at the end.
        account: What the cloud knows of it.
        exits: Exit codes of the processes.
        complaints: Lines of the logs that tell of a defect.
        held: Who has not given the Lease back.
        seconds: From the object's creation until all processes have left.
    """

    life: Life
    hurt: Hurt | None
    reached: bool
    calls: tuple[Call, ...]
    told: Told
    account: Account
    exits: Mapping[str, int | None]
    complaints: tuple[str, ...]
    held: tuple[str, ...]
    seconds: float


async def run(
    stage: Stage,
    life: Life,
    hurt: Hurt | None = None,
    *,
    fault: Mapping[str, Any] | None = None,
    settings: Mapping[str, str] | None = None,
) -> Run:
    """Let one object live its life while its first process is hurt.

    Args:
        stage: What all runs share.
        life: The course that is wanted.
        hurt: What befalls the first process.
        fault: What befalls the request for the action; what is held is let go when all is over.
        settings: Flags of the operator, beside those that all have.
    """
    place = await stage.place(life, settings or {})
    held: int | None = None
    if fault is not None:
        match = {"server_id": place.server, "action": life.action}
        held = await place.cloud.fault({**fault, "match": match})
    async with place.operators() as operators:
        return await _Course(place, operators, hurt, held).run()


class _Course:
    """One run, step by step."""

    def __init__(
        self, place: Place, operators: Operators, hurt: Hurt | None, held: int | None
    ) -> None:
        self._place = place
        self._operators = operators
        self._hurt = hurt
        self._held = held
        self._began = 0.0

    async def run(self) -> Run:
        place, hurt = self._place, self._hurt
        first = await self._operators.start(FIRST, hurt)
        await self._until_held_by(FIRST)
        if hurt is not None and not hurt.fatal:
            await self._operators.start(SECOND)  # stands by; after a kill another one is started
        self._began = _boottime()
        await place.create()
        person = asyncio.create_task(self._interfere())
        over = asyncio.create_task(self._over())
        try:
            reached = hurt is not None and await self._hurt_one(first, hurt, over)
            await over
        finally:
            person.cancel()
            over.cancel()
        if reached:
            alive = [each.identity for each in self._operators.all if each.code is None]
            await self._until_held_by(*alive)
        elif hurt is None:
            await self._until_quiet()
        await asyncio.gather(*(each.leave() for each in self._operators.all))
        if self._held is not None:
            await place.cloud.release(self._held)
        return await self._result(reached=reached)

    async def _hurt_one(self, first: Operator, hurt: Hurt, over: "asyncio.Task[None]") -> bool:
        """Wait until the first process is hurt and have the second go on; False: it never was."""

        async def reached() -> bool:
            return any((each.name, each.nth) == hurt.point.where for each in self._calls())

        hurting = asyncio.create_task(first.hurt(hurt.signal))
        await asyncio.wait({hurting, over}, return_when=asyncio.FIRST_COMPLETED)
        try:
            await until(reached, within=BEHIND_THE_END)
        except TimeoutError:
            hurting.cancel()
            return False
        await asyncio.wait_for(hurting, HURT_WITHIN)
        if hurt.fatal:
            await self._operators.start(SECOND)
        elif hurt.signal is signal.SIGSTOP:
            if hurt.late:
                await asyncio.wait({over})
            await self._until_held_by(SECOND)
            first.send(signal.SIGCONT)
        return True

    async def _interfere(self) -> None:
        """Do what a person does in this life."""
        life = self._place.life
        if not life.edit:
            return

        async def time_has_come() -> bool:
            return bool((await self._place.read())["status"]["phase"] == life.edit_in)

        await until(time_has_come)
        await self._place.edit(life.edit)

    async def _over(self) -> None:
        """Wait for the object's end; one that never comes is a finding of the audit."""

        async def ended() -> bool:
            return "completionTime" in (await self._place.read())["status"]

        with contextlib.suppress(TimeoutError):
            await until(ended, within=END_WITHIN)

    async def _until_held_by(self, *identities: str) -> None:
        async def held() -> bool:
            return await self._place.holder() in identities

        await until(held, within=BEGIN_WITHIN)

    async def _until_quiet(self) -> None:
        """Wait until the process has nothing more to do: what it does last is a place, too."""

        async def quiet() -> bool:
            return _boottime() - self._calls()[-1].at >= QUIET

        await until(quiet, within=BEGIN_WITHIN)

    async def _result(self, *, reached: bool) -> Run:
        place, processes = self._place, self._operators.all
        told = await self._told()
        found = accounts(await place.cloud.ledger(place.server))
        return Run(
            life=place.life,
            hurt=self._hurt,
            reached=reached,
            calls=self._calls(),
            told=told,
            account=found.get(told.uid, NOTHING),
            exits={each.identity: each.code for each in processes},
            complaints=tuple(line for each in processes for line in complaints(each.log)),
            held=await self._kept(),
            seconds=_boottime() - self._began,
        )

    async def _kept(self) -> tuple[str, ...]:
        """Return who left in good order and kept the Lease."""
        name = await self._place.holder()
        processes = (each for each in self._operators.all if each.code == 0)
        return tuple(
            each.identity for each in processes if each.identity == name and kept_a_lease(each.log)
        )

    async def _told(self) -> Told:
        body, place = await self._place.read(), self._place
        return Told(
            name=f"{place.life.kind} {place.namespace}/{NAME}",
            kind=place.life.kind,
            uid=body["metadata"]["uid"],
            status=body["status"],
            undoing=asks_to_undo(place.life.edit),
        )

    def _calls(self) -> tuple[Call, ...]:
        calls = mortal.read_calls(self._operators.calls(FIRST))
        return tuple(each for each in calls if each.at >= self._began)


def _boottime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)
