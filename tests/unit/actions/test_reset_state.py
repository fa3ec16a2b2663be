"""os-resetState: always allowed, and proved by a look at the server."""

from typing import Any

import pytest

from serveractions.actions.action import Failed, Go, Refuse, Running, Succeeded, Target, Wait
from serveractions.actions.reset_state import ResetState
from serveractions.api.spec import ServerStateResetSpec
from serveractions.api.status import Reason
from sightings import (
    MOMENT,
    SERVER_ID,
    SETTLED,
    SPEC,
    STALLED,
    UID,
    seen,
    server,
    status,
)

ACTION = ResetState()


def spec(state: str = "Active") -> ServerStateResetSpec:
    return ServerStateResetSpec.model_validate(SPEC | {"state": state})


@pytest.mark.parametrize(("state", "word"), [("Active", "active"), ("Error", "error")])
def test_the_request_says_the_state_in_novas_words(state: str, word: str) -> None:
    request = ACTION.request(spec(state), Target(uid=UID, name="x", server=server()), "2.100")
    assert request.body == {"os-resetState": {"state": word}}
    assert (request.path, request.microversion) == (f"/servers/{SERVER_ID}/action", "2.65")


@pytest.mark.parametrize(
    "state",
    [server(), server("ERROR"), server(task="resize_prep"), server("BUILD"), server(locked=True)],
)
def test_it_waits_for_nothing_since_it_is_the_cure(state: Any) -> None:
    assert ACTION.precheck(spec(), state) == Go()
    assert not ACTION.exclusive


def test_only_a_deleted_server_and_a_dead_cell_stop_it() -> None:
    assert isinstance(ACTION.precheck(spec(), server("DELETED")), Refuse)
    assert isinstance(ACTION.precheck(spec(), server(partial=True)), Wait)


def test_acceptance_alone_proves_nothing() -> None:
    assert ACTION.accepted(spec()) is None


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("Active", server()),
        ("Active", server("REBOOT", "rebooting", vm_state="active")),
        ("Error", server("ERROR")),
        ("Error", server("ERROR", vm_state=None)),
    ],
)
def test_the_wanted_state_on_the_server_is_success(state: str, shown: Any) -> None:
    verdict = ACTION.judge(spec(state), status("os-resetState"), seen(shown))
    assert isinstance(verdict, Succeeded)


def test_another_state_fails_once_all_is_quiet() -> None:
    shown = server("ERROR", fault="still broken")
    assert isinstance(
        ACTION.judge(spec(), status("os-resetState"), seen(shown, quiet=MOMENT)), Running
    )
    verdict = ACTION.judge(spec(), status("os-resetState"), seen(shown, quiet=SETTLED))
    assert isinstance(verdict, Failed)
    assert "still broken" in verdict.message


def test_a_deleted_server_is_a_failure_and_a_dead_cell_says_nothing() -> None:
    gone = ACTION.judge(spec(), status("os-resetState"), seen(None))
    assert isinstance(gone, Failed)
    assert gone.reason is Reason.SERVER_GONE
    partial = seen(server(partial=True), quiet=STALLED)
    assert isinstance(ACTION.judge(spec(), status("os-resetState"), partial), Running)
