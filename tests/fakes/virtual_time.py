"""An event loop whose clock jumps: nothing is ever waited for, so hours of an action's life pass in
milliseconds and every run takes the same course.
"""

import asyncio
import selectors


class NothingLeftToDoError(RuntimeError):
    """All tasks wait for something that no timer will bring: a real program would hang here."""


class _Selector(selectors.SelectSelector):
    """Moves the loop's clock on instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.time = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise NothingLeftToDoError("every task waits, and no timer is set")
        self.time += max(0.0, timeout)
        return []  # nothing real is ever registered but the loop's own wake-up pipe


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop on virtual time. No sockets and no threads: there is nothing real to wait for."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.time
