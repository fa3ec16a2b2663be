"""migrate, and what follows it: confirm, revert, and how each fails."""

from typing import Any

import pytest

from contract.client import message, until
from contract.clouds import Cloud

MIGRATE = {"migrate": None}
CONFIRM = {"confirmResize": None}
REVERT = {"revertResize": None}
EVENTS = [
    ("compute_finish_resize", "Success"),
    ("compute_resize_instance", "Success"),
    ("compute_prep_resize", "Success"),
    ("cold_migrate", "Success"),
    ("conductor_migrate_server", "Success"),
]
HOST = "OS-EXT-SRV-ATTR:host"


def test_a_migration_goes_through_its_tasks_and_waits(cloud: Cloud) -> None:
    server, admin = cloud.idle("cold"), cloud.admin
    before = admin.server(server)
    with cloud.control.held("finish_migration", [server]):
        with cloud.control.held("migrate_disk_and_power_off", [server]):
            request_id = cloud.begin(server, MIGRATE)
            seen = cloud.shows_task(server, "resize_migrating")
            assert (seen["status"], seen[HOST]) == ("RESIZE", before[HOST])
            assert cloud.migration(server, "migrating")
            busy = f"Cannot 'migrate' instance {server} while it is in task_state resize_migrating"
            assert message(admin.act(server, MIGRATE)) == (409, "conflictingRequest", busy)
            assert admin.get(f"/servers/{server}/migrations")["migrations"] == []
        seen = cloud.shows_task(server, "resize_finish")
        assert seen[HOST] != before[HOST]
        assert cloud.migration(server, "post-migrating")
    seen = cloud.settles(server, "VERIFY_RESIZE")
    assert seen["OS-EXT-STS:vm_state"] == "resized"
    assert seen["hostId"] != before["hostId"]
    migration = cloud.migration(server, "finished")
    assert migration["migration_type"] == "migration"
    assert (migration["source_compute"], migration["dest_compute"]) == (before[HOST], seen[HOST])
    assert (migration["user_id"], migration["project_id"]) == (admin.user_id, admin.project_id)
    assert cloud.ended(server, request_id) == EVENTS
    action = admin.action(server, request_id)
    assert (action["action"], action["message"]) == ("migrate", None)
    words = f"Cannot 'migrate' instance {server} while it is in vm_state resized"
    assert message(admin.act(server, MIGRATE)) == (409, "conflictingRequest", words)
    _confirm(cloud, server)


def _confirm(cloud: Cloud, server: str) -> None:
    """Confirm once, and see what a second confirm meets while it goes on and after it."""
    admin = cloud.admin
    with cloud.control.held("confirm_migration", [server]):
        answer = admin.act(server, CONFIRM)
        assert (answer.status_code, answer.content) == (204, b"")
        assert cloud.migration(server, "confirming")
        seen = admin.server(server)
        assert (seen["status"], seen["OS-EXT-STS:task_state"]) == ("VERIFY_RESIZE", None)
        again = (400, "badRequest", "Instance has not been resized.")
        assert message(admin.act(server, CONFIRM)) == again
        assert message(admin.act(server, REVERT)) == again
    cloud.settles(server, "ACTIVE")
    assert cloud.migration(server, "confirmed")
    request_id = answer.headers["x-compute-request-id"]
    assert cloud.ended(server, request_id) == [("compute_confirm_resize", "Success")]
    words = f"Cannot 'confirmResize' instance {server} while it is in vm_state active"
    assert message(admin.act(server, CONFIRM)) == (409, "conflictingRequest", words)


def test_a_reverted_migration_says_so_before_the_server_is_back(cloud: Cloud) -> None:
    server, admin = cloud.idle("cold-again"), cloud.admin
    before = admin.server(server)[HOST]
    cloud.begin(server, {"migrate": {"host": "host3"}}, version="2.56")
    assert cloud.settles(server, "VERIFY_RESIZE")[HOST] == "host3"
    with cloud.control.held("finish_revert_migration", [server]):
        answer = admin.act(server, REVERT)
        assert (answer.status_code, answer.content) == (202, b"")
        assert cloud.migration(server, "reverted")
        seen = cloud.shows_task(server, "resize_reverting")
        assert seen["status"] == "REVERT_RESIZE"
        until(lambda: admin.server(server)[HOST] == before, "the source as the server's host")
    assert cloud.settles(server, "ACTIVE")[HOST] == before
    assert cloud.ended(server, answer.headers["x-compute-request-id"]) == [
        ("compute_finish_revert_resize", "Success"),
        ("compute_revert_resize", "Success"),
    ]


def test_a_stopped_server_is_stopped_after_its_migration(cloud: Cloud) -> None:
    server, admin = cloud.idle("cold-again"), cloud.admin
    with cloud.brought_to(server, "os-stop", "os-start", "SHUTOFF"):
        cloud.begin(server, MIGRATE, user="manager")
        cloud.settles(server, "VERIFY_RESIZE")
        assert admin.act(server, CONFIRM).status_code == 204
        cloud.settles(server, "SHUTOFF")


def test_nova_confirms_by_itself_in_the_name_of_nobody(cloud: Cloud) -> None:
    server, admin = cloud.idle("cold"), cloud.admin
    cloud.begin(server, MIGRATE)
    cloud.settles(server, "VERIFY_RESIZE")

    def confirmed() -> bool:
        cloud.world.confirm_unasked()
        return bool(admin.server(server)["status"] == "ACTIVE")

    until(confirmed, "Nova's own confirm")
    assert admin.migrations(server)[0]["status"] == "confirmed"
    action = admin.actions(server)[0]
    assert (action["action"], action["user_id"], action["project_id"]) == (
        "confirmResize",
        None,
        None,
    )
    cloud.settles(server, "ACTIVE")


def test_a_migration_that_a_reset_left_finished_ends_where_nova_confirms_by_itself(
    cloud: Cloud,
) -> None:
    server = cloud.idle("cold")
    cloud.begin(server, MIGRATE)
    cloud.settles(server, "VERIFY_RESIZE")
    cloud.reset(server)
    cloud.settles(server, "ACTIVE")
    assert cloud.migration(server, "finished", "error")

    def ended() -> bool:
        cloud.world.confirm_unasked()
        return bool(cloud.admin.migrations(server)[0]["status"] == "error")

    until(ended, "the end of the migration")


def test_no_valid_host_is_told_by_the_records_alone(cloud: Cloud) -> None:
    server, admin = cloud.stuck, cloud.admin
    request_id = cloud.begin(server, MIGRATE)
    assert cloud.ended(server, request_id) == [
        ("cold_migrate", "Error"),
        ("conductor_migrate_server", "Error"),
    ]
    seen = cloud.settles(server, "ACTIVE")
    assert "fault" not in seen
    action = admin.action(server, request_id)
    words = "No valid host was found. No valid host found for cold migrate"
    assert action["message"] == "Error"
    assert {each["details"] for each in action["events"]} == {words}
    migration = cloud.migration(server, "error")
    assert migration["dest_compute"] is None


def test_a_host_that_is_down_takes_nothing_and_gives_nothing(cloud: Cloud) -> None:
    server, admin = cloud.idle("cold"), cloud.admin
    own = admin.server(server)[HOST]
    other = "host2" if own != "host2" else "host3"
    cloud.control.host_down(other)
    try:
        cloud.ended(server, cloud.begin(server, {"migrate": {"host": other}}))
        cloud.settles(server, "ACTIVE")
        assert cloud.migration(server, "error")
        live = {"host": other, "block_migration": True, "disk_over_commit": False}
        answer = admin.act(server, {"os-migrateLive": live}, version="2.24")
        words = f"Compute service of {other} is unavailable at this time."
        assert message(answer) == (400, "badRequest", words)
        cloud.settles(server, "ACTIVE")
    finally:
        cloud.control.host_up(other)
    cloud.control.host_down(own)
    try:
        words = "Service is unavailable at this time."
        assert message(admin.act(server, MIGRATE)) == (409, "conflictingRequest", words)
    finally:
        cloud.control.host_up(own)


BREAKS: dict[str, tuple[dict[str, Any], str, str]] = {
    "migrate_disk_and_power_off": (MIGRATE, "compute_resize_instance", "source"),
    "finish_migration": (MIGRATE, "compute_finish_resize", "dest"),
    "confirm_migration": (CONFIRM, "compute_confirm_resize", "dest"),
    "finish_revert_migration": (REVERT, "compute_finish_revert_resize", "source"),
}
"""What is sent while a method fails, the event that tells it, and where the server is then."""


@pytest.fixture(scope="module")
def broken(cloud: Cloud) -> dict[str, tuple[str, str]]:
    """For each method a server that it failed for, and the id of the request."""
    servers = dict(zip(BREAKS, cloud.boot(*(f"breaks-{method}" for method in BREAKS)), strict=True))
    late = [servers[method] for method in BREAKS if BREAKS[method][0] is not MIGRATE]
    for server in late:
        cloud.begin(server, MIGRATE)
    for server in late:
        cloud.settles(server, "VERIFY_RESIZE")
    sent = {}
    for method, server in servers.items():
        cloud.control.fail(method, "NovaException", ["disk full"], 1, [server])
        answer = cloud.admin.act(server, BREAKS[method][0])
        assert answer.ok, answer.text
        sent[method] = server, answer.headers["x-compute-request-id"]
    return sent


@pytest.mark.parametrize("method", BREAKS)
def test_a_hypervisor_that_fails_leaves_a_server_in_error(
    cloud: Cloud, broken: dict[str, tuple[str, str]], method: str
) -> None:
    server, request_id = broken[method]
    _, name, where = BREAKS[method]
    seen = cloud.settles(server, "ERROR")
    assert (seen["fault"]["code"], seen["fault"]["message"]) == (500, "disk full")
    migration = cloud.migration(server, "error")
    assert seen[HOST] == migration[f"{where}_compute"]
    action = cloud.failed(server, request_id)
    newest = action["events"][0]
    assert (newest["event"], newest["result"], newest["details"]) == (name, "Error", "disk full")
