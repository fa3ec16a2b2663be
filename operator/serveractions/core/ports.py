"""What the core needs from the world, as protocols. `kube` and `cloud` implement them, the tests'
fakes too.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from serveractions.actions.action import Look, NovaRequest
from serveractions.actions.observation import Image, InstanceAction, Migration, Observation, Server
from serveractions.api.kinds import Kind
from serveractions.api.resource import Key, Resource
from serveractions.api.spec import CloudCredentialsRef, ServerRef
from serveractions.api.status import Progress, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The annotation `serveractions.dev/claimed`: where an attempt goes, kept even if the status is
    lost.

    `ended` is True where the object ended before anything was claimed; the fields below it are then
    None.
    """

    uid: str
    ended: bool = False
    attempt: int | None = None
    holder: str | None = None
    server_id: str | None = None
    endpoint: str | None = None
    region: str | None = None
    user_id: str | None = None
    project_id: str | None = None
    nova_time: datetime | None = None
    microversion: str | None = None
    source_host: str | None = None
    source_host_id: str | None = None


class Clock(Protocol):
    """Time. Only bounds that must survive a stopped process use `boottime`."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        ...

    def boottime(self) -> float:
        """Seconds on CLOCK_BOOTTIME: goes on while the process is stopped or the machine sleeps."""
        ...


class Objects(Protocol):
    """The custom resources in the Kubernetes API.

    Every write carries the resourceVersion of the `Resource` that it is given, and returns the
    object as stored. All raise ApiUnavailable; writes raise Conflict and ObjectGone too.
    """

    async def read(self, key: Key) -> Resource:
        """Return the object as it is now, not from a cache. Raises ObjectGone, for another uid
        too.
        """
        ...

    async def mark(self, resource: Resource, mark: Mark) -> Resource:
        """Write the mark (a metadata patch)."""
        ...

    async def write_status(self, resource: Resource, status: Status) -> Resource:
        """Write `status` in place of `resource.status`: what is None in it is removed. Raises
        StatusRefused.
        """
        ...

    async def unfinished(self) -> Sequence[Resource]:
        """List all objects of all kinds that are not finished."""
        ...

    async def finished(self) -> AsyncIterator[Sequence[Resource]]:
        """Return the finished objects of all kinds, page by page."""
        ...

    async def of_server(self, kind: Kind, server_id: str) -> Sequence[Resource]:
        """List all objects of a kind whose status names this server, finished ones included."""
        ...

    def server_time(self) -> datetime:
        """Return the API server's clock, which creationTimestamps come from."""
        ...

    async def delete(self, resource: Resource) -> None:
        """Delete an object whose TTL has passed (with uid and resourceVersion as preconditions)."""
        ...


class Events(Protocol):
    """Kubernetes Events on the objects. Posting never raises and never delays an action."""

    def post(self, resource: Resource, *, kind: str, reason: str, message: str) -> None:
        """Post an Event; `kind` is `Normal` or `Warning`."""
        ...


class Leases(Protocol):
    """The right to act for the servers of a slot."""

    def remaining(self, server_id: str) -> float:
        """Seconds for which this process still holds the server's slot; 0 or less when it does
        not.
        """
        ...

    def elsewhere(self, server_id: str) -> bool:
        """Whether another process holds the server's slot and was seen to renew it."""
        ...

    def held_for(self, server_id: str) -> float:
        """Seconds since this process gained the server's slot and kept it without a gap; 0 when it
        is not held.
        """
        ...

    @property
    def identity(self) -> str:
        """The name under which this process holds its Leases."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A Kubernetes Secret with its values decoded. They never appear in a log, a status, an Event
    or an exception.
    """

    uid: str
    resource_version: str
    data: Mapping[str, bytes] = field(repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)


class Secrets(Protocol):
    """Secrets, read one by one and by name: they are never listed, watched or cached in the
    Kubernetes edge.
    """

    async def read(self, namespace: str, name: str) -> Secret | None:
        """Return the Secret as it is now, None where there is none. Raises ApiUnavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudIdentity:
    """Which cloud, as whom: what recovery must find unchanged before it believes what it sees."""

    endpoint: str
    region: str | None
    user_id: str
    project_id: str
    secret_uid: str
    secret_resource_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A complete answer to a write.

    Attributes:
        status: The HTTP status code.
        request_id: Nova's own id (x-compute-request-id), None where something else answered.
        message: Nova's own words, at most 1,024 characters, empty where it gave none.
        body: The parsed JSON object, empty where there was none.
        retry_after: Seconds, from Retry-After.
    """

    status: int
    request_id: str | None = None
    message: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)
    retry_after: float | None = None


class Cloud(Protocol):
    """One cloud as one user: reads may be retried inside, the write never is.

    Reads raise CloudUnavailable, Forbidden and NotFound.
    """

    @property
    def identity(self) -> CloudIdentity:
        """Where and as whom."""
        ...

    @property
    def newest(self) -> str:
        """The highest microversion of this Nova."""
        ...

    async def find_server(self, ref: ServerRef) -> tuple[Server, datetime]:
        """Return the server and Nova's clock. Raises NotFound, AmbiguousName."""
        ...

    async def instance_actions(self, server_id: str) -> Sequence[InstanceAction]:
        """Return the server's action records, newest first, without events."""
        ...

    async def instance_action(self, server_id: str, request_id: str) -> InstanceAction | None:
        """Return one record with its events; None when Nova has no such record (yet)."""
        ...

    async def migrations(self, server_id: str) -> Sequence[Migration]:
        """Return the server's migrations, finished ones too, newest first."""
        ...

    async def backups(self, server_id: str, backup_type: str | None = None) -> Sequence[Image]:
        """Return the backups of one server, of one type or of all, newest first."""
        ...

    async def delete_image(self, image_id: str) -> None:
        """Delete an image (the orphan of a refused createBackup)."""
        ...

    async def send(
        self, request: NovaRequest, *, uid: str, deadline: float, may_send: Callable[[], bool]
    ) -> Reply:
        """Send one write: one connection of its own, no retry, no redirect, no renewed token.

        Args:
            request: What to send.
            uid: Of the custom resource; its global request id is `req-<uid>`.
            deadline: Seconds for the whole exchange.
            may_send: Asked once more when the connection stands; False means: do not write.

        Raises:
            NeverSent: No byte of the request was written.
            Ambiguous: The cloud may have accepted it.
        """
        ...


class Clouds(Protocol):
    """Connections, made from the Secrets that objects name and shared between objects."""

    async def open(self, namespace: str, ref: CloudCredentialsRef) -> Cloud:
        """Return the cloud with a token that is good for the next minutes.

        Raises:
            SecretMissing: Wait for it.
            InvalidCredentials: The clouds.yaml cannot be used.
            UnsupportedCloud: Not a Nova, or one that is too old.
            CloudUnavailable: Keystone or Nova did not answer.
        """
        ...

    async def password(self, namespace: str, name: str, key: str) -> str:
        """Return the new password for a ServerPasswordChange.

        Raises:
            SecretMissing: The Secret or its key is not there (yet).
            InvalidCredentials: It lacks the opt-in label, or the password is empty.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One accepted action that is followed.

    Attributes:
        looks: What must be read beside the server.
        urgent: Whether it may end any moment (just accepted, or a transition is expected).
        endpoint: Nova's, as in the intent. Where the Secret leads elsewhere by now, a 404 says
            nothing about the server: it is not reported. None where it is not known.
        project_id: The same for the project of the credentials.
        sent: Just before the action was sent, on Nova's clock. None where it is not known.
    """

    key: Key
    namespace: str
    credentials: CloudCredentialsRef
    server_id: str
    request_id: str | None
    image_id: str | None
    backup_type: str | None
    looks: frozenset[Look]
    urgent: bool = True
    endpoint: str | None = None
    project_id: str | None = None
    sent: datetime | None = None


class Poller(Protocol):
    """Follows accepted actions and hands in what it sees.

    How it asks (single reads, lists, rates) is its own affair; observations arrive through the
    callback that it was constructed with, `(Key, Observation) -> None`. Faults of the cloud never
    reach the core: it goes on trying.
    """

    def follow(self, subject: Subject) -> None:
        """Begin, or go on with changed facts. Safe to call again."""
        ...

    def forget(self, key: Key) -> None:
        """Stop following."""
        ...


class Recovered(StrEnum):
    """What became of a request of which nobody knew whether Nova had accepted it."""

    ADOPTED = "adopted"
    SENT_AGAIN = "sent_again"
    UNKNOWN = "unknown"


class Telemetry(Protocol):
    """Takes what has happened, to be counted. What can be read off the objects is not told."""

    def moved(self, before: Resource, after: Resource) -> None:
        """Take a write of this process that changed the phase or the reason of an object."""
        ...

    def recovered(self, resource: Resource, outcome: Recovered) -> None:
        """Take the end of a search for a request."""
        ...


class Uncounted:
    """The `Telemetry` of whoever counts nothing."""

    def moved(self, before: Resource, after: Resource) -> None:
        """Count nothing."""

    def recovered(self, resource: Resource, outcome: Recovered) -> None:
        """Count nothing."""


__all__ = [
    "Clock",
    "Cloud",
    "CloudIdentity",
    "Clouds",
    "Events",
    "Leases",
    "Look",
    "Mark",
    "Objects",
    "Observation",
    "Poller",
    "Progress",
    "Recovered",
    "Reply",
    "Secret",
    "Secrets",
    "Subject",
    "Telemetry",
    "Uncounted",
]
