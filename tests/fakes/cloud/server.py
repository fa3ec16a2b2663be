"""A small OpenStack over HTTP: Keystone, Nova and Glance on one port of loopback, keeping state.

For what a real cloud cannot be used for: counting every request, hundreds of servers, faults. It
answers like Nova 34; what nobody here asks for is left out.

Two middlewares stand around everything: `_journal`, which notes what arrives before anything else
may happen to it, and inside it `_seam`, the one place where a test may come between a request and
its answer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Middleware

from fakes.cloud import control
from fakes.cloud.compute import Compute
from fakes.cloud.identity import Identity, unauthorized
from fakes.cloud.image import Images
from fakes.cloud.journal import Journal
from fakes.cloud.state import Cloud, User

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

Between = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]
"""Comes between a request and its answer: may answer itself, or call the handler and do something
else with its answer. What the handler did has taken effect either way."""


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Seconds that an answer takes at least."""

    read: float = 0.0
    write: float = 0.0


async def straight(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Change nothing."""
    return await handler(request)


def application(
    cloud: Cloud,
    *,
    journal: Journal | None = None,
    latency: Latency | None = None,
    between: Between = straight,
) -> web.Application:
    """Build the application.

    Args:
        cloud: What it shows and changes.
        journal: Where requests are noted.
        latency: How long answers take at least.
        between: What a test puts between requests and answers.
    """
    journal = journal if journal is not None else Journal()
    identity, images = Identity(cloud), Images(cloud)
    made = web.Application(
        middlewares=[_journal(journal), _seam(cloud, latency or Latency(), between)]
    )
    for path in ("/identity/v3", "/identity/v3/"):
        made.router.add_get(path, identity.version)
    made.router.add_post("/identity/v3/auth/tokens", identity.log_in)
    Compute(cloud, identity, journal).add_routes(made.router)
    for path in ("/image", "/image/", "/image/v2/"):
        made.router.add_get(path, images.versions)
    as_user = _for_users(identity)
    made.router.add_get("/image/v2/images", as_user(images.index))
    made.router.add_get("/image/v2/images/{image}", as_user(images.show))
    made.router.add_delete("/image/v2/images/{image}", as_user(images.delete))
    control.add_routes(made.router, cloud, journal)
    return made


def _journal(journal: Journal) -> Middleware:
    @web.middleware
    async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(control.PREFIX):
            return await handler(request)
        version = request.headers.get("OpenStack-API-Version", "")
        entry = journal.arrived(request.method, request.path, request.query_string, version)
        try:
            answer = await handler(request)
        except web.HTTPException as answered:
            entry.status = answered.status
            raise
        entry.status = answer.status
        return answer

    return note


def _seam(cloud: Cloud, latency: Latency, between: Between) -> Middleware:
    @web.middleware
    async def pass_on(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(control.PREFIX):
            cloud.settle()
            return await handler(request)
        # Half before and half after: what is read or changed is so somewhere in the middle.
        half = (latency.read if request.method == "GET" else latency.write) / 2
        await _pause(half)
        cloud.settle()
        answer = await between(request, handler)
        await _pause(half)
        return answer

    return pass_on


async def _pause(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)


def _for_users(
    identity: Identity,
) -> Callable[[Callable[[web.Request, User], Awaitable[web.Response]]], Handler]:
    """Let only requests with a valid token pass, as their user's."""

    def wrap(handler: Callable[[web.Request, User], Awaitable[web.Response]]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            user = identity.user_of(request.headers.get("X-Auth-Token"))
            return unauthorized(request) if user is None else await handler(request, user)

        return handle

    return wrap
