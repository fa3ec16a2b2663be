"""The real operator, as a process that can be hurt at any call of a port.

    python -m fakes.mortal --calls FILE -- <the operator's own flags>
    python -m fakes.mortal --calls FILE --at cloud.send:1 --when after --signal KILL -- <flags>

The first notes every call in FILE, one JSON object a line. A later process sends itself a signal at
one of them, so that the list of places is whatever the operator did when all went well. A call is
named with the count of that name: where looks repeat, a number among all calls would mean another
call in each run.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from fakes import port_calls
from serveractions import operate as operator
from serveractions.__main__ import hear_signals

When = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a port, as the file has it.

    Attributes:
        number: Among all calls of the process.
        name: `objects.mark`, ..., after the call it was made in: `cloud.send>leases.remaining`.
        nth: Among the calls of that name, from 1 on.
        about: The object or server, where that can be told.
        at: Seconds on CLOCK_BOOTTIME.
    """

    number: int
    name: str
    nth: int
    about: str | None
    at: float


@dataclass(frozen=True, slots=True)
class Point:
    """A place at which a process can be hurt."""

    call: str
    nth: int
    when: When

    @property
    def where(self) -> tuple[str, int]:
        """The call, as `Call` names it."""
        return self.call, self.nth

    def __str__(self) -> str:
        return f"{self.when} {self.call}:{self.nth}"


class Mortal:
    """Notes the calls, and hurts the process at one of them."""

    def __init__(self, calls: Path, point: Point | None, number: signal.Signals) -> None:
        self._file = os.open(calls, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._point = point
        self._signal = number
        self._names: list[str] = []
        self._count: Counter[str] = Counter()
        self._open: dict[int, Call] = {}

    def begin(self, call: str, *, about: str | None, within: int | None) -> int:
        number = len(self._names)
        name = call if within is None else f"{self._names[within]}>{call}"
        self._names.append(name)
        self._count[name] += 1
        noted = Call(
            number=number,
            name=name,
            nth=self._count[name],
            about=about,
            at=time.clock_gettime(time.CLOCK_BOOTTIME),
        )
        # At once and unbuffered: the next moment may be the last.
        os.write(self._file, json.dumps(asdict(noted)).encode() + b"\n")
        self._open[number] = noted
        self._live_or_die(noted, "before")
        return number

    def end(self, number: int) -> None:
        self._live_or_die(self._open.pop(number), "after")

    def _live_or_die(self, call: Call, when: When) -> None:
        if Point(call.name, call.nth, when) == self._point:
            self._point = None
            os.kill(os.getpid(), self._signal)


def read_calls(path: Path) -> list[Call]:
    """Return what a process noted; a line that it died over is left out."""
    lines = path.read_bytes().split(b"\n")[:-1]
    return [Call(**json.loads(line)) for line in lines]


def flags(calls: Path, point: Point | None, number: signal.Signals) -> list[str]:
    """Return what `main` has to be told, up to the operator's own flags."""
    words = ["--calls", str(calls)]
    if point is not None:
        words += ["--at", f"{point.call}:{point.nth}", "--when", point.when]
        words += ["--signal", number.name.removeprefix("SIG")]
    return [*words, "--"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the operator; return its exit code."""
    hear_signals()
    parser = argparse.ArgumentParser(prog="fakes.mortal")
    parser.add_argument("--calls", type=Path, required=True)
    parser.add_argument("--at", help="a call and which of that name, such as objects.mark:1")
    parser.add_argument("--when", choices=("before", "after"), default="before")
    parser.add_argument("--signal", choices=("KILL", "TERM", "STOP"), default="KILL")
    parser.add_argument("flags", nargs="*")
    options = parser.parse_args(arguments)
    point = None
    if options.at is not None:
        call, nth = options.at.split(":")
        point = Point(call, int(nth), options.when)
    number = signal.Signals[f"SIG{options.signal}"]
    port_calls.install(Mortal(options.calls, point, number))
    return operator.main(options.flags)


if __name__ == "__main__":
    sys.exit(main())
