"""Nova's and Glance's JSON, read into plain values.

What a cloud leaves out stays None. What is no record at all raises BadRecordError: half a fact
would be judged like a whole one.

All of it ends in statuses, logs and terminals, and none of it is to be trusted: an id is an id, a
text is short and has no control characters, a number fits where it is stored.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from serveractions.actions.observation import (
    ActionEvent,
    Image,
    InstanceAction,
    Migration,
    Server,
)
from serveractions.api.status import Progress
from serveractions.cloud.answers import plain, utc

Json = Mapping[str, Any]
T = TypeVar("T")

LONGEST = 255
"""Characters that Nova and Glance themselves allow for a name, a host, a state."""
_INT64 = range(-(2**63), 2**63)
_PERCENT = range(101)
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")

_IMAGE_FIELDS = frozenset(
    {
        "id", "name", "status", "size", "created_at", "updated_at", "visibility", "protected",
        "checksum", "min_disk", "min_ram", "owner", "os_hidden", "os_hash_algo", "os_hash_value",
        "virtual_size", "disk_format", "container_format", "tags", "self", "file", "schema",
        "locations", "direct_url", "stores", "members",
    }
)  # fmt: skip


class BadRecordError(ValueError):
    """The JSON is not the record that was asked for."""


def server(data: Json) -> Server:
    """Read `GET /servers/{id}` or one row of `/servers/detail`."""
    status = _text(data, "status")
    vm_state = _text(data, "OS-EXT-STS:vm_state")
    fault = data.get("fault")
    return Server(
        id=_id(data, "id"),
        name=_text(data, "name") or "",
        status=status or "UNKNOWN",
        vm_state=vm_state,
        task_state=_text(data, "OS-EXT-STS:task_state"),
        host=_text(data, "OS-EXT-SRV-ATTR:host"),
        host_id=_text(data, "hostId"),
        project_id=_text(data, "tenant_id"),
        # A volume-backed server has the empty string here, a row of a down cell may have nothing.
        volume_backed=data.get("image") == "",
        locked=data.get("locked") is True,
        fault=_words(fault, "message") if isinstance(fault, Mapping) else None,
        # From 2.69 on a cell that is down gives rows with status UNKNOWN and few fields; a vm_state
        # that Nova itself cannot name gives UNKNOWN too, but with the vm_state.
        partial=status is None or (status == "UNKNOWN" and vm_state is None),
        progress=_number(data, "progress", within=_PERCENT),
        updated=_time(data, "updated"),
    )


def instance_action(data: Json) -> InstanceAction:
    """Read one record of os-instance-actions; lists have no events."""
    events = data.get("events")
    return InstanceAction(
        action=_word(data, "action"),
        request_id=_id(data, "request_id", _REQUEST_ID),
        user_id=_text(data, "user_id"),
        project_id=_text(data, "project_id"),
        start_time=_needed(_time(data, "start_time"), "start_time"),
        message=_text(data, "message"),
        events=tuple(_event(_mapping(row)) for row in events) if isinstance(events, list) else None,
    )


def _event(data: Json) -> ActionEvent:
    return ActionEvent(
        name=_word(data, "event"),
        result=_text(data, "result"),
        finished=data.get("finish_time") is not None,
        details=_words(data, "details"),
    )


def migration(data: Json) -> Migration:
    """Read one record of os-migrations (2.59 or later: it has a uuid)."""
    return Migration(
        id=_needed(_number(data, "id"), "id"),
        uuid=_id(data, "uuid"),
        status=_word(data, "status"),
        type=_word(data, "migration_type"),
        server_id=_id(data, "instance_uuid"),
        source_host=_text(data, "source_compute"),
        dest_host=_text(data, "dest_compute"),
        created=_needed(_time(data, "created_at"), "created_at"),
        updated=_time(data, "updated_at"),
        user_id=_text(data, "user_id"),
    )


def progress(data: Json, *, percent: int | None) -> Progress:
    """Read one record of servers/{id}/migrations: a live migration in progress."""
    return Progress(
        percent=percent,
        memory_total_bytes=_number(data, "memory_total_bytes"),
        memory_processed_bytes=_number(data, "memory_processed_bytes"),
        memory_remaining_bytes=_number(data, "memory_remaining_bytes"),
        disk_total_bytes=_number(data, "disk_total_bytes"),
        disk_processed_bytes=_number(data, "disk_processed_bytes"),
        disk_remaining_bytes=_number(data, "disk_remaining_bytes"),
    )


def image(data: Json) -> Image:
    """Read one Glance image; custom properties stand beside its own fields (Image API v2)."""
    return Image(
        id=_id(data, "id"),
        name=_text(data, "name"),
        status=_word(data, "status"),
        size=_number(data, "size"),
        created=_needed(_time(data, "created_at"), "created_at"),
        properties={
            key: value
            for key, value in data.items()
            if key not in _IMAGE_FIELDS and isinstance(value, str)
        },
    )


def rows(body: Any, name: str) -> list[Json]:
    """Return the list `name` of an answer."""
    found = _mapping(body).get(name)
    if not isinstance(found, list):
        raise BadRecordError(f"the answer has no list {name!r}")
    return [_mapping(row) for row in found]


def row(body: Any, name: str) -> Json:
    """Return the object `name` of an answer."""
    return _mapping(_mapping(body).get(name))


def same(asked: str, found: str) -> None:
    """Let a record pass that is the one asked for.

    Raises:
        BadRecordError: It is another one: what it says must not be taken for the truth about ours.
    """
    if asked.lower() != found:
        raise BadRecordError("it is about something else than was asked for")


def _mapping(value: Any) -> Json:
    if not isinstance(value, Mapping):
        raise BadRecordError("the answer is no JSON object")
    return value


def _needed(value: T | None, name: str) -> T:
    if value is None:
        raise BadRecordError(f"a record has no {name!r}")
    return value


def _id(data: Json, name: str, form: re.Pattern[str] = _UUID) -> str:
    value = data.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise BadRecordError(f"a record has no {name!r}, or one that is no id")
    return value.lower()  # ids are compared, and stored where only lower case is one


def _word(data: Json, name: str) -> str:
    return _needed(_text(data, name), name)


def _text(data: Json, name: str) -> str | None:
    """Return a text as it may be shown: what is not printable becomes `\ufffd`."""
    value = data.get(name)
    if not isinstance(value, str):
        return None
    value = value[:LONGEST]
    if value.isprintable():
        return value
    return "".join(char if char.isprintable() else "\ufffd" for char in value)


def _words(data: Json, name: str) -> str | None:
    """Return what a text says to people, None for nothing."""
    value = data.get(name)
    return plain(value) or None if isinstance(value, str) else None


def _number(data: Json, name: str, *, within: range = _INT64) -> int | None:
    value = data.get(name)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and value in within else None


def _time(data: Json, name: str) -> datetime | None:
    """Read a time; Nova writes some with `Z` and some without any zone, all of them in UTC."""
    try:
        return utc(datetime.fromisoformat(_text(data, name) or ""))
    except ValueError:
        return None
