"""Lists and records: who sees what, in which microversion, since when, and on how many pages."""

import re
import uuid
from typing import Any

import pytest

from contract.client import Client, message
from contract.clouds import Cloud

FUTURE, PAST = "2090-01-01T00:00:00Z", "2020-01-01T00:00:00Z"
LIVE = {"os-migrateLive": {"host": None, "block_migration": "auto"}}
FORBIDDEN = "Policy doesn't allow {} to be performed."
ATTRIBUTES = "OS-EXT-SRV-ATTR:"


@pytest.fixture(scope="module")
def moved(cloud: Cloud) -> str:
    """A server that was live-migrated twice."""
    server = cloud.idle("live")
    for _ in range(2):
        cloud.begin(server, LIVE)
        cloud.migration(server, "completed")
        cloud.settles(server, "ACTIVE")
    return server


def follow(client: Client, link: dict[str, Any]) -> Any:
    """Read the page that a link leads to."""
    _, path = link["href"].split("/v2.1", 1)
    return client.get(path)


def test_an_action_shows_more_with_each_microversion(cloud: Cloud, moved: str) -> None:
    admin, member = cloud.admin, cloud.user("member")
    newest = admin.actions(moved)[0]
    common = {"action", "instance_uuid", "request_id", "user_id", "project_id", "start_time"}
    assert newest.keys() == common | {"message", "updated_at"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", newest["start_time"])
    (old, *_) = admin.get(f"/servers/{moved}/os-instance-actions", version="2.57")[
        "instanceActions"
    ]
    assert old.keys() == common | {"message"}
    request_id = newest["request_id"]
    event = {"event", "start_time", "finish_time", "result"}
    for client, version, expected in (
        (admin, "2.1", event | {"traceback"}),
        (member, "2.51", event),
        (member, "2.62", event | {"hostId"}),
        (admin, "2.62", event | {"traceback", "hostId", "host"}),
        (member, "2.84", event | {"hostId"}),
        (admin, "2.84", event | {"traceback", "hostId", "host", "details"}),
    ):
        shown = client.action(moved, request_id, version=version)["events"]
        assert {frozenset(each) for each in shown} == {frozenset(expected)}, version
    assert "events" not in member.action(moved, request_id, version="2.50")
    path = f"/servers/{moved}/os-instance-actions/req-{uuid.uuid4()}"
    unknown = path.rpartition("/")[2]
    words = f"Action {unknown} not found"
    assert message(admin.ask("GET", path)) == (404, "itemNotFound", words)


def test_actions_come_newest_first_in_pages_and_since_a_moment(cloud: Cloud, moved: str) -> None:
    admin, path = cloud.admin, f"/servers/{moved}/os-instance-actions"
    everything = [each["request_id"] for each in admin.actions(moved)]
    first = admin.get(f"{path}?limit=1")
    assert [each["request_id"] for each in first["instanceActions"]] == everything[:1]
    (link,) = first["links"]
    assert link["rel"] == "next"
    second = follow(admin, link)
    assert [each["request_id"] for each in second["instanceActions"]] == everything[1:2]
    rest = admin.get(f"{path}?marker={everything[0]}")
    assert [each["request_id"] for each in rest["instanceActions"]] == everything[1:]
    assert "links" not in rest
    assert admin.get(f"{path}?changes-since={FUTURE}")["instanceActions"] == []
    assert len(admin.get(f"{path}?changes-since={PAST}")["instanceActions"]) == len(everything)
    for query, words in (
        ("changes-since=x", "Value: x. 'x' is not a 'date-time'"),
        ("limit=-1", "Value: -1. '-1' does not match '^[0-9]*$'"),
        ("marker=nope", "could not be found."),
        ("bogus=1", "Additional properties are not allowed ('bogus' was unexpected)"),
    ):
        status, _, said = message(admin.ask("GET", f"{path}?{query}"))
        assert (status, said.endswith(words)) == (400, True), said


def test_a_migration_has_what_its_microversion_has(cloud: Cloud, moved: str) -> None:
    admin = cloud.admin
    newest = admin.migrations(moved)[0]
    old = {
        *("id", "source_compute", "dest_compute", "source_node", "dest_node", "dest_host"),
        *("old_instance_type_id", "new_instance_type_id", "instance_uuid", "status"),
        *("created_at", "updated_at"),
    }
    assert newest.keys() == old | {"uuid", "migration_type", "user_id", "project_id"}
    path = f"/os-migrations?instance_uuid={moved}"
    for version, expected in (
        ("2.22", old),
        ("2.58", old | {"migration_type"}),
        ("2.59", old | {"migration_type", "uuid"}),
        ("2.80", newest.keys()),
    ):
        assert admin.get(path, version=version)["migrations"][0].keys() == expected, version
    with cloud.control.held("live_migration", [moved]):
        cloud.begin(moved, LIVE)
        running = cloud.migration(moved, "running")
        assert running.keys() == newest.keys() | {"links"}
    cloud.settles(moved, "ACTIVE")
    cloud.migration(moved, "completed")


def test_migrations_come_newest_first_in_pages_filtered_and_since(cloud: Cloud, moved: str) -> None:
    admin, path = cloud.admin, f"/os-migrations?instance_uuid={moved}"
    everything = [each["uuid"] for each in admin.migrations(moved)]
    first = admin.get(f"{path}&limit=1")
    assert [each["uuid"] for each in first["migrations"]] == everything[:1]
    (link,) = first["migrations_links"]
    assert [each["uuid"] for each in follow(admin, link)["migrations"]] == everything[1:2]
    assert admin.get(f"{path}&changes-since={FUTURE}")["migrations"] == []
    assert admin.get(f"{path}&changes-since={PAST}")["migrations"]
    ignored = admin.get(f"{path}&changes-since={FUTURE}", version="2.58")["migrations"]
    assert len(ignored) == len(everything), "below 2.59 the filter is dropped without a word"
    for query, expected in (
        ("status=completed", True),
        ("status=running", False),
        ("migration_type=live-migration", True),
        ("migration_type=migration", False),
        (f"user_id={admin.user_id}", True),
    ):
        assert bool(admin.get(f"{path}&{query}")["migrations"]) == expected, query
    for query, words in (
        ("marker=nope", "Marker nope could not be found."),
        ("bogus=1", "Additional properties are not allowed ('bogus' was unexpected)"),
    ):
        answer = message(admin.ask("GET", f"{path}&{query}"))
        assert answer == (400, "badRequest", words)


def test_a_migration_that_never_changed_is_in_no_list_of_changes(cloud: Cloud) -> None:
    server, admin = cloud.idle("live"), cloud.admin
    with cloud.control.held("check_can_live_migrate_destination", [server]):
        cloud.begin(server, LIVE)
        accepted = cloud.migration(server, "accepted")
        assert (accepted["updated_at"], accepted["dest_compute"]) == (None, None)
        path = f"/os-migrations?instance_uuid={server}&changes-since={PAST}"
        assert accepted["uuid"] not in {each["uuid"] for each in admin.get(path)["migrations"]}
        assert admin.get(f"/servers/{server}/migrations")["migrations"] == [], "nor in progress"
    cloud.migration(server, "completed")
    cloud.settles(server, "ACTIVE")


def test_who_may_list_migrations(cloud: Cloud, moved: str) -> None:
    everyone = f"/os-migrations?instance_uuid={moved}"
    own = f"{everyone}&project_id={cloud.admin.project_id}"
    running = f"/servers/{moved}/migrations"
    manager = cloud.user("manager")
    answer = manager.ask("GET", everyone)
    rule = "os_compute_api:os-migrations:index:all_projects"
    assert message(answer) == (403, "forbidden", FORBIDDEN.format(rule))
    shown = manager.get(own)["migrations"][0]
    assert {
        shown[f"{end}_{what}"] for end in ("source", "dest") for what in ("compute", "node")
    } == {None}, "hosts are for administrators"
    assert manager.get(running)["migrations"] == []
    rule = "os_compute_api:servers:migrations:show"
    answer = manager.ask("GET", f"{running}/1")
    assert message(answer) == (403, "forbidden", FORBIDDEN.format(rule))
    for name in ("member", "reader"):
        for path, rule in (
            (everyone, "os_compute_api:os-migrations:index"),
            (own, "os_compute_api:os-migrations:index"),
            (running, "os_compute_api:servers:migrations:index"),
        ):
            answer = cloud.user(name).ask("GET", path)
            assert message(answer) == (403, "forbidden", FORBIDDEN.format(rule)), name


def test_hosts_of_servers_are_for_administrators(cloud: Cloud) -> None:
    server = cloud.still
    seen = cloud.admin.server(server)
    assert {f"{ATTRIBUTES}host", "host_status"} <= seen.keys()
    for name in ("manager", "member", "reader"):
        own = cloud.user(name).server(server)
        assert f"{ATTRIBUTES}host" not in own
        assert own["hostId"] == seen["hostId"], "which all of a project see alike"
    assert cloud.user("reader").actions(server)


def test_servers_are_listed_by_name_state_and_page(cloud: Cloud) -> None:
    server, admin = cloud.still, cloud.admin
    (found,) = admin.get("/servers/detail?name=^still$")["servers"]
    assert found["id"] == server
    missing = {"server_groups"}
    assert admin.server(server).keys() - found.keys() == missing, "all but this is in the list"
    (short,) = admin.get("/servers?name=^still$")["servers"]
    assert short.keys() == {"id", "name", "links"}
    ids = [each["id"] for each in admin.get("/servers")["servers"]]
    page = admin.get("/servers/detail?limit=1")
    assert [each["id"] for each in page["servers"]] == ids[:1]
    (link,) = page["servers_links"]
    assert follow(admin, link)["servers"][0]["id"] == ids[1]
    states = {each["status"] for each in admin.get("/servers/detail?status=active")["servers"]}
    assert states == {"ACTIVE"}
    assert admin.get(f"/servers/detail?changes-since={FUTURE}")["servers"] == []
    for query, words in (
        ("marker=nope", "marker [nope] not found"),
        ("status=nope", "Invalid status value"),
        ("changes-since=x", "Value: x. 'x' is not a 'date-time'"),
    ):
        status, _, said = message(admin.ask("GET", f"/servers/detail?{query}"))
        assert (status, said.endswith(words)) == (400, True), said


def test_an_administrators_backup_of_another_projects_server_is_the_administrators(
    cloud: Cloud,
) -> None:
    (server,) = cloud.boot("theirs", user="other")
    other = cloud.user("other")
    assert server not in {each["id"] for each in cloud.admin.get("/servers")["servers"]}
    everywhere = cloud.admin.get("/servers?all_tenants=1")["servers"]
    assert server in {each["id"] for each in everywhere}
    body = {"createBackup": {"name": "b", "backup_type": "t", "rotation": 1}}
    request_id = cloud.begin(server, body)
    cloud.ended(server, request_id)
    (image,) = cloud.admin.images(server)
    assert image["owner"] == cloud.admin.project_id
    assert other.action(server, request_id)["user_id"] == cloud.admin.user_id
    assert other.images(server) == [], "a member of the image, but one that has not accepted it"


def test_images_are_listed_in_pages(cloud: Cloud) -> None:
    admin = cloud.admin
    query = "/v2/images?image_type=backup"
    everything = [each["id"] for each in admin.get(query, service="image")["images"]]
    page = admin.get(f"{query}&limit=1", service="image")
    assert [each["id"] for each in page["images"]] == everything[:1]
    following = admin.get(page["next"], service="image")
    assert [each["id"] for each in following["images"]] == everything[1:2]
    answer = admin.ask("GET", "/v2/images?marker=nope", service="image")
    assert answer.status_code == 400
