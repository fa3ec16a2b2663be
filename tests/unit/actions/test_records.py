"""Whose an instance action is, when the answer that named it was lost."""

from datetime import timedelta
from typing import Any

import pytest

from serveractions.actions import records
from serveractions.actions.registry import ACTIONS
from serveractions.api.status import Reason
from sightings import NOW, OURS, event, intent, record

RECORDED = [action for action in ACTIONS.values() if action.record is not None]


@pytest.mark.parametrize("action", RECORDED, ids=lambda action: action.name)
def test_a_new_record_of_our_user_is_ours(action: Any) -> None:
    assert action.matches(record(action.record), intent(action.name))


@pytest.mark.parametrize(
    "changes",
    [
        {"user_id": None},
        {"project_id": None},
        {"start_time": NOW - timedelta(seconds=2)},
        {"start_time": NOW + timedelta(hours=1)},
        {"message": "Error"},
    ],
)
def test_what_is_hidden_or_within_the_clocks_resolution_speaks_not_against_it(
    changes: dict[str, Any],
) -> None:
    assert records.matches(record("migrate", **changes), intent("migrate"), "migrate")


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "reboot"},
        {"user_id": "them"},
        {"project_id": "theirs"},
        {"start_time": NOW - timedelta(seconds=3)},
    ],
)
def test_another_action_user_project_or_an_earlier_time_is_not_ours(
    changes: dict[str, Any],
) -> None:
    facts = {"action": "migrate"} | changes
    name = facts.pop("action")
    assert not records.matches(record(name, **facts), intent("migrate"), "migrate")


def test_a_record_that_was_there_before_is_not_ours() -> None:
    known = intent("migrate", known_request_ids=(OURS,))
    assert not records.matches(record("migrate"), known, "migrate")


def test_an_action_without_records_matches_none() -> None:
    assert not records.matches(record("migrate"), intent("migrate"), None)


def test_a_failure_shows_in_the_events_and_without_them_in_the_record() -> None:
    assert records.failed(record("migrate", [event("x"), event("y", "Error")]))
    assert records.failed(record("migrate", None, message="Error"))
    assert not records.failed(record("migrate", [event("x", None)]))
    assert not records.failed(record("migrate", None))
    assert not records.failed(None)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("No valid host was found. ", Reason.NO_VALID_HOST),
        ("Exhausted all hosts available for retrying", Reason.NO_VALID_HOST),
        ("Migration pre-check error: CPU", Reason.ACTION_FAILED),
        (None, Reason.ACTION_FAILED),
    ],
)
def test_novas_words_choose_the_reason(words: str | None, reason: Reason) -> None:
    assert records.reason(words) is reason
