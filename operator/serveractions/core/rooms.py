"""Where an action needs a place: its cloud, and for a live migration the host that it leaves and
the host that it goes to. Pure.

It is read from the object alone, whoever sent it, so that a new process counts as the old one did.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from serveractions.api.resource import Resource
from serveractions.api.spec import ServerLiveMigrationSpec
from serveractions.api.status import Phase
from serveractions.core import marks
from serveractions.core.ports import CloudIdentity

EXCEPTED = "ServerStateReset"
"""The cure for a stuck server waits for no place and takes none."""
NEAR = 10
"""Who has fewer than so many before it is told of every step; others when a third is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may be at once; 0 for no limit. `config.Config` says when to set which.

    Attributes:
        processes: How many processes share the work. One that cannot yet see what the others claim
            takes no more than its part of what is free.
    """

    per_second: float = 0.0
    in_flight: int = 0
    per_source: int = 0
    per_destination: int = 0
    processes: int = 1

    @property
    def any(self) -> bool:
        """Whether there is a limit at all."""
        return any((self.per_second, self.in_flight, self.per_source, self.per_destination))


NO_LIMITS = Limits()


class Scope(StrEnum):
    """What a room is."""

    CLOUD = "cloud"
    SOURCE = "source"
    DESTINATION = "destination"


class Room(NamedTuple):
    """Something that only so many actions fit into."""

    scope: Scope
    cloud: tuple[str, str | None]
    host: str = ""


Rooms = tuple[Room, ...]
"""Where an action needs a place: the cloud comes first."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why an object has no place.

    Attributes:
        limit: Which limit is reached.
        before: How many in the same line go first.
    """

    limit: str
    before: int

    @property
    def message(self) -> str:
        """The sentence in the status."""
        return f"waits for a place, {self.before} before it: the limit is {self.limit}"

    def news_after(self, message: str) -> bool:
        """Say whether enough has changed since `message` for another write."""
        told = re.search(r", (\d+) before it: ", message)
        if told is None or not message.endswith(self.limit):
            return True
        before = int(told[1])
        if self.before < NEAR:
            return self.before != before
        return not before * 2 / 3 < self.before < before * 3 / 2


def cloud_of(endpoint: str, project_id: str, region: str | None) -> tuple[str, str | None]:
    """Return which cloud it is, whoever asks: some catalogues put the project into the address."""
    return endpoint.removesuffix(f"/{project_id}"), region


def describe(limits: Limits, room: Room, *, full: bool) -> str:
    """Return which limit it is that keeps an action out of a room.

    Args:
        limits: In force.
        room: The room.
        full: Whether it is full; if it is not, its cloud's rate is the cause.
    """
    match room.scope:
        case Scope.SOURCE:
            return (
                f"{limits.per_source} live migrations at once away from {room.host}"
                " (--live-migrations-per-source)"
            )
        case Scope.DESTINATION:
            return (
                f"{limits.per_destination} live migrations at once to {room.host}"
                " (--live-migrations-per-destination)"
            )
        case Scope.CLOUD if full:
            return f"{limits.in_flight} actions in flight in this cloud (--actions-in-flight)"
        case Scope.CLOUD:
            return f"{limits.per_second:g} actions a second in this cloud (--actions-per-second)"


def rooms_of(resource: Resource, identity: CloudIdentity, source: str | None) -> Rooms:
    """Return where an action that waits needs a place.

    Args:
        resource: The object.
        identity: Of the cloud that it goes to.
        source: The host that the server is on, or its hostId where that is all that may be seen.
    """
    cloud = cloud_of(identity.endpoint, identity.project_id, identity.region)
    destination = getattr(resource.spec, "host", None)
    return _rooms(resource, cloud, source, destination)


def flight(resource: Resource) -> Rooms:
    """Return the places that an object takes up; none where it is not in flight.

    What awaits a person's decision is not worked on in Nova. A mark without its claim is in flight:
    nobody knows yet what was sent.
    """
    status = resource.status
    intent = status.intent
    if status.phase.waiting and marks.open_attempt(resource) is not None:
        mark = marks.read(resource.annotations, resource.uid).mark
        intent = marks.intent(mark, action=resource.kind.action)
    elif status.phase not in (Phase.ISSUING, Phase.RUNNING):
        return ()
    if intent is None:
        return ()
    migration = status.migration
    cloud = cloud_of(intent.endpoint, intent.project_id, intent.region)
    destination = getattr(resource.spec, "host", None)
    if destination is None and migration is not None:
        destination = migration.dest_host
    return _rooms(resource, cloud, intent.source_host or intent.source_host_id, destination)


def _rooms(
    resource: Resource, cloud: tuple[str, str | None], source: str | None, destination: str | None
) -> Rooms:
    if resource.kind.name == EXCEPTED:
        return ()
    rooms = [Room(Scope.CLOUD, cloud)]
    if isinstance(resource.spec, ServerLiveMigrationSpec):
        if source:
            rooms.append(Room(Scope.SOURCE, cloud, source))
        if destination:
            rooms.append(Room(Scope.DESTINATION, cloud, destination))
    return tuple(rooms)
