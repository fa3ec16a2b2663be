"""changePassword: the answer decides; a lost one is looked up and never repeated."""

from typing import Any

import pytest

from serveractions.actions.action import Failed, Go, Running, Succeeded, Target, Wait
from serveractions.actions.change_password import ChangePassword
from serveractions.actions.observation import Observation
from serveractions.api.spec import ServerPasswordChangeSpec
from serveractions.api.status import Reason
from sightings import (
    MOMENT,
    SERVER_ID,
    SETTLED,
    SPEC,
    STALLED,
    UID,
    event,
    record,
    seen,
    server,
    status,
)

ACTION = ChangePassword()
SPEC_ = ServerPasswordChangeSpec.model_validate(
    SPEC | {"password_secret_ref": {"name": "web-1", "key": "password"}}
)
SET = record("changePassword", [event("compute_set_admin_password")])
FAILED = record("changePassword", [event("compute_set_admin_password", "Error", "agent is off")])
OPEN = record("changePassword", [event("compute_set_admin_password", None)])


def judge(observation: Observation) -> Any:
    return ACTION.judge(SPEC_, status("changePassword"), observation)


def target(password: str | None) -> Target:
    return Target(uid=UID, name="x", server=server(), password=password)


def test_the_request_holds_the_password_and_shows_it_nowhere() -> None:
    request = ACTION.request(SPEC_, target("s3cret"), "2.100")
    assert request.body == {"changePassword": {"adminPass": "s3cret"}}
    assert (request.path, request.microversion) == (f"/servers/{SERVER_ID}/action", "2.65")
    assert "s3cret" not in repr(request) + str(request) + repr(target("s3cret"))


@pytest.mark.parametrize("password", [None, ""])
def test_a_missing_or_empty_password_is_never_sent(password: str | None) -> None:
    with pytest.raises(ValueError, match="missing or empty"):
        ACTION.request(SPEC_, target(password), "2.100")


def test_it_waits_for_a_running_task_and_warns_of_other_states_and_locks() -> None:
    assert isinstance(ACTION.precheck(SPEC_, server(task="rebooting")), Wait)
    assert ACTION.precheck(SPEC_, server()) == Go()
    check = ACTION.precheck(SPEC_, server("SHUTOFF", locked=True))
    assert isinstance(check, Go)
    assert "stopped" in (check.warning or "")
    assert "locked" in (check.warning or "")


def test_acceptance_is_success() -> None:
    assert isinstance(ACTION.accepted(SPEC_), Succeeded)


def test_a_lost_answer_is_judged_by_the_event() -> None:
    assert isinstance(judge(seen(server(), action=SET)), Succeeded)
    assert isinstance(judge(seen(None, action=SET)), Succeeded)
    verdict = judge(seen(server(), action=FAILED))
    assert isinstance(verdict, Failed)
    assert "agent is off" in verdict.message


def test_an_event_without_an_end_runs_with_the_task_and_is_unknown_without_it() -> None:
    busy = server("PASSWORD", "updating_password", vm_state="active")
    assert isinstance(judge(seen(busy, action=OPEN, quiet=STALLED)), Running)
    for action in (OPEN, None, record("changePassword", None)):
        assert isinstance(judge(seen(server(), action=action, quiet=MOMENT)), Running)
        verdict = judge(seen(server(), action=action, quiet=SETTLED))
        assert isinstance(verdict, Failed)
        assert verdict.reason is Reason.OUTCOME_UNKNOWN


def test_a_deleted_server_is_a_failure_and_a_dead_cell_says_nothing() -> None:
    verdict = judge(seen(None, action=OPEN))
    assert isinstance(verdict, Failed)
    assert verdict.reason is Reason.SERVER_GONE
    assert isinstance(judge(seen(server(partial=True), action=OPEN, quiet=STALLED)), Running)
