"""Operator processes by the hundred: started from the zygote, signalled, watched to their ends."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakes import mortal
from fakes.mortal import Point

ROOT = Path(__file__).parents[2]
END_WITHIN = 30.0
"""Seconds that a process may take to leave by itself."""


class StubbornError(AssertionError):
    """An operator did not end when it was told to."""


@dataclass(eq=False)
class Operator:
    """One operator process.

    Attributes:
        identity: What it was told to sign with; its Leases name it, with a suffix.
        pid: Of the process.
        log: Everything that it printed.
        stopped: Set while it is stopped by a signal.
        ended: Set when it has ended.
        code: Its exit code then, negative for a signal.
    """

    identity: str
    pid: int
    log: Path
    _order: Callable[[Mapping[str, Any]], None]
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    code: int | None = None

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless the process has ended."""
        self._order({"signal": number, "to": self.pid})
        if number is signal.SIGCONT:
            self.stopped.clear()

    async def hurt(self, number: signal.Signals) -> None:
        """Wait until the process has been hurt by a signal that it sends itself."""
        await (self.stopped if number is signal.SIGSTOP else self.ended).wait()

    async def leave(self) -> None:
        """Tell the process to stop in good order, and wait for that.

        One that is stopped, or stops itself on its way out, is woken.
        """
        self.send(signal.SIGTERM)
        self.send(signal.SIGCONT)
        waking = asyncio.create_task(self._keep_awake())
        try:
            async with asyncio.timeout(END_WITHIN):
                await self.ended.wait()
        except TimeoutError:
            self.send(signal.SIGKILL)
            raise StubbornError(
                f"{self.identity} still ran {END_WITHIN:g} s after SIGTERM: see {self.log}"
            ) from None
        finally:
            waking.cancel()

    async def _keep_awake(self) -> None:
        while True:
            await self.stopped.wait()
            self.send(signal.SIGCONT)

    async def kill(self) -> None:
        """End the process without any warning."""
        self.send(signal.SIGKILL)
        await self.ended.wait()


class Nursery:
    """The zygote, and the processes that came from it."""

    def __init__(self, zygote: asyncio.subprocess.Process) -> None:
        self._zygote = zygote
        self._asked: deque[tuple[str, Path, asyncio.Future[Operator]]] = deque()
        self._children: dict[int, Operator] = {}

    async def start(
        self,
        identity: str,
        settings: Mapping[str, str],
        *,
        directory: Path,
        hurt: tuple[Point, signal.Signals] | None = None,
    ) -> Operator:
        """Start an operator.

        Args:
            identity: Of the process, and of its files.
            settings: The operator's flags, the identity aside.
            directory: Where its calls and its output go.
            hurt: The call at which it sends itself a signal, and which one.
        """
        point, number = hurt or (None, signal.SIGKILL)
        flags = {**settings, "identity": identity}
        own = (part for flag, value in flags.items() for part in (f"--{flag}", value))
        arguments = [*mortal.flags(calls_of(directory, identity), point, number), *own]
        log = directory / f"{identity}.log"
        started: asyncio.Future[Operator] = asyncio.get_running_loop().create_future()
        self._asked.append((identity, log, started))
        self._order({"arguments": arguments, "log": str(log)})
        return await started

    def _order(self, order: Mapping[str, Any]) -> None:
        assert self._zygote.stdin is not None
        self._zygote.stdin.write(json.dumps(order).encode() + b"\n")

    async def listen(self) -> None:
        """Take in what the zygote tells, until it ends."""
        assert self._zygote.stdout is not None
        async for line in self._zygote.stdout:
            told = json.loads(line)
            match told:
                case {"started": pid}:
                    identity, log, started = self._asked.popleft()
                    operator = Operator(identity, pid, log, self._order)
                    self._children[pid] = operator
                    started.set_result(operator)
                case {"stopped": pid}:
                    self._children[pid].stopped.set()
                case {"ended": pid, "status": status}:
                    self._end(pid, status)
        code = await self._zygote.wait()
        for _, _, started in self._asked:
            started.set_exception(RuntimeError(f"the zygote ended with {code}: see its log"))
        for pid in list(self._children):
            self._end(pid, -signal.SIGKILL)

    def _end(self, pid: int, code: int) -> None:
        operator = self._children.pop(pid)
        operator.code = code
        operator.ended.set()


def calls_of(directory: Path, identity: str) -> Path:
    """Return where the calls of a process are noted."""
    return directory / f"{identity}.calls"


@contextlib.asynccontextmanager
async def nursery(log: Path) -> AsyncIterator[Nursery]:
    """Start the zygote; when the context is left, nothing of it runs any more."""
    with log.open("ab") as errors:
        zygote = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "fakes.zygote"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=_environment(),
        )
    made = Nursery(zygote)
    listening = asyncio.create_task(made.listen())
    try:
        yield made
    finally:
        assert zygote.stdin is not None
        zygote.stdin.close()
        await zygote.wait()
        await listening


def _environment() -> dict[str, str]:
    """Return what operators get: nothing of the user's but where programs are."""
    path = os.pathsep.join((str(ROOT / "operator"), str(ROOT / "tests")))
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": path,
        "PYTHONUNBUFFERED": "1",
        "LANG": "C.UTF-8",
    }
