"""os-resetState, injectNetworkInfo and changePassword: what needs no following."""

from typing import Any

import pytest

from contract.client import message, until
from contract.clouds import Asking, Cloud

INJECT = {"injectNetworkInfo": None}
PASSWORD = {"changePassword": {"adminPass": "new"}}
BACKUP = {"createBackup": {"name": "b", "backup_type": "reset", "rotation": 1}}
STATES = {
    "SHUTOFF": ("os-stop", "os-start", "stopped"),
    "PAUSED": ("pause", "unpause", "paused"),
    "SUSPENDED": ("suspend", "resume", "suspended"),
    "RESCUE": ("rescue", "unrescue", "rescued"),
}


def names(cloud: Cloud, server: str) -> list[str]:
    return [each["action"] for each in cloud.admin.actions(server)]


def test_a_state_is_reset_at_once_and_leaves_a_record_without_events(cloud: Cloud) -> None:
    server = cloud.idle("password")
    for state in ("error", "active"):
        answer = cloud.admin.act(server, {"os-resetState": {"state": state}})
        assert (answer.status_code, answer.content) == (202, b"")
        seen = cloud.admin.server(server)
        assert (seen["status"], seen["OS-EXT-STS:vm_state"]) == (state.upper(), state)
        assert "fault" not in seen
        action = cloud.admin.action(server, answer.headers["x-compute-request-id"])
        assert (action["action"], action["events"], action["message"]) == ("resetState", [], None)
        assert (action["user_id"], action["project_id"]) == (
            cloud.admin.user_id,
            cloud.admin.project_id,
        )


def test_a_reset_clears_a_task_and_makes_its_action_an_error(cloud: Cloud) -> None:
    server = cloud.idle("backup")
    with cloud.control.held("snapshot_upload", [server]):
        answer = cloud.admin.act(server, BACKUP)
        cloud.shows_task(server, "image_pending_upload")
        cloud.reset(server)
        assert cloud.admin.server(server)["OS-EXT-STS:task_state"] is None
    request_id = answer.headers["x-compute-request-id"]
    until(lambda: cloud.admin.action(server, request_id)["message"], "an end of the backup")
    assert cloud.admin.action(server, request_id)["message"] == "Error"
    assert cloud.admin.events(server, request_id) == [("compute_backup_instance", "Error")]
    assert cloud.admin.images(server, backup_type="reset") == []
    assert cloud.settles(server, "ACTIVE")


@pytest.mark.parametrize("body", [INJECT, {"injectNetworkInfo": {"any": ["thing"]}}])
def test_network_information_is_injected_without_any_record(
    cloud: Cloud, body: dict[str, Any]
) -> None:
    server = cloud.idle("password")
    before = names(cloud, server)
    cloud.control.fail("inject_network_info", servers=[server])
    try:
        answer = cloud.admin.act(server, body)
        assert (answer.status_code, answer.content) == (202, b"")
        until(lambda: cloud.control.calls("inject_network_info", server), "the driver's call")
    finally:
        cloud.control.reset([server])
    seen = cloud.settles(server, "ACTIVE")
    assert "fault" not in seen
    assert names(cloud, server) == before


@pytest.mark.parametrize("status", STATES)
def test_the_state_decides_what_is_taken(cloud: Cloud, status: str) -> None:
    server = cloud.idle("password")
    there, back, vm_state = STATES[status]
    with cloud.brought_to(server, there, back, status):
        assert cloud.admin.act(server, INJECT).status_code == 202, "in every state"
        if status != "RESCUE":
            cloud.ended(server, cloud.begin(server, BACKUP))
            assert cloud.settles(server, status), "a backup leaves it as it was"
        refused: dict[str, Any] = {
            "changePassword": {"adminPass": "new"},
            "confirmResize": None,
            "revertResize": None,
        }
        if status != "PAUSED":
            refused["os-migrateLive"] = {"host": None, "block_migration": "auto"}
        if status != "SHUTOFF":
            refused["migrate"] = None
        if status == "RESCUE":
            refused |= BACKUP
        for action, argument in refused.items():
            assert message(cloud.admin.act(server, {action: argument})) == (
                409,
                "conflictingRequest",
                f"Cannot '{action}' instance {server} while it is in vm_state {vm_state}",
            )


def test_a_server_in_error_takes_little(cloud: Cloud) -> None:
    server = cloud.idle("password")
    cloud.reset(server, "error")
    for action, argument in (
        ("createBackup", BACKUP["createBackup"]),
        ("migrate", None),
        ("os-migrateLive", {"host": None, "block_migration": "auto"}),
        ("changePassword", {"adminPass": "new"}),
    ):
        words = f"Cannot '{action}' instance {server} while it is in vm_state error"
        answer = cloud.admin.act(server, {action: argument})
        assert message(answer) == (409, "conflictingRequest", words)
    assert cloud.admin.act(server, INJECT).status_code == 202
    cloud.reset(server)


def test_a_lock_stops_all_but_administrators(cloud: Cloud) -> None:
    server = cloud.idle("still")
    manager = cloud.user("manager")
    assert cloud.admin.act(server, {"lock": None}).status_code == 202
    try:
        assert cloud.admin.server(server)["locked"]
        words = f"Instance {server} is locked"
        for body in (
            {"migrate": None},
            {"os-migrateLive": {"host": None, "block_migration": "auto"}},
        ):
            assert message(manager.act(server, body)) == (409, "conflictingRequest", words)
        words = f"Instance {server} is in an invalid state for 'changePassword'"
        assert message(manager.act(server, PASSWORD)) == (409, "conflictingRequest", words)
        assert cloud.admin.act(server, INJECT).status_code == 202
    finally:
        assert cloud.admin.act(server, {"unlock": None}).status_code == 202


def test_a_password_is_answered_for_when_it_is_set(cloud: Cloud) -> None:
    server = cloud.idle("password")
    with cloud.control.held("set_admin_password", [server]):
        asking = Asking(lambda: cloud.admin.act(server, PASSWORD))
        seen = cloud.shows_task(server, "updating_password")
        assert (seen["status"], seen["OS-EXT-STS:vm_state"]) == ("PASSWORD", "active")
        assert not asking.answered
        words = f"Cannot 'migrate' instance {server} while it is in task_state updating_password"
        busy = cloud.admin.act(server, {"migrate": None})
        assert message(busy) == (409, "conflictingRequest", words)
    answer = asking.answer()
    assert (answer.status_code, answer.content) == (202, b"")
    assert cloud.admin.server(server)["status"] == "ACTIVE"
    request_id = answer.headers["x-compute-request-id"]
    action = cloud.admin.action(server, request_id)
    assert (action["action"], action["message"]) == ("changePassword", None)
    assert action["user_id"] == cloud.admin.user_id
    assert cloud.admin.events(server, request_id) == [("compute_set_admin_password", "Success")]
    assert cloud.control.calls("set_admin_password", server)


def test_a_password_may_be_empty_and_a_members(cloud: Cloud) -> None:
    server = cloud.idle("password")
    answer = cloud.user("member").act(server, {"changePassword": {"adminPass": ""}})
    assert answer.status_code == 202
    action = cloud.admin.actions(server)[0]
    assert (action["action"], action["user_id"]) == ("changePassword", cloud.user("member").user_id)


IN_GENERAL = "Failed to set admin password on {} because error setting admin password"
AGENT = "Guest agent is not enabled for the instance"
FAILURES: dict[str, tuple[list[object], int, str]] = {
    "NotImplementedError": ([], 501, "Unable to set password on instance"),
    "SetAdminPasswdNotSupported": ([], 409, "Set admin password is not supported"),
    "InstanceAgentNotEnabled": ([AGENT], 409, AGENT),
    "NovaException": (["no"], 409, IN_GENERAL),
    "InstancePasswordSetFailed": (["no guest agent: secret"], 409, IN_GENERAL),
}


@pytest.mark.parametrize("exception", FAILURES)
def test_a_hypervisor_that_cannot_set_passwords_says_so(cloud: Cloud, exception: str) -> None:
    server = cloud.idle("password")
    args, status, words = FAILURES[exception]
    fault = {501: "notImplemented", 409: "conflictingRequest"}[status]
    cloud.control.fail("set_admin_password", exception, args, 1, [server])
    answer = cloud.admin.act(server, PASSWORD)
    assert message(answer) == (status, fault, words.format(server))
    seen = cloud.settles(server, "ACTIVE")
    assert "fault" not in seen
    request_id = answer.headers["x-compute-request-id"]
    assert cloud.admin.action(server, request_id)["message"] == "Error"
    assert cloud.admin.events(server, request_id) == [("compute_set_admin_password", "Error")]


def test_a_reset_while_a_password_is_set_is_an_error_to_nova(cloud: Cloud) -> None:
    server = cloud.idle("password")
    with cloud.control.held("set_admin_password", [server]):
        asking = Asking(lambda: cloud.admin.act(server, PASSWORD))
        cloud.shows_task(server, "updating_password")
        cloud.reset(server)
    answer = asking.answer()
    status, fault, words = message(answer)
    assert (status, fault) == (500, "computeFault")
    assert "UnexpectedTaskStateError" in words  # over a message bus its name ends in _Remote
    assert cloud.admin.action(server, answer.headers["x-compute-request-id"])["message"] == "Error"
    assert cloud.admin.server(server)["status"] == "ACTIVE"
