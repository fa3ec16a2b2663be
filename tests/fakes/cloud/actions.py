"""POST /servers/{id}/action: the seven actions, and the end of a cold migration.

Each handler checks in Nova's order (rights, lock, state, then the rest), notes the action, and
begins what takes its course. A write is noted as accepted the moment it takes effect, whatever then
becomes of the answer.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from fakes.cloud import bodies, courses
from fakes.cloud.call import Call, Refused, reply
from fakes.cloud.state import Action, Image, Migration, Server

_MIGRATE = "os_compute_api:os-migrate-server"
_ADMIN = "os_compute_api:os-admin-actions"


async def act(call: Call, body: Any) -> web.Response:
    """Answer the POST."""
    if not isinstance(body, dict) or len(body) != 1:
        raise Refused(400, "Malformed request body")
    name, argument = next(iter(body.items()))
    if name == "resetNetwork":
        raise Refused(410, "This resource is no longer available. No forwarding address is given.")
    if name not in _HANDLERS:
        raise Refused(400, f"There is no such action: {name}")
    bodies.check(name, argument, call.microversion)
    return await _HANDLERS[name](call, call.server(), argument)


async def _create_backup(call: Call, server: Server, argument: Any) -> web.Response:
    call.require("member", "os_compute_api:os-create-backup")
    if server.image_id is None:
        raise Refused(400, "Backup is not supported for volume-backed instances.")
    _check_state("createBackup", server, "active", "stopped", "paused", "suspended")
    properties = {
        **argument.get("metadata", {}),
        "image_type": "backup",
        "backup_type": argument["backup_type"],
        "instance_uuid": server.id,
        "user_id": call.user.id,
        "base_image_ref": server.image_id,
    }
    now = call.cloud.now
    made = Image(str(uuid.uuid4()), argument["name"], call.user.project_id, now, now)
    made.properties = properties
    call.cloud.images[made.id] = made
    action = _note(call, server, "createBackup", "createBackup")
    rotation = int(argument["rotation"])
    call.cloud.begin(courses.backup(call.cloud, server, action, made, rotation=rotation))
    if call.since(2, 45):
        return reply({"image_id": made.id}, 202)
    answer = reply(status=202)
    if rotation > 0:
        answer.headers["Location"] = f"{call.url}/v2.1/images/{made.id}"
    return answer


async def _migrate(call: Call, server: Server, argument: Any) -> web.Response:
    host = argument.get("host") if argument and call.since(2, 56) else None
    call.require("admin" if host else "manager", f"{_MIGRATE}:migrate{':host' if host else ''}")
    _check_lock(call, server)
    _check_host(call, host)
    _check_state("migrate", server, "active", "stopped")
    if host == server.host:
        raise Refused(400, "Cannot migrate to the host where the server exists.")
    action = _note(call, server, "migrate", "migrate")
    course = courses.cold_migration(call.cloud, server, action, call.user, dest=host)
    call.cloud.begin(course)
    return reply(status=202)


async def _live_migrate(call: Call, server: Server, argument: Any) -> web.Response:
    host = argument["host"]
    rule = f"{_MIGRATE}:migrate_live{':host' if host else ''}"
    call.require("admin" if host else "manager", rule)
    _check_lock(call, server)
    _check_host(call, host)
    _check_state("os-migrateLive", server, "active", "paused")
    action = _note(call, server, "os-migrateLive", "live-migration")
    course = courses.live_migration(call.cloud, server, action, call.user, dest=host)
    call.cloud.begin(course)
    call.cloud.courses[server.id] = course
    return reply(status=202)


async def _inject_network_info(call: Call, server: Server, _argument: Any) -> web.Response:
    call.require("admin", f"{_ADMIN}:inject_network_info")
    _check_lock(call, server)
    _note(call, server, "injectNetworkInfo", None)
    return reply(status=202)


async def _reset_state(call: Call, server: Server, argument: Any) -> web.Response:
    call.require("admin", f"{_ADMIN}:reset_state")
    _note(call, server, "os-resetState", "resetState")
    server.vm_state, server.task_state = argument["state"], None
    server.updated = call.cloud.now
    return reply(status=202)


async def _change_password(call: Call, server: Server, argument: Any) -> web.Response:
    call.require("member", "os_compute_api:os-admin-password")
    if server.locked and not call.is_admin:
        raise Refused(409, f"Instance {server.id} is in an invalid state for 'changePassword'")
    _check_state("changePassword", server, "active")
    action = _note(call, server, "changePassword", "changePassword")
    call.cloud.begin(courses.password(call.cloud, server, action, new=argument["adminPass"]))
    await asyncio.sleep(call.cloud.pace.password)  # the answer comes when the guest has it
    call.cloud.settle()
    return reply(status=202)


async def _confirm(call: Call, server: Server, _argument: Any) -> web.Response:
    action, migration = _finished(call, server, "confirmResize", "confirm_resize")
    call.cloud.begin(courses.confirm(call.cloud, server, action, migration))
    return reply(status=204)


async def _revert(call: Call, server: Server, _argument: Any) -> web.Response:
    action, migration = _finished(call, server, "revertResize", "revert_resize")
    call.cloud.begin(courses.revert(call.cloud, server, action, migration))
    return reply(status=202)


def _finished(call: Call, server: Server, name: str, rule: str) -> tuple[Action, Migration]:
    """Return the migration that waits for its end, and the action that is noted for that."""
    call.require("member", f"os_compute_api:servers:{rule}")
    _check_lock(call, server)
    _check_state(name, server, "resized")
    migration = call.cloud.newest_migration(server)
    if migration is None or migration.status != "finished":
        raise Refused(400, "Instance has not been resized.")
    return _note(call, server, name, name), migration


def _check_lock(call: Call, server: Server) -> None:
    if server.locked and not call.is_admin:
        raise Refused(409, f"Instance {server.id} is locked")


def _check_host(call: Call, host: str | None) -> None:
    if host is not None and host not in call.cloud.hosts:
        raise Refused(400, f"Compute host {host} could not be found.")


def _check_state(name: str, server: Server, *allowed: str) -> None:
    found = None
    if server.vm_state not in allowed:
        found = f"vm_state {server.vm_state}"
    elif server.task_state is not None:
        found = f"task_state {server.task_state}"
    if found is not None:
        raise Refused(409, f"Cannot '{name}' instance {server.id} while it is in {found}")


def _note(call: Call, server: Server, name: str, record: str | None) -> Action:
    """Note that a write takes effect; injectNetworkInfo alone leaves no record with Nova."""
    call.accept(server, name)
    if record is None:
        now = call.cloud.now
        return Action(
            name, server.id, call.request_id, call.user.id, call.user.project_id, now, now
        )
    return call.cloud.record(record, server, request_id=call.request_id, user=call.user)


_HANDLERS: dict[str, Callable[[Call, Server, Any], Awaitable[web.Response]]] = {
    "createBackup": _create_backup,
    "migrate": _migrate,
    "os-migrateLive": _live_migrate,
    "injectNetworkInfo": _inject_network_info,
    "os-resetState": _reset_state,
    "changePassword": _change_password,
    "confirmResize": _confirm,
    "revertResize": _revert,
}
