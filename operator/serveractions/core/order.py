"""Who may act on a server: one action in flight for each, the oldest waiting one next.

The slot's Lease makes this process the only one that acts for a server, so a table in memory is
enough. It is filled from the objects themselves, in-flight ones of an earlier process included,
before anything is claimed.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from serveractions.api.resource import Key, Resource


class Place(NamedTuple):
    """The place of an object in the queue of its server: older first, then by name."""

    created: datetime
    namespace: str
    name: str
    key: Key


def place_of(resource: Resource) -> Place:
    """Return the place that an object has by its age and name."""
    return Place(resource.created, resource.namespace, resource.name, resource.key)


class ServerOrder:
    """The holders and the queue of each server.

    An action that is not exclusive (os-resetState, the cure for a stuck server) waits only for its
    own kind; all others wait for whatever is in flight.
    """

    def __init__(self) -> None:
        self._holders: dict[str, dict[Key, None]] = {}
        self._queues: dict[str, dict[Key, Place]] = {}
        self._server: dict[Key, str] = {}

    def ahead(self, resource: Resource, server_id: str, *, exclusive: bool) -> Key | None:
        """Return the object that `resource` has to wait for, None when it is its turn."""
        for key in self._holders.get(server_id, {}):
            if key != resource.key and (exclusive or key.kind == resource.key.kind):
                return key
        mine = place_of(resource)
        older = [
            place
            for place in self._queues.get(server_id, {}).values()
            if place < mine and (exclusive or place.key.kind == mine.key.kind)
        ]
        return min(older).key if older else None

    def stand(self, resource: Resource, server_id: str) -> None:
        """Put the object into the queue of the server that its credentials have just seen."""
        self.leave(resource.key)
        self._queues.setdefault(server_id, {})[resource.key] = place_of(resource)
        self._server[resource.key] = server_id

    def hold(self, key: Key, server_id: str) -> None:
        """Note that the object's action is, or is about to be, in flight."""
        self.leave(key)
        self._holders.setdefault(server_id, {})[key] = None
        self._server[key] = server_id

    def leave(self, key: Key) -> None:
        """Take the object out: finished, deleted, suspended, or without credentials."""
        server_id = self._server.pop(key, None)
        if server_id is None:
            return
        for table in (self._holders, self._queues):
            entries = table.get(server_id, {})
            entries.pop(key, None)
            if not entries:
                table.pop(server_id, None)

    def server_of(self, key: Key) -> str | None:
        """Return the server that the object holds or waits for."""
        return self._server.get(key)

    def holders(self, server_id: str) -> Iterator[Key]:
        """Return the objects whose action is in flight on the server."""
        return iter(tuple(self._holders.get(server_id, {})))

    def waiting(self, server_id: str) -> list[Key]:
        """Return the objects that wait for the server, the next one first."""
        return [place.key for place in sorted(self._queues.get(server_id, {}).values())]
