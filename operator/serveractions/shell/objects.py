"""The objects of a run, kept in the journal: what the Kubernetes API is to the operator.

Every write is a compare-and-set on the resourceVersion, as there, and is on the disk before it
counts.
"""

import asyncio
import copy
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any

from pydantic.alias_generators import to_camel

from serveractions.api.conditions import PRISTINE
from serveractions.api.kinds import BY_NAME, Kind
from serveractions.api.model import rfc3339
from serveractions.api.resource import Key, Resource, UnreadableError, parse
from serveractions.api.spec import MUTABLE
from serveractions.api.status import Status
from serveractions.core import marks
from serveractions.core.errors import ApiUnavailable, Conflict, ObjectGone
from serveractions.core.ports import Clock, Mark
from serveractions.shell.journal import Journal, JournalError, Name, name_of

Json = dict[str, Any]


class ChangedError(Exception):
    """A manifest asks for something else than the object of its name in the journal."""


class JournalObjects:
    """The port `Objects` on a journal.

    Attributes:
        changed: Called with each new state of an object.
    """

    def __init__(self, journal: Journal, clock: Clock) -> None:
        """Take over what the journal has.

        Raises:
            JournalError: An object in it cannot be read.
        """
        self._journal = journal
        self._clock = clock
        self._bodies: dict[Name, Json] = dict(journal.objects)
        self._parsed: dict[Name, Resource] = {}
        self.changed: list[Callable[[Resource], None]] = []
        try:
            for name, body in self._bodies.items():
                self._parsed[name] = parse(body)
        except UnreadableError as error:
            raise JournalError(f"{journal.path}: {error}") from error
        versions = (int(each.resource_version) for each in self._parsed.values())
        self._version = max(versions, default=0)

    def apply(self, manifest: Json) -> Resource:
        """Take up a manifest that was judged to be valid: a new object, or one that goes on.

        Raises:
            ChangedError: An object of its name has another spec, in a field that cannot change.
            ApiUnavailable: The journal could not be written.
        """
        kind, metadata = BY_NAME[manifest["kind"]], manifest["metadata"]
        name = name_of(manifest)
        wanted = kind.spec.model_validate(manifest["spec"]).to_wire()
        known = self._parsed.get(name)
        if known is None:
            body: Json = {
                "apiVersion": manifest["apiVersion"],
                "kind": kind.name,
                "metadata": {
                    "namespace": metadata["namespace"],
                    "name": metadata["name"],
                    "uid": str(uuid.uuid4()),
                    "generation": 1,
                    "creationTimestamp": rfc3339(self.server_time()),
                    "annotations": dict(metadata.get("annotations") or {}),
                    "labels": dict(metadata.get("labels") or {}),
                },
                "spec": wanted,
                "status": PRISTINE.to_wire(),
            }
            return self._put(name, body)
        had = known.spec.to_wire()
        if had == wanted:
            return known
        fields = had.keys() | wanted.keys()
        differing = {each for each in fields if had.get(each) != wanted.get(each)}
        if fixed := sorted(differing - set(map(to_camel, MUTABLE))):
            raise ChangedError(
                f"{known.key} is in {self._journal.path} with another {', '.join(fixed)}: give the"
                " new action a name of its own"
            )
        body = copy.deepcopy(self._bodies[name])
        body["spec"] = wanted
        body["metadata"]["generation"] += 1
        return self._put(name, body)

    def get(self, key: Key) -> Resource:
        """Return the object as it is. Raises ObjectGone."""
        found = self._parsed.get(key[:3])
        if found is None or found.uid != key.uid:
            raise ObjectGone(f"{key} is not in {self._journal.path}")
        return found

    def body(self, key: Key) -> Json:
        """Return the object as JSON, as `kubectl get -o json` shows one. Raises ObjectGone."""
        self.get(key)
        return copy.deepcopy(self._bodies[key[:3]])

    def all(self) -> Sequence[Resource]:
        """Return all objects of the journal."""
        return list(self._parsed.values())

    async def read(self, key: Key) -> Resource:
        """Return the object as it is. Raises ObjectGone."""
        return self.get(key)

    async def mark(self, resource: Resource, mark: Mark) -> Resource:
        """Write the mark."""
        body = self._matching(resource)
        body["metadata"]["annotations"][marks.ANNOTATION] = marks.encode(mark)
        return self._put(resource.key[:3], body)

    async def write_status(self, resource: Resource, status: Status) -> Resource:
        """Write `status` in place of the one before."""
        body = self._matching(resource)
        body["status"] = status.to_wire()
        return self._put(resource.key[:3], body)

    async def unfinished(self) -> Sequence[Resource]:
        """List all objects that are not finished."""
        return [each for each in self._parsed.values() if not each.status.phase.finished]

    async def finished(self) -> AsyncIterator[Sequence[Resource]]:
        """Return the finished objects."""
        return _page([each for each in self._parsed.values() if each.status.phase.finished])

    async def of_server(self, kind: Kind, server_id: str) -> Sequence[Resource]:
        """List all objects of a kind whose status names this server."""
        return [
            each
            for each in self._parsed.values()
            if each.kind is kind
            and each.status.server is not None
            and each.status.server.id == server_id
        ]

    def server_time(self) -> datetime:
        """Return the clock that creationTimestamps come from, in whole seconds."""
        return self._clock.now().replace(microsecond=0)

    async def delete(self, resource: Resource) -> None:
        """Refuse: a journal keeps what was done. Nothing asks for it, since a run has no sweep."""
        raise ApiUnavailable(f"{resource.key} stays: a journal deletes nothing")

    def _matching(self, resource: Resource) -> Json:
        """Return a copy of the object that a caller has seen."""
        if self.get(resource.key).resource_version != resource.resource_version:
            raise Conflict(f"{resource.key} has changed since it was read")
        return copy.deepcopy(self._bodies[resource.key[:3]])

    def _put(self, name: Name, body: Json) -> Resource:
        body["metadata"]["resourceVersion"] = str(self._version + 1)
        stored = parse(body)
        try:
            self._journal.append(body)
        except OSError as error:
            raise ApiUnavailable(f"{self._journal.path}: {error.strerror}") from error
        self._version += 1
        self._bodies[name], self._parsed[name] = body, stored
        for tell in self.changed:
            # Not within the write: the engine is in the middle of a step.
            asyncio.get_running_loop().call_soon(tell, stored)
        return stored


async def _page(found: Sequence[Resource]) -> AsyncIterator[Sequence[Resource]]:
    if found:
        yield found
