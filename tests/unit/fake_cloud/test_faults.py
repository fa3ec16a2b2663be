"""Each fault as its client meets it, and what the journal says of it."""

import asyncio
import errno
from collections.abc import Callable

import aiohttp
import pytest
from aiohttp import ServerDisconnectedError
from yarl import URL

from fakes.cloud.faults import Match, Mishap
from fakes.cloud.journal import Entry
from fakes.cloud.mishaps import (
    GARBAGE,
    KINDS,
    Garbage,
    GarbageLine,
    Held,
    LateEffect,
    LateReply,
    Redirect,
    ReplyLost,
    RequestLost,
    Status,
    TokenExpired,
    Truncated,
    Twice,
    mishap_from,
)
from unit.fake_cloud.client import BACKUP, LIVE, UID, Client


async def until(condition: Callable[[], object]) -> None:
    """Wait until `condition` holds."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the cloud raises no event for this
            await asyncio.sleep(0.001)


async def test_a_lost_reply_leaves_its_effect(client: Client) -> None:
    client.order(ReplyLost())
    with pytest.raises(ServerDisconnectedError):
        await client.act(LIVE)
    assert (client.accepted, client.last.status) == (["os-migrateLive"], None)
    assert (client.last.fault, client.last.ambiguous) == ("reply-lost", True)
    assert await client.status() == "MIGRATING"


@pytest.mark.parametrize("mishap", [ReplyLost(reset=True), RequestLost()])
async def test_a_reset_is_a_reset(client: Client, mishap: Mishap) -> None:
    client.order(mishap)
    with pytest.raises(aiohttp.ClientOSError) as met:
        await client.act(LIVE)
    assert met.value.errno == errno.ECONNRESET
    assert client.accepted == (["os-migrateLive"] if mishap == ReplyLost(reset=True) else [])
    assert client.last.ambiguous


@pytest.mark.parametrize("accepted", [False, True])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_an_error_of_the_cloud_says_nothing_of_the_effect(
    client: Client, status: int, accepted: bool
) -> None:
    client.order(Status(status=status, accepted=accepted))
    assert await client.act(LIVE) == status
    assert client.accepted == (["os-migrateLive"] if accepted else [])
    assert (client.last.status, client.last.ambiguous) == (status, True)


@pytest.mark.parametrize("status", [413, 429])
async def test_a_busy_cloud_tells_when_to_come_back(client: Client, status: int) -> None:
    client.order(Status(status=status, retry_after=7, message="This request was rate-limited."))
    async with client.post(LIVE) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (status, "7")
        assert "overLimit" in await answer.json()
    assert (client.accepted, client.last.ambiguous) == ([], False)


async def test_a_policy_can_forbid_a_family_of_reads(client: Client) -> None:
    words = "Policy doesn't allow os_compute_api:os-instance-actions:list to be performed."
    forbidden = Status(status=403, message=words)
    client.faults.order(forbidden, Match(family="instance-actions"), times=None)
    for _ in range(2):
        status, body = await client.ask("GET", f"/servers/{client.server.id}/os-instance-actions")
        assert (status, body) == (403, {"forbidden": {"code": 403, "message": words}})
    assert await client.status() == "ACTIVE"


async def test_a_token_can_end_in_flight(client: Client) -> None:
    client.order(TokenExpired())
    assert await client.act(LIVE) == 401
    assert await client.act(LIVE) == 401, "it stays invalid"
    client.token = await client.log_in(client.cloud.users["admin"])
    assert await client.act(LIVE) == 202
    assert client.accepted == ["os-migrateLive"]


@pytest.mark.parametrize(
    ("mishap", "before"), [(LateReply(seconds=None), 1), (LateEffect(seconds=None), 0)]
)
async def test_who_does_not_wait_does_not_stop_the_cloud(
    client: Client, mishap: Mishap, before: int
) -> None:
    late = client.order(mishap)
    with pytest.raises(TimeoutError):
        await client.post(LIVE, seconds=0.05)
    assert len(client.accepted) == before
    late.released.set()
    await until(lambda: client.last.answered)
    assert client.accepted == ["os-migrateLive"]
    assert (client.last.status, client.last.ambiguous) == (None, True)


async def test_a_late_answer_is_still_an_answer(client: Client) -> None:
    client.order(LateReply(seconds=0.01))
    assert await client.act(LIVE) == 202
    assert not client.last.ambiguous


@pytest.mark.parametrize("body", [BACKUP, LIVE], ids=["with a body", "without"])
@pytest.mark.parametrize("chunked", [False, True])
async def test_an_answer_can_break_off(
    client: Client, chunked: bool, body: dict[str, object]
) -> None:
    client.order(Truncated(chunked=chunked))
    with pytest.raises(aiohttp.ClientPayloadError):
        await client.act(body)
    assert client.accepted == list(body)
    assert (client.last.status, client.last.ambiguous) == (202, True)


async def test_what_breaks_off_after_a_refusal_was_refused(client: Client) -> None:
    client.order(Truncated())
    with pytest.raises(aiohttp.ClientPayloadError):
        await client.act({"no such action": None})
    assert (client.last.status, client.last.ambiguous) == (400, False)


@pytest.mark.parametrize("name", GARBAGE)
async def test_a_body_can_be_nonsense(client: Client, name: str) -> None:
    client.order(Garbage(body=name))
    async with client.post(LIVE) as answer:
        assert (answer.status, await answer.read()) == (202, GARBAGE[name][1])
        assert answer.headers["x-compute-request-id"] == client.journal.accepted[0].request_id
    assert client.last.ambiguous


async def test_an_answer_need_not_be_http(client: Client) -> None:
    client.order(GarbageLine())
    with pytest.raises(aiohttp.ClientResponseError):
        await client.act(LIVE)
    assert (client.accepted, client.last.ambiguous) == (["os-migrateLive"], True)


@pytest.mark.parametrize("status", [301, 302, 307])
async def test_a_redirect_shows_whether_anybody_followed_it(client: Client, status: int) -> None:
    client.order(Redirect(status=status))
    async with client.post(LIVE) as answer:
        assert answer.status == status
        there = URL(answer.headers["Location"]).path
    async with client.http.get(there) as answer:
        assert answer.status == 404
    assert (client.last.family, client.accepted) == ("other", [])


async def test_a_proxy_delivers_what_it_has_already_given_up(client: Client) -> None:
    held = client.order(Held(seconds=None))
    assert await client.act(LIVE) == 504
    assert client.accepted == []
    assert await client.act({"os-resetState": {"state": "active"}}) == 202
    held.released.set()
    await until(lambda: len(client.accepted) == 2)
    assert client.accepted == ["os-resetState", "os-migrateLive"]
    late = client.journal.accepted[1]
    assert client.journal.entries[late.entry].ambiguous


async def test_a_proxy_can_drop_what_it_delivers_later(client: Client) -> None:
    client.order(Held(seconds=0.01, status=None))
    with pytest.raises(ServerDisconnectedError):
        await client.act(LIVE)
    await until(lambda: client.accepted)


async def test_a_proxy_can_deliver_twice(client: Client) -> None:
    client.order(Twice(), times=2)
    assert await client.act({"os-resetState": {"state": "active"}}) == 202
    first, second = client.journal.accepted
    assert first.entry == second.entry
    assert first.request_id != second.request_id
    assert await client.act(LIVE) == 202, "the second meets 409, the client sees the first answer"
    client.order(Twice(answer="second"))
    client.server.task_state = None
    assert await client.act(LIVE) == 409


async def test_a_fault_meets_only_those_that_it_is_for(client: Client) -> None:
    other = client.cloud.add_server("other", owner=client.cloud.users["admin"])
    client.faults.order(
        Status(status=500),
        Match(action="os-resetState", server_id=client.server.id, user="admin", uid=UID),
        skip=1,
    )
    reset = {"os-resetState": {"state": "active"}}
    assert (await client.ask("POST", f"/servers/{other.id}/action", reset))[0] == 202
    assert await client.act({"injectNetworkInfo": None}) == 202
    assert [await client.act(reset) for _ in range(3)] == [202, 500, 202]
    assert client.faults.injected == {"status": 1}


def test_dice_fall_the_same_each_time(client: Client) -> None:
    def struck() -> list[bool]:
        fault = client.order(Status(status=500), times=None, probability=0.3, seed=7)
        entries = [
            Entry(
                number=number,
                arrived=0,
                family="action",
                method="POST",
                path="/compute/",
                query="",
                microversion="",
                server_id=None,
            )
            for number in range(1000)
        ]
        return [fault.strikes(entry) for entry in entries]

    first = struck()
    assert first == struck()
    assert 250 < sum(first) < 350


async def test_every_kind_can_be_ordered_from_another_process(client: Client) -> None:
    parameters: dict[str, dict[str, object]] = {
        "status": {"status": 500},
        "late-reply": {"seconds": 0},
        "late-effect": {"seconds": 0},
        "garbage": {"body": "html"},
        "held": {"seconds": 0},
    }
    for kind in KINDS:
        order = {"kind": kind, "match": {"family": "images"}, **parameters.get(kind, {})}
        async with client.http.post("/_fake/faults", json=order) as answer:
            assert answer.status == 200, await answer.text()
    async with client.http.get("/_fake/faults") as answer:
        faults = (await answer.json())["faults"]
    assert [each["kind"] for each in faults] == list(KINDS)
    async with client.http.delete("/_fake/faults") as answer:
        assert answer.status == 200
    assert client.faults.as_json()["faults"] == []


@pytest.mark.parametrize(
    "order",
    [
        {"kind": "earthquake"},
        {"kind": "status"},
        {"kind": "status", "status": 500, "acepted": True},
        {"kind": "garbage", "body": "gold"},
        {"kind": "reply-lost", "match": {"famly": "action"}},
        {"match": {}},
    ],
)
async def test_an_order_that_means_nothing_is_refused(
    client: Client, order: dict[str, object]
) -> None:
    async with client.http.post("/_fake/faults", json=order) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]
    assert client.faults.as_json()["faults"] == []


async def test_the_audit_tells_what_came_after_an_ambiguous_answer(client: Client) -> None:
    client.order(ReplyLost())
    with pytest.raises(ServerDisconnectedError):
        await client.act({"os-resetState": {"state": "active"}})
    await client.act({"os-resetState": {"state": "error"}})
    assert client.journal.audit() == [
        {
            "uid": UID,
            "server_id": client.server.id,
            "action": "os-resetState",
            "sent": 2,
            "ambiguous": 1,
            "after_ambiguous": 1,
            "accepted": [each.request_id for each in client.journal.accepted],
        }
    ]
    assert {each.user for each in client.journal.accepted} == {"admin"}


def test_a_mishap_is_read_with_its_parameters() -> None:
    assert mishap_from("held", {"seconds": 60, "status": None}) == Held(seconds=60, status=None)
