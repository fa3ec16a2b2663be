"""The fake in this process with a clock that a test sets, and a client as its administrator."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientResponse, ClientTimeout
from aiohttp.test_utils import TestClient, TestServer

from fakes.cloud.faults import Fault, Faults, Match, Mishap
from fakes.cloud.journal import Entry, Journal
from fakes.cloud.records import Server, User
from fakes.cloud.server import application
from fakes.cloud.state import Cloud, Pace

LIVE = {"os-migrateLive": {"host": None, "block_migration": "auto"}}
BACKUP = {"createBackup": {"name": "backup", "backup_type": "daily", "rotation": 2}}
PASSWORD = "secret"
UID = "0c1f8f3e-4a0f-4d6e-9b8e-0a2f1f2d3c4b"


@dataclass
class Time:
    """A clock that a test sets."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Client:
    """Talks to the fake as one of its users."""

    cloud: Cloud
    time: Time
    server: Server
    journal: Journal
    faults: Faults
    http: Any
    token: str

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        version: str = "2.80",
        service: str = "",
    ) -> tuple[int, Any]:
        """Return the status and the body of Nova's answer, or of another service's."""
        url = f"{service or '/compute/v2.1'}{path}"
        answer: ClientResponse
        async with self.http.request(
            method, url, json=body, headers=self._headers(version), allow_redirects=False
        ) as answer:
            text = await answer.text()
            if answer.content_type != "application/json" or not text:
                return answer.status, text or None
            return answer.status, json.loads(text)

    def post(self, body: object, *, version: str = "2.68", seconds: float | None = None) -> Any:
        """Send an action; the answer is a context."""
        return self.http.post(
            f"/compute/v2.1/servers/{self.server.id}/action",
            json=body,
            headers=self._headers(version),
            allow_redirects=False,
            timeout=ClientTimeout(total=seconds),
        )

    async def act(self, body: object, *, version: str = "2.68") -> int:
        """Send an action; return the status of the whole answer."""
        answer: ClientResponse
        async with self.post(body, version=version) as answer:
            await answer.read()
            return answer.status

    async def status(self) -> str:
        """Return the server's status."""
        _, body = await self.ask("GET", f"/servers/{self.server.id}")
        return str(body["server"]["status"])

    async def migrations(self) -> list[str]:
        """Return the statuses of the server's migrations, newest first."""
        _, body = await self.ask("GET", f"/os-migrations?instance_uuid={self.server.id}")
        return [each["status"] for each in body["migrations"]]

    def order(self, mishap: Mishap, **how: Any) -> Fault:
        """Order a fault for the next action."""
        return self.faults.order(mishap, Match(family="action"), **how)

    @property
    def accepted(self) -> list[str]:
        """The actions that took effect."""
        return [each.action for each in self.journal.accepted]

    @property
    def last(self) -> Entry:
        """The last request that arrived."""
        return self.journal.entries[-1]

    def _headers(self, version: str) -> dict[str, str]:
        return {
            "X-Auth-Token": self.token,
            "OpenStack-API-Version": f"compute {version}",
            "X-Openstack-Request-Id": f"req-{UID}",
        }

    async def log_in(self, user: User) -> str:
        """Return a token."""
        given = {"name": user.name, "domain": {"id": "default"}, "password": user.password}
        auth = {
            "identity": {"methods": ["password"], "password": {"user": given}},
            "scope": {"project": {"name": user.project, "domain": {"id": "default"}}},
        }
        answer = await self.http.post("/identity/v3/auth/tokens", json={"auth": auth})
        token: str = answer.headers["X-Subject-Token"]
        return token


@asynccontextmanager
async def connected() -> AsyncIterator[Client]:
    """Serve a cloud with one server and log in."""
    time, journal, faults = Time(), Journal(), Faults()
    cloud = Cloud(pace=Pace(live_migration=60, cold_migration=9, backup=4), clock=time)
    owner = cloud.add_user("admin", password=PASSWORD, project="demo", role="admin")
    server = cloud.add_server("web", owner=owner)
    app = application(cloud, journal=journal, faults=faults)
    async with TestClient(TestServer(app)) as http:
        client = Client(cloud, time, server, journal, faults, http, token="")
        client.token = await client.log_in(owner)
        yield client
