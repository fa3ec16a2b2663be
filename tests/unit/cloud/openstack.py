"""A small OpenStack over HTTP: Keystone, Nova and Glance with answers that tests lay down."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from serveractions.core.ports import CloudIdentity

USER, PROJECT = "u" * 32, "p" * 32
SERVER = "1bea47ed-f6a9-463b-b423-14b9cca9ad27"
OTHER = "2bea47ed-f6a9-463b-b423-14b9cca9ad27"
ACTION = "req-3f2c8a51-9f0e-4a3b-8f59-6a5d9e1c7b20"
IMAGE = "70a599e0-31e7-49b7-b260-868f441e862b"
IDENTITY = CloudIdentity(
    endpoint="https://nova",
    region=None,
    user_id="u",
    project_id="p",
    secret_uid="x",
    secret_resource_version="1",
)
"""Of a cloud that is not even spoken to."""
Answer = Callable[[web.Request], Any]


class OpenStack:
    """What is asked, and what is answered: `answers` maps a path below Nova or Glance."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[web.Request] = []
        self.logins: list[dict[str, Any]] = []
        self.tokens = 0
        self.valid_tokens: set[str] | None = None
        self.token_life = timedelta(hours=1)
        self.newest = "2.96"
        self.region = "RegionOne"
        self.urls: dict[str, str] = {}
        """Of the catalogue, by type of service, where it is not the usual one."""
        self.instead: dict[str, Answer] = {}
        """Answers, by path, that come before all others, those of Keystone and discovery too."""
        self.keystone: Callable[[], web.Response] | None = None
        self.answers: dict[str, Answer] = {}

    def paths(self) -> list[str]:
        """Return what Nova and Glance were asked for, without discovery."""
        return [request.path for request in self.asked if request.path in self.answers]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.asked.append(request)
        if request.path == "/identity/v3/auth/tokens":
            self.logins.append(await request.json())
        if request.path in self.instead:
            return await self._given(self.instead[request.path], request)
        if request.path.startswith("/identity"):
            return self._identity()
        if request.path == "/compute/v2.1/":
            version = {"id": "v2.1", "status": "CURRENT", "version": self.newest}
            links = [{"rel": "self", "href": f"{self.url}/compute/v2.1/"}]
            return web.json_response({"version": version | {"min_version": "2.1", "links": links}})
        if request.path in ("/image/", "/image"):
            links = [{"rel": "self", "href": f"{self.url}/image/v2/"}]
            one = {"id": "v2.9", "status": "CURRENT", "links": links}
            return web.json_response({"versions": [one]}, status=300)
        token = request.headers.get("X-Auth-Token")
        if self.valid_tokens is not None and token not in self.valid_tokens:
            return web.json_response({"error": {"message": "no", "code": 401}}, status=401)
        answer = self.answers.get(request.path, lambda _: (404, {"itemNotFound": {"message": "?"}}))
        return await self._given(answer, request)

    async def _given(self, answer: Answer, request: web.Request) -> web.StreamResponse:
        given = answer(request) if callable(answer) else answer
        if asyncio.iscoroutine(given):
            given = await given
        if isinstance(given, web.StreamResponse):
            return given
        status, body = given if isinstance(given, tuple) else (200, given)
        return web.json_response(body, status=status)

    def _identity(self) -> web.Response:
        if self.keystone is not None:
            return self.keystone()
        self.tokens += 1
        token = f"token-{self.tokens}"
        if self.valid_tokens is not None:
            self.valid_tokens.add(token)
        now = datetime.now(UTC)
        return web.json_response(
            {
                "token": {
                    "methods": ["password"],
                    "user": {"id": USER, "name": "u", "domain": {"id": "default", "name": "D"}},
                    "project": {"id": PROJECT, "name": "p", "domain": {"id": "d", "name": "D"}},
                    "roles": [],
                    "issued_at": now.isoformat().replace("+00:00", "Z"),
                    "expires_at": (now + self.token_life).isoformat().replace("+00:00", "Z"),
                    "catalog": [
                        self._service("compute", f"{self.url}/compute/v2.1"),
                        self._service("image", f"{self.url}/image"),
                    ],
                }
            },
            status=201,
            headers={"X-Subject-Token": token},
        )

    def _service(self, kind: str, url: str) -> dict[str, Any]:
        url = self.urls.get(kind, url)
        endpoint = {"id": kind, "interface": "public", "region_id": self.region, "url": url}
        endpoints = [endpoint | {"region": self.region}]
        return {"type": kind, "id": kind, "name": kind, "endpoints": endpoints}


@asynccontextmanager
async def cloud() -> AsyncIterator[OpenStack]:
    """Serve it on loopback."""
    it = OpenStack()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", it.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    it.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield it
    finally:
        await runner.cleanup()


def server(identifier: str = SERVER, **changes: Any) -> dict[str, Any]:
    """Return a server as Nova 2.73 gives it to an administrator."""
    return {
        "id": identifier,
        "name": "web-1",
        "status": "ACTIVE",
        "tenant_id": PROJECT,
        "hostId": "cafe",
        "OS-EXT-SRV-ATTR:host": "compute-1",
        "OS-EXT-STS:vm_state": "active",
        "OS-EXT-STS:task_state": None,
        "image": {"id": IMAGE},
        "locked": False,
        "progress": 0,
        "updated": "2026-08-20T10:00:00Z",
    } | changes


def migration(identifier: int, uuid: str, created: str, **changes: Any) -> dict[str, Any]:
    """Return a migration as Nova 2.80 gives it to an administrator."""
    return {
        "id": identifier,
        "uuid": uuid,
        "status": "completed",
        "migration_type": "live-migration",
        "instance_uuid": SERVER,
        "source_compute": "compute-1",
        "dest_compute": "compute-2",
        "created_at": created,
        "updated_at": None,
        "user_id": USER,
        "project_id": PROJECT,
    } | changes


def image(identifier: str, created: str, **changes: Any) -> dict[str, Any]:
    """Return a backup's image as Glance gives it."""
    return {
        "id": identifier,
        "name": "b",
        "status": "active",
        "size": 1024,
        "created_at": created,
        "owner": PROJECT,
        "tags": [],
        "image_type": "backup",
        "backup_type": "daily",
        "instance_uuid": SERVER,
        "serveractions.uid": "u-1",
    } | changes
