"""The bodies that Nova takes with each action, checked as its JSON schemas do.

Checked before the server is looked for and before any right, and in Nova's own words: a password
that is refused here is quoted in them.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from fakes.cloud.call import Refused

_METADATA_KEY = re.compile(r"[a-zA-Z0-9\-_:. ]{1,255}")
Json = Mapping[str, Any]
Version = tuple[int, int]


def check(name: str, argument: Any, version: Version) -> None:
    """Refuse what the schema of the action refuses. Raises Refused."""
    rule = _RULES.get(name)
    if rule is not None:
        rule(name, argument, version)


def _backup(name: str, argument: Any, _version: Version) -> None:
    fields = _fields(
        name, argument, required=("name", "backup_type", "rotation"), optional=("metadata",)
    )
    if not isinstance(fields["name"], str) or not 0 < len(fields["name"]) <= 255:
        _bad("name", fields["name"], f"{fields['name']!r} is too long")
    rotation = fields["rotation"]
    if isinstance(rotation, bool) or not str(rotation).isdecimal():
        _bad("rotation", rotation, f"{rotation!r} does not match '^[0-9]*$'")
    for key, value in fields.get("metadata", {}).items():
        if not _METADATA_KEY.fullmatch(key):
            _bad("metadata", fields["metadata"], f"{key!r} does not match any of the regexes")
        if not isinstance(value, str):
            _bad(key, value, f"{value!r} is not of type 'string'")
        if len(value) > 255:
            _bad(key, value, f"{value!r} is too long")


def _migrate(name: str, argument: Any, version: Version) -> None:
    if version >= (2, 56) and argument is not None:
        _fields(name, argument, required=(), optional=("host",))


def _live_migrate(name: str, argument: Any, version: Version) -> None:
    required: tuple[str, ...] = ("block_migration", "disk_over_commit", "host")
    optional: tuple[str, ...] = ()
    choices: tuple[object, ...] = (True, False)
    if version >= (2, 25):
        required, choices = ("block_migration", "host"), (True, False, "auto")
    if (2, 30) <= version < (2, 68):
        optional = ("force",)
    fields = _fields(name, argument, required=required, optional=optional)
    block = fields["block_migration"]
    if block not in choices:
        _bad("block_migration", block, f"{block!r} is not one of {list(choices)}")


def _reset_state(name: str, argument: Any, _version: Version) -> None:
    state = _fields(name, argument, required=("state",))["state"]
    if state not in ("active", "error"):
        _bad("state", state, f"{state!r} is not one of ['active', 'error']")


def _password(name: str, argument: Any, _version: Version) -> None:
    new = _fields(name, argument, required=("adminPass",))["adminPass"]
    if not isinstance(new, str):
        _bad("adminPass", new, f"{new!r} is not of type 'string'")


def _fields(
    name: str, argument: Any, *, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> Json:
    if not isinstance(argument, dict):
        _bad(name, argument, f"{argument!r} is not of type 'object'")
    for key in required:
        if key not in argument:
            _bad(name, argument, f"{key!r} is a required property")
    for key in argument:
        if key not in required and key not in optional:
            _bad(
                name,
                argument,
                f"Additional properties are not allowed ({key!r} was unexpected)",
            )
    fields: Json = argument
    return fields


def _bad(field: str, value: Any, why: str) -> None:
    raise Refused(400, f"Invalid input for field/attribute {field}. Value: {value}. {why}")


_RULES: dict[str, Callable[[str, Any, Version], None]] = {
    "createBackup": _backup,
    "migrate": _migrate,
    "os-migrateLive": _live_migrate,
    "os-resetState": _reset_state,
    "changePassword": _password,
}
