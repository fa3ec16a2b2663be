"""What the promise excepts, tried as it is: each exception by itself, with what comes of it.

None of this is counted among the zeros of the matrix or the soak. Nova has no key by which it could
tell a request from its repetition, so that what happens behind the operator's back is done.
"""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaos.lives import LIVES, Life
from chaos.points import residual
from chaos.stage import Hurt, Stage
from chaos.table import table
from chaos.victim import Run, run
from fakes.mortal import Point

TWICE = {"kind": "twice"}
TOO_LATE = {"kind": "held", "seconds": None}
"""Answered with a 504 now, delivered when everybody has given up."""
CAUTIOUS = {"reissue-unproven": "false"}
MARKED = Point("objects.mark", 1, "after")
CLAIMED = Point("objects.write_status", 1, "after")
SIMPLE = tuple(life for life in LIVES if life.follow_up is None and life.end == "Succeeded")
"""One life of each kind whose action Nova accepts."""
INJECTION = tuple(life for life in SIMPLE if life.kind == "ServerNetworkInjection")


@dataclass(frozen=True, kw_only=True, eq=False)
class Residual:
    """One exception.

    Attributes:
        name: For the table.
        lives: With which it is tried.
        fault: What befalls the request.
        point: Where the first process is killed.
        stopped: Whether it is stopped behind its last check, and woken when the object is over.
        settings: Of the operator.
    """

    name: str
    lives: Sequence[Life] = SIMPLE
    fault: Mapping[str, Any] | None = None
    point: Point | None = None
    stopped: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)

    async def run(self, stage: Stage, life: Life) -> Run:
        """Try it with one life."""
        hurt = Hurt(self.point, signal.SIGKILL) if self.point else None
        if self.stopped:
            (last, *_) = residual((await run(stage, life)).calls)
            hurt = Hurt(last, signal.SIGSTOP, late=True)
        return await run(stage, life, hurt, fault=self.fault, settings=self.settings)


SENT_TWICE = Residual(name="a proxy sends the request twice", fault=TWICE)
DELIVERED_LATE = Residual(name="a proxy delivers it later than proxyLifetime", fault=TOO_LATE)
NOT_REISSUED = Residual(
    name="the same, with reissueUnproven off", fault=TOO_LATE, settings=CAUTIOUS
)
WOKEN_LATE = Residual(name="stopped behind the last check, woken later", stopped=True)
NEVER_CLAIMED = Residual(
    name="killed between mark and claim of injectNetworkInfo", lives=INJECTION, point=MARKED
)
NEVER_RECORDED = Residual(
    name="killed between claim and record of it", lives=INJECTION, point=CLAIMED
)
RESIDUALS = (
    SENT_TWICE,
    DELIVERED_LATE,
    NOT_REISSUED,
    WOKEN_LATE,
    NEVER_CLAIMED,
    NEVER_RECORDED,
)

Tried = dict[Residual, list[Run]]


async def try_all(stage: Stage) -> Tried:
    """Try every exception with each of its lives."""
    every = [(each, life) for each in RESIDUALS for life in each.lives]
    few = asyncio.Semaphore(6)

    async def one(each: Residual, life: Life) -> Run:
        async with few:
            return await each.run(stage, life)

    tried: Tried = {each: [] for each in RESIDUALS}
    runs = await asyncio.gather(*(one(each, life) for each, life in every))
    for (each, _), done in zip(every, runs, strict=True):
        tried[each].append(done)
    return tried


def sent(done: Run) -> int:
    """Return how often the operator sent the action."""
    return sum(each.action == done.life.action for each in done.account.sent)


def accepted(done: Run) -> int:
    """Return how often Nova accepted it."""
    return done.account.accepted(done.life.action)


def report(tried: Tried) -> str:
    """Return the table for people."""
    rows = [
        (
            each.name,
            done.life.name,
            str(sent(done)),
            str(accepted(done)),
            f"{done.told.phase} ({done.told.reason})",
        )
        for each, runs in tried.items()
        for done in runs
    ]
    return table(("what", "life", "sent", "accepted", "the object says"), rows)
