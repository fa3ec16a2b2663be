"""A mortal process notes each call before it is made, and is hurt exactly where it was told to."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.mortal import Mortal, Point, read_calls


@pytest.fixture
def pains() -> Iterator[list[int]]:
    """The signals that this process has sent itself; this one does no harm."""
    felt: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _frame: felt.append(number))
    yield felt
    signal.signal(signal.SIGUSR1, before)


def mortal(path: Path, point: Point | None) -> Mortal:
    return Mortal(path / "calls", point, signal.SIGUSR1)


def call(subject: Mortal, name: str, within: int | None = None) -> int:
    return subject.begin(name, about="a server", within=within)


def test_calls_are_noted_with_their_count_and_the_call_they_were_made_in(tmp_path: Path) -> None:
    subject = mortal(tmp_path, None)
    outer = call(subject, "cloud.send")
    subject.end(call(subject, "leases.remaining", within=outer))
    subject.end(outer)
    subject.end(call(subject, "cloud.send"))

    noted = read_calls(tmp_path / "calls")
    assert [(each.number, each.name, each.nth) for each in noted] == [
        (0, "cloud.send", 1),
        (1, "cloud.send>leases.remaining", 1),
        (2, "cloud.send", 2),
    ]
    assert {each.about for each in noted} == {"a server"}
    assert noted[0].at <= noted[1].at <= noted[2].at


def test_a_line_that_a_process_died_over_is_left_out(tmp_path: Path) -> None:
    subject = mortal(tmp_path, None)
    subject.end(call(subject, "objects.mark"))
    with (tmp_path / "calls").open("a") as file:
        file.write('{"number": 1, "na')
    assert [each.name for each in read_calls(tmp_path / "calls")] == ["objects.mark"]


def test_it_is_hurt_before_the_call_that_was_named_and_no_other(
    tmp_path: Path, pains: list[int]
) -> None:
    subject = mortal(tmp_path, Point("objects.mark", 2, "before"))
    subject.end(call(subject, "objects.mark"))
    subject.end(call(subject, "objects.read"))
    assert pains == []
    number = call(subject, "objects.mark")
    assert pains == [signal.SIGUSR1]
    subject.end(number)
    subject.end(call(subject, "objects.mark"))
    assert pains == [signal.SIGUSR1]


def test_it_is_hurt_after_the_call_when_that_was_asked(tmp_path: Path, pains: list[int]) -> None:
    subject = mortal(tmp_path, Point("objects.mark", 1, "after"))
    number = call(subject, "objects.mark")
    assert pains == []
    subject.end(number)
    assert pains == [signal.SIGUSR1]
