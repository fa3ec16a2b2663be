"""Ends the stack's processes and deletes its state when the supervisor itself was killed.

Run as a script, in a session of its own, with the read end of a pipe as standard input. The
supervisor writes one line per change; when the pipe ends, however that came about, what is still
listed is killed.

Linux could do part of this with PR_SET_PDEATHSIG, but that signal comes when the *thread* that
started a child ends (both halves of the stack are started from threads that end), does not reach
grandchildren, and deletes nothing.
"""

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Iterable
from pathlib import Path


def follow(lines: Iterable[str]) -> tuple[set[int], set[Path]]:
    """Read `+group N`, `-group N`, `+path P` and `-path P` until the end; return what is left."""
    groups: set[int] = set()
    paths: set[Path] = set()
    for line in lines:
        change, _, value = line.rstrip("\n").partition(" ")
        if change == "+group":
            groups.add(int(value))
        elif change == "-group":
            groups.discard(int(value))
        elif change == "+path":
            paths.add(Path(value))
        elif change == "-path":
            paths.discard(Path(value))
    return groups, paths


def main() -> None:
    """Wait for the end of the supervisor and clear up after it."""
    groups, paths = follow(sys.stdin)
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    for path in paths:
        shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    main()
