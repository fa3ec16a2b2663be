"""A command that fails is explained by its own last words."""

import threading
from pathlib import Path

import pytest

from local_stack import commands
from local_stack.commands import CommandError


def test_a_failure_says_what_was_attempted_and_shows_the_end_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    with pytest.raises(CommandError) as raised:
        commands.run(
            ["sh", "-c", "seq 1 50; echo no space left >&2; exit 2"], log=log, what="build etcd"
        )
    message = str(raised.value)
    assert message.startswith("could not build etcd: sh ended with exit code 2")
    assert "| no space left" in message
    assert "| 1\n" not in message
    assert str(log) in message


def test_a_command_in_another_thread_can_be_ended(tmp_path: Path) -> None:
    log = tmp_path / "log"
    failures: list[CommandError] = []

    def work() -> None:
        try:
            commands.run(["sh", "-c", "echo up; sleep 60 & wait"], log=log, what="wait")
        except CommandError as error:
            failures.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    while not (log.exists() and "\nup\n" in log.read_text()):
        assert worker.is_alive()
    commands.end_all()
    worker.join(timeout=5)
    assert "SIGKILL" in str(failures[0])
