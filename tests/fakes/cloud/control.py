"""What a test asks of the fake itself, when the two are different processes.

Not a part of any OpenStack, and not counted. All of it is JSON; an order that means nothing is a
400 with `{"error": ...}`.

    GET    /_fake/ready
    GET    /_fake/clouds                     a clouds.yaml with a cloud for each user
    POST   /_fake/servers                    {"names": [...], "user": "admin", "host": null,
                                              "only_host": null, "volume_backed": false} -> ids
    GET    /_fake/servers/{id}               what no API tells, the password for instance
    POST   /_fake/live-migrations/complete   end all of them now
    POST   /_fake/world                      let something happen, see below
    GET    /_fake/driver                     as the control endpoint of the real local Nova:
    POST   /_fake/driver                     `local_stack.control.Control` talks to either

    GET    /_fake/counts                     {"requests": {"POST action": 3, ...},
                                              "accepted": {server: {"os-migrateLive": 1}}}
    GET    /_fake/audit                      [{"uid", "server_id", "action", "sent", "ambiguous",
                                              "after_ambiguous", "accepted": [request ids]}]
    GET    /_fake/journal?first=0            {"entries": [Entry], "accepted": [Accepted]}, with
                                             the fields of `journal`
    DELETE /_fake/journal

    POST   /_fake/faults                     order a fault, see below -> {"id": 1}
    GET    /_fake/faults                     {"injected": {"reply-lost": 2}, "faults": [...]}
    DELETE /_fake/faults                     take all back; what they hold goes on
    DELETE /_fake/faults/{id}
    POST   /_fake/faults/{id}/release        let go on what this fault holds

    POST   /_fake/doors                      {"compute": {"state": "shut"}}; services `identity`,
                                             `compute`, `image`; states `open`, `shut` (refuses
                                             connections), `resetting` (as soon as they stand),
                                             `silent`; "times": so many connections, then open;
                                             "leave": true: those that stand go on
    GET    /_fake/doors

A fault is `{"kind": ..., "match": {...}, "skip": 0, "times": 1, "probability": 1.0, "seed": 0}`
with the parameters of its kind beside that. `times: null` is without end, and the default where a
probability is given. `match` may name `method`, `service`, `family` (`identity`, `discovery`,
`action`, `instance-actions`, `server-migrations`, `os-migrations`, `servers`, `images`, `other`),
`action` (`os-migrateLive`, `confirmResize`, `abort`, `force_complete`, ...), `server_id`, `user`,
and `uid` (of the custom resource). The first fault that strikes wins. `seconds: null` is until it
is released.

    reply-lost     reset=false, seconds=0    acts, holds so long; the connection ends unanswered
    request-lost   reset=true, seconds=0     the request was read; the cloud does nothing
    status         status, accepted=false, retry_after=null, message=null (a proxy's page, else in
                   Nova's form)
    token-expired                            401, and the token is good no more
    late-reply     seconds                   acts at once, answers late
    late-effect    seconds                   acts late, whether the client waits or not
    truncated      chunked=false             acts; the body breaks off
    garbage        body, status=null, accepted=true    body: html, text, binary, list, number, null,
                   shape, deep
    garbage-line   accepted=true             no HTTP comes back
    redirect       status=302, location=null (to /elsewhere here: the journal shows who followed)
    held           seconds, status=504       answered (null: dropped) now, delivered later
    twice          seconds=0, answer="first" delivered twice

An event of the world is `{"event": ...}` with its parameters (module `world_events`):

    nova-restarted   hosts=null              what was being done there, or everywhere, is lost
    compute-gone     host, noticed=false     no nova-compute there: what it is asked waits
    compute-back     host
    host-down        host, down=true         appears dead to API and scheduler, and is not
    clock-skew       seconds                 Nova's Date header and records, not Keystone's
    tokens-expired                           all of them
    server-deleted   server                  gone at once; its actions stay readable from 2.21 on
    server-state     server, changes         {"vm_state", "task_state", "locked", "host", "fault"}
    cells-down       servers                 exactly these have status UNKNOWN and few fields
    lag              records, seconds        `actions`, `migrations` or `images` appear so late
    confirm-window   seconds                 Nova's resize_confirm_window
    race             server, times=1         the next actions meet another's task: 500, and a queued
                                             image is left over of a createBackup

How an action itself fails is ordered at the driver: {"fail": {"live_migration": {"exception":
"NovaException", "args": ["lost"], "times": 1, "servers": [...]}}}, and {"delay": {...}} for how
long it takes. No valid host: a server with `only_host`.

What a request does when its fault lets it through is as real as ever: `accepted` in the journal is
written at the effect.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from aiohttp import web

from fakes.cloud.doors import Doors
from fakes.cloud.faults import Faults, match_from
from fakes.cloud.identity import REGION, Identity
from fakes.cloud.journal import Journal
from fakes.cloud.mishaps import mishap_from
from fakes.cloud.orders import BadOrderError, only
from fakes.cloud.state import Cloud
from fakes.cloud.world_events import WorldEvents

PREFIX = "/_fake/"

Handler = Callable[[web.Request], Awaitable[web.Response]]

_COUNTING = ("skip", "times", "probability", "seed")


def add_routes(
    router: web.UrlDispatcher,
    *,
    cloud: Cloud,
    identity: Identity,
    journal: Journal,
    faults: Faults,
    doors: Doors | None,
) -> None:
    """Register the paths below `/_fake/`."""
    for part in (_OfCloud(cloud, identity, doors), _OfJournal(journal), _OfFaults(faults)):
        part.add_routes(router)
    if doors is not None:
        _OfDoors(doors).add_routes(router)


class _OfCloud:
    """Accounts, servers, and what happens to them."""

    def __init__(self, cloud: Cloud, identity: Identity, doors: Doors | None) -> None:
        self._cloud = cloud
        self._identity = identity
        self._events = WorldEvents(cloud, identity, doors)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get(f"{PREFIX}ready", self._ready)
        router.add_get(f"{PREFIX}clouds", self._clouds)
        router.add_post(f"{PREFIX}servers", _obeying(self._boot))
        router.add_get(f"{PREFIX}servers/{{server}}", self._show)
        router.add_post(f"{PREFIX}live-migrations/complete", self._complete)
        router.add_post(f"{PREFIX}world", _obeying(self._happen))
        router.add_get(f"{PREFIX}driver", self._calls)
        router.add_post(f"{PREFIX}driver", _obeying(self._steer))

    async def _ready(self, _request: web.Request) -> web.Response:
        return web.json_response({})

    async def _clouds(self, request: web.Request) -> web.Response:
        """JSON is YAML."""
        auth_url = f"{self._identity.origin('identity', request)}/identity/v3"
        clouds = {
            user.name: {
                "auth_type": "password",
                "auth": {
                    "auth_url": auth_url,
                    "username": user.name,
                    "password": user.password,
                    "project_name": user.project,
                    "user_domain_id": "default",
                    "project_domain_id": "default",
                },
                "region_name": REGION,
            }
            for user in self._cloud.users.values()
        }
        return web.json_response({"clouds": clouds})

    async def _boot(self, request: web.Request) -> web.Response:
        asked: dict[str, Any] = await request.json()
        only(asked, "names", "user", "host", "only_host", "volume_backed")
        owner = self._cloud.users[asked.get("user", "admin")]
        made = [
            self._cloud.add_server(
                name,
                owner=owner,
                host=asked.get("host"),
                only_host=asked.get("only_host"),
                volume_backed=asked.get("volume_backed", False),
            )
            for name in asked["names"]
        ]
        return web.json_response([one.id for one in made])

    async def _show(self, request: web.Request) -> web.Response:
        found = self._cloud.servers[request.match_info["server"]]
        seen = {key: str(value) for key, value in asdict(found).items() if value is not None}
        return web.json_response(seen)

    async def _complete(self, _request: web.Request) -> web.Response:
        for migration in self._cloud.migrations:
            if migration.in_progress:
                migration.wish = "force_complete"
        self._cloud.wake()
        return web.json_response({})

    async def _happen(self, request: web.Request) -> web.Response:
        self._events.happen(await request.json())
        return web.json_response({})

    async def _calls(self, _request: web.Request) -> web.Response:
        return web.json_response({"calls": self._cloud.driver.calls})

    async def _steer(self, request: web.Request) -> web.Response:
        order: dict[str, Any] = await request.json()
        for host, state in order.pop("service", {}).items():
            self._events.host_down(host, down=state == "down")
        self._cloud.driver.obey(order)
        return await self._calls(request)


class _OfJournal:
    """What was asked and accepted."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get(f"{PREFIX}journal", self._read)
        router.add_delete(f"{PREFIX}journal", self._clear)
        router.add_get(f"{PREFIX}counts", self._counts)
        router.add_get(f"{PREFIX}audit", self._audit)

    async def _read(self, request: web.Request) -> web.Response:
        first = int(request.query.get("first", 0))
        return web.json_response(self._journal.as_json(first=first))

    async def _clear(self, _request: web.Request) -> web.Response:
        self._journal.clear()
        return web.json_response({})

    async def _counts(self, _request: web.Request) -> web.Response:
        return web.json_response(self._journal.counts())

    async def _audit(self, _request: web.Request) -> web.Response:
        return web.json_response(self._journal.audit())


class _OfFaults:
    """What requests meet."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_post(f"{PREFIX}faults", _obeying(self._order))
        router.add_get(f"{PREFIX}faults", self._show)
        router.add_delete(f"{PREFIX}faults", self._take_all_back)
        router.add_delete(f"{PREFIX}faults/{{number}}", self._take_back)
        router.add_post(f"{PREFIX}faults/{{number}}/release", _obeying(self._release))

    async def _order(self, request: web.Request) -> web.Response:
        order: dict[str, Any] = await request.json()
        how = {key: order.pop(key) for key in _COUNTING if key in order}
        if "probability" in how:
            how.setdefault("times", None)
        match = match_from(order.pop("match", {}))
        fault = self._faults.order(mishap_from(order.pop("kind"), order), match, **how)
        return web.json_response({"id": fault.number})

    async def _show(self, _request: web.Request) -> web.Response:
        return web.json_response(self._faults.as_json())

    async def _take_all_back(self, _request: web.Request) -> web.Response:
        self._faults.take_back()
        return web.json_response({})

    async def _take_back(self, request: web.Request) -> web.Response:
        self._faults.take_back(int(request.match_info["number"]))
        return web.json_response({})

    async def _release(self, request: web.Request) -> web.Response:
        self._faults.find(int(request.match_info["number"])).released.set()
        return web.json_response({})


class _OfDoors:
    """Whether services are there at all."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors

    def add_routes(self, router: web.UrlDispatcher) -> None:
        router.add_get(f"{PREFIX}doors", self._show)
        router.add_post(f"{PREFIX}doors", _obeying(self._turn))

    async def _show(self, _request: web.Request) -> web.Response:
        return web.json_response(self._doors.as_json())

    async def _turn(self, request: web.Request) -> web.Response:
        await self._doors.turn(await request.json())
        return web.json_response(self._doors.as_json())


def _obeying(handler: Handler) -> Handler:
    """Answer 400 to an order that cannot be carried out."""

    async def handle(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except (BadOrderError, LookupError, TypeError, ValueError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)

    return handle
