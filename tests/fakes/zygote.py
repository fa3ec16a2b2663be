"""Starts operators by forking one process that has imported everything.

A thousand operator processes are started in a crash matrix, and importing what an operator needs
takes a processor two seconds; a fork takes some hundredths. What is forked has made no connection,
no thread and no event loop yet, and from there on is a process like any other: with an id of its
own, to be signalled, stopped and killed.

Reads one order a line from standard input. `{"arguments": [...], "log": "path"}` starts a process
and is answered with `{"started": id}`; `{"signal": n, "to": id}` sends a signal, unless the process
has ended: only its parent can know that its id is not another's by now. `{"stopped": id}` and
`{"ended": id, "status": n}` are told when that happens, where a negative status is the signal. When
standard input ends, so does everything.
"""

import ctypes
import json
import os
import select
import signal
import sys
from collections.abc import Sequence

from fakes import mortal

_PARENT_DIED = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


def main() -> int:
    """Serve until standard input ends; in each child run its operator instead."""
    arguments = _serve()
    return 0 if arguments is None else mortal.main(arguments)


def _serve() -> Sequence[str] | None:
    """Return in each child with its arguments, and at the end with None."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    children: set[int] = set()
    rest = b""
    while True:
        ready, _, _ = select.select([0, reader], [], [])
        if reader in ready:
            os.read(reader, 4096)
            _tell_of_children(children)
        if 0 in ready:
            read = os.read(0, 65536)
            if not read:
                for child in children:
                    os.kill(child, signal.SIGKILL)
                return None
            *orders, rest = (rest + read).split(b"\n")
            for order in map(json.loads, orders):
                if "signal" in order:
                    if order["to"] in children:
                        os.kill(order["to"], order["signal"])
                    continue
                child = os.fork()
                if child == 0:
                    _become(order["log"], closing=(reader, writer))
                    arguments: list[str] = order["arguments"]
                    return arguments
                children.add(child)
                _tell({"started": child})


def _become(log: str, *, closing: Sequence[int]) -> None:
    """Be a process of one's own: own log, no order book, the signals as they were."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for descriptor in closing:
        os.close(descriptor)
    # Whoever ends the zygote, even by SIGKILL, ends all of them: none may outlive its test.
    ctypes.CDLL(None).prctl(_PARENT_DIED, signal.SIGKILL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(nothing, 0)
    os.dup2(written, 1)
    os.dup2(written, 2)


def _tell_of_children(children: set[int]) -> None:
    while children:
        child, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
        if child == 0:
            return
        if os.WIFSTOPPED(status):
            _tell({"stopped": child})
            continue
        children.discard(child)
        _tell({"ended": child, "status": os.waitstatus_to_exitcode(status)})


def _tell(what: dict[str, int]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main())
