"""Who else is in the cloud: many users, and many servers that are none of the operator's business.

Part of the control endpoint, for whoever measures what a large cloud costs.

    POST   /_fake/users      {"names": [...], "project": "demo", "role": "admin"}
    POST   /_fake/foreigners {"servers": 20000, "changes_per_minute": 200}, of the user `other`
"""

import itertools
import secrets
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from fakes.cloud.control import PREFIX
from fakes.cloud.courses import passing
from fakes.cloud.orders import only
from fakes.cloud.records import Server
from fakes.cloud.state import Cloud, Steps

OWNER = "other"


def add_routes(router: web.UrlDispatcher, cloud: Cloud) -> None:
    """Register the paths below `/_fake/`."""

    async def add_users(request: web.Request) -> web.Response:
        asked: dict[str, Any] = await request.json()
        only(asked, "names", "project", "role")
        for name in asked["names"]:
            password = secrets.token_urlsafe(24)
            cloud.add_user(name, password=password, project=asked["project"], role=asked["role"])
        return web.json_response({})

    async def add_foreigners(request: web.Request) -> web.Response:
        asked: dict[str, Any] = await request.json()
        only(asked, "servers", "changes_per_minute")
        owner = cloud.users[OWNER]
        made = [
            cloud.add_server(f"foreign-{number}", owner=owner) for number in range(asked["servers"])
        ]
        if asked["changes_per_minute"] and made:
            pause = 60.0 / asked["changes_per_minute"]
            cloud.begin(_changes(cloud, made, pause), made[0])
        return web.json_response({})

    router.add_post(f"{PREFIX}users", add_users)
    router.add_post(f"{PREFIX}foreigners", add_foreigners)


def _changes(cloud: Cloud, servers: Sequence[Server], pause: float) -> Steps:
    """Have one server after the other change, for ever."""
    for server in itertools.cycle(servers):
        yield from passing(cloud, pause)
        server.updated = cloud.now
