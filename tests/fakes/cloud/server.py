"""A small OpenStack over HTTP: Keystone, Nova and Glance, keeping state.

For what a real cloud cannot be used for: counting every request, hundreds of servers, faults. It
answers like Nova 34; what nobody here asks for is left out. tests/contract holds it against the
real one.

Two middlewares stand around everything: `_noting`, which writes into the journal what arrives
before anything else may happen to it, and inside it `_seam`, the one place where latency and
faults come between a request and its answer.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Middleware

from fakes.cloud import control, ledger, population, wire
from fakes.cloud.call import ENTRY
from fakes.cloud.compute import Compute
from fakes.cloud.doors import Doors
from fakes.cloud.faults import Exchange, Fault, Faults
from fakes.cloud.identity import Identity
from fakes.cloud.image import Images, no_token
from fakes.cloud.journal import Entry, Journal
from fakes.cloud.records import User
from fakes.cloud.state import Cloud

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Seconds that an answer takes at least."""

    read: float = 0.0
    write: float = 0.0


def application(
    cloud: Cloud,
    *,
    journal: Journal | None = None,
    faults: Faults | None = None,
    latency: Latency | None = None,
    doors: Doors | None = None,
) -> web.Application:
    """Build the application.

    Args:
        cloud: What it shows and changes.
        journal: Where requests are noted.
        faults: What requests meet.
        latency: How long answers take at least.
        doors: The ports of the services; without them all are where the request came to.
    """
    journal = journal if journal is not None else Journal()
    faults = faults if faults is not None else Faults()
    identity = Identity(cloud, origins=doors.origins if doors else {})
    images = Images(cloud)
    seam = _Seam(cloud, identity, faults, latency or Latency())
    made = web.Application(middlewares=[_noting(journal, identity), seam.middleware()])
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
    control.add_routes(
        made.router, cloud=cloud, identity=identity, journal=journal, faults=faults, doors=doors
    )
    ledger.add_routes(made.router, cloud, journal)
    population.add_routes(made.router, cloud)
    made.on_cleanup.append(seam.forget)
    return made


def _noting(journal: Journal, identity: Identity) -> Middleware:
    @web.middleware
    async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(control.PREFIX):
            return await handler(request)
        version = request.headers.get("OpenStack-API-Version", "")
        entry = journal.arrived(request.method, request.path, request.query_string, version)
        user = identity.user_of(request.headers.get("X-Auth-Token"))
        entry.user = user.name if user else None
        entry.uid = request.headers.get("X-Openstack-Request-Id", "").removeprefix("req-") or None
        entry.action = await _action(request, entry)
        request[ENTRY] = entry
        try:
            answer = await handler(request)
        except web.HTTPException as refused:
            _answered(request, entry, refused.status)
            raise
        _answered(request, entry, answer.status)
        return answer

    return note


def _answered(request: web.Request, entry: Entry, status: int) -> None:
    """Note the status, unless its client has left or a fault has seen to the answer."""
    if not wire.gone(request):
        entry.status = status
    entry.answered = time.time()


async def _action(request: web.Request, entry: Entry) -> str | None:
    """Return what a write asks for, as Nova would find it in the body."""
    if (entry.method, entry.family) == ("DELETE", "server-migrations"):
        return "abort"
    if entry.method != "POST" or entry.family not in ("action", "server-migrations"):
        return None
    try:
        body: Any = json.loads(await request.read())
    except ValueError:
        return None
    return next(iter(body), None) if isinstance(body, dict) else None


class _Seam:
    """Lets each request through to the cloud, in its time and as the faults want it."""

    def __init__(self, cloud: Cloud, identity: Identity, faults: Faults, latency: Latency) -> None:
        self._cloud = cloud
        self._identity = identity
        self._faults = faults
        self._latency = latency
        self._afterwards: set[asyncio.Task[None]] = set()

    def middleware(self) -> Middleware:
        @web.middleware
        async def pass_on(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith(control.PREFIX):
                self._cloud.settle()
                return await handler(request)
            # Half before and half after: what is read or changed is so somewhere in the middle.
            latency = self._latency
            half = (latency.read if request.method == "GET" else latency.write) / 2
            await _pause(half)
            answer = await self._through(request, handler)
            await _pause(half)
            return answer

        return pass_on

    async def forget(self, _app: web.Application) -> None:
        """Give up what was still to be done."""
        for task in self._afterwards:
            task.cancel()

    async def _through(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        async def deliver() -> web.Response:
            self._cloud.settle()
            answer = await handler(request)
            assert isinstance(answer, web.Response), "the cloud answers in one piece"
            return answer

        fault = self._faults.met_by(request[ENTRY])
        if fault is None:
            return await deliver()
        return await fault.mishap.befall(self._exchange(request, fault, deliver))

    def _exchange(
        self, request: web.Request, fault: Fault, deliver: Callable[[], Awaitable[web.Response]]
    ) -> Exchange:
        return Exchange(
            request=request,
            entry=request[ENTRY],
            deliver=deliver,
            expire_token=lambda: self._identity.expire(request.headers.get("X-Auth-Token", "")),
            hold=fault.hold,
            afterwards=self._later,
        )

    def _later(self, doing: Awaitable[None]) -> None:
        task = asyncio.ensure_future(doing)
        self._afterwards.add(task)
        task.add_done_callback(self._afterwards.discard)


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
            return no_token(request) if user is None else await handler(request, user)

        return handle

    return wrap
