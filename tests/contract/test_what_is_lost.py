"""What becomes of actions when their server is deleted or Nova ends in the middle of them.

The last of the suite: nothing here is left as it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from contract.client import until
from contract.clouds import Asking, Cloud

LIVE = {"os-migrateLive": {"host": None, "block_migration": "auto"}}
BACKUP = {"createBackup": {"name": "b", "backup_type": "lost", "rotation": 9}}
MIGRATE = {"migrate": None}
PASSWORD = {"changePassword": {"adminPass": "new"}}
PAST = "2020-01-01T00:00:00Z"

DELETED: Mapping[str, Mapping[str, Any]] = {
    "live_migration": LIVE,
    "snapshot_upload": BACKUP,
    "finish_migration": MIGRATE,
}


@pytest.fixture(scope="module")
def deleted(cloud: Cloud) -> dict[str, str]:
    """Servers that were deleted in the middle of an action, or before its confirm."""
    names = [*DELETED, "verify"]
    servers = dict(zip(names, cloud.boot(*(f"deleted-{name}" for name in names)), strict=True))
    for method, body in DELETED.items():
        cloud.control.delay(method, 86_400, [servers[method]])
        cloud.begin(servers[method], body)
    cloud.begin(servers["verify"], MIGRATE)
    cloud.migration(servers["live_migration"], "running")
    cloud.shows_task(servers["snapshot_upload"], "image_pending_upload")
    cloud.shows_task(servers["finish_migration"], "resize_finish")
    cloud.settles(servers["verify"], "VERIFY_RESIZE")
    for server in servers.values():
        answer = cloud.admin.ask("DELETE", f"/servers/{server}")
        assert (answer.status_code, answer.text) == (204, "")
    for server in servers.values():
        path = f"/servers/{server}"
        until(lambda: cloud.admin.ask("GET", path).status_code == 404, "its end")  # noqa: B023
    for method in DELETED:
        cloud.control.delay(method, 0, [servers[method]])
    return servers


@pytest.mark.parametrize("name", [*DELETED, "verify"])
def test_a_deleted_server_keeps_its_actions_and_nothing_else(
    cloud: Cloud, deleted: dict[str, str], name: str
) -> None:
    server, admin = deleted[name], cloud.admin
    path = f"/servers/{server}/os-instance-actions"
    assert admin.ask("GET", path, version="2.20").status_code == 404
    assert admin.ask("GET", path, version="2.21").status_code == 200
    assert admin.actions(server)[0]["action"] == "delete"
    assert admin.migrations(server) == []
    assert admin.act(server, BACKUP).status_code == 404
    changed = admin.get(f"/servers/detail?changes-since={PAST}")["servers"]
    (row,) = [each for each in changed if each["id"] == server]
    assert (row["status"], row["OS-EXT-STS:vm_state"], row["OS-EXT-STS:task_state"]) == (
        "DELETED",
        "deleted",
        None,
    )


def test_what_was_going_on_ends_in_three_ways(cloud: Cloud, deleted: dict[str, str]) -> None:
    admin = cloud.admin
    ends = {}
    for method in DELETED:
        server = deleted[method]
        action = admin.actions(server)[1]
        cloud.ended(server, action["request_id"])
        events = admin.action(server, action["request_id"])["events"]
        ends[method] = (events[0]["event"], events[0]["result"], events[0]["details"])
    gone = f"Instance {deleted['finish_migration']} could not be found."
    assert ends == {
        "live_migration": ("compute_pre_live_migration", "Success", None),
        "snapshot_upload": ("compute_backup_instance", "Success", None),
        "finish_migration": ("compute_finish_resize", "Error", gone),
    }
    assert admin.images(deleted["snapshot_upload"]) == []


def test_deletion_confirms_a_migration_under_its_own_request(
    cloud: Cloud, deleted: dict[str, str]
) -> None:
    actions = cloud.admin.actions(deleted["verify"])
    assert [each["action"] for each in actions[:3]] == ["delete", "confirmResize", "migrate"]
    assert actions[0]["request_id"] == actions[1]["request_id"]


@dataclass(frozen=True)
class Lost:
    """An action at a point of it, and what a restarted Nova shows of it."""

    server: str
    body: Mapping[str, Any]
    task: str
    """The one that it has when Nova ends."""
    left: str | None
    """The one that is there afterwards."""
    migration: str | None = None
    """The status that its migration keeps, or gets."""
    unfinished: str | None = None
    """The event that never ends."""


LOST = {
    "snapshot": Lost(
        "backup", BACKUP, "image_backup", "image_backup", unfinished="compute_backup_instance"
    ),
    "snapshot_upload": Lost(
        "still", BACKUP, "image_pending_upload", None, unfinished="compute_backup_instance"
    ),
    "set_admin_password": Lost(
        "password",
        PASSWORD,
        "updating_password",
        "updating_password",
        unfinished="compute_set_admin_password",
    ),
    "migrate_disk_and_power_off": Lost(
        "cold", MIGRATE, "resize_migrating", None, "migrating", "compute_resize_instance"
    ),
    "finish_migration": Lost(
        "cold-again",
        MIGRATE,
        "resize_finish",
        "resize_finish",
        "post-migrating",
        "compute_finish_resize",
    ),
    "live_migration": Lost("live", LIVE, "migrating", None, "error"),
    "pre_live_migration": Lost(
        "live-again", LIVE, "migrating", None, "preparing", "compute_pre_live_migration"
    ),
}


@pytest.fixture(scope="module")
def restarted(cloud: Cloud) -> dict[str, tuple[str, str]]:
    """For each point the server and the request that Nova was in the middle of when it ended."""
    sent: dict[str, tuple[str, str]] = {}
    for method, lost in LOST.items():
        server = cloud.idle(lost.server)
        cloud.control.delay(method, 86_400, [server])
        if lost.body is PASSWORD:
            asking = Asking(lambda: cloud.admin.act(server, PASSWORD))  # noqa: B023
            cloud.shows_task(server, lost.task)
            request_id = cloud.admin.actions(server)[0]["request_id"]
        else:
            request_id = cloud.begin(server, lost.body)
        sent[method] = server, request_id
    for method, lost in LOST.items():
        server, request_id = sent[method]
        cloud.shows_task(server, lost.task)
        if lost.body is LIVE:
            cloud.migration(server, "preparing" if lost.unfinished else "running")
        if lost.unfinished:
            wanted = (lost.unfinished, None)
            until(lambda: wanted in cloud.admin.events(server, request_id), "it")  # noqa: B023
    cloud.world.restart()
    with pytest.raises(requests.ConnectionError):
        asking.answer()
    cloud.control.reset()
    return sent


@pytest.mark.parametrize("method", LOST)
def test_a_restarted_nova_has_forgotten_what_it_was_doing(
    cloud: Cloud, restarted: dict[str, tuple[str, str]], method: str
) -> None:
    lost, (server, request_id) = LOST[method], restarted[method]
    admin = cloud.admin
    until(lambda: admin.server(server)["OS-EXT-STS:task_state"] == lost.left, "its task")
    action = admin.action(server, request_id)
    assert action["message"] is None
    if lost.unfinished:
        never = [each for each in action["events"] if each["finish_time"] is None]
        assert [each["event"] for each in never] == [lost.unfinished]
    if lost.migration:
        assert cloud.migration(server, lost.migration)
    if lost.body is BACKUP:
        assert [each["status"] for each in admin.images(server, backup_type="lost")] == ["queued"]


def test_a_live_migration_that_ran_was_aborted(
    cloud: Cloud, restarted: dict[str, tuple[str, str]]
) -> None:
    server, request_id = restarted["live_migration"]
    newest = cloud.admin.action(server, request_id)["events"][0]
    assert (newest["event"], newest["result"]) == ("compute_live_migration_abort", "Success")
    assert cloud.admin.server(server)["status"] == "ACTIVE"


def test_what_is_stuck_refuses_until_somebody_resets_it(
    cloud: Cloud, restarted: dict[str, tuple[str, str]]
) -> None:
    server, _ = restarted["snapshot"]
    answer = cloud.admin.act(server, BACKUP)
    assert answer.status_code == 409
    assert answer.json()["conflictingRequest"]["message"].endswith("in task_state image_backup")
    cloud.reset(server)
    assert cloud.settles(server, "ACTIVE")
