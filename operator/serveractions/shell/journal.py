"""The journal: one file that keeps the objects of `serveractions run`, line by line.

Each line is an object as it is from then on; the last line about an object counts. A line is on the
disk (fsync) before the engine hears that it was written, so what is sent is sent after its intent
is safe. The file is locked while a run has it: two runs cannot send for the same object.
"""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

Json = dict[str, Any]

Name = tuple[str, str, str]
"""Kind, namespace and name: which object it is."""

HEAD: Json = {"journal": "serveractions", "version": 1}
"""The first line; a file that begins otherwise is none of ours and is not written to."""


class JournalError(Exception):
    """The journal cannot be used; the message says why and what to do."""


class LockedError(JournalError):
    """Another run has the journal."""


class Journal:
    """An open journal, locked until it is closed or the process ends, however it ends.

    Attributes:
        objects: What the lines said when it was opened, by kind, namespace and name.
    """

    def __init__(self, path: Path) -> None:
        """Open the journal, or begin one.

        Raises:
            LockedError: Another run has it.
            JournalError: It cannot be read or written, or is no journal.
        """
        self.path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            self._lock()
            self.objects = self._read()
        except OSError as error:
            self.close()
            raise _unusable(path, error) from error
        except JournalError:
            self.close()
            raise

    def append(self, body: Json) -> None:
        """Write an object's new state; return when it is on the disk.

        Raises:
            OSError: It is not; the journal is as it was before.
        """
        line = _line(body)
        try:
            self._write(line)
        except OSError:
            os.ftruncate(self._file, self._end)
            raise
        self._end += len(line)

    def close(self) -> None:
        """Give the lock back."""
        os.close(self._file)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(
                f"{self.path}: another run has this journal: wait for its end, or stop it"
            ) from None

    def _read(self) -> dict[Name, Json]:
        # What a crash has cut off was never reported as written: nothing was sent because of it.
        whole, _, torn = self.path.read_bytes().rpartition(b"\n")
        lines = whole.split(b"\n") if whole else []
        if not lines:
            if not _line(HEAD).startswith(torn):
                raise _foreign(self.path)
            os.ftruncate(self._file, 0)
            self._end = 0
            self._begin()
            return {}
        self._end = len(whole) + 1
        objects: dict[Name, Json] = {}
        if _parsed(lines[0]) != HEAD:
            raise _foreign(self.path)
        os.ftruncate(self._file, self._end)
        for number, line in enumerate(lines[1:], 2):
            body = _parsed(line)
            try:
                objects[name_of(body)] = body
            except (KeyError, TypeError):
                raise JournalError(
                    f"{self.path}, line {number}: damaged: look at Nova for what was sent, and use"
                    " another --journal for new objects"
                ) from None
        return objects

    def _begin(self) -> None:
        self._write(_line(HEAD))
        self._end = len(_line(HEAD))
        # The name of a new file is in its directory, which has to be on the disk as well.
        directory = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _write(self, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        os.fsync(self._file)


def name_of(body: Json) -> Name:
    """Return which object a body is. Raises KeyError or TypeError where it is none."""
    metadata = body["metadata"]
    return body["kind"], metadata["namespace"], metadata["name"]


def _line(body: Json) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _foreign(path: Path) -> JournalError:
    return JournalError(f"{path}: not a journal of serveractions: name another file with --journal")


def _unusable(path: Path, error: OSError) -> JournalError:
    return JournalError(f"{path}: {error.strerror}: name a file with --journal that can be written")
