"""The directory that holds everything a running stack writes: etcd, databases, keys, logs.

It is deleted with the stack. After a failure the logs stay, since the error names one of them.
A pid file with a lock on it tells a running stack from what an earlier one left behind.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO

from local_stack.commands import StackError

PID_FILE = "local-stack.pid"


class StateDirectory:
    """Claimed by one stack at a time."""

    def __init__(self, path: Path | None = None) -> None:
        """Take the directory, or a new temporary one.

        Raises:
            StackError: Another stack runs there, or it holds something that no stack wrote.
        """
        if path is None:
            path = Path(tempfile.mkdtemp(prefix="serveractions-local-"))
        self.path = path.absolute()
        self.logs = self.path / "logs"
        self._pid_file = self._claim()
        self.logs.mkdir()

    def _claim(self) -> IO[str]:
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(self.path.iterdir()) and not (self.path / PID_FILE).exists():
            raise StackError(
                f"{self.path} holds files that no local stack wrote: name a new or empty directory"
            )
        pid_file = (self.path / PID_FILE).open("a+")
        if not _lock(pid_file):
            pid_file.close()
            raise StackError(
                f"a local stack is already running in {self.path}: take it down first "
                "(`down --state`), or name another directory"
            )
        self._empty(spare={PID_FILE})
        pid_file.truncate(0)
        pid_file.write(str(os.getpid()))
        pid_file.flush()
        return pid_file

    def leave(self) -> None:
        """Give the directory up and keep everything in it."""
        self._pid_file.close()

    def remove(self, *, keep_logs: bool = False) -> None:
        """Delete the directory, or everything in it but the logs."""
        if keep_logs:
            self._empty(spare={PID_FILE, self.logs.name})
        else:
            shutil.rmtree(self.path, ignore_errors=True)
        self._pid_file.close()

    def _empty(self, spare: set[str]) -> None:
        for entry in self.path.iterdir():
            if entry.name in spare:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink()


def running_pid(path: Path) -> int | None:
    """Return the process id of the stack that runs in the directory, if one does."""
    try:
        with (path / PID_FILE).open() as pid_file:
            if _lock(pid_file):
                return None
            return int(pid_file.read())
    except FileNotFoundError:
        return None


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
