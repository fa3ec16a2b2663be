"""The journal of a run: on the disk before anything is sent, and readable after any crash."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from serveractions.shell.journal import Journal, JournalError, LockedError

NAME = ("K", "n", "a")


def body(spec: int) -> dict[str, Any]:
    return {"kind": "K", "metadata": {"namespace": "n", "name": "a"}, "spec": spec}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with one object."""
    found = tmp_path / "journal"
    written(found, body(1))
    return found


def written(path: Path, *bodies: dict[str, Any]) -> None:
    journal = Journal(path)
    for each in bodies:
        journal.append(each)
    journal.close()


def read(path: Path) -> dict[tuple[str, str, str], Any]:
    journal = Journal(path)
    journal.close()
    return journal.objects


def test_the_last_line_about_an_object_counts(path: Path) -> None:
    written(path, body(2), body(3))
    assert read(path) == {NAME: body(3)}


def test_a_line_is_on_the_disk_before_the_engine_goes_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, calls = Journal(path), []
    write, fsync = os.write, os.fsync

    def noted_write(file: int, data: memoryview) -> int:
        calls.append("write")
        return write(file, data[: len(data) // 2 + 1])  # a disk may take a part only

    def noted_fsync(file: int) -> None:
        calls.append("fsync")
        fsync(file)

    monkeypatch.setattr(os, "write", noted_write)
    monkeypatch.setattr(os, "fsync", noted_fsync)
    journal.append(body(2))
    journal.close()
    assert len(calls) > 2
    assert calls == ["write"] * (len(calls) - 1) + ["fsync"]
    assert read(path) == {NAME: body(2)}


def test_the_name_of_a_new_journal_is_on_the_disk_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds, fsync = [], os.fsync

    def noted(file: int) -> None:
        kinds.append(stat.S_ISDIR(os.fstat(file).st_mode))
        fsync(file)

    monkeypatch.setattr(os, "fsync", noted)
    Journal(tmp_path / "new" / "journal").close()
    assert kinds == [False, True]


@pytest.mark.parametrize("cut", [b"{", b'{"kind":"K","meta', b'{"kind":"K"}'])
def test_a_line_that_a_crash_cut_off_does_not_count(path: Path, cut: bytes) -> None:
    path.write_bytes(path.read_bytes() + cut)
    assert read(path) == {NAME: body(1)}
    written(path, body(2))
    assert read(path) == {NAME: body(2)}


def test_a_journal_that_a_crash_cut_off_at_its_head_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b'{"journal":"serv')
    written(path, body(1))
    assert read(path) == {NAME: body(1)}


def test_what_could_not_be_written_is_taken_back(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            journal.append(body(2))
    journal.append(body(3))
    journal.close()
    assert read(path) == {NAME: body(3)}
    assert b'"spec":2' not in path.read_bytes()


def test_two_runs_cannot_have_one_journal(path: Path) -> None:
    held = Journal(path)
    with pytest.raises(LockedError, match="another run has this journal"):
        Journal(path)
    held.close()
    assert read(path)


@pytest.mark.parametrize("content", [b"notes\n", b'{"a":1}\n', b"notes", b"\n\n"])
def test_a_file_that_is_no_journal_is_refused_and_stays_as_it_is(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(JournalError, match="not a journal of serveractions"):
        Journal(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("damage", [b"x\n", b"{}\n", b'{"kind":1,"metadata":2}\n'])
def test_a_damaged_line_stops_everything_and_is_named(path: Path, damage: bytes) -> None:
    path.write_bytes(path.read_bytes() + damage)
    with pytest.raises(JournalError, match="line 3: damaged: look at Nova"):
        Journal(path)


def test_a_journal_that_cannot_be_opened_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="name a file with --journal that can be written"):
        Journal(tmp_path)


def test_only_its_owner_reads_a_journal(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
