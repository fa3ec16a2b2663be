"""The mark on an object: the annotation that survives a lost status and betrays a restored copy.

A status subresource is not restored by Velero, and `kubectl get -o yaml | kubectl apply` drops it.
Annotations travel with the object, so one of them says for which uid an action was claimed, and
where it went.
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Annotated, NamedTuple

from pydantic import Field, ValidationError

from serveractions.api import limits
from serveractions.api.fields import Moment, ServerId
from serveractions.api.kinds import GROUP
from serveractions.api.model import Model
from serveractions.api.resource import Resource
from serveractions.api.status import Intent
from serveractions.core.ports import Mark

ANNOTATION = f"{GROUP}/claimed"


_Word = Annotated[str, Field(max_length=limits.WORD)]


class _Wire(Model):
    """Anybody who may edit the object may write here: what no process has written is no mark."""

    uid: _Word
    ended: bool = False
    attempt: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    holder: _Word | None = None
    server_id: ServerId | None = None
    endpoint: Annotated[str, Field(max_length=limits.URL)] | None = None
    region: _Word | None = None
    user_id: _Word | None = None
    project_id: _Word | None = None
    nova_time: Moment | None = None
    microversion: Annotated[str, Field(pattern=r"^[0-9]{1,4}\.[0-9]{1,4}$")] | None = None
    source_host: _Word | None = None
    source_host_id: _Word | None = None


class Origin(Enum):
    """Whose mark an object carries."""

    NONE = auto()
    OWN = auto()
    FOREIGN = auto()  # another object's, or one that cannot be read: the object is a copy


class Marked(NamedTuple):
    """What the annotation says."""

    origin: Origin
    mark: Mark | None = None


def encode(mark: Mark) -> str:
    """Return the annotation's value."""
    wire = _Wire.model_validate({name: getattr(mark, name) for name in Mark.__dataclass_fields__})
    return wire.model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=True)


def decode(text: str) -> Mark | None:
    """Return the mark of an annotation's value, None when it cannot be read."""
    try:
        wire = _Wire.model_validate_json(text)
    except ValidationError:
        return None
    return Mark(**{name: getattr(wire, name) for name in Mark.__dataclass_fields__})


def read(annotations: Mapping[str, str], uid: str) -> Marked:
    """Return whose mark the annotations carry.

    Args:
        annotations: Of the object.
        uid: Of the object.
    """
    text = annotations.get(ANNOTATION)
    if text is None:
        return Marked(Origin.NONE)
    mark = decode(text)
    if mark is None or mark.uid != uid:
        return Marked(Origin.FOREIGN, mark)
    return Marked(Origin.OWN, mark)


def of_attempt(uid: str, intent: Intent) -> Mark:
    """Return the mark of an attempt: all of its intent that a lost status must not lose."""
    return Mark(
        uid=uid,
        attempt=intent.attempt,
        holder=intent.holder,
        server_id=intent.server_id,
        endpoint=intent.endpoint,
        region=intent.region,
        user_id=intent.user_id,
        project_id=intent.project_id,
        nova_time=intent.nova_time,
        microversion=intent.microversion,
        source_host=intent.source_host,
        source_host_id=intent.source_host_id,
    )


def intent(mark: Mark | None, *, action: str) -> Intent | None:
    """Return the intent that a mark tells of, None where it does not say where the request went.

    Args:
        mark: Of the object, None for none.
        action: Nova's name of the object's action.
    """
    if mark is None:
        return None
    known = {name: getattr(mark, name) for name in _IN_BOTH}
    try:
        return Intent(action=action, **known)
    except ValidationError:
        return None


_IN_BOTH = frozenset(Mark.__dataclass_fields__) & frozenset(Intent.model_fields)


def open_attempt(resource: Resource) -> int | None:
    """Return the attempt that was marked and of whose end the status knows nothing, None when there
    is none.

    A process ended between the mark and the claim, or somebody lost the status: the request may
    have been sent.
    """
    marked = read(resource.annotations, resource.uid)
    if marked.origin is not Origin.OWN or marked.mark is None or marked.mark.attempt is None:
        return None
    return marked.mark.attempt if marked.mark.attempt > resource.status.attempts else None
