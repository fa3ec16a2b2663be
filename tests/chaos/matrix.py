"""The crash matrix: each life, hurt in each way, at each call that a good run of it makes."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from chaos.audit import Breach, Finding, audit
from chaos.lives import Life
from chaos.nursery import StubbornError
from chaos.points import around_requests, checks, points
from chaos.stage import Hurt, Stage
from chaos.table import table
from chaos.victim import Run, run
from fakes.mortal import Call

AT_ONCE = 8 * (os.cpu_count() or 1)
"""Runs under way. Nearly all of their time is waiting for a Lease or a bound to pass, but with many
more the waiting is for a processor, and Leases expire by themselves."""
GOOD_AT_ONCE = 3
"""The same for good runs, which are a pattern for the others and must not be slowed down."""
TRIES = 3
"""How often a point is tried that a run did not come to: looks repeat, and not always as often."""


class Way(Enum):
    """How the first process is hurt."""

    KILL = (signal.SIGKILL, False)
    TERM = (signal.SIGTERM, False)
    STOP = (signal.SIGSTOP, False)
    STOP_LATE = (signal.SIGSTOP, True)

    def __str__(self) -> str:
        return "SIG" + self.name.replace("_LATE", ", woken late")

    def hurts(self, calls: Sequence[Call]) -> list[Hurt]:
        """Return all that this way can do to a process that makes these calls."""
        number, late = self.value
        places = around_requests(calls) if late else points(calls)
        if number is signal.SIGSTOP:
            places += checks(calls)
        return [Hurt(place, number, late) for place in places]


@dataclass(frozen=True)
class Cell:
    """One field of the matrix."""

    life: Life
    way: Way

    def __str__(self) -> str:
        return f"{self.life.name}-{self.way.name}"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A run and what is wrong with it.

    Attributes:
        life: The course that was wanted.
        hurt: None for a good run.
        reached: Whether the process came to the point at all.
        unknown: Whether the object ended without saying what became of it.
        findings: What breaks the promise.
        disorders: Of the processes: how they ended, what they left behind, what they logged.
    """

    life: Life
    hurt: Hurt | None
    reached: bool
    unknown: bool = False
    findings: Sequence[Finding] = ()
    disorders: Sequence[str] = ()

    def __str__(self) -> str:
        wrong = [*map(str, self.findings), *self.disorders]
        return f"{self.life.name}, {self.hurt}: {'; '.join(wrong)}"

    @property
    def fine(self) -> bool:
        """Whether nothing is."""
        return not self.findings and not self.disorders


Matrix = dict[Cell, list[Judged]]


async def fill(stage: Stage, cells: Iterable[Cell], *, at_once: int) -> Matrix:
    """Run all that belongs to these cells, so many runs at a time."""
    cells = list(cells)
    few, many = asyncio.Semaphore(GOOD_AT_ONCE), asyncio.Semaphore(at_once)

    async def good(life: Life) -> Run:
        async with few:
            found = await run(stage, life)
        assert judge(found).fine, f"the good run is not good: {judge(found)}"
        return found

    async def hurt(cell: Cell, how: Hurt) -> tuple[Cell, Judged]:
        async with many:
            for _ in range(TRIES):
                judged = await _run_and_judge(stage, cell.life, how)
                if judged.reached or not judged.fine:
                    break
            return cell, judged

    lives = list(dict.fromkeys(cell.life for cell in cells))
    runs = dict(zip(lives, await asyncio.gather(*map(good, lives)), strict=True))
    filled: Matrix = {cell: [] for cell in cells}
    hurts = [hurt(cell, how) for cell in cells for how in cell.way.hurts(runs[cell.life].calls)]
    for cell, judged in await asyncio.gather(*hurts):
        filled[cell].append(judged)
    return filled


async def _run_and_judge(stage: Stage, life: Life, how: Hurt) -> Judged:
    """Run once; a run that cannot be carried out to its end is one more thing that is wrong."""
    try:
        return judge(await run(stage, life, how))
    except (TimeoutError, StubbornError) as error:
        broken = f"the run did not come to its end: {error or type(error).__name__}"
        return Judged(life=life, hurt=how, reached=True, disorders=[broken])


def judge(run: Run) -> Judged:
    """Say what is wrong with a run."""
    return Judged(
        life=run.life,
        hurt=run.hurt,
        reached=run.reached,
        unknown=run.told.unknown,
        findings=[*audit(run.told, run.account), *_unfulfilled(run)],
        disorders=list(_disorder(run)),
    )


def _unfulfilled(run: Run) -> Iterable[Finding]:
    """Nobody but the signal stood in the way: what was asked for has to happen, or to be told."""
    told, life = run.told, run.life
    if told.phase == life.end or told.unknown or not told.status.get("completionTime"):
        return
    records = told.status.get("followUps", ())
    if any(each["action"] == life.follow_up and each["state"] != "Accepted" for each in records):
        return  # it is told in the status that this was lost, and why
    yield Finding(
        breach=Breach.LOST,
        name=told.name,
        what=f"{told.phase} ({told.reason}) in place of {life.end}: {told.message}",
    )


def _disorder(run: Run) -> Iterable[str]:
    for identity, code in run.exits.items():
        killed = identity == "first" and run.reached and run.hurt and run.hurt.fatal
        if code != (-signal.SIGKILL if killed else 0):
            yield f"the {identity} process ended with {code}"
    yield from (f"{each} has not given its Lease back" for each in run.held)
    yield from run.complaints


def report(matrix: Matrix) -> str:
    """Return the table for people."""
    columns = (
        "points",
        "missed",
        *(breach.name.lower() for breach in Breach),
        "nobody knows",
        "disorder",
    )
    rows = [(str(cell.life.name), str(cell.way), *_row(judged)) for cell, judged in matrix.items()]
    sums = [
        "all",
        "",
        *(str(sum(int(row[at]) for row in rows)) for at in range(2, len(columns) + 2)),
    ]
    return table(("life", "hurt by", *columns), rows, tuple(sums))


def _row(cell: Sequence[Judged]) -> tuple[str, ...]:
    breaches = Counter(finding.breach for each in cell for finding in each.findings)
    figures = (
        len(cell),
        sum(not each.reached for each in cell),
        *(breaches[breach] for breach in Breach),
        sum(each.unknown and not each.findings for each in cell),
        sum(bool(each.disorders) for each in cell),
    )
    return tuple(map(str, figures))
