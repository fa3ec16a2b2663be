"""Migrations: the list of all, the live ones in progress, and what may be done to one of those."""

from typing import Any

from aiohttp import web

from fakes.cloud import views
from fakes.cloud.call import Call, Refused, reply
from fakes.cloud.checks import check_state, note
from fakes.cloud.courses import at, at_once, passing
from fakes.cloud.paging import known, page, since
from fakes.cloud.records import Action, Migration, Server
from fakes.cloud.state import Cloud, Steps

_ALL = "os_compute_api:os-migrations:index"
_ONE = "os_compute_api:servers:migrations"
_PAGES = ("changes-since", "changes-before", "limit", "marker", "hidden", "host")
_FILTERS = {
    "instance_uuid": "server_id",
    "status": "status",
    "migration_type": "type",
    "source_compute": "source",
    "user_id": "user_id",
    "project_id": "project_id",
}


async def every(call: Call) -> web.Response:
    """GET /os-migrations: finished ones too; without the administrator's role only one's own."""
    call.require("manager", _ALL)
    if call.query.get("project_id") != call.user.project_id:
        call.require("admin", f"{_ALL}:all_projects")
    found = [one for one in call.cloud.migrations if _visible(call.cloud, one)]
    for key, attribute in _FILTERS.items():
        if key in call.query:
            found = [one for one in found if getattr(one, attribute) == call.query[key]]
    if not call.since(2, 59):
        return reply({"migrations": [views.migration(call, one) for one in found]})
    known(call, *_FILTERS, *_PAGES)
    found = since(call, found, lambda one: one.updated)
    shown, links = page(call, found[::-1], "os-migrations", lambda one: one.uuid)
    call.entry.rows = len(shown)
    body: dict[str, Any] = {"migrations": [views.migration(call, one) for one in shown]}
    if links:
        body["migrations_links"] = links
    return reply(body)


def _visible(cloud: Cloud, one: Migration) -> bool:
    """Say whether any list shows it: with its server a migration is gone, too."""
    server = cloud.servers[one.server_id]
    unseen = server.deleted or server.id in cloud.conditions.unseen
    return not unseen and not cloud.hidden("migrations", one.born)


async def running(call: Call) -> web.Response:
    """GET /servers/{id}/migrations: live migrations in progress, nothing else."""
    server = call.server()
    call.require("manager", f"{_ONE}:index")
    found = [one for one in _of(call, server) if one.in_progress]
    return reply({"migrations": [views.running_migration(call, one) for one in found]})


async def one_running(call: Call) -> web.Response:
    """GET /servers/{id}/migrations/{number}."""
    server = call.server()
    call.require("admin", f"{_ONE}:show")
    found = _find(call, server)
    if found is None or not found.in_progress:
        text = "is not found for" if found is None else "for"
        end = "." if found is None else " is not in progress."
        raise Refused(
            404,
            f"{'In-progress live' if found is None else 'Live'} migration {call.path['number']}"
            f" {text} server {server.id}{end}",
        )
    return reply({"migration": views.running_migration(call, found)})


async def abort(call: Call) -> web.Response:
    """DELETE /servers/{id}/migrations/{number}."""
    server = call.server()
    call.require("manager", f"{_ONE}:delete")
    name = "abort live migration"
    abortable = ("running", "queued", "preparing") if call.since(2, 65) else ("running",)
    _check_migrating(call, server, name)
    migration = _find(call, server)
    if migration is None:
        raise Refused(404, _missing(call, server))
    if migration.status not in abortable:
        raise _wrong_state(server, migration, name)
    action = note(call, server, "abort", "live_migration_cancel")
    _hurry(call.cloud, server, action, migration, "abort")
    return reply(status=202)


async def force_complete(call: Call, body: Any) -> web.Response:
    """POST /servers/{id}/migrations/{number}/action."""
    if not isinstance(body, dict) or list(body) != ["force_complete"]:
        raise Refused(400, "Malformed request body")
    server = call.server()
    call.require("manager", f"{_ONE}:force_complete")
    _check_migrating(call, server, "force_complete", "active")
    migration = _find(call, server)
    if migration is None:
        raise Refused(400, _missing(call, server))
    if migration.status != "running":
        raise _wrong_state(server, migration, "force complete")
    action = note(call, server, "force_complete", "live_migration_force_complete")
    _hurry(call.cloud, server, action, migration, "force_complete")
    return reply(status=202)


def _of(call: Call, server: Server) -> list[Migration]:
    return [one for one in call.cloud.migrations if one.server_id == server.id]


def _find(call: Call, server: Server) -> Migration | None:
    number = int(call.path["number"])
    return next((one for one in _of(call, server) if one.id == number), None)


def _check_migrating(call: Call, server: Server, name: str, *vm_states: str) -> None:
    """Refuse while nothing migrates, before any look at the migration."""
    if (server.locked and not call.is_admin) or server.task_state is None:
        raise Refused(409, f"Instance {server.id} is in an invalid state for '{name}'")
    check_state(name, server, *vm_states, tasks=("migrating",))


def _missing(call: Call, server: Server) -> str:
    return f"Migration {call.path['number']} not found for instance {server.id}"


def _wrong_state(server: Server, migration: Migration, doing: str) -> Refused:
    return Refused(
        400,
        f"Migration {migration.id} state of instance {server.id} is {migration.status}. Cannot"
        f" {doing} while the migration is in this state.",
    )


def _hurry(cloud: Cloud, server: Server, action: Action, migration: Migration, wish: str) -> None:
    """Let the migration come to that end as soon as its host hears of it."""

    def tell() -> Steps:
        yield from passing(cloud, cloud.pace.queued)
        yield from at(cloud, server.host)
        what = "abort" if wish == "abort" else "force_complete"
        at_once(cloud, action, f"compute_live_migration_{what}", server.host)
        migration.wish = wish
        cloud.wake(server.id)

    cloud.begin(tell(), server)
