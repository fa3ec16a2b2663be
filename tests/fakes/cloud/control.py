"""What a test asks of the fake itself, when the two are different processes.

Not a part of any OpenStack, and not counted.
"""

from dataclasses import asdict
from typing import Any

from aiohttp import web

from fakes.cloud.identity import REGION
from fakes.cloud.journal import Journal
from fakes.cloud.state import Cloud

PREFIX = "/_fake/"


def add_routes(router: web.UrlDispatcher, cloud: Cloud, journal: Journal) -> None:
    """Register the paths below `/_fake/`."""

    async def ready(_request: web.Request) -> web.Response:
        return web.json_response({})

    async def clouds(request: web.Request) -> web.Response:
        """Return a clouds.yaml (JSON is YAML) with one cloud for each user."""
        return web.json_response({"clouds": _clouds(cloud, str(request.url.origin()))})

    async def boot(request: web.Request) -> web.Response:
        """Boot servers: `{names, user, host, volumeBacked}`."""
        asked: dict[str, Any] = await request.json()
        owner = cloud.users[asked.get("user", "admin")]
        made = [
            cloud.add_server(
                name,
                owner=owner,
                host=asked.get("host"),
                volume_backed=asked.get("volumeBacked", False),
            )
            for name in asked["names"]
        ]
        return web.json_response([one.id for one in made])

    async def show(request: web.Request) -> web.Response:
        """Return a server with what no API tells, its password for instance."""
        found = cloud.servers[request.match_info["server"]]
        seen = {key: str(value) for key, value in asdict(found).items() if value is not None}
        return web.json_response(seen)

    async def complete(_request: web.Request) -> web.Response:
        """End all live migrations now, however long they were to last."""
        for course in list(cloud.courses.values()):
            cloud.hasten(course)
        return web.json_response({})

    async def read(_request: web.Request) -> web.Response:
        return web.json_response(journal.as_json())

    async def count(_request: web.Request) -> web.Response:
        return web.json_response(journal.counts())

    async def clear(_request: web.Request) -> web.Response:
        journal.clear()
        return web.json_response({})

    router.add_get(f"{PREFIX}ready", ready)
    router.add_get(f"{PREFIX}clouds", clouds)
    router.add_post(f"{PREFIX}servers", boot)
    router.add_get(f"{PREFIX}servers/{{server}}", show)
    router.add_post(f"{PREFIX}live-migrations/complete", complete)
    router.add_get(f"{PREFIX}journal", read)
    router.add_delete(f"{PREFIX}journal", clear)
    router.add_get(f"{PREFIX}counts", count)


def _clouds(cloud: Cloud, origin: str) -> dict[str, Any]:
    return {
        user.name: {
            "auth_type": "password",
            "auth": {
                "auth_url": f"{origin}/identity/v3",
                "username": user.name,
                "password": user.password,
                "project_name": user.project,
                "user_domain_id": "default",
                "project_domain_id": "default",
            },
            "region_name": REGION,
        }
        for user in cloud.users.values()
    }
