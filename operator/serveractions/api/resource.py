"""One custom resource as the operator sees it: some of its metadata, its spec, its status."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from serveractions.api.kinds import API_VERSION, BY_NAME, Kind
from serveractions.api.model import Time
from serveractions.api.spec import ActionSpec
from serveractions.api.status import Status


class Key(NamedTuple):
    """What names one object for ever: a re-created namesake has another uid."""

    kind: str
    namespace: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """A parsed object of one of the seven kinds.

    Attributes:
        created: metadata.creationTimestamp, the API server's clock, UTC.
        deleting: Whether metadata.deletionTimestamp is set.
    """

    kind: Kind
    namespace: str
    name: str
    uid: str
    resource_version: str
    generation: int
    created: datetime
    spec: ActionSpec
    status: Status
    annotations: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    deleting: bool = False

    @property
    def key(self) -> Key:
        """The object's key."""
        return Key(self.kind.name, self.namespace, self.name, self.uid)

    def with_status(self, status: Status) -> "Resource":
        """Return the same object with another status, as it would be read after writing it."""
        return replace(self, status=status)


class UnreadableError(ValueError):
    """The models cannot read an object that the API server keeps; the message says where and why.

    It was stored under another schema: the CRDs and the operator are of different versions.

    Attributes:
        key: The object, as far as its metadata told.
    """

    def __init__(self, key: Key, why: str) -> None:
        super().__init__(
            f"{key} cannot be read: {why}. Install the CRDs of this operator's version,"
            " then delete the object and create it anew if it shall run"
        )
        self.key = key


def parse(body: Mapping[str, Any]) -> Resource:
    """Return the object that the API server's JSON stands for.

    Raises:
        UnreadableError: It is of no kind of ours, or the models cannot read it.
    """
    metadata = body.get("metadata") or {}
    key = Key(
        str(body.get("kind")),
        *(str(metadata.get(part, "")) for part in ("namespace", "name", "uid")),
    )
    kind = BY_NAME.get(key.kind)
    if kind is None or body.get("apiVersion") != API_VERSION:
        raise UnreadableError(
            key, f"{body.get('apiVersion')} is not {API_VERSION}, or has no such kind"
        )
    try:
        return Resource(
            kind=kind,
            namespace=metadata["namespace"],
            name=metadata["name"],
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],
            generation=metadata["generation"],
            created=_TIME.validate_python(metadata["creationTimestamp"]),
            spec=kind.spec.model_validate(body["spec"]),
            status=Status.model_validate(body.get("status") or {}),
            annotations=dict(metadata.get("annotations") or {}),
            labels=dict(metadata.get("labels") or {}),
            deleting=metadata.get("deletionTimestamp") is not None,
        )
    except KeyError as error:
        raise UnreadableError(key, f"it has no {error.args[0]}") from error
    except ValidationError as error:
        raise UnreadableError(key, _summary(error)) from error


_TIME: TypeAdapter[datetime] = TypeAdapter(Time)


def _summary(error: ValidationError) -> str:
    """Return what is wrong and where; never the values, which may be long."""
    return "; ".join(
        ": ".join(filter(None, (".".join(map(str, problem["loc"])), problem["msg"])))
        for problem in error.errors(include_url=False, include_input=False)
    )
