"""One half that fails takes the other half with it, at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local_stack import commands, stack
from local_stack.commands import CommandError, StackError
from local_stack.progress import Silent
from local_stack.supervisor import Supervisor


def test_a_failing_half_ends_the_slow_commands_of_the_other(tmp_path: Path) -> None:
    def slow() -> None:
        for number in range(3):
            commands.run(["sleep", "60"], log=tmp_path / f"{number}.log", what="sleep")

    def failing() -> None:
        raise StackError("no space left")

    with ThreadPoolExecutor() as pool:
        halves = [pool.submit(slow), pool.submit(failing)]
        with pytest.raises(StackError, match="no space left"):
            stack._all_or_none(halves, abandon=commands.end_all)
    assert isinstance(halves[0].exception(), CommandError)


def test_a_half_that_was_left_out_is_named_when_it_is_asked_for() -> None:
    supervisor = Supervisor(progress=Silent())
    up = stack.Stack(supervisor=supervisor, control_plane=None, cloud=None)
    with pytest.raises(StackError, match="without Kubernetes"):
        _ = up.kubernetes
