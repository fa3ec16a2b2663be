"""The kinds of value in specs: each with its bounds, and with words for those who miss them.

Nova's own bounds are repeated here, so that a value which Nova would refuse is refused at `kubectl
apply`, before anything is under way.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, Strict

from serveractions.api.model import Time
from serveractions.api.rules import Rule, matches

# Names: printable, and no space at either end, as Nova itself demands of names.
_PRINTABLE = r"[^\x00-\x20\x7f-\xa0]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0])?"
_DNS_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"

ObjectName = Annotated[
    str,
    Field(max_length=253),
    matches(
        rf"{_DNS_LABEL}(\.{_DNS_LABEL})*",
        "write the name of an object in this namespace: lower-case letters, digits, '-' and '.', "
        "beginning and ending with a letter or digit, for example 'openstack'",
    ),
]
"""The name of another object of the same namespace."""

SecretKey = Annotated[
    str,
    Field(max_length=253),
    matches(
        "[-._a-zA-Z0-9]+",
        "write a key of the Secret: letters, digits, '-', '_' and '.', for example 'password'",
    ),
]

ServerId = Annotated[
    str,
    Field(max_length=36),
    matches(
        "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        "write the server's id as Nova shows it, a UUID in lower case such as "
        "'1bea47ed-f6a9-463b-b423-14b9cca9ad27'; a server's name goes into 'name'",
    ),
]

HostName = Annotated[
    str,
    Field(max_length=255),
    matches(
        "[-._a-zA-Z0-9]+",
        "write a compute host as 'openstack compute service list' shows it: letters, digits, '-', "
        "'_' and '.', for example 'compute-3'; leave it out to let the scheduler choose",
    ),
]

Name = Annotated[
    str,
    Field(max_length=255),
    matches(
        _PRINTABLE,
        "write 1 to 255 printable characters on one line, without a space at the beginning or end",
    ),
]
"""A name as Nova takes it: of a server, of an image, of a type of backup."""


def _no_text(value: Any) -> Any:
    if isinstance(value, bool | str):
        raise ValueError("write a whole number, without quotes")  # noqa: TRY004 - pydantic's way
    return value


_NUMBER = BeforeValidator(_no_text)
"""JSON's own number: pydantic would take `"7"` and `true` too, which the API server refuses."""

Flag = Annotated[bool, Strict()]
"""JSON's own true and false."""

Seconds = Annotated[int, Field(ge=1, le=2_147_483_647), _NUMBER]

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.,][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def _rfc3339(value: Any) -> Any:
    if not isinstance(value, datetime | str) or (
        isinstance(value, str) and not _RFC3339.fullmatch(value)
    ):
        raise ValueError("write a moment such as '2026-12-01T06:00:00Z'")
    return value


_EARLIEST, _LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
Moment = Annotated[
    Time,
    Rule(
        cel="self >= timestamp('2000-01-01T00:00:00Z') && self < timestamp('3000-01-01T00:00:00Z')",
        message="write a moment from the years 2000 to 2999, such as '2026-12-01T06:00:00Z'",
        holds=lambda moment: _EARLIEST <= moment < _LATEST,
    ),
    # pydantic would take dates, numbers and moments of no zone too.
    BeforeValidator(_rfc3339),
]

Text = Annotated[str, Field(max_length=1024)]
"""Free text, for people."""

Delay = Annotated[int, Field(ge=0, le=2_147_483_647), _NUMBER]
"""Seconds, perhaps none."""

Rotation = Annotated[int, Field(ge=0, le=2_147_483_647), _NUMBER]

_METADATA_KEY = "[-a-zA-Z0-9_:. ]{1,255}"
_RESERVED_KEYS = ("image_type", "backup_type", "instance_uuid", "user_id", "base_image_ref")
_RESERVED_PREFIX = "serveractions."


def _without_nulls(value: Any) -> Any:
    """Do as the API server does, which drops a key whose value is null."""
    if isinstance(value, dict):
        return {key: inner for key, inner in value.items() if inner is not None}
    return value


Metadata = Annotated[
    dict[str, Annotated[str, Field(max_length=255)]],
    Field(max_length=64),
    Rule(
        cel=f"self.all(key, key.matches('^{_METADATA_KEY}$'))",
        message="write keys of 1 to 255 letters, digits, spaces, '-', '_', ':' and '.'",
        holds=lambda metadata: all(re.fullmatch(_METADATA_KEY, key) for key in metadata),
    ),
    Rule(
        cel=(
            f"!self.exists(key, key in {list(_RESERVED_KEYS)}"
            f" || key.startsWith('{_RESERVED_PREFIX}'))"
        ),
        message=(
            f"choose other keys: {', '.join(_RESERVED_KEYS)} and {_RESERVED_PREFIX}*"
            " are set by Nova or by this operator"
        ),
        holds=lambda metadata: (
            not any(key in _RESERVED_KEYS or key.startswith(_RESERVED_PREFIX) for key in metadata)
        ),
    ),
    BeforeValidator(_without_nulls),
]
"""Image properties: Nova's bounds for keys and values, without the keys that Nova or the
operator uses."""
