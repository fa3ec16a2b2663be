"""POST /servers/{id}/action: the seven actions, resize, and the end of a migration.

Each handler checks in Nova's order (rights, lock, state, then the rest), notes the action, and
begins what takes its course. A write is noted as accepted the moment it takes effect, whatever then
becomes of the answer.
"""

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from fakes.cloud import bodies, cold_migration, guest, power_actions
from fakes.cloud.call import Call, Refused, reply, unexpected
from fakes.cloud.checks import (
    check_host,
    check_host_is_up,
    check_lock,
    check_race,
    check_state,
    note,
)
from fakes.cloud.driver import DriverError
from fakes.cloud.live_migration import Checks, live_migration
from fakes.cloud.records import Action, Image, Migration, Server

_MIGRATE = "os_compute_api:os-migrate-server"
_ADMIN = "os_compute_api:os-admin-actions"

Handler = Callable[[Call, Server, Any], Awaitable[web.Response]]


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
    check_state("createBackup", server, "active", "stopped", "paused", "suspended")
    if server.image_id is None:
        raise Refused(400, "Backup is not supported for volume-backed instances.")
    made = _new_image(call, server, argument)
    check_race(call, server)  # the image is there by now, and stays
    action = note(call, server, "createBackup", "createBackup")
    rotation = int(argument["rotation"])
    call.cloud.begin(guest.backup(call.cloud, server, action, made, rotation=rotation), server)
    if call.since(2, 45):
        return reply({"image_id": made.id}, 202)
    answer = reply(status=202)
    if rotation > 0:
        answer.headers["Location"] = f"{call.url}/v2.1/images/{made.id}"
    return answer


def _new_image(call: Call, server: Server, argument: Any) -> Image:
    properties = {
        **argument.get("metadata", {}),
        "image_type": "backup",
        "backup_type": argument["backup_type"],
        "instance_uuid": server.id,
        "user_id": call.user.id,
        "base_image_ref": server.image_id or "",
    }
    now = call.cloud.time  # Glance's clock is its own
    made = Image(str(uuid.uuid4()), argument["name"].strip(), call.user.project_id, now, now)
    made.properties = properties
    call.cloud.images[made.id] = made
    return made


async def _migrate(call: Call, server: Server, argument: Any) -> web.Response:
    host = argument.get("host") if argument and call.since(2, 56) else None
    call.require("admin" if host else "manager", f"{_MIGRATE}:migrate{':host' if host else ''}")
    check_lock(call, server)
    check_state("migrate", server, "active", "stopped")
    check_host_is_up(call, server.host)
    if host == server.host:
        raise Refused(400, "Cannot migrate to the host where the server exists.")
    check_host(call, host)
    check_race(call, server)
    action = note(call, server, "migrate", "migrate")
    course = cold_migration.cold_migration(call.cloud, server, action, call.user, dest=host)
    call.cloud.begin(course, server)
    return reply(status=202)


async def _resize(call: Call, server: Server, _argument: Any) -> web.Response:
    """What another user may do to the server; its flavor has no effect here."""
    call.require("member", "os_compute_api:servers:resize")
    check_lock(call, server)
    check_state("resize", server, "active", "stopped")
    check_host_is_up(call, server.host)
    action = note(call, server, "resize", "resize")
    course = cold_migration.cold_migration(
        call.cloud, server, action, call.user, dest=None, kind="resize"
    )
    call.cloud.begin(course, server)
    return reply(status=202)


async def _live_migrate(call: Call, server: Server, argument: Any) -> web.Response:
    host = argument["host"]
    rule = f"{_MIGRATE}:migrate_live{':host' if host else ''}"
    call.require("admin" if host else "manager", rule)
    if argument.get("force") is True and not host:
        raise Refused(400, "Can't force to a non-provided destination")
    check_lock(call, server)
    check_state("os-migrateLive", server, "active", "paused")
    check_host(call, host)
    check_race(call, server)
    action = note(call, server, "os-migrateLive", "live-migration")
    checks = Checks()
    course = live_migration(
        call.cloud,
        server,
        action,
        call.user,
        dest=host,
        forced=bool(host) and (argument.get("force") is True or not call.since(2, 30)),
        checks=checks,
        reply_at_once=call.since(2, 34),
    )
    call.cloud.begin(course, server)
    if not call.since(2, 34):
        await _checked(call, checks)
    return reply(status=202)


async def _checked(call: Call, checks: Checks) -> None:
    """Wait for the checks, as the API did below 2.34."""
    if not await call.until(lambda: checks.over):
        raise unexpected("oslo_messaging.exceptions.MessagingTimeout")
    if checks.error is None:
        return
    if checks.error.kind == "MigrationError":
        raise unexpected("nova.exception.MigrationError_Remote")
    raise Refused(400, checks.error.message)


async def _inject_network_info(call: Call, server: Server, _argument: Any) -> web.Response:
    call.require("admin", f"{_ADMIN}:inject_network_info")
    check_lock(call, server)
    call.accept(server, "injectNetworkInfo")  # the one that leaves no record with Nova
    call.cloud.begin(guest.inject_network_info(call.cloud, server), server)
    return reply(status=202)


async def _reset_state(call: Call, server: Server, argument: Any) -> web.Response:
    call.require("admin", f"{_ADMIN}:reset_state")
    note(call, server, "os-resetState", "resetState")
    server.vm_state, server.task_state = argument["state"], None
    server.updated = call.cloud.now
    call.cloud.wake(server.id)
    return reply(status=202)


async def _change_password(call: Call, server: Server, argument: Any) -> web.Response:
    call.require("member", "os_compute_api:os-admin-password")
    if server.locked and not call.is_admin:
        raise Refused(409, f"Instance {server.id} is in an invalid state for 'changePassword'")
    check_state("changePassword", server, "active")
    check_race(call, server)
    action = note(call, server, "changePassword", "changePassword")
    outcome = guest.PasswordSet()
    new = argument["adminPass"]
    course = guest.password(call.cloud, server, action, new=new, outcome=outcome)
    call.cloud.begin(course, server)
    if not await call.until(lambda: outcome.over):
        raise unexpected("oslo_messaging.exceptions.MessagingTimeout")
    if outcome.error is not None:
        raise _password_refused(outcome.error)
    return reply(status=202)


def _password_refused(error: DriverError) -> Refused:
    match error.kind:
        case "NotImplementedError":
            return Refused(501, "Unable to set password on instance")
        case "InstancePasswordSetFailed" | "SetAdminPasswdNotSupported" | "InstanceAgentNotEnabled":
            return Refused(409, error.message)
    return unexpected(f"nova.exception_Remote.{error.kind}_Remote")


async def _confirm(call: Call, server: Server, _argument: Any) -> web.Response:
    migration = _finished(call, server, "confirmResize", "confirm_resize")
    check_host_is_up(call, migration.source)
    action = note(call, server, "confirmResize", "confirmResize")
    course = cold_migration.confirm(call.cloud, server, action, migration)
    call.cloud.begin(course, server)
    return reply(status=204)


async def _revert(call: Call, server: Server, _argument: Any) -> web.Response:
    migration = _finished(call, server, "revertResize", "revert_resize")
    check_host_is_up(call, migration.source)
    action: Action = note(call, server, "revertResize", "revertResize")
    course = cold_migration.revert(call.cloud, server, action, migration)
    call.cloud.begin(course, server)
    return reply(status=202)


def _finished(call: Call, server: Server, name: str, rule: str) -> Migration:
    """Return the migration that waits for its end: it is named by nobody."""
    call.require("member", f"os_compute_api:servers:{rule}")
    check_lock(call, server)
    check_state(name, server, "resized")
    for migration in call.cloud.migrations:
        if migration.server_id == server.id and migration.status == "finished":
            return migration
    raise Refused(400, "Instance has not been resized.")


_HANDLERS: dict[str, Handler] = {
    "createBackup": _create_backup,
    "migrate": _migrate,
    "resize": _resize,
    "os-migrateLive": _live_migrate,
    "injectNetworkInfo": _inject_network_info,
    "os-resetState": _reset_state,
    "changePassword": _change_password,
    "confirmResize": _confirm,
    "revertResize": _revert,
    "lock": power_actions.lock,
    "unlock": power_actions.unlock,
    **dict.fromkeys(guest.POWER, power_actions.power),
}
