"""Services that are away before any HTTP."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from fakes.cloud.doors import HOST, Doors
from fakes.cloud.server import application
from fakes.cloud.state import Cloud

BRIEF = aiohttp.ClientTimeout(total=0.05)
PATIENT = aiohttp.ClientTimeout(total=10)


@asynccontextmanager
async def standing() -> AsyncIterator[tuple[Doors, aiohttp.ClientSession, str]]:
    """Serve a cloud; return its doors, a client, and where to give orders."""
    doors = Doors()
    runner = web.AppRunner(application(Cloud(), doors=doors), shutdown_timeout=0)
    await runner.setup()
    assert runner.server is not None
    await doors.serve(runner.server)
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    control = f"http://{HOST}:{runner.addresses[0][1]}/_fake/doors"
    try:
        async with aiohttp.ClientSession() as http:
            yield doors, http, control
    finally:
        doors.close()
        await runner.cleanup()


async def look(http: aiohttp.ClientSession, origin: str) -> int:
    """Ask Nova for its versions."""
    async with http.get(f"{origin}/compute/v2.1/", timeout=PATIENT) as answer:
        return answer.status


def port_of(doors: Doors) -> int:
    """Return Nova's port."""
    return int(doors.origins["compute"].rpartition(":")[2])


async def test_a_shut_door_refuses_connections_and_keeps_its_port() -> None:
    async with standing() as (doors, http, control):
        nova = doors.origins["compute"]
        assert await look(http, nova) == 200
        await http.post(control, json={"compute": {"state": "shut"}})
        with pytest.raises(aiohttp.ClientConnectorError) as met:
            await look(http, nova)
        assert met.value.errno == errno.ECONNREFUSED
        await http.post(control, json={"compute": {"state": "open"}})
        assert await look(http, nova) == 200


async def test_a_connection_that_stands_ends_with_its_door() -> None:
    async with standing() as (doors, _, _):
        reader, writer = await asyncio.open_connection(HOST, port_of(doors))
        writer.write(b"GET /compute/ HTTP/1.1\r\nHost: nova\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        await doors.turn({"compute": {"state": "shut"}})
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()


async def test_a_door_resets_so_many_connections_as_they_stand() -> None:
    async with standing() as (doors, http, _):
        await doors.turn({"compute": {"state": "resetting", "times": 2}})
        for _ in range(2):  # aiohttp's client would try a GET again by itself
            reader, writer = await asyncio.open_connection(HOST, port_of(doors))
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()
        assert await look(http, doors.origins["compute"]) == 200
        assert doors.as_json()["compute"]["refused"] == 2


async def test_silence_is_one_services_own() -> None:
    async with standing() as (doors, http, _):
        await doors.turn({"image": {"state": "silent"}})
        with pytest.raises(TimeoutError):
            await http.get(f"{doors.origins['image']}/image/", timeout=BRIEF)
        assert await look(http, doors.origins["compute"]) == 200


@pytest.mark.parametrize("order", [{"cinder": {"state": "shut"}}, {"image": {"state": "ajar"}}])
async def test_a_door_that_is_not_there_is_a_mistake(order: dict[str, object]) -> None:
    async with standing() as (_, http, control), http.post(control, json=order) as answer:
        assert answer.status == 400
