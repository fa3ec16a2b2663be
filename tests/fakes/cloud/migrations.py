"""Migrations: the list of all, the live ones in progress, and what may be done to one of those."""

from typing import Any

from aiohttp import web

from fakes.cloud import courses, views
from fakes.cloud.call import Call, Refused, reply
from fakes.cloud.paging import page, since
from fakes.cloud.state import Migration, Server

_ALL = "os_compute_api:os-migrations:index"
_ONE = "os_compute_api:servers:migrations"
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
    found = list(call.cloud.migrations)
    for key, attribute in _FILTERS.items():
        if key in call.query:
            found = [one for one in found if getattr(one, attribute) == call.query[key]]
    if not call.since(2, 59):
        return reply({"migrations": [views.migration(call, one) for one in found]})
    found = since(call, found, lambda one: one.updated)
    shown, links = page(call, found[::-1], "os-migrations", lambda one: one.uuid)
    body: dict[str, Any] = {"migrations": [views.migration(call, one) for one in shown]}
    if links:
        body["migrations_links"] = links
    return reply(body)


async def running(call: Call) -> web.Response:
    """GET /servers/{id}/migrations: live migrations in progress, nothing else."""
    server = call.server()
    call.require("manager", f"{_ONE}:index")
    found = [
        one
        for one in call.cloud.migrations
        if one.server_id == server.id and views.in_progress(one)
    ]
    return reply({"migrations": [views.running_migration(call, one) for one in found]})


async def one_running(call: Call) -> web.Response:
    """GET /servers/{id}/migrations/{number}."""
    server = call.server()
    call.require("admin", f"{_ONE}:show")
    found = _find(call, server)
    if found is None or not views.in_progress(found):
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
    abortable = ("running", "queued", "preparing") if call.since(2, 65) else ("running",)
    migration = _migrating(call, server, "abort live migration")
    if migration.status not in abortable:
        raise _wrong_state(server, migration, "abort live migration")
    _hurry(call, server, migration, "abort")
    return reply(status=202)


async def force_complete(call: Call, body: Any) -> web.Response:
    """POST /servers/{id}/migrations/{number}/action."""
    if not isinstance(body, dict) or list(body) != ["force_complete"]:
        raise Refused(400, "Malformed request body")
    server = call.server()
    call.require("manager", f"{_ONE}:force_complete")
    migration = _migrating(call, server, "force_complete")
    if migration.status != "running":
        raise _wrong_state(server, migration, "force complete")
    _hurry(call, server, migration, "force_complete")
    return reply(status=202)


def _find(call: Call, server: Server) -> Migration | None:
    number = int(call.path["number"])
    return next(
        (one for one in call.cloud.migrations if one.id == number and one.server_id == server.id),
        None,
    )


def _migrating(call: Call, server: Server, doing: str) -> Migration:
    """Return the migration; while nothing migrates, an unknown one meets 409, not 404."""
    if server.task_state != "migrating":
        raise Refused(409, f"Instance {server.id} is in an invalid state for '{doing}'")
    found = _find(call, server)
    if found is None:
        raise Refused(404, f"Migration {call.path['number']} not found for instance {server.id}")
    return found


def _wrong_state(server: Server, migration: Migration, doing: str) -> Refused:
    return Refused(
        400,
        f"Migration {migration.id} state of instance {server.id} is {migration.status}. Cannot"
        f" {doing} while the migration is in this state.",
    )


def _hurry(call: Call, server: Server, migration: Migration, wish: str) -> None:
    """Note what was asked, and let the migration come to that end now."""
    record, event = {
        "abort": ("live_migration_cancel", "compute_live_migration_abort"),
        "force_complete": (
            "live_migration_force_complete",
            "compute_live_migration_force_complete",
        ),
    }[wish]
    call.accept(server, wish)
    action = call.cloud.record(record, server, request_id=call.request_id, user=call.user)
    call.cloud.begin(courses.immediate(call.cloud, action, event, server.host))
    migration.wish = wish
    call.cloud.hasten(call.cloud.courses[server.id])
