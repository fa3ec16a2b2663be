"""A log of a good process has no error, and a defect in one is found."""

from pathlib import Path

import pytest

from chaos.logs import defects, kept_a_lease

STAMP = "2026-11-24 15:07:21,611"
TRACE = ["Traceback (most recent call last):", '  File "x.py", line 1', "KeyError: 'x'"]


def test_a_step_that_ended_in_a_defect_is_found_once() -> None:
    error = f"{STAMP} ERROR serveractions.core.workers a step of x ended in a defect"
    assert defects([f"{STAMP} INFO serveractions.app begins", error, *TRACE]) == [error]


def test_a_traceback_of_a_process_that_fell_over_is_found() -> None:
    assert defects([f"{STAMP} INFO serveractions.app begins", *TRACE]) == [TRACE[0]]


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        (["slots are held slots=[0] holder=first_1"], True),
        (["slots are held slots=[1, 3] holder=first_1", "stopping"], True),
        (["slots are held slots=[] holder=first_1"], False),
        (["slots are held slots=[0]", "a Lease was not given back and will expire"], False),
    ],
)
def test_a_lease_is_kept_by_who_held_one_and_says_nothing(
    tmp_path: Path, lines: list[str], kept: bool
) -> None:
    log = tmp_path / "first.log"
    log.write_text("\n".join(f"{STAMP} INFO serveractions.kube.lease {each}" for each in lines))
    assert kept_a_lease(log) is kept


def test_a_warning_is_no_defect() -> None:
    assert not defects([f"{STAMP} WARNING serveractions.kube.lease a Lease cannot be looked after"])


def test_what_kopf_says_of_an_api_server_that_is_away_is_no_defect() -> None:
    away = f"{STAMP} ERROR kopf._cogs.clients.watching Request attempt #1/6 failed; will retry: GET"
    assert not defects([away])
    assert defects([f"{STAMP} ERROR kopf._core.engines.activities Activity failed"])


def test_an_error_of_the_event_loop_is_a_defect_unless_it_is_kopfs_way_out() -> None:
    broken = f"{STAMP} ERROR asyncio an error occurred during closing of asynchronous generator <x>"
    assert not defects([broken, *TRACE])
    assert defects([f"{STAMP} ERROR asyncio Unclosed client session"])
    assert defects([f"{STAMP} ERROR asyncio Task exception was never retrieved", *TRACE])
