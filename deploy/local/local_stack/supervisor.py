"""Starts the servers of the local stack, watches them, and ends every one of them again.

A server that does not come up must say so at once, with its log, and must take the whole stack
down; and whatever ends the stack (a failure, Ctrl-C, even SIGKILL) must leave nothing running and
nothing on the disk. That is all this module does; it knows neither Kubernetes nor OpenStack.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from local_stack import watchdog
from local_stack.commands import StackError, describe_status, signal_group, tail
from local_stack.ports import Ports
from local_stack.progress import Progress
from local_stack.state import StateDirectory

__all__ = ["Process", "ProcessError", "Progress", "StackError", "Supervisor"]

POLL = 0.03
"""Seconds between two looks at a process: short beside any start-up, long beside a probe."""

WATCH = 0.5
"""The same for a stack that is up, where it costs the machine's time for hours."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """A server to run: what to start, and how to tell that it works."""

    name: str
    argv: Sequence[str | Path]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to PATH, HOME and TMPDIR. Nothing else of the user's environment reaches a server."""
    cwd: Path | None = None
    ready: Callable[[], bool]
    """Polled until it returns True; must not block for more than about two seconds."""
    awaited: str = "to be ready"
    """What `ready` looks for, as in "waiting for etcd <awaited>"."""
    ready_within: float = 60.0
    """Seconds until a server that is not ready counts as failed."""
    grace: float = 10.0
    """Seconds between SIGTERM and SIGKILL."""


class ProcessError(StackError):
    """A server died, or did not become ready in time."""


class Supervisor:
    """Owns the processes and their state directory; leaving the context ends both.

    May be used from several threads: the halves of the stack are started side by side.
    """

    def __init__(
        self, *, progress: Progress, state: Path | None = None, keep: bool = False
    ) -> None:
        """Prepare an empty stack.

        Args:
            progress: Told what is being waited for.
            state: Where everything is written; a temporary directory when not given.
            keep: Leave that directory behind at the end.
        """
        self._progress = progress
        self._wanted_state = state
        self._keep = keep
        self._lock = threading.RLock()
        self._running: dict[str, tuple[Process, subprocess.Popen[bytes]]] = {}
        self._order: list[str] = []
        self._ending: set[str] = set()
        self._stopping = False
        self.ports = Ports()

    def __enter__(self) -> Self:
        self._directory = StateDirectory(self._wanted_state)
        self._watchdog = _start_watchdog()
        if not self._keep:
            self._tell_watchdog(f"+path {self.state}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop_all()
        if self._keep:
            self._directory.leave()
        else:
            self._directory.remove(keep_logs=isinstance(error, StackError))
            self._tell_watchdog(f"-path {self.state}")
        if self._watchdog.stdin is not None:
            self._watchdog.stdin.close()
        self._watchdog.wait()

    @property
    def state(self) -> Path:
        """The directory for everything that the servers write."""
        return self._directory.path

    @property
    def logs(self) -> Path:
        """Where the logs belong: this part of the state survives a failure."""
        return self._directory.logs

    def start(self, *processes: Process) -> None:
        """Start the processes together and return when all of them are ready.

        Raises:
            ProcessError: One of them, or one started earlier, died or did not become ready.
        """
        for process in processes:
            self._spawn(process)
        for process in processes:
            with self._progress.step(f"waiting for {process.name} {process.awaited}"):
                self._wait_until_ready(process)

    def stop(self, name: str) -> Process:
        """End one process, as a fault or to start it again; return its description."""
        process, child = self._expect_end(name)
        for number in (signal.SIGTERM, signal.SIGCONT):  # one that a test has stopped must go on
            os.kill(child.pid, number)  # Popen.send_signal would reap it: see _reap
        deadline = time.monotonic() + process.grace
        while _status(child) is None and time.monotonic() < deadline:
            time.sleep(POLL)
        self._reap(name, child)
        return process

    def kill(self, name: str) -> Process:
        """End one process without any warning; return its description."""
        process, child = self._expect_end(name)
        self._reap(name, child)
        return process

    def restart(self, name: str) -> None:
        """Stop one process, start it again as it was, and wait until it is ready."""
        self.start(self.stop(name))

    def pid(self, name: str) -> int:
        """Return the process id, for measuring and for signals such as SIGSTOP."""
        return self._running[name][1].pid

    def runs(self, name: str) -> bool:
        """Say whether a process was started and not ended; one that died by itself counts."""
        return name in self._running

    def expect_end(self, name: str) -> None:
        """Take it for no fault when a process ends by itself from now on; `stop` has still to
        follow.
        """
        self._expect_end(name)

    def check(self) -> None:
        """Raise ProcessError if a process has died since it was started."""
        with self._lock:
            for process, child in self._running.values():
                status = _status(child)
                if status is not None and process.name not in self._ending:
                    raise ProcessError(
                        f"{process.name} died: {describe_status(status)}\n"
                        f"{tail(process.log)}\nthe whole log: {process.log}"
                    )

    def wait(self) -> None:
        """Block until a process dies, which is raised, or until the caller is interrupted."""
        while True:
            self.check()
            time.sleep(WATCH)

    def stop_all(self) -> None:
        """End everything, in the reverse order of the first start. Nothing can be started then."""
        with self._lock:
            self._stopping = True
            names = [name for name in reversed(self._order) if name in self._running]
        for name in names:
            with self._progress.step(f"stopping {name}"):
                self.stop(name)

    def _spawn(self, process: Process) -> None:
        process.log.parent.mkdir(parents=True, exist_ok=True)
        with self._lock, process.log.open("ab") as log:
            if self._stopping:
                raise StackError(f"{process.name} was not started: the stack is being taken down")
            if process.name in self._running:
                raise StackError(f"{process.name} is already running")
            child = subprocess.Popen(
                [str(word) for word in process.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment() | dict(process.env),
                cwd=process.cwd,
                start_new_session=True,  # Ctrl-C is for the supervisor alone
            )
            self._running[process.name] = process, child
            if process.name not in self._order:  # a restarted one keeps its place
                self._order.append(process.name)
            self._tell_watchdog(f"+group {child.pid}")

    def _environment(self) -> dict[str, str]:
        """Return what each server gets: proxies and OS_* variables would change its behaviour."""
        temporary = self.state / "tmp"
        temporary.mkdir(exist_ok=True)
        path = os.environ.get("PATH", os.defpath)
        return {"PATH": path, "HOME": str(self.state), "TMPDIR": str(temporary), "LANG": "C.UTF-8"}

    def _wait_until_ready(self, process: Process) -> None:
        deadline = time.monotonic() + process.ready_within
        while not process.ready():
            self.check()
            if self._stopping:
                raise StackError(
                    f"gave up waiting for {process.name}: the stack is being taken down"
                )
            if time.monotonic() > deadline:
                raise ProcessError(
                    f"{process.name} was not ready within {process.ready_within:g} s\n"
                    f"{tail(process.log)}\nthe whole log: {process.log}"
                )
            time.sleep(POLL)
        self.check()  # or the probe was answered by somebody else's server

    def _expect_end(self, name: str) -> tuple[Process, subprocess.Popen[bytes]]:
        with self._lock:
            self._ending.add(name)
            return self._running[name]

    def _reap(self, name: str, child: subprocess.Popen[bytes]) -> None:
        """Kill what is left of the process's group, then let go of its id.

        In this order: as long as its first process is not reaped, the kernel cannot give the id of
        the group to anybody else.
        """
        signal_group(child.pid, signal.SIGKILL)
        child.wait()
        with self._lock:
            del self._running[name]
            self._ending.discard(name)
        with contextlib.suppress(StackError):  # without a watchdog, ending the others matters more
            self._tell_watchdog(f"-group {child.pid}")

    def _tell_watchdog(self, line: str) -> None:
        pipe = self._watchdog.stdin
        try:
            if pipe is not None:
                pipe.write(f"{line}\n")
                pipe.flush()
        except BrokenPipeError as error:
            raise StackError(
                "the watchdog of the local stack was killed: if this process were killed too, "
                "its servers would be left running"
            ) from error


def _status(child: subprocess.Popen[bytes]) -> int | None:
    """Return how the process ended, as Popen does, but without giving up its process id."""
    seen = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if seen is None:
        return None
    return seen.si_status if seen.si_code == os.CLD_EXITED else -seen.si_status


def _start_watchdog() -> "subprocess.Popen[str]":
    """Start the watchdog in a session of its own, so that no signal to this one's group hits it."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", watchdog.__file__],
        stdin=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
