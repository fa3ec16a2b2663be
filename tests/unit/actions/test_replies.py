"""Nova's answer to a write: every code has one meaning, and what is not known is unclear."""

from typing import Any

import pytest

from serveractions.actions.replies import (
    Accepted,
    NotAccepted,
    Rejected,
    StepDown,
    Unclear,
    classify,
)
from serveractions.api.status import Reason

LOCKED = "Instance 1bea is locked"
LOCKED_PASSWORD = "Instance 1bea is in an invalid state for 'changePassword'"
BUSY = "Cannot 'migrate' instance 1bea while it is in task_state resize_migrating"
STOPPED = "Cannot 'os-migrateLive' instance 1bea while it is in vm_state stopped"
POLICY = "Policy doesn't allow os_compute_api:os-migrate-server:migrate to be performed."


def answer(status: int, message: str = "", action: str = "migrate", **more: Any) -> Any:
    return classify(status, message, action_name=action, server="server web-1", **more)


def test_202_is_accepted_and_204_for_a_confirmation() -> None:
    assert answer(202) == Accepted()
    assert answer(204, action="confirmResize") == Accepted()
    assert isinstance(answer(204), Unclear)


@pytest.mark.parametrize(
    "status", [0, 100, 200, 201, 203, 408, 418, 422, 423, 500, 502, 503, 504, 507, 599]
)
def test_every_other_answer_is_unclear_and_never_sent_again(status: int) -> None:
    meaning = answer(status, "The server is busy")
    assert isinstance(meaning, Unclear)
    assert str(status) in meaning.message


QUICKER = "Unexpected API Error.\n<class 'nova.exception.UnexpectedTaskStateError'>"


@pytest.mark.parametrize("action", ["createBackup", "migrate", "os-migrateLive"])
def test_a_lost_race_for_the_server_is_no_acceptance_and_waits_for_the_winner(action: str) -> None:
    meaning = answer(500, QUICKER, action)
    assert isinstance(meaning, NotAccepted)
    assert meaning.reason is Reason.SERVER_BUSY


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("changePassword", QUICKER),  # nova-compute may say so when the password is set already
        ("migrate", QUICKER.replace("nova.exception", "nova.exception_Remote")),
        ("migrate", QUICKER.replace("UnexpectedTaskStateError", "DBError")),
    ],
)
def test_any_other_error_inside_nova_is_unclear(action: str, words: str) -> None:
    assert isinstance(answer(500, words, action), Unclear)


def test_401_is_sent_again_with_a_new_token() -> None:
    assert isinstance(answer(401), NotAccepted)


@pytest.mark.parametrize("status", [413, 429])
def test_a_rate_limit_is_waited_out_as_long_as_nova_says(status: int) -> None:
    meaning = answer(status, "This request was rate-limited.", retry_after=17.0)
    assert isinstance(meaning, NotAccepted)
    assert meaning.retry_after == 17.0


def test_406_steps_down() -> None:
    assert isinstance(answer(406, "Version 2.68 is not supported by the API."), StepDown)


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 405])
def test_what_is_no_nova_is_a_configuration_to_fix(status: int) -> None:
    meaning = answer(status)
    assert isinstance(meaning, Rejected)
    assert meaning.reason is Reason.INVALID_CONFIGURATION


def test_409_on_a_task_waits_and_is_sent_again() -> None:
    meaning = answer(409, BUSY)
    assert isinstance(meaning, NotAccepted)
    assert meaning.reason is Reason.SERVER_BUSY


@pytest.mark.parametrize(
    ("status", "message", "more", "reason"),
    [
        (400, "Invalid input for field/attribute rotation.", {}, Reason.REFUSED),
        (400, "Malformed request body", {}, Reason.REFUSED),
        (400, "Compute host x could not be found.", {}, Reason.REFUSED),
        (400, "There is no such action: resetNetwork", {}, Reason.ACTION_REMOVED),
        (400, "No valid host was found. Too few.", {}, Reason.NO_VALID_HOST),
        (
            400,
            "Backup is not supported for volume-backed instances.",
            {"action": "createBackup"},
            Reason.NOT_SUPPORTED,
        ),
        (403, POLICY, {}, Reason.POLICY_FORBIDS),
        (403, "", {}, Reason.POLICY_FORBIDS),
        (403, "Quota exceeded for cores: Requested 1, but already used 20", {}, Reason.REFUSED),
        (403, "Project x is over a limit for [cores]", {}, Reason.REFUSED),
        (404, "Instance 1bea could not be found.", {}, Reason.SERVER_NOT_FOUND),
        (409, STOPPED, {}, Reason.WRONG_SERVER_STATE),
        (409, LOCKED, {}, Reason.SERVER_LOCKED),
        (
            409,
            LOCKED_PASSWORD,
            {"action": "changePassword", "locked": True},
            Reason.SERVER_LOCKED,
        ),
        (409, LOCKED_PASSWORD, {"action": "changePassword"}, Reason.WRONG_SERVER_STATE),
        (409, "Service is unavailable at this time.", {}, Reason.REFUSED),
        (409, "Guest agent is not enabled for the instance", {}, Reason.REFUSED),
        (409, "Set admin password is not supported", {}, Reason.NOT_SUPPORTED),
        (409, "Instance 1bea is not ready", {"locked": True}, Reason.REFUSED),
        (410, "This resource is no longer available.", {}, Reason.ACTION_REMOVED),
        (501, "Unable to set password on instance", {}, Reason.NOT_SUPPORTED),
    ],
)
def test_a_refusal_is_an_end_with_the_reason_that_says_what_to_do(
    status: int, message: str, more: dict[str, Any], reason: Reason
) -> None:
    meaning = answer(status, message, **more)
    assert isinstance(meaning, Rejected)
    assert meaning.reason is reason
    if message and status != 410:
        assert message in meaning.message


def test_a_forbidden_action_names_the_rule() -> None:
    meaning = answer(403, POLICY)
    assert isinstance(meaning, Rejected)
    assert "rule os_compute_api:os-migrate-server:migrate)" in meaning.message


def test_a_removed_action_says_since_when() -> None:
    meaning = answer(410, "This resource is no longer available.", action="resetNetwork")
    assert isinstance(meaning, Rejected)
    assert "release 23 (Wallaby)" in meaning.message


def test_novas_words_are_cut_where_they_do_not_end() -> None:
    meaning = answer(400, "x" * 5000)
    assert isinstance(meaning, Rejected)
    assert len(meaning.message) < 1000
