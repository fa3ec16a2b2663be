"""resetNetwork and injectNetworkInfo: what Nova accepts is all that can ever be known of them."""

from typing import Any

import pytest

from serveractions.actions.action import Go, Refuse, Succeeded, Target, Wait
from serveractions.actions.inject_network_info import InjectNetworkInfo
from serveractions.actions.reset_network import ResetNetwork
from serveractions.api.spec import ServerNetworkInjectionSpec, ServerNetworkResetSpec
from sightings import SERVER_ID, SPEC, UID, intent, record, seen, server, status

INJECT, RESET = InjectNetworkInfo(), ResetNetwork()
SPECS: list[tuple[Any, Any]] = [
    (INJECT, ServerNetworkInjectionSpec.model_validate(SPEC)),
    (RESET, ServerNetworkResetSpec.model_validate(SPEC)),
]


@pytest.mark.parametrize(("action", "spec"), SPECS)
def test_the_body_is_null(action: Any, spec: Any) -> None:
    request = action.request(spec, Target(uid=UID, name="x", server=server()), "2.100")
    assert request.body == {action.name: None}
    assert (request.path, request.microversion) == (f"/servers/{SERVER_ID}/action", "2.65")


@pytest.mark.parametrize(("action", "spec"), SPECS)
def test_acceptance_is_success_that_says_that_nova_reports_no_outcome(
    action: Any, spec: Any
) -> None:
    for verdict in (
        action.accepted(spec),
        action.judge(spec, status(action.name), seen(server())),
    ):
        assert isinstance(verdict, Succeeded)
        assert verdict.message.startswith(
            "Accepted by Nova, which reports no outcome for this action: "
        )


@pytest.mark.parametrize(("action", "spec"), SPECS)
def test_no_record_is_ever_taken_for_theirs(action: Any, spec: Any) -> None:
    assert action.record is None
    assert not action.matches(record(action.name), intent(action.name))


@pytest.mark.parametrize(("action", "spec"), SPECS)
def test_they_need_no_state_and_no_idle_server(action: Any, spec: Any) -> None:
    for state in (server(), server("ERROR"), server(task="rebooting")):
        assert isinstance(action.precheck(spec, state), Go)
    assert isinstance(action.precheck(spec, server(partial=True)), Wait)
    assert isinstance(action.precheck(spec, server("DELETED")), Refuse)


def test_injection_warns_of_a_lock_and_of_a_server_without_a_host() -> None:
    spec = SPECS[0][1]
    assert INJECT.precheck(spec, server()) == Go()
    for state, word in (
        (server(locked=True), "locked"),
        (server("SHELVED_OFFLOADED", vm_state="shelved_offloaded"), "no host"),
    ):
        check = INJECT.precheck(spec, state)
        assert isinstance(check, Go)
        assert word in (check.warning or "")


def test_the_reset_says_beforehand_that_nova_has_removed_it() -> None:
    check = RESET.precheck(SPECS[1][1], server())
    assert isinstance(check, Go)
    assert "410" in (check.warning or "")
