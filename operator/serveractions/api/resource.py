"""One custom resource as the operator sees it: some of its metadata, its spec, its status."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from serveractions.api.kinds import Kind
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
