"""Run a command that ends by itself (a build, `kubectl apply`) and explain its failure.

Everything such a command says goes to a log file. The error carries the end of that file, because a
path alone sends the reader of a CI log to a machine that no longer exists.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

LAST_LINES = 15
"""How much of a log an error repeats."""


class StackError(Exception):
    """The local stack cannot be brought up, or is no longer up. The message is for the user."""


class CommandError(StackError):
    """A command ended with another status than 0."""


_running: set[int] = set()
_running_lock = threading.Lock()


def run(
    argv: Sequence[str | Path],
    *,
    log: Path,
    what: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run `argv` to its end with its output appended to `log`.

    Args:
        argv: The program and its arguments.
        log: Where both output streams go.
        what: What the command is for, as in "could not <what>".
        env: The whole environment; this process's own when not given.
        cwd: Where to run it.

    Raises:
        CommandError: It ended with another status than 0.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    words = [str(word) for word in argv]
    with log.open("ab") as sink:
        sink.write(f"$ {shlex.join(words)}\n".encode())
        sink.flush()
        status = _wait_for_group(words, sink.fileno(), env, cwd)
    if status != 0:
        raise CommandError(
            f"could not {what}: {Path(words[0]).name} ended with {describe_status(status)}\n"
            f"{tail(log)}\nthe whole log: {log}"
        )


def _wait_for_group(
    words: list[str], output: int, env: Mapping[str, str] | None, cwd: Path | None
) -> int:
    """Run the command in a process group of its own, so that its children can be ended with it."""
    with _running_lock:  # also while it starts: end_all must not miss it
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
        _running.add(process.pid)
    try:
        return process.wait()
    finally:
        with _running_lock:
            _running.discard(process.pid)
        if process.returncode is None:
            signal_group(process.pid, signal.SIGKILL)
            process.wait()


def end_all() -> None:
    """End the commands that other threads are waiting for: their `run` raises.

    An interrupt reaches the main thread alone, while the commands run in worker threads and in
    process groups of their own. Without this, Ctrl-C would wait for a build of several minutes.
    """
    with _running_lock:
        for group in _running:
            signal_group(group, signal.SIGKILL)


def signal_group(group: int, number: signal.Signals) -> None:
    """Signal every process of a group that this program started, if any is left."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def describe_status(status: int) -> str:
    """Put `Popen.returncode` into words."""
    if status >= 0:
        return f"exit code {status}"
    return f"signal {signal.Signals(-status).name}"


def tail(log: Path, lines: int = LAST_LINES) -> str:
    """Return the last lines of a log, indented, for use in an error."""
    try:
        text = log.read_text(errors="replace")
    except FileNotFoundError:
        return "  (there is no log)"
    last = text.splitlines()[-lines:]
    return "\n".join(f"  | {line}" for line in last) if last else "  (the log is empty)"
