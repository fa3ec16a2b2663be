"""os-migrateLive, its checks, its abort and its force-complete, and how each fails."""

from typing import Any

import pytest

from contract.client import message, until
from contract.clouds import Asking, Cloud

LIVE = {"os-migrateLive": {"host": None, "block_migration": "auto"}}
OLD = {"os-migrateLive": {"host": None, "block_migration": True, "disk_over_commit": True}}
FORCE = {"force_complete": None}
HOST = "OS-EXT-SRV-ATTR:host"
CHECKED = [
    ("compute_check_can_live_migrate_source", "Success"),
    ("compute_check_can_live_migrate_destination", "Success"),
    ("conductor_live_migrate_instance", "Success"),
]
SENT = [("compute_pre_live_migration", "Success"), ("compute_live_migration", "Success"), *CHECKED]
ARRIVED = [("compute_post_live_migration_at_destination", "Success"), *SENT]
NO_HOST = "No valid host was found. There are not enough hosts available."


def test_a_live_migration_shows_its_bytes_and_completes(cloud: Cloud) -> None:
    server, admin = cloud.idle("live"), cloud.admin
    source = admin.server(server)
    cloud.control.delay("live_migration", 6, [server])
    request_id = cloud.begin(server, LIVE)
    migration = cloud.migration(server, "running")
    seen = cloud.shows_task(server, "migrating")
    assert (seen["status"], seen["OS-EXT-STS:vm_state"], seen[HOST]) == (
        "MIGRATING",
        "active",
        source[HOST],
    )
    assert (migration["migration_type"], migration["source_compute"]) == (
        "live-migration",
        source[HOST],
    )

    def running() -> dict[str, Any]:
        (found,) = admin.get(f"/servers/{server}/migrations")["migrations"]
        one = f"/servers/{server}/migrations/{found['id']}"
        assert admin.get(one)["migration"]["uuid"] == migration["uuid"]
        return dict(found)

    until(lambda: running()["memory_processed_bytes"], "the first bytes")
    first = running()
    assert (first["server_uuid"], first["status"]) == (server, "running")
    total = first["memory_total_bytes"]
    assert 0 < first["memory_processed_bytes"] <= total
    assert 0 < first["memory_remaining_bytes"] <= total
    assert first["disk_total_bytes"] is None
    assert 0 <= cloud.admin.server(server)["progress"] <= 100
    assert admin.events(server, request_id) == SENT, "all of it Success, and nothing is decided"
    busy = f"Cannot 'os-migrateLive' instance {server} while it is in task_state migrating"
    assert message(admin.act(server, LIVE)) == (409, "conflictingRequest", busy)
    cloud.control.delay("live_migration", 0, [server])
    seen = cloud.settles(server, "ACTIVE")
    done = cloud.migration(server, "completed")
    assert (seen[HOST], seen["hostId"] == source["hostId"]) == (done["dest_compute"], False)
    assert admin.events(server, request_id) == ARRIVED
    action = admin.action(server, request_id)
    assert (action["action"], action["message"]) == ("live-migration", None)
    assert admin.get(f"/servers/{server}/migrations")["migrations"] == []
    gone = admin.ask("GET", f"/servers/{server}/migrations/{done['id']}")
    words = f"Live migration {done['id']} for server {server} is not in progress."
    assert message(gone) == (404, "itemNotFound", words)


def test_a_hypervisor_that_fails_is_told_by_the_migration_alone(cloud: Cloud) -> None:
    server, admin = cloud.idle("live"), cloud.admin
    source = admin.server(server)[HOST]
    cloud.control.fail("live_migration", "NovaException", ["lost"], 1, [server])
    request_id = cloud.begin(server, LIVE)
    cloud.migration(server, "failed")
    seen = cloud.settles(server, "ACTIVE")
    assert seen[HOST] == source
    assert "fault" not in seen
    assert admin.events(server, request_id) == SENT
    assert admin.action(server, request_id)["message"] is None


@pytest.mark.parametrize("method", ["pre_live_migration", "post_live_migration_at_destination"])
def test_a_destination_that_fails_is_told_by_the_action(cloud: Cloud, method: str) -> None:
    server, admin = cloud.idle("live-breaks"), cloud.admin
    source = admin.server(server)[HOST]
    cloud.control.fail(method, "NovaException", ["no disk"], 1, [server])
    request_id = cloud.begin(server, LIVE)
    before = method == "pre_live_migration"
    migration = cloud.migration(server, "failed" if before else "error")
    seen = cloud.settles(server, "ACTIVE" if before else "ERROR")
    assert seen[HOST] == (source if before else migration["dest_compute"])
    assert seen.get("fault", {}).get("message") == (None if before else "no disk")
    action = cloud.failed(server, request_id)
    newest = action["events"][0]
    assert (newest["event"], newest["result"], newest["details"]) == (
        f"compute_{method}",
        "Error",
        "no disk",
    )
    if not before:
        cloud.reset(server)


@pytest.mark.parametrize(
    ("method", "exception"),
    [
        ("check_can_live_migrate_destination", "MigrationPreCheckError"),
        ("check_can_live_migrate_source", "NovaException"),
    ],
)
def test_checks_that_fail_everywhere_leave_an_event_that_never_ends(
    cloud: Cloud, method: str, exception: str
) -> None:
    server = cloud.idle("live")
    cloud.control.fail(method, exception, ["bad cpu"], None, [server])
    try:
        request_id = cloud.begin(server, LIVE)
        migration = cloud.migration(server, "error")
    finally:
        cloud.control.reset([server])
    assert migration["dest_compute"] is None
    cloud.settles(server, "ACTIVE")
    events = cloud.failed(server, request_id)["events"]
    conductor = events[-1]
    assert (conductor["event"], conductor["result"], conductor["details"]) == (
        "conductor_live_migrate_instance",
        "Error",
        NO_HOST,
    )
    tried = [each for each in events if each["event"] == f"compute_{method}"]
    assert [each["result"] for each in tried] == [None, "Error"]
    assert tried[0]["finish_time"] is None
    assert tried[1]["details"] == "bad cpu"


def test_an_error_that_nobody_expects_in_a_check_ends_in_error(cloud: Cloud) -> None:
    server = cloud.idle("live-again")
    method = "check_can_live_migrate_destination"
    cloud.control.fail(method, "NovaException", ["boom"], 1, [server])
    request_id = cloud.begin(server, LIVE)
    cloud.settles(server, "ERROR")
    assert cloud.migration(server, "error")
    events = cloud.failed(server, request_id)["events"]
    assert [each["details"] for each in events] == ["boom", "Migration error: boom"]
    cloud.reset(server)


def test_no_host_is_told_by_the_records(cloud: Cloud) -> None:
    server, admin = cloud.stuck, cloud.admin
    for host in (None, "host1"):  # not even to itself
        body = {"os-migrateLive": {"host": host, "block_migration": "auto"}}
        request_id = cloud.begin(server, body)
        action = cloud.failed(server, request_id)
        assert [each["event"] for each in action["events"]] == ["conductor_live_migrate_instance"]
        assert action["events"][0]["details"] == NO_HOST
        assert "fault" not in cloud.settles(server, "ACTIVE")
        assert cloud.migration(server, "error")["dest_compute"] is None
    answer = admin.act(server, OLD, version="2.24")
    assert message(answer) == (400, "badRequest", NO_HOST), "below 2.34 the answer comes after it"
    action = cloud.failed(server, answer.headers["x-compute-request-id"])
    assert [each["event"] for each in action["events"]] == ["conductor_migrate_server"]
    cloud.settles(server, "ACTIVE")
    itself = {"os-migrateLive": OLD["os-migrateLive"] | {"host": "host1"}}
    words = f"Unable to migrate instance ({server}) to current host (host1)."
    assert message(admin.act(server, itself, version="2.24")) == (400, "badRequest", words)
    cloud.settles(server, "ACTIVE")


def test_an_old_microversion_answers_after_the_checks(cloud: Cloud) -> None:
    server = cloud.idle("live-again")
    with cloud.control.held("check_can_live_migrate_source", [server]):
        asking = Asking(lambda: cloud.admin.act(server, OLD, version="2.24"))
        cloud.shows_task(server, "migrating")
        assert not asking.answered
    assert (asking.answer().status_code, asking.answer().content) == (202, b"")
    cloud.settles(server, "ACTIVE")
    until(lambda: cloud.admin.migrations(server)[0]["status"] == "completed", "its end")


def test_an_abort_cancels_what_runs(cloud: Cloud) -> None:
    server, admin = cloud.idle("live-again"), cloud.admin
    source = admin.server(server)[HOST]
    with cloud.control.held("live_migration", [server]):
        request_id = cloud.begin(server, LIVE)
        number = cloud.migration(server, "running")["id"]
        path = f"/servers/{server}/migrations"
        unknown = message(admin.ask("DELETE", f"{path}/999"))
        words = f"Migration 999 not found for instance {server}"
        assert unknown == (404, "itemNotFound", words)
        answer = admin.ask("DELETE", f"{path}/{number}", version="2.24")
        assert (answer.status_code, answer.content) == (202, b"")
        cloud.migration(server, "cancelled")
    seen = cloud.settles(server, "ACTIVE")
    assert seen[HOST] == source
    assert admin.events(server, request_id) == SENT
    cancel = admin.action(server, answer.headers["x-compute-request-id"])
    assert cancel["action"] == "live_migration_cancel"
    assert [each["event"] for each in cancel["events"]] == ["compute_live_migration_abort"]
    words = f"Instance {server} is in an invalid state for 'abort live migration'"
    for which in (number, 999):
        late = message(admin.ask("DELETE", f"{path}/{which}"))
        assert late == (409, "conflictingRequest", words)


def test_what_prepares_is_aborted_from_2_65_on_and_never_forced(cloud: Cloud) -> None:
    server, admin = cloud.idle("live-again"), cloud.admin
    with cloud.control.held("pre_live_migration", [server]):
        cloud.begin(server, LIVE)
        number = cloud.migration(server, "preparing")["id"]
        path = f"/servers/{server}/migrations/{number}"
        cannot = f"Migration {number} state of instance {server} is preparing. Cannot"
        why = "while the migration is in this state."
        early = message(admin.ask("DELETE", path, version="2.64"))
        assert early == (400, "badRequest", f"{cannot} abort live migration {why}")
        forced = message(admin.ask("POST", f"{path}/action", FORCE))
        assert forced == (400, "badRequest", f"{cannot} force complete {why}")
        answer = admin.ask("DELETE", path, version="2.65")
        assert answer.status_code == 202
        cloud.ended(server, answer.headers["x-compute-request-id"])
        assert cloud.migration(server, "preparing"), "until the destination is done with it"
    cloud.migration(server, "cancelled")
    cloud.settles(server, "ACTIVE")


def test_a_forced_migration_completes(cloud: Cloud) -> None:
    server, admin = cloud.idle("live-again"), cloud.admin
    with cloud.control.held("live_migration", [server]):
        cloud.begin(server, LIVE)
        number = cloud.migration(server, "running")["id"]
        path = f"/servers/{server}/migrations"
        unknown = message(admin.ask("POST", f"{path}/999/action", FORCE))
        words = f"Migration 999 not found for instance {server}"
        assert unknown == (400, "badRequest", words), "for an abort the same is a 404"
        answer = admin.ask("POST", f"{path}/{number}/action", FORCE, version="2.22")
        assert (answer.status_code, answer.content) == (202, b"")
        cloud.migration(server, "completed")
    cloud.settles(server, "ACTIVE")
    action = admin.action(server, answer.headers["x-compute-request-id"])
    assert action["action"] == "live_migration_force_complete"
    words = f"Instance {server} is in an invalid state for 'force_complete'"
    late = message(admin.ask("POST", f"{path}/{number}/action", FORCE))
    assert late == (409, "conflictingRequest", words)


def test_a_paused_server_migrates_and_stays_paused(cloud: Cloud) -> None:
    server, admin = cloud.idle("live-again"), cloud.admin
    with (
        cloud.brought_to(server, "pause", "unpause", "PAUSED"),
        cloud.control.held("live_migration", [server]),
    ):
        cloud.begin(server, LIVE)
        number = cloud.migration(server, "running")["id"]
        assert admin.server(server)["status"] == "MIGRATING"
        forced = message(admin.ask("POST", f"/servers/{server}/migrations/{number}/action", FORCE))
        words = f"Cannot 'force_complete' instance {server} while it is in vm_state paused"
        assert forced == (409, "conflictingRequest", words)
        cloud.control.delay("live_migration", 0, [server])
        cloud.migration(server, "completed")
        cloud.settles(server, "PAUSED")
