"""What other users do to a server: lock it, stop it, delete it."""

from typing import Any

from aiohttp import web

from fakes.cloud import guest
from fakes.cloud.call import Call, reply
from fakes.cloud.checks import check_lock, check_state, note
from fakes.cloud.records import Server


async def power(call: Call, server: Server, _argument: Any) -> web.Response:
    """os-stop, pause, suspend, rescue, and back again."""
    name = call.entry.action or ""
    change = guest.POWER[name]
    call.require("member", f"os_compute_api:servers:{change.record}")
    check_lock(call, server)
    check_state(name, server, *change.wanted)
    action = note(call, server, name, change.record)
    call.cloud.begin(guest.power(call.cloud, server, action, change), server)
    return reply(status=202)


async def lock(call: Call, server: Server, _argument: Any) -> web.Response:
    """Lock."""
    call.require("member", "os_compute_api:os-lock-server:lock")
    note(call, server, "lock", "lock")
    server.locked = True
    return reply(status=202)


async def unlock(call: Call, server: Server, _argument: Any) -> web.Response:
    """Unlock."""
    call.require("member", "os_compute_api:os-lock-server:unlock")
    note(call, server, "unlock", "unlock")
    server.locked = False
    return reply(status=202)


async def delete(call: Call) -> web.Response:
    """DELETE /servers/{id}."""
    server = call.server()
    call.require("member", "os_compute_api:servers:delete")
    check_lock(call, server)
    if server.task_state == "deleting":
        return reply(status=204)
    if server.vm_state == "resized":  # Nova confirms first, in the same request
        note(call, server, "confirmResize", "confirmResize")
        for migration in call.cloud.migrations:
            if migration.server_id == server.id and migration.status == "finished":
                migration.status, migration.updated = "confirmed", call.cloud.now
    action = note(call, server, "delete", "delete")
    call.cloud.begin(guest.delete(call.cloud, server, action), server)
    return reply(status=204)
