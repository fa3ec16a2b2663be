"""The base of every type that is written to or read from the Kubernetes API.

Kubernetes spells fields in camelCase and times in RFC 3339 with a `Z`; Python does neither. This is
the one place where the two meet.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainSerializer
from pydantic.alias_generators import to_camel


def _as_utc(moment: datetime) -> datetime:
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:  # the last hours of the year 9999, from another time zone
        raise ValueError("write a moment that exists in UTC") from error


def rfc3339(moment: datetime) -> str:
    """Return `moment` as Kubernetes writes it: UTC, whole seconds, `Z`."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


Time = Annotated[
    datetime, AfterValidator(_as_utc), PlainSerializer(rfc3339, return_type=str, when_used="json")
]
"""A moment in UTC. The API server keeps whole seconds, so nothing may depend on a fraction of
one."""


class Model(BaseModel):
    """An immutable value with camelCase names on the wire.

    Unknown fields are ignored: an object written by a newer operator must stay readable.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
    )

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON object that Kubernetes stores; absent fields are left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
