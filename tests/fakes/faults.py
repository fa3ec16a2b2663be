"""Where a process touches the world, and what can be made to go wrong there.

Every call of a port passes `Faults`. It notes the call, so that a test can first see by which calls
a good run goes and then end the process at each of them: the list of crash points is never written
by hand.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

LATENCY = 0.01
"""Virtual seconds of every call, so that others can run meanwhile."""

When = Literal["before", "after"]
Mishap = BaseException | Callable[[], Awaitable[object] | object]


class Killed(BaseException):
    """The process ends here, as by SIGKILL."""


class Point(NamedTuple):
    """A place at which a process can die: its n-th call, before or after it took effect."""

    number: int
    call: str
    when: When

    def __str__(self) -> str:
        return f"{self.when} call {self.number} ({self.call})"


@dataclass(slots=True)
class _Planned:
    call: str
    when: When
    mishap: Mishap
    skip: int
    times: int


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass
class Faults:
    """The calls of one process.

    Attributes:
        calls: All of them, in order.
        hurt_at: Where something happens to the process.
        hurt: What happens there; that it dies, if nothing else is said.
        dead: Whether it has died: nothing of it has any effect from then on.
    """

    calls: list[str] = field(default_factory=list)
    hurt_at: Point | None = None
    hurt: Callable[["Faults"], None] | None = None
    dead: bool = False
    on_death: Callable[[], None] = lambda: None
    _awake: asyncio.Event = field(default_factory=_set)
    _planned: list[_Planned] = field(default_factory=list)

    @asynccontextmanager
    async def at(self, call: str) -> AsyncIterator[None]:
        """Surround the effect of an asynchronous call."""
        number = self._note(call)
        await asyncio.sleep(LATENCY)
        self._live_or_die(number, "before")
        await self._mishap(call, "before")
        await self._be_awake()
        yield
        self._live_or_die(number, "after")
        await self._mishap(call, "after")
        await self._be_awake()

    def reach(self, call: str, effect: Callable[[], object]) -> None:
        """Surround the effect of a call that does not wait."""
        number = self._note(call)
        self._live_or_die(number, "before")
        effect()
        self._live_or_die(number, "after")

    def plan(self, call: str, when: When, mishap: Mishap, *, skip: int = 0, times: int = 1) -> None:
        """Have `mishap` raised, or called, at the next calls of a name.

        Args:
            call: `objects.mark`, `cloud.send`, ...
            when: Before the effect, or after it, when only the reply is lost.
            mishap: An exception to raise, or something to do.
            skip: How many calls pass unharmed first.
            times: How many calls it happens to.
        """
        self._planned.append(_Planned(call, when, mishap, skip, times))

    def die(self) -> None:
        """End the process now."""
        self.dead = True
        self.on_death()

    def freeze(self) -> None:
        """Stop the process, as SIGSTOP does: its clock goes on, and it does nothing."""
        self._awake.clear()

    def thaw(self) -> None:
        """Let it go on from where it was stopped."""
        self._awake.set()

    async def _be_awake(self) -> None:
        await self._awake.wait()
        if self.dead:
            raise Killed

    def perish(self) -> None:
        """End the process before the call that this is planned for takes effect."""
        self.die()
        raise Killed

    def _note(self, call: str) -> int:
        if self.dead:
            raise Killed
        self.calls.append(call)
        return len(self.calls) - 1

    def _live_or_die(self, number: int, when: When) -> None:
        point = self.hurt_at
        if point is not None and (point.number, point.when) == (number, when):
            assert point.call == self.calls[number], "the run took another course than the first"
            (self.hurt or Faults.die)(self)
        if self.dead:
            raise Killed

    async def _mishap(self, call: str, when: When) -> None:
        for planned in self._planned:
            if (planned.call, planned.when) != (call, when) or planned.times == 0:
                continue
            if planned.skip:
                planned.skip -= 1
                continue
            planned.times -= 1
            if isinstance(planned.mishap, BaseException):
                raise planned.mishap
            made = planned.mishap()
            if inspect.isawaitable(made):
                await made
