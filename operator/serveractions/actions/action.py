"""What every Nova action answers: the interface between the lifecycle and the seven actions."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, ClassVar, Literal, Protocol

from serveractions.actions.observation import InstanceAction, Migration, Observation, Server
from serveractions.actions.traces import Records, Trace
from serveractions.api.status import Intent, Progress, Reason, Status

MARKER = "serveractions.uid"
"""Image metadata key that carries our object's uid: the one client-chosen mark that Nova keeps
(createBackup)."""


class Look(Enum):
    """What the poller has to read beside the server itself."""

    ACTION = auto()  # the instance action of our request, with its events
    MIGRATIONS = auto()  # os-migrations of the server
    PROGRESS = auto()  # servers/{id}/migrations: byte counts of a running live migration
    IMAGE = auto()  # the image of the backup, and the backups of the same type


@dataclass(frozen=True, slots=True, kw_only=True)
class NovaRequest:
    """One write to Nova, complete but for the credentials.

    Attributes:
        name: The action for logs and metrics (`os-migrateLive`, `abort`); never a body.
        path: Below the compute endpoint, e.g. `/servers/{id}/action`.
        body: The JSON body, or None. May hold a password: it is shown nowhere.
        microversion: The pinned microversion, e.g. `2.65`.
    """

    name: str
    method: Literal["POST", "DELETE"]
    path: str
    body: Mapping[str, Any] | None
    microversion: str

    def __repr__(self) -> str:
        """Leave the body out: it may hold a password, and exceptions print their arguments."""
        return f"NovaRequest({self.name} {self.method} {self.path} @{self.microversion})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a request is made for.

    Attributes:
        uid, name: Of the custom resource (the backup's marker and default image name use them).
        server: As just read.
        password: ServerPasswordChange only.
    """

    uid: str
    name: str
    server: Server
    password: str | None = None

    def __repr__(self) -> str:
        """Leave the password out."""
        return f"Target({self.name} -> server {self.server.id})"


@dataclass(frozen=True, slots=True)
class Go:
    """The action may be sent; `warning` says what Nova will probably answer to it."""

    warning: str | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now: try again when the server has changed."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Never: no Nova accepts this."""

    reason: Reason
    message: str


Precheck = Go | Wait | Refuse


@dataclass(frozen=True, slots=True)
class Running:
    """Nova is still at it."""

    message: str
    progress: Progress | None = None


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The action has really happened."""

    message: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The action is over and has not happened, or not as asked."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The action is over because its owner asked for that: aborted, or reverted."""

    message: str


@dataclass(frozen=True, slots=True)
class Decide:
    """Cold migration in VERIFY_RESIZE: `migration` needs a confirm or a revert."""

    message: str
    migration: Migration


Verdict = Running | Succeeded | Failed | Cancelled | Decide


class Action(Protocol):
    """One Nova action. Implementations are stateless; every method is pure.

    Attributes:
        name: Nova's name in the request body.
        record: Nova's name of the instance action that it leaves, None where it leaves none.
        looks: What has to be read to judge it.
        exclusive: False only where it must not wait for other kinds of action (os-resetState,
            the cure).
        needs_settling: Whether it ends only with a confirm or a revert.
    """

    name: ClassVar[str]
    record: ClassVar[str | None]
    looks: ClassVar[frozenset[Look]]
    exclusive: ClassVar[bool]
    needs_settling: ClassVar[bool]

    def request(self, spec: Any, target: Target, newest: str) -> NovaRequest:
        """Return what to send.

        Args:
            spec: The object's spec.
            target: The server and the object.
            newest: The highest microversion that this Nova speaks, e.g. `2.100`.

        Raises:
            UnsupportedMicroversion: This Nova is too old for what the spec asks.
        """
        ...

    def precheck(self, spec: Any, server: Server) -> Precheck:
        """Say whether the action may be sent to the server as it is now."""
        ...

    def matches(self, record: InstanceAction, intent: Intent) -> bool:
        """Say whether a record that Nova keeps could be the request of this intent."""
        ...

    def traceable(self, newest: str) -> bool:
        """Say whether a Nova of this age would show the request in its records, had it accepted it.

        Args:
            newest: The highest microversion that this Nova speaks.
        """
        ...

    def trace(self, intent: Intent, uid: str, records: Records) -> Trace:
        """Find the request of an intent in Nova's records; `uid` is the object's."""
        ...

    def accepted(self, spec: Any) -> Verdict | None:
        """Return the verdict if Nova's acceptance alone decides, None if it must be followed."""
        ...

    def judge(self, spec: Any, status: Status, seen: Observation) -> Verdict:
        """Say what became of the accepted action."""
        ...
