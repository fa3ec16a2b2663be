"""createBackup: the image, its properties, rotation, and how it fails."""

from typing import Any

import pytest

from contract.client import message
from contract.clouds import Cloud

MARK = {"serveractions.uid": "0c1f8f3e-4a0f-4d6e-9b8e-0a2f1f2d3c4b"}


def backup(name: str, *, backup_type: str, rotation: int = 1, **more: Any) -> dict[str, Any]:
    return {"createBackup": {"name": name, "backup_type": backup_type, "rotation": rotation} | more}


def make(cloud: Cloud, server: str, body: dict[str, Any]) -> str:
    """Make a backup to its end; return the image's id."""
    answer = cloud.admin.act(server, body)
    assert answer.status_code == 202, answer.text
    cloud.ended(server, answer.headers["x-compute-request-id"])
    image: str = answer.json()["image_id"]
    return image


def test_a_backup_goes_through_its_tasks_and_becomes_an_image(cloud: Cloud) -> None:
    server, admin = cloud.idle("backup"), cloud.admin
    body = backup("my backup", backup_type="tasks", metadata=MARK)
    with cloud.control.held("snapshot_upload", [server]):
        with cloud.control.held("snapshot", [server]):
            answer = admin.act(server, body, version="2.45")
            assert (answer.status_code, list(answer.json())) == (202, ["image_id"])
            assert "Location" not in answer.headers
            seen = cloud.shows_task(server, "image_backup")
            assert (seen["status"], seen["OS-EXT-STS:vm_state"]) == ("ACTIVE", "active")
            image_id = answer.json()["image_id"]
            image = admin.get(f"/v2/images/{image_id}", service="image")
            assert (image["status"], image["size"]) == ("queued", None)
        cloud.shows_task(server, "image_pending_upload")
        words = f"Cannot 'createBackup' instance {server} while it is in task_state"
        busy = message(admin.act(server, body))
        assert busy == (409, "conflictingRequest", f"{words} image_pending_upload")
        assert len(admin.images(server, backup_type="tasks")) == 1, "a refused one leaves none"
    cloud.ended(server, answer.headers["x-compute-request-id"])
    assert cloud.admin.server(server)["OS-EXT-STS:task_state"] is None
    image = admin.get(f"/v2/images/{image_id}", service="image")
    assert (image["name"], image["status"]) == ("my backup", "active")
    assert image["size"] > 0
    assert image["owner"] == admin.project_id
    properties = {"image_type": "backup", "backup_type": "tasks", "instance_uuid": server} | MARK
    assert {key: image[key] for key in properties} == properties
    assert image["user_id"] == admin.user_id
    action = admin.action(server, answer.headers["x-compute-request-id"])
    assert (action["action"], action["message"]) == ("createBackup", None)
    assert admin.images(server, **MARK) == [image], "found by its mark"


def test_rotation_counts_each_type_alone(cloud: Cloud) -> None:
    server, admin = cloud.idle("backup"), cloud.admin
    other = make(cloud, server, backup("other", backup_type="rotation-other"))
    made = [
        make(cloud, server, backup(f"b{number}", backup_type="rotation", rotation=2))
        for number in range(3)
    ]
    kept = [each["id"] for each in admin.images(server, backup_type="rotation")]
    assert kept == [made[2], made[1]], "newest first"
    assert [each["id"] for each in admin.images(server, backup_type="rotation-other")] == [other]
    make(cloud, server, backup("none", backup_type="rotation", rotation=0))
    assert admin.images(server, backup_type="rotation") == []


def test_an_old_microversion_names_the_image_in_a_header(cloud: Cloud) -> None:
    server, admin = cloud.idle("backup"), cloud.admin
    body = backup("old", backup_type="old")
    answer = admin.act(server, body, version="2.44")
    assert (answer.status_code, answer.content) == (202, b"")
    cloud.ended(server, answer.headers["x-compute-request-id"])
    image = admin.images(server, backup_type="old")[0]["id"]
    assert answer.headers["Location"].endswith(f"/images/{image}")
    body = backup("old", backup_type="old", rotation=0)
    answer = admin.act(server, body, version="2.44")
    assert "Location" not in answer.headers
    cloud.ended(server, answer.headers["x-compute-request-id"])


@pytest.mark.parametrize(
    ("method", "exception", "details"),
    [("snapshot", "NovaException", "disk full"), ("snapshot_upload", "RuntimeError", None)],
)
def test_a_failed_backup_leaves_no_image_and_an_error(
    cloud: Cloud, method: str, exception: str, details: str | None
) -> None:
    server, admin = cloud.idle("backup"), cloud.admin
    cloud.control.fail(method, exception, ["disk full"], 1, [server])
    answer = admin.act(server, backup("bad", backup_type="bad"))
    assert answer.status_code == 202
    request_id = answer.headers["x-compute-request-id"]
    cloud.ended(server, request_id)
    seen = cloud.settles(server, "ACTIVE")
    assert "fault" not in seen
    assert admin.images(server, backup_type="bad") == []
    action = admin.action(server, request_id)
    assert action["message"] == "Error"
    (event,) = action["events"]
    assert (event["result"], event["details"]) == ("Error", details or exception)


def test_a_lock_stops_no_backup_and_a_member_may_make_one(cloud: Cloud) -> None:
    server = cloud.idle("backup")
    member = cloud.user("member")
    assert cloud.admin.act(server, {"lock": None}).ok
    answer = member.act(server, backup("locked", backup_type="locked"))
    assert answer.status_code == 202
    cloud.ended(server, answer.headers["x-compute-request-id"])
    assert cloud.admin.act(server, {"unlock": None}).ok
    assert [each["name"] for each in member.images(server, backup_type="locked")] == ["locked"]


def test_a_server_that_boots_from_a_volume_is_not_backed_up(cloud: Cloud) -> None:
    (server,) = cloud.boot("volume-backed", volume_backed=True)
    assert cloud.admin.server(server)["image"] == ""
    words = "Backup is not supported for volume-backed instances."
    answer = cloud.admin.act(server, backup("no", backup_type="volume"))
    assert message(answer) == (400, "badRequest", words)
    assert cloud.admin.images(server) == []


def test_of_requests_at_the_same_moment_one_wins_and_the_others_are_errors(cloud: Cloud) -> None:
    """Each of the others has made its image before, and leaves it behind."""
    server, admin = cloud.idle("backup"), cloud.admin
    body = backup("race", backup_type="race", rotation=9)
    answers = cloud.world.at_once(server, lambda: admin.act(server, body), 3)
    lost = [each for each in answers if each.status_code != 202]
    assert len(answers) - len(lost) == 1
    for each in lost:
        status, fault, words = message(each)
        assert (status, fault) == (500, "computeFault")
        assert words.endswith("<class 'nova.exception.UnexpectedTaskStateError'>")
        path = f"/servers/{server}/os-instance-actions/{each.headers['x-compute-request-id']}"
        assert admin.ask("GET", path).status_code == 404, "there is no record of it"
    won = next(each for each in answers if each.status_code == 202)
    cloud.ended(server, won.headers["x-compute-request-id"])
    states = sorted(each["status"] for each in admin.images(server, backup_type="race"))
    assert states == ["active", *["queued"] * len(lost)]
    newest = make(cloud, server, backup("rotates", backup_type="race"))
    left = [each["id"] for each in admin.images(server, backup_type="race")]
    assert left == [newest], "what is left over counts in the rotation like any other"


def test_an_image_that_is_left_over_can_be_deleted(cloud: Cloud) -> None:
    server, admin = cloud.idle("backup"), cloud.admin
    path = f"/v2/images/{make(cloud, server, backup('gone', backup_type='gone'))}"
    assert admin.ask("DELETE", path, service="image").status_code == 204
    image = path.rpartition("/")[2]
    for method, words in (
        ("GET", f"No image found with ID {image}"),
        ("DELETE", f"Failed to find image {image} to delete"),
    ):
        answer = admin.ask(method, path, service="image")
        assert answer.status_code == 404
        assert words in answer.text
