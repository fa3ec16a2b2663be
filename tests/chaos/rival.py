"""Another user of the same cloud, who knows of no operator and acts on the same servers."""

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import aiohttp

NAME = "manager"
PAUSE = (0.3, 2.0)
PATIENCE = aiohttp.ClientTimeout(total=30)
VERSION = {"OpenStack-API-Version": "compute 2.65"}
ACTS: tuple[dict[str, Any], ...] = (
    {"createBackup": {"name": "rival", "backup_type": "hourly", "rotation": 1}},
    {"os-migrateLive": {"host": None, "block_migration": "auto"}},
    {"lock": None},
    {"unlock": None},
    {"os-stop": None},
    {"os-start": None},
    {"confirmResize": None},
    {"revertResize": None},
)
"""What is done to a server, whatever is going on there. Most of it is refused."""
TIDYING: tuple[dict[str, Any], ...] = ({"unlock": None}, {"os-start": None})
"""What is done to each at the end, so that nothing waits for the rival."""


@dataclass
class Rival:
    """That user.

    Attributes:
        session: For requests.
        account: The user's cloud in clouds.yaml.
        servers: The servers.
        seed: Of the dice.
        accepted: What Nova took.
    """

    session: aiohttp.ClientSession
    account: dict[str, Any]
    servers: list[str]
    seed: str
    accepted: Counter[str] = field(default_factory=Counter)

    async def act(self) -> None:
        """Do something to some server, for ever."""
        dice = random.Random(self.seed)  # noqa: S311 - dice, no secret
        while True:
            await asyncio.sleep(dice.uniform(*PAUSE))
            server = dice.choice(self.servers)
            if dice.random() < 0.1:
                await self._abort(server)
            else:
                await self._post(server, dice.choice(ACTS))

    async def tidy(self) -> None:
        """Leave the servers as others can use them."""
        for server in self.servers:
            for act in TIDYING:
                await self._post(server, act)

    async def _post(self, server: str, act: dict[str, Any]) -> None:
        (name,) = act
        if await self._ask("POST", f"/servers/{server}/action", act) is not None:
            self.accepted[name] += 1

    async def _abort(self, server: str) -> None:
        path = f"/servers/{server}/migrations"
        listed = await self._ask("GET", path) or {}
        for each in listed.get("migrations", ()):
            if await self._ask("DELETE", f"{path}/{each['id']}") is not None:
                self.accepted["abort"] += 1

    async def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any] | None:
        """Return what Nova answers; nothing if the cloud is away, which harms the rival alone."""
        try:
            endpoint, headers = await self._logged_in()
            async with self.session.request(
                method, endpoint + path, json=body, headers=headers, timeout=PATIENCE
            ) as answer:
                text = await answer.text()
                return (json.loads(text) if text else {}) if answer.ok else None
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return None

    async def _logged_in(self) -> tuple[str, dict[str, str]]:
        """Return Nova's address and the headers of a request; tokens are ended now and then."""
        auth = self.account["auth"]
        user = {
            "name": auth["username"],
            "password": auth["password"],
            "domain": {"id": auth["user_domain_id"]},
        }
        project = {
            "name": auth["project_name"],
            "domain": {"id": auth["project_domain_id"]},
        }
        body = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": project},
            }
        }
        async with self.session.post(
            f"{auth['auth_url']}/auth/tokens", json=body, timeout=PATIENCE
        ) as answer:
            if not answer.ok:
                raise aiohttp.ClientError("no login")
            catalog = json.loads(await answer.text())["token"]["catalog"]
            token = answer.headers["X-Subject-Token"]
        compute = next(each for each in catalog if each["type"] == "compute")
        endpoint = next(
            each["url"] for each in compute["endpoints"] if each["interface"] == "public"
        )
        return endpoint, {"X-Auth-Token": token, **VERSION}
