"""All that this cloud has on record of a server, at once: for whoever audits what became of it.

What was written to it, with what came of each request, and the records that Nova and Glance would
tell of in many answers.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from aiohttp import web

from fakes.cloud.control import PREFIX
from fakes.cloud.journal import Journal
from fakes.cloud.state import Cloud


def add_routes(router: web.UrlDispatcher, cloud: Cloud, journal: Journal) -> None:
    """Register the path below `/_fake/`."""

    async def read(request: web.Request) -> web.Response:
        """Return the records of one server, or of all: `?server=<id>`."""
        wanted = request.query.get("server")
        return web.json_response(_records(cloud, journal, wanted))

    router.add_get(f"{PREFIX}ledger", read)


def _records(cloud: Cloud, journal: Journal, wanted: str | None) -> dict[str, Any]:
    def ours(server_id: str | None) -> bool:
        return wanted is None or server_id == wanted

    actions = (each for found in cloud.actions.values() for each in found)
    return {
        "writes": [
            _plain(each) | {"ambiguous": each.ambiguous}
            for each in journal.entries
            if each.action is not None and ours(each.server_id)
        ],
        "accepted": [_plain(each) for each in journal.accepted if ours(each.server_id)],
        "servers": [_plain(each) for each in cloud.servers.values() if ours(each.id)],
        "actions": [_plain(each) for each in actions if ours(each.server_id)],
        "migrations": [_plain(each) for each in cloud.migrations if ours(each.server_id)],
        "images": [
            _plain(each)
            for each in cloud.images.values()
            if ours(each.properties.get("instance_uuid"))
        ],
    }


def _plain(record: Any) -> dict[str, Any]:
    found: dict[str, Any] = _json(asdict(record))
    return found


def _json(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case dict():
            return {key: _json(each) for key, each in value.items()}
        case list() | tuple():
            return [_json(each) for each in value]
    return value
