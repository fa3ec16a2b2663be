"""Which requests meet which fault, and how many did.

A fault is ordered for the requests that its matcher names and counts down by itself, so that a test
can say "the answer to the second os-migrateLive of this server is lost" before anything happens.
What a fault does to a request is not decided here: see `mishaps`.
"""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Protocol

from aiohttp import web

from fakes.cloud.journal import Entry
from fakes.cloud.orders import only

Hold = Callable[[float | None], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request that has arrived, and what can be done with it."""

    request: web.Request
    entry: Entry
    deliver: Callable[[], Awaitable[web.Response]]
    """Let it take effect and return the cloud's answer; may be called later, twice, or never."""
    expire_token: Callable[[], None]
    """Make the token invalid that came with it."""
    hold: Hold
    """Wait so many seconds; None: until the fault is released."""
    afterwards: Callable[[Awaitable[None]], None]
    """Have something done when this request has long been answered."""


class Mishap(Protocol):
    """What befalls a request."""

    @property
    def kind(self) -> str:
        """Its name in figures and in the journal."""
        ...

    async def befall(self, exchange: Exchange) -> web.StreamResponse:
        """Answer the request, or see to it that it gets no answer."""
        ...


@dataclass(frozen=True, kw_only=True)
class Match:
    """Which requests are meant; what is None does not matter."""

    method: str | None = None
    service: str | None = None
    """`identity`, `compute` or `image`."""
    family: str | None = None
    """As in `journal`: `action`, `servers`, `instance-actions`, `images`, ..."""
    action: str | None = None
    """`os-migrateLive`, `confirmResize`, `abort`, ..."""
    server_id: str | None = None
    user: str | None = None
    uid: str | None = None
    """Of the custom resource."""

    def fits(self, entry: Entry) -> bool:
        """Say whether a request is meant."""
        return all(
            wanted is None or wanted == getattr(entry, name)
            for name, wanted in asdict(self).items()
        )


@dataclass(kw_only=True)
class Fault:
    """An order: after `skip` of the matching requests, the next `times` meet the mishap."""

    mishap: Mishap
    match: Match = Match()
    skip: int = 0
    times: int | None = 1
    """None: all of them, until the order is taken back."""
    probability: float = 1.0
    """Of each request that is neither skipped nor beyond `times`."""
    seed: int = 0
    number: int = 0
    matched: int = 0
    injected: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)  # noqa: S311 - it has to be the same each time

    def strikes(self, entry: Entry) -> bool:
        """Say whether this request meets it, and count."""
        if not self.match.fits(entry) or self.injected == self.times:
            return False
        self.matched += 1
        if self.matched <= self.skip or self._dice.random() >= self.probability:
            return False
        self.injected += 1
        return True

    async def hold(self, seconds: float | None) -> None:
        """Wait until the time is over or the fault is released."""
        try:
            await asyncio.wait_for(self.released.wait(), seconds)
        except TimeoutError:
            return


class Faults:
    """All orders; the first that strikes wins, and the others do not see the request."""

    def __init__(self) -> None:
        self._orders: dict[int, Fault] = {}
        self._numbers = itertools.count(1)
        self.injected: Counter[str] = Counter()
        """How many requests met which kind, since the start."""

    def order(self, mishap: Mishap, match: Match | None = None, **how: Any) -> Fault:
        """Order a fault; `how` are the fields of `Fault`."""
        fault = Fault(mishap=mishap, match=match or Match(), number=next(self._numbers), **how)
        self._orders[fault.number] = fault
        return fault

    def met_by(self, entry: Entry) -> Fault | None:
        """Return the fault that a request meets, noted in its entry."""
        fault = next((each for each in self._orders.values() if each.strikes(entry)), None)
        if fault is not None:
            entry.fault, entry.fault_id = fault.mishap.kind, fault.number
            self.injected[entry.fault] += 1
        return fault

    def find(self, number: int) -> Fault:
        """Return an order. Raises KeyError."""
        return self._orders[number]

    def take_back(self, number: int | None = None) -> None:
        """Take one order back, or all; what they hold goes on. The figures stay."""
        for each in list(self._orders) if number is None else [number]:
            if (fault := self._orders.pop(each, None)) is not None:
                fault.released.set()

    def as_json(self) -> dict[str, Any]:
        """Return the orders in force, and the figures."""
        return {
            "injected": dict(self.injected),
            "faults": [
                {
                    "id": each.number,
                    "kind": each.mishap.kind,
                    "match": {
                        key: value for key, value in asdict(each.match).items() if value is not None
                    },
                    "skip": each.skip,
                    "times": each.times,
                    "probability": each.probability,
                    "seed": each.seed,
                    "matched": each.matched,
                    "injected": each.injected,
                }
                for each in self._orders.values()
            ],
        }


def match_from(wanted: dict[str, Any]) -> Match:
    """Read a matcher. Raises BadOrderError."""
    only(wanted, *(each.name for each in fields(Match)))
    return Match(**wanted)
