"""The command line: which word runs what."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from serveractions import __main__ as command_line
from serveractions.commands import COMMANDS

ROOT = Path(__file__).parents[2]


def test_a_command_is_run_with_its_own_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["explain", "sbk.spec.rotation"]) == 0
    assert "spec.rotation" in capsys.readouterr().out


def test_a_word_that_is_no_command_is_answered_with_those_that_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command_line.main(["explian"]) == command_line.NO_SUCH
    told = capsys.readouterr().err
    assert "there is no command explian" in told
    for name, command in COMMANDS.items():
        assert name in told
        assert command.about in told


def test_help_lists_the_operators_flags_and_the_commands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.main(["--help"])

    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert "--lease-duration" in told
    assert all(command.about in told for command in COMMANDS.values())


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_that_says_what_it_does(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command_line.main([name, "--help"])

    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert f"usage: serveractions {name}" in told
    assert COMMANDS[name].parser(name).description


def test_looking_something_up_loads_no_client_library() -> None:
    program = (
        "import sys; from serveractions.__main__ import main; main(['explain', 'sbk.spec']);"
        "print([name for name in ('kopf', 'kubernetes', 'openstack', 'aiohttp')"
        " if name in sys.modules])"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT / "operator")},
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_who_reads_only_the_beginning_gets_no_complaint() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "serveractions", "explain", "sbk"],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
        env={"PYTHONPATH": str(ROOT / "operator")},
    )
    os.close(writing)
    assert done.stderr == b""
    assert done.returncode == 0
