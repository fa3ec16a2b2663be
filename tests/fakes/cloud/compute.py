"""Nova's API: which path leads where, what every answer carries, and the reads of servers."""

import re
from collections.abc import Awaitable, Callable, Mapping
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from fakes.cloud import actions, migrations, power_actions, views
from fakes.cloud.call import ENTRY, NEWEST, OLDEST, Call, Refused, dotted, microversion, reply
from fakes.cloud.identity import Identity, unauthorized
from fakes.cloud.journal import Journal
from fakes.cloud.paging import known, page, since
from fakes.cloud.records import STATUSES, Action, Server
from fakes.cloud.state import Cloud, new_request_id

Read = Callable[[Call], Awaitable[web.Response]]
Write = Callable[[Call, Any], Awaitable[web.Response]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_UUID = "[0-9a-fA-F-]{36}"
_SERVER = "/compute/v2.1/servers/{server:" + _UUID + "}"
_NUMBER = "/migrations/{number:[0-9]+}"


class Compute:
    """Nova, as one cloud's users see it."""

    def __init__(self, cloud: Cloud, identity: Identity, journal: Journal) -> None:
        self._cloud = cloud
        self._identity = identity
        self._journal = journal

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Register every path."""
        router.add_get("/compute/", self._versions)
        for path in ("/compute/v2.1", "/compute/v2.1/"):
            router.add_get(path, self._version)
        reads: Mapping[str, Read] = {
            "/compute/v2.1/servers": _index,
            "/compute/v2.1/servers/detail": _detail,
            _SERVER: _show,
            f"{_SERVER}/os-instance-actions": _actions,
            f"{_SERVER}/os-instance-actions/{{request}}": _action,
            f"{_SERVER}/migrations": migrations.running,
            f"{_SERVER}{_NUMBER}": migrations.one_running,
            "/compute/v2.1/os-migrations": migrations.every,
        }
        for path, read in reads.items():
            router.add_get(path, self._reading(read))
        router.add_delete(_SERVER, self._reading(power_actions.delete))
        router.add_delete(f"{_SERVER}{_NUMBER}", self._reading(migrations.abort))
        router.add_post(f"{_SERVER}/action", self._writing(actions.act))
        router.add_post(f"{_SERVER}{_NUMBER}/action", self._writing(migrations.force_complete))

    def _reading(self, read: Read) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._answer(request, read)

        return handle

    def _writing(self, write: Write) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            async def with_body(call: Call) -> web.Response:
                try:
                    body = await request.json()
                except ValueError:
                    raise Refused(400, "Malformed request body") from None
                return await write(call, body)

            return await self._answer(request, with_body)

        return handle

    async def _answer(self, request: web.Request, read: Read) -> web.Response:
        """Answer as a known user, in the microversion that was asked for."""
        request_id = new_request_id()
        user = self._identity.user_of(request.headers.get("X-Auth-Token"))
        if user is None:
            return self._stamped(unauthorized(request), request_id, None)
        version: tuple[int, int] | None = None
        try:
            version = microversion(request.headers)
            call = Call(
                cloud=self._cloud,
                journal=self._journal,
                entry=request[ENTRY],
                user=user,
                request_id=request_id,
                microversion=version,
                path=request.match_info,
                query=request.query,
                url=f"{request.url.origin()}/compute",
            )
            answer = await read(call)
        except Refused as refused:
            answer = refused.response
        return self._stamped(answer, request_id, version)

    def _stamped(
        self, answer: web.Response, request_id: str, version: tuple[int, int] | None
    ) -> web.Response:
        """Add what every answer carries."""
        answer.headers["x-openstack-request-id"] = request_id
        answer.headers["x-compute-request-id"] = request_id
        answer.headers["Date"] = format_datetime(self._cloud.now, usegmt=True)
        if version is not None:
            answer.headers["OpenStack-API-Version"] = f"compute {dotted(version)}"
            answer.headers["X-OpenStack-Nova-API-Version"] = dotted(version)
            answer.headers["Vary"] = "OpenStack-API-Version, X-OpenStack-Nova-API-Version"
        return answer

    async def _versions(self, request: web.Request) -> web.Response:
        return web.json_response({"versions": [_document(request)]})

    async def _version(self, request: web.Request) -> web.Response:
        media = {
            "base": "application/json",
            "type": "application/vnd.openstack.compute+json;version=2.1",
        }
        body = {"version": _document(request) | {"media-types": [media]}}
        return self._stamped(web.json_response(body), new_request_id(), OLDEST)


def _document(request: web.Request) -> dict[str, Any]:
    return {
        "id": "v2.1",
        "status": "CURRENT",
        "version": dotted(NEWEST),
        "min_version": dotted(OLDEST),
        "updated": "2013-07-23T11:33:21Z",
        "links": [{"rel": "self", "href": f"{request.url.origin()}/compute/v2.1/"}],
    }


async def _index(call: Call) -> web.Response:
    return _list(call, "servers", views.short_server)


async def _detail(call: Call) -> web.Response:
    return _list(call, "servers/detail", _row)


def _row(call: Call, one: Server) -> dict[str, Any]:
    if one.id in call.cloud.conditions.unseen:
        return views.partial_row(call, one)
    return views.server(call, one, shown=False)


def _list(call: Call, path: str, view: Callable[[Call, Any], Any]) -> web.Response:
    """List servers, newest first; the name is a regular expression of the database."""
    everywhere = call.query.get("all_tenants") in ("1", "True", "true")
    if everywhere:
        which = "detail" if path.endswith("detail") else "index"
        call.require("admin", f"os_compute_api:servers:{which}:get_all_tenants")
    found = [
        one
        for one in reversed(call.cloud.servers.values())
        if (everywhere or one.project_id == call.user.project_id)
        and one.deleted <= ("changes-since" in call.query)
        and (one.id not in call.cloud.conditions.unseen or _shows_unseen(call))
    ]
    if "name" in call.query:
        pattern = re.compile(call.query["name"], re.IGNORECASE)
        found = [one for one in found if pattern.search(one.name)]
    if "status" in call.query:
        status = call.query["status"].upper()
        if status not in STATUSES.values():
            raise Refused(400, "Invalid status value")
        found = [one for one in found if one.status == status]
    found = since(call, found, lambda one: one.updated)
    shown, links = page(call, found, path, lambda one: one.id, lost="marker [{}] not found")
    call.entry.rows = len(shown)
    body: dict[str, Any] = {"servers": [view(call, one) for one in shown]}
    if links:
        body["servers_links"] = links
    return reply(body)


def _shows_unseen(call: Call) -> bool:
    """Say whether a list has rows of cells that do not answer: without any filter or page."""
    return call.since(2, 69) and call.query.keys() <= {"all_tenants"}


async def _show(call: Call) -> web.Response:
    server = call.server(unseen=call.since(2, 69))
    if server.id in call.cloud.conditions.unseen:
        return reply({"server": views.partial_server(call, server)})
    return reply({"server": views.server(call, server)})


def _records(call: Call) -> tuple[Server, list[Action]]:
    """Return the server and its actions, newest first; those of a deleted one from 2.21 on."""
    server = call.server(deleted=call.since(2, 21))
    found = [
        one
        for one in reversed(call.cloud.actions.get(server.id, ()))
        if not call.cloud.hidden("actions", one.born)
    ]
    return server, found


async def _actions(call: Call) -> web.Response:
    server, found = _records(call)
    path = f"servers/{server.id}/os-instance-actions"
    links = None
    if call.since(2, 58):
        known(call, "changes-since", "changes-before", "limit", "marker")
        found = since(call, found, lambda one: one.updated)
        found, links = page(call, found, path, lambda one: one.request_id)
    body: dict[str, Any] = {
        "instanceActions": [views.action(call, one, events=False) for one in found]
    }
    if links:
        body["links"] = links
    return reply(body)


async def _action(call: Call) -> web.Response:
    wanted = call.path["request"]
    for one in _records(call)[1]:
        if one.request_id == wanted:
            return reply({"instanceAction": views.action(call, one, events=True)})
    raise Refused(404, f"Action {wanted} not found")
