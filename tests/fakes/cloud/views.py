"""Records as the JSON of Nova and Glance, with the fields of each microversion."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fakes.cloud.call import Call
from fakes.cloud.live_migration import memory_share
from fakes.cloud.records import Action, Event, Image, Migration, Server

Json = dict[str, Any]

_MEMORY = 512 << 20
_WITH_PROGRESS = frozenset({"ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"})
_POWER = {"paused": 3, "stopped": 4, "suspended": 4}
_FLAVOR = {
    "vcpus": 1,
    "ram": 512,
    "disk": 1,
    "ephemeral": 0,
    "swap": 0,
    "original_name": "m1.tiny",
    "extra_specs": {},
}
_ADDED: tuple[tuple[tuple[int, int], str, object], ...] = (
    ((2, 19), "description", None),
    ((2, 26), "tags", []),
    ((2, 63), "trusted_image_certificates", None),
    ((2, 73), "locked_reason", None),
    ((2, 96), "pinned_availability_zone", "nova"),
)
"""Fields of a server by the microversion that added them; here they always say the same."""


def short_server(call: Call, server: Server) -> Json:
    """Return a row of `GET /servers`."""
    return {"id": server.id, "name": server.name, "links": _links(call, f"servers/{server.id}")}


def server(call: Call, one: Server, *, shown: bool = True) -> Json:
    """Return a server; a list leaves a few fields out."""
    seen: Json = {
        "accessIPv4": "",
        "accessIPv6": "",
        "addresses": {},
        "created": _seconds(one.created),
        "flavor": _FLAVOR if call.since(2, 47) else {"id": "m1.tiny", "links": []},
        "hostId": host_id(one.host, one.project_id),
        "id": one.id,
        "image": "" if one.image_id is None else {"id": one.image_id, "links": []},
        "links": _links(call, f"servers/{one.id}"),
        "metadata": {},
        "name": one.name,
        "status": one.status,
        "tenant_id": one.project_id,
        "user_id": one.user_id,
        "updated": _seconds(one.updated),
        "OS-DCF:diskConfig": "MANUAL",
        "OS-EXT-AZ:availability_zone": "nova",
        "config_drive": "",
        "key_name": None,
        "OS-SRV-USG:launched_at": _micro(one.created),
        "OS-SRV-USG:terminated_at": None,
        "OS-EXT-STS:task_state": one.task_state,
        "OS-EXT-STS:vm_state": one.vm_state,
        "OS-EXT-STS:power_state": _POWER.get(one.vm_state, 1),
        "os-extended-volumes:volumes_attached": [],
    }
    if one.status in _WITH_PROGRESS:
        seen["progress"] = _percent(call, one)
    if one.fault is not None and one.status in ("ERROR", "DELETED"):
        since = _seconds(one.fault_at or one.updated)
        seen["fault"] = {"code": 500, "created": since, "message": one.fault}
    if call.is_admin:
        seen |= _for_admins(call, one)
    seen |= {key: value for since, key, value in _ADDED if call.since(*since)}
    if call.since(2, 9):
        seen["locked"] = one.locked
    if call.since(2, 71) and shown:
        seen["server_groups"] = []
    return seen


def partial_row(call: Call, one: Server) -> Json:
    """Return all that a list has of a server whose cell does not answer (from 2.69 on)."""
    return {
        "id": one.id,
        "status": "UNKNOWN",
        "tenant_id": one.project_id,
        "created": _seconds(one.created),
        "links": _links(call, f"servers/{one.id}"),
    }


def partial_server(call: Call, one: Server) -> Json:
    """Return what Nova knows of such a server that is asked for by itself."""
    return partial_row(call, one) | {
        "image": "" if one.image_id is None else {"id": one.image_id, "links": []},
        "flavor": _FLAVOR,
        "OS-EXT-AZ:availability_zone": "UNKNOWN",
        "OS-EXT-STS:power_state": 0,
        "user_id": one.user_id,
    }


def action(call: Call, one: Action, *, events: bool) -> Json:
    """Return an instance action, with its events only where it is shown by itself."""
    seen: Json = {
        "action": one.name,
        "instance_uuid": one.server_id,
        "request_id": one.request_id,
        "user_id": one.user_id,
        "project_id": one.project_id,
        "start_time": _micro(one.start),
        "message": one.message,
    }
    if call.since(2, 58):
        seen["updated_at"] = _micro(one.updated)
    if events and (call.is_admin or call.since(2, 51)):
        seen["events"] = [_event(call, one, event) for event in reversed(one.events)]
    return seen


def migration(call: Call, one: Migration) -> Json:
    """Return a row of os-migrations."""
    seen: Json = {"id": one.id}
    if call.since(2, 59):
        seen["uuid"] = one.uuid
    seen |= _hosts(call, one) | {
        "old_instance_type_id": 1,
        "new_instance_type_id": 1,
        "instance_uuid": one.server_id,
        "status": one.status,
    }
    if call.since(2, 23):
        seen["migration_type"] = one.type
    if call.since(2, 80):
        seen |= {"user_id": one.user_id, "project_id": one.project_id}
    seen |= {"created_at": _micro(one.created), "updated_at": _micro(one.updated)}
    if call.since(2, 23) and one.in_progress:
        seen["links"] = _links(call, f"servers/{one.server_id}/migrations/{one.id}")
    return seen


def running_migration(call: Call, one: Migration) -> Json:
    """Return a live migration in progress, with its byte counts."""
    share = memory_share(call.cloud, one)
    processed = max(1, int(_MEMORY * share)) if one.began else None
    seen: Json = {
        "created_at": _micro(one.created),
        "disk_processed_bytes": None,
        "disk_remaining_bytes": None,
        "disk_total_bytes": None,
        "id": one.id,
        "memory_processed_bytes": processed,
        "memory_remaining_bytes": None if processed is None else max(1, _MEMORY - processed),
        "memory_total_bytes": None if processed is None else _MEMORY,
        "server_uuid": one.server_id,
        "status": one.status,
        "updated_at": _micro(one.updated),
    } | _hosts(call, one)
    if call.since(2, 59):
        seen["uuid"] = one.uuid
    if call.since(2, 80):
        seen |= {"user_id": one.user_id, "project_id": one.project_id}
    return seen


def image(one: Image) -> Json:
    """Return an image; its properties stand beside Glance's own fields."""
    properties: Mapping[str, str] = one.properties
    own: Json = {
        "name": one.name,
        "disk_format": "raw",
        "container_format": "bare",
        "visibility": "private",
        "size": one.size,
        "virtual_size": one.size,
        "status": one.status,
        "checksum": None,
        "protected": False,
        "min_ram": 0,
        "min_disk": 1,
        "owner": one.owner,
        "os_hidden": False,
        "os_hash_algo": None,
        "os_hash_value": None,
        "id": one.id,
        "created_at": _seconds(one.created),
        "updated_at": _seconds(one.updated),
        "tags": [],
        "self": f"/v2/images/{one.id}",
        "file": f"/v2/images/{one.id}/file",
        "schema": "/v2/schemas/image",
    }
    return {**properties, **own}


def host_id(host: str, project_id: str | None) -> str:
    """Return the name of a host that a project sees (nova/utils.py generate_hostid)."""
    return hashlib.sha224(f"{project_id}{host}".encode()).hexdigest()


def _for_admins(call: Call, one: Server) -> Json:
    name = "OS-EXT-SRV-ATTR:"
    seen: Json = {
        f"{name}host": one.host,
        f"{name}instance_name": "instance-00000001",
        f"{name}hypervisor_hostname": one.host,
    }
    if call.since(2, 3):
        seen |= {
            f"{name}hostname": one.name,
            f"{name}kernel_id": "",
            f"{name}launch_index": 0,
            f"{name}ramdisk_id": "",
            f"{name}reservation_id": "r-fake",
            f"{name}root_device_name": "/dev/sda",
            f"{name}user_data": None,
        }
    if call.since(2, 16):
        seen["host_status"] = "UP"
    return seen


def _percent(call: Call, one: Server) -> int:
    if one.task_state != "migrating":
        return 0
    newest = call.cloud.newest_migration(one)
    return int(100 * memory_share(call.cloud, newest)) if newest else 0


def _event(call: Call, of: Action, one: Event) -> Json:
    seen: Json = {
        "event": one.name,
        "start_time": _micro(one.start),
        "finish_time": _micro(one.finish),
        "result": one.result,
    }
    if call.is_admin:
        seen["traceback"] = None
    if call.since(2, 62):
        if call.is_admin:
            seen["host"] = one.host
        seen["hostId"] = host_id(one.host, of.project_id)
    if call.since(2, 84) and call.is_admin:
        seen["details"] = one.details
    return seen


def _hosts(call: Call, one: Migration) -> Json:
    """Return where from and where to: only administrators may know."""
    shown = call.is_admin
    address = "192.168.0.1" if one.type == "migration" else None
    return {
        "source_compute": one.source if shown else None,
        "dest_compute": one.dest if shown else None,
        "source_node": one.source if shown and one.dest else None,
        "dest_node": one.dest if shown else None,
        "dest_host": address if shown else None,
    }


def _links(call: Call, path: str) -> list[Json]:
    return [
        {"rel": "self", "href": f"{call.url}/v2.1/{path}"},
        {"rel": "bookmark", "href": f"{call.url}/{path}"},
    ]


def _seconds(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _micro(moment: datetime | None) -> str | None:
    """Write a time as the object layer does: microseconds and no zone."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S.%f")
