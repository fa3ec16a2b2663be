"""Whose directory it is decides what may be deleted in it."""

import os
from pathlib import Path

import pytest

from local_stack.commands import StackError
from local_stack.state import StateDirectory, running_pid


def test_a_directory_with_somebodys_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(StackError, match="no local stack wrote"):
        StateDirectory(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_second_stack_in_the_same_directory_is_refused(tmp_path: Path) -> None:
    first = StateDirectory(tmp_path)
    with pytest.raises(StackError, match="already running"):
        StateDirectory(tmp_path)
    first.remove()


def test_what_an_earlier_stack_left_behind_is_replaced(tmp_path: Path) -> None:
    earlier = StateDirectory(tmp_path)
    (tmp_path / "etcd").mkdir()
    (tmp_path / "etcd" / "data").write_text("old")
    earlier.leave()
    later = StateDirectory(tmp_path)
    assert not (tmp_path / "etcd").exists()
    later.remove()


def test_the_process_id_is_known_only_while_the_stack_runs(tmp_path: Path) -> None:
    assert running_pid(tmp_path) is None
    running = StateDirectory(tmp_path)
    assert running_pid(tmp_path) == os.getpid()
    running.leave()
    assert running_pid(tmp_path) is None


def test_a_temporary_directory_is_removed_with_the_stack() -> None:
    state = StateDirectory()
    assert state.logs.is_dir()
    state.remove()
    assert not state.path.exists()
