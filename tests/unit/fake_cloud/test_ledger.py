"""The fake tells an auditor what it has on record, and links what Nova does not."""

from typing import Any

import pytest
from aiohttp import ServerDisconnectedError

from chaos.truth import Account, Outcome, accounts
from fakes.cloud.mishaps import ReplyLost
from unit.fake_cloud.client import LIVE, UID, Client


async def ledger(client: Client) -> Any:
    async with client.http.get(f"/_fake/ledger?server={client.server.id}") as answer:
        return await answer.json()


async def account(client: Client) -> Account:
    """Return what an auditor reads from it of the object that all of the client's writes are of."""
    return accounts(await ledger(client))[UID]


async def test_a_migration_is_linked_to_the_request_that_began_it(client: Client) -> None:
    await client.act({"migrate": None})
    client.time.now += 10
    assert (await account(client)).outcome is Outcome.OPEN
    await client.act({"confirmResize": None})
    client.time.now += 10
    assert (await account(client)).outcome is Outcome.DONE
    await client.act(LIVE)
    client.time.now += 100
    found = await ledger(client)
    linked = {each["name"]: each["migration"] for each in found["actions"] if each["migration"]}
    uuids = [each["uuid"] for each in found["migrations"]]
    assert linked == dict(zip(("migrate", "live-migration"), uuids, strict=True))


async def test_an_answer_that_was_lost_leaves_an_ambiguous_write_that_was_accepted(
    client: Client,
) -> None:
    client.order(ReplyLost())
    with pytest.raises(ServerDisconnectedError):
        await client.act(LIVE)
    (sent,) = (await account(client)).sent
    assert (sent.accepted, sent.ambiguous) == (1, True)


async def test_of_another_server_nothing_is_told(client: Client) -> None:
    await client.act({"migrate": None})
    async with client.http.get("/_fake/ledger?server=none") as answer:
        found = await answer.json()
    assert not any(found.values())
