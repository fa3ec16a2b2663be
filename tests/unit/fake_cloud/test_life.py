"""The fake cloud where it has logic of its own: time, refusals, lists."""

import pytest

from fakes.cloud.call import Refused, dotted, microversion
from fakes.cloud.journal import family
from unit.fake_cloud.client import LIVE, Client

SERVER = "1bea47ed-f6a9-463b-b423-14b9cca9ad27"


async def test_a_live_migration_takes_its_time_and_shows_its_progress(client: Client) -> None:
    source = client.server.host
    assert await client.act(LIVE) == 202
    assert await client.migrations() == []  # the conductor makes the record
    client.time.now += 31
    _, body = await client.ask("GET", f"/servers/{client.server.id}/migrations")
    running = body["migrations"][0]
    assert running["status"] == "running"
    assert 0.4 < running["memory_processed_bytes"] / running["memory_total_bytes"] < 0.6
    client.time.now += 31
    assert (await client.status(), await client.migrations()) == ("ACTIVE", ["completed"])
    assert client.server.host != source


async def test_an_abort_ends_a_live_migration_where_it_began(client: Client) -> None:
    source = client.server.host
    await client.act(LIVE)
    client.time.now += 5
    assert await client.migrations() == ["running"]
    path = f"/servers/{client.server.id}/migrations/1"
    assert (await client.ask("DELETE", path))[0] == 202
    client.time.now += 1  # until the host hears of it
    assert (await client.status(), await client.migrations()) == ("ACTIVE", ["cancelled"])
    assert client.server.host == source
    assert (await client.ask("DELETE", path))[0] == 409


async def test_a_cold_migration_waits_to_be_confirmed_once(client: Client) -> None:
    assert await client.act({"migrate": None}) == 202
    assert await client.status() == "RESIZE"
    client.time.now += 10
    assert (await client.status(), await client.migrations()) == ("VERIFY_RESIZE", ["finished"])
    assert await client.act({"confirmResize": None}) == 204
    assert await client.act({"confirmResize": None}) == 400
    client.time.now += 1
    assert (await client.status(), await client.migrations()) == ("ACTIVE", ["confirmed"])


async def test_a_busy_server_refuses_a_second_action(client: Client) -> None:
    await client.act(LIVE)
    path = f"/servers/{client.server.id}/action"
    status, body = await client.ask("POST", path, {"migrate": None})
    assert status == 409
    assert body["conflictingRequest"]["message"].endswith("while it is in task_state migrating")
    assert client.accepted == ["os-migrateLive"]


async def test_rotation_keeps_the_newest_backups_of_the_type(client: Client) -> None:
    for name in ("one", "two", "three"):
        backup = {"name": name, "backup_type": "daily", "rotation": 2}
        assert await client.act({"createBackup": backup}) == 202
        client.time.now += 5
        assert await client.status() == "ACTIVE"
    assert [image.name for image in client.cloud.images.values()] == ["two", "three"]


async def test_changes_since_hides_what_is_older(client: Client) -> None:
    client.time.now += 100
    await client.act({"os-resetState": {"state": "error"}})
    client.cloud.add_server("other", owner=client.cloud.users["admin"]).updated = client.cloud.now
    later = "2027-01-15T08:01:00Z"
    _, body = await client.ask("GET", f"/servers/detail?changes-since={later}&limit=1")
    assert [each["name"] for each in body["servers"]] == ["other"]
    marker = body["servers"][0]["id"]
    _, body = await client.ask("GET", f"/servers/detail?changes-since={later}&marker={marker}")
    assert [each["name"] for each in body["servers"]] == ["web"]
    _, body = await client.ask("GET", "/servers/detail?changes-since=2027-01-15T09:00:00Z")
    assert body["servers"] == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"OpenStack-API-Version": "compute 2.999"}, 406),
        ({"OpenStack-API-Version": "compute 2.x"}, 400),
        ({"X-OpenStack-Nova-API-Version": "3.1"}, 406),
    ],
)
def test_a_microversion_out_of_range_is_refused(headers: dict[str, str], status: int) -> None:
    with pytest.raises(Refused) as refused:
        microversion(headers)
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ({}, "2.1"),
        ({"OpenStack-API-Version": "volume 3.1, compute 2.65"}, "2.65"),
        ({"X-OpenStack-Nova-API-Version": "2.24"}, "2.24"),
    ],
)
def test_a_microversion_is_read_from_either_header(headers: dict[str, str], version: str) -> None:
    assert dotted(microversion(headers)) == version


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/identity/v3/auth/tokens", "identity"),
        ("/compute/v2.1/", "discovery"),
        ("/compute/v2.1/servers/detail", "server-lists"),
        (f"/compute/v2.1/servers/{SERVER}", "servers"),
        (f"/compute/v2.1/servers/{SERVER}/action", "action"),
        (f"/compute/v2.1/servers/{SERVER}/migrations/7", "server-migrations"),
        (f"/image/v2/images/{SERVER}", "images"),
    ],
)
def test_requests_are_counted_by_few_families(path: str, name: str) -> None:
    assert family(path) == name
