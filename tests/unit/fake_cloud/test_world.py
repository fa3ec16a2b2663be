"""What happens to the fake cloud from outside, and what it shows then.

What a restarted Nova makes of a task, how a failure of the hypervisor ends, and what is left of a
deleted server is held against the real Nova in tests/contract.
"""

import asyncio
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from unit.fake_cloud.client import BACKUP, LIVE, Client

WORDS = "Unexpected API Error. Please contact the administrator\n<class 'nova.exception."


async def happen(client: Client, event: str, **parameters: Any) -> None:
    order = {"event": event, **parameters}
    async with client.http.post("/_fake/world", json=order) as answer:
        assert answer.status == 200, await answer.text()


async def steer(client: Client, **order: Any) -> None:
    async with client.http.post("/_fake/driver", json=order) as answer:
        assert answer.status == 200, await answer.text()


async def server_of(client: Client, *, version: str = "2.80") -> tuple[int, Any]:
    return await client.ask("GET", f"/servers/{client.server.id}", version=version)


async def test_a_restarted_nova_has_lost_what_it_was_doing(client: Client) -> None:
    await client.act(LIVE)
    client.time.now += 5
    assert await client.migrations() == ["running"]
    await happen(client, "nova-restarted")
    assert (await client.status(), await client.migrations()) == ("ACTIVE", ["error"])
    client.time.now += 100
    assert await client.migrations() == ["error"]


async def test_a_gone_nova_compute_leaves_its_task_until_it_is_back(client: Client) -> None:
    await happen(client, "compute-gone", host=client.server.host)
    assert await client.act(BACKUP) == 202
    client.time.now += 1000
    _, body = await server_of(client)
    assert body["server"]["OS-EXT-STS:task_state"] == "image_backup"
    await happen(client, "compute-back", host=client.server.host)
    client.time.now += 10
    await client.status()
    assert [image.status for image in client.cloud.images.values()] == ["active"]


async def test_a_password_for_a_gone_nova_compute_ends_as_an_error_of_nova(client: Client) -> None:
    await happen(client, "compute-gone", host=client.server.host)
    asking = asyncio.create_task(client.act({"changePassword": {"adminPass": "new"}}))
    while client.accepted == []:  # noqa: ASYNC110 - the cloud raises no event for this
        await asyncio.sleep(0.001)
    client.time.now += client.cloud.pace.rpc_timeout + 1
    assert await asking == 500
    assert client.server.task_state == "updating_password"


@pytest.mark.parametrize("seconds", [600, -600])
async def test_a_wrong_clock_shows_in_headers_and_records(client: Client, seconds: int) -> None:
    await happen(client, "clock-skew", seconds=seconds)
    async with client.post(LIVE) as answer:
        shown = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    assert shown == client.time.now + seconds
    client.time.now += 5
    assert await client.migrations() == ["running"], "what takes time takes as long as ever"
    _, body = await client.ask("GET", f"/servers/{client.server.id}/os-instance-actions")
    first = body["instanceActions"][0]["start_time"]
    assert first == f"2027-01-15T{'08:10' if seconds > 0 else '07:50'}:00.000000"


async def test_all_tokens_can_end_at_once(client: Client) -> None:
    await happen(client, "tokens-expired")
    assert await client.act(LIVE) == 401


async def test_a_server_can_be_gone_at_once(client: Client) -> None:
    await client.act(LIVE)
    await happen(client, "server-deleted", server=client.server.id)
    assert (await server_of(client))[0] == 404
    assert await client.migrations() == []
    status, body = await client.ask("GET", f"/servers/{client.server.id}/os-instance-actions")
    assert [each["action"] for each in body["instanceActions"]] == ["live-migration", "create"]
    assert status == 200


async def test_a_state_can_be_set(client: Client) -> None:
    changes = {"task_state": "image_backup", "locked": True}
    await happen(client, "server-state", server=client.server.id, changes=changes)
    assert await client.act(BACKUP) == 409
    _, body = await server_of(client)
    assert body["server"]["locked"]


async def test_a_cell_that_does_not_answer_leaves_few_fields(client: Client) -> None:
    await happen(client, "cells-down", servers=[client.server.id])
    status, body = await server_of(client)
    assert (status, body["server"]["status"]) == (200, "UNKNOWN")
    assert "OS-EXT-STS:vm_state" not in body["server"]
    assert "OS-EXT-STS:task_state" not in body["server"]
    status, body = await server_of(client, version="2.68")
    assert (status, body["computeFault"]["message"]) == (500, f"{WORDS}NovaException'>")
    status, body = await client.ask("GET", f"/servers/{client.server.id}/os-instance-actions")
    assert status == 500
    _, body = await client.ask("GET", "/servers/detail")
    assert [each["status"] for each in body["servers"]] == ["UNKNOWN"]
    _, body = await client.ask("GET", "/servers/detail?changes-since=2020-01-01T00:00:00Z")
    assert body["servers"] == []
    await happen(client, "cells-down", servers=[])
    assert await client.status() == "ACTIVE"


async def test_records_can_appear_late(client: Client) -> None:
    await happen(client, "lag", records="actions", seconds=30)
    client.time.now += 60
    async with client.post(LIVE) as answer:
        path = f"/servers/{client.server.id}/os-instance-actions"
        mine = f"{path}/{answer.headers['x-compute-request-id']}"
    _, body = await client.ask("GET", path)
    assert [each["action"] for each in body["instanceActions"]] == ["create"]
    assert (await client.ask("GET", mine))[0] == 404
    client.time.now += 31
    assert (await client.ask("GET", mine))[0] == 200


async def test_nova_confirms_by_itself_where_it_is_told_to(client: Client) -> None:
    await client.act({"migrate": None})
    client.time.now += 10
    assert await client.status() == "VERIFY_RESIZE"
    await happen(client, "confirm-window", seconds=20)
    client.time.now += 5
    assert await client.status() == "VERIFY_RESIZE"
    client.time.now += 14.2
    assert await client.migrations() == ["confirming"]
    client.time.now += 1
    assert await client.status() == "ACTIVE"
    action = client.cloud.actions[client.server.id][-1]
    assert (action.name, action.user_id) == ("confirmResize", None)


async def test_a_lost_race_leaves_an_image_and_no_action(client: Client) -> None:
    await happen(client, "race", server=client.server.id)
    path = f"/servers/{client.server.id}/action"
    marked = {"createBackup": BACKUP["createBackup"] | {"metadata": {"uid": "mine"}}}
    status, body = await client.ask("POST", path, marked)
    assert (status, body["computeFault"]["message"]) == (500, f"{WORDS}UnexpectedTaskStateError'>")
    assert client.accepted == []
    left = list(client.cloud.images.values())
    assert [(image.status, image.properties["uid"]) for image in left] == [("queued", "mine")]
    assert await client.act(BACKUP) == 202


async def test_no_host_is_found_for_a_server_that_fits_on_one_only(client: Client) -> None:
    client.server.only_host = client.server.host
    assert await client.act(LIVE) == 202
    client.time.now += 5
    assert (await client.status(), await client.migrations()) == ("ACTIVE", ["error"])


async def test_the_driver_can_be_held_and_let_go(client: Client) -> None:
    rule = {"seconds": 86_400, "servers": [client.server.id]}
    await steer(client, delay={"live_migration": rule})
    await client.act(LIVE)
    client.time.now += 1000
    assert await client.migrations() == ["running"]
    await steer(client, delay={"live_migration": rule | {"seconds": 0}})
    client.time.now += 1
    assert await client.migrations() == ["completed"]


async def test_a_failing_driver_is_seen_in_the_migration_alone(client: Client) -> None:
    await steer(client, fail={"live_migration": {"exception": "NovaException", "args": ["lost"]}})
    await client.act(LIVE)
    client.time.now += 100
    assert (await client.status(), await client.migrations()) == ("ACTIVE", ["failed"])
    newest = client.cloud.actions[client.server.id][-1]
    assert (newest.message, {event.result for event in newest.events}) == (None, {"Success"})


@pytest.mark.parametrize(
    "order",
    [
        {"event": "flood"},
        {"event": "lag", "records": "dreams", "seconds": 1},
        {"event": "clock-skew", "minutes": 1},
        {"event": "server-state", "server": "nobody", "changes": {}},
    ],
)
async def test_an_event_that_means_nothing_is_refused(
    client: Client, order: dict[str, object]
) -> None:
    async with client.http.post("/_fake/world", json=order) as answer:
        assert answer.status == 400
