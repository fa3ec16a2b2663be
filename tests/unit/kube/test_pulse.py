"""How long a watch has been silent is told by the answers to it, not by what it shows."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from serveractions.kube.pulse import WatchPulse

BACKUPS = "/apis/serveractions.dev/v1alpha1/serverbackups?watch=true"
RESETS = "/apis/serveractions.dev/v1alpha1/serverstateresets"


class World:
    """An API server, a session, and a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.url = URL()
        self.status = 200
        self.pulse = WatchPulse(clock=lambda: self.now)

    async def answer(self, _: web.Request) -> web.Response:
        return web.Response(status=self.status)

    async def ask(self, path: str) -> None:
        async with (
            aiohttp.ClientSession(trace_configs=[self.pulse.trace()]) as session,
            session.get(self.url.join(URL(path))) as answer,
        ):
            await answer.read()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    app = web.Application()
    app.router.add_get("/{path:.*}", world.answer)
    async with TestServer(app) as server:
        world.url = server.make_url("/")
        yield world


async def test_before_anything_is_watched_nothing_is_silent(world: World) -> None:
    await world.ask("/apis/serveractions.dev/v1alpha1")
    world.now += 500
    assert world.pulse.silence() == 0


async def test_the_watch_that_waits_longest_counts(world: World) -> None:
    await world.ask(BACKUPS)
    world.now += 100
    await world.ask(RESETS)
    world.now += 10
    assert world.pulse.silence() == 110
    await world.ask(BACKUPS)
    assert world.pulse.silence() == 10


async def test_what_was_never_answered_is_told_apart_from_what_is_only_silent(
    world: World,
) -> None:
    backups, watched = URL(BACKUPS).path, [URL(BACKUPS).path, RESETS]
    world.status = 503
    await world.ask(BACKUPS)
    assert world.pulse.unanswered(watched) == watched
    world.status = 200
    await world.ask(BACKUPS)
    world.status = 503
    await world.ask(BACKUPS)
    assert world.pulse.unanswered(watched) == [RESETS]
    await world.ask(backups)
    assert world.pulse.unanswered([backups]) == []


@pytest.mark.parametrize("status", [401, 403, 500, 503])
async def test_a_refusal_is_no_answer(world: World, status: int) -> None:
    world.status = status
    await world.ask(BACKUPS)
    world.now += 20
    await world.ask(BACKUPS)
    assert world.pulse.silence() == 20


async def test_what_was_never_answered_is_silent_since_it_was_asked(world: World) -> None:
    world.url = URL("http://127.0.0.1:1/")  # where nobody listens
    with pytest.raises(aiohttp.ClientConnectionError):
        await world.ask(BACKUPS)
    world.now += 30
    assert world.pulse.silence() == 30
