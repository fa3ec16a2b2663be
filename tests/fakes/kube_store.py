"""The part of a Kubernetes API server that the operator relies on, in memory.

It keeps JSON, so what is read is what was stored: whole seconds, absent fields left out, unknown
ones ignored. Every write is a compare-and-set on resourceVersion, the spec has a generation, and a
watch shows the unfinished objects a moment late.
"""

import asyncio
import copy
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from serveractions.api.conditions import PRISTINE
from serveractions.api.kinds import API_VERSION
from serveractions.api.model import rfc3339
from serveractions.api.resource import Key, Resource, parse
from serveractions.api.status import Status
from serveractions.core import marks
from serveractions.core.errors import Conflict, ObjectGone
from serveractions.core.ports import Mark

WATCH_LAG = 0.05
"""Virtual seconds after which a watch shows a change."""

Json = dict[str, Any]


class Watcher(Protocol):
    """Who is told of changes."""

    def seen(self, resource: Resource) -> None: ...

    def left(self, key: Key) -> None: ...


@dataclass(frozen=True, slots=True)
class Write:
    """A write that was accepted."""

    key: Key
    what: str
    phase: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was stored at one moment."""

    objects: dict[tuple[str, str, str], Json]
    version: int


class Store:
    """All objects, shared by all processes."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._objects: dict[tuple[str, str, str], Json] = {}
        self._parsed: dict[Key, Resource] = {}
        self._versions = itertools.count(100)
        self._uids = itertools.count(1)
        self.ahead = timedelta(0)
        """How far the API server's clock is ahead of the operator's."""
        self.watchers: list[Watcher] = []
        self.writes: list[Write] = []
        self.changed = asyncio.Event()

    @property
    def time(self) -> datetime:
        """The API server's clock, as a Date header tells it."""
        return (self._now() + self.ahead).replace(microsecond=0)

    def create(
        self,
        kind: str,
        name: str,
        spec: Json,
        *,
        namespace: str = "default",
        annotations: dict[str, str] | None = None,
        labels: dict[str, str] | None = None,
    ) -> Key:
        """Apply a new object, with the status that the schema gives it."""
        body: Json = {
            "apiVersion": API_VERSION,
            "kind": kind,
            "metadata": {
                "namespace": namespace,
                "name": name,
                "uid": f"0c1f8f3e-4a0f-4d6e-9b8e-{next(self._uids):012}",
                "resourceVersion": self._version(),
                "generation": 1,
                "creationTimestamp": rfc3339(self.time),
                "annotations": dict(annotations or {}),
                "labels": dict(labels or {}),
            },
            "spec": copy.deepcopy(spec),
            "status": PRISTINE.to_wire(),
        }
        assert (kind, namespace, name) not in self._objects, "such an object exists"
        self._objects[kind, namespace, name] = body
        resource = self._parse(body)
        self._tell(resource, was_unfinished=True)
        return resource.key

    def get(self, key: Key) -> Resource:
        """Return the object as it is stored. Raises ObjectGone."""
        self._body(key)
        return self._parsed[key]

    def edit(self, key: Key, **spec: Any) -> Resource:
        """Change fields of the spec, as a person does; None takes a field away."""
        body = self._body(key)
        for name, value in spec.items():
            if value is None:
                body["spec"].pop(name, None)
            else:
                body["spec"][name] = value
        body["metadata"]["generation"] += 1
        return self._changed(body)

    def annotate(self, key: Key, **annotations: str | None) -> Resource:
        """Change annotations; None takes one away."""
        body = self._body(key)
        kept = body["metadata"]["annotations"] | annotations
        body["metadata"]["annotations"] = {k: v for k, v in kept.items() if v is not None}
        return self._changed(body)

    def begin_deletion(self, key: Key) -> Resource:
        """Delete an object that somebody's finalizer keeps for now."""
        body = self._body(key)
        body["metadata"]["deletionTimestamp"] = rfc3339(self._now())
        return self._changed(body)

    def lose_status(self, key: Key) -> Resource:
        """Set the status back to the schema's default, as a restore without statuses does."""
        body = self._body(key)
        body["status"] = PRISTINE.to_wire()
        return self._changed(body)

    def snapshot(self) -> "Snapshot":
        """Return all that is stored, for `set_back`."""
        return Snapshot(copy.deepcopy(self._objects), int(self._version()))

    def set_back(self, snapshot: "Snapshot") -> None:
        """Restore what was stored, resourceVersions included, as whoever restores etcd does."""
        self._objects = copy.deepcopy(snapshot.objects)
        self._versions = itertools.count(snapshot.version)
        self._parsed = {}
        for body in self._objects.values():
            resource = self._parse(body)
            self._tell(resource, was_unfinished=True)

    def mark(self, resource: Resource, mark: Mark) -> Resource:
        """Write the mark, against the version that was read."""
        body = self._matching(resource)
        body["metadata"]["annotations"][marks.ANNOTATION] = marks.encode(mark)
        self.writes.append(Write(resource.key, "mark", resource.status.phase))
        return self._changed(body)

    def write_status(self, resource: Resource, status: Status) -> Resource:
        """Write a status, against the version that was read."""
        body = self._matching(resource)
        was_unfinished = not self._parsed[resource.key].status.phase.finished
        body["status"] = status.to_wire()
        self.writes.append(Write(resource.key, "status", status.phase))
        return self._changed(body, was_unfinished=was_unfinished)

    def remove(self, key: Key) -> None:
        """Delete an object, as a person does."""
        resource = self.get(key)
        del self._objects[key[:3]], self._parsed[key]
        if not resource.status.phase.finished:
            self._tell_left(key)
        self.changed.set()

    def delete(self, resource: Resource) -> None:
        """Delete exactly this version of the object."""
        self._matching(resource)
        self.remove(resource.key)

    def all(self) -> list[Resource]:
        """Return all objects."""
        return list(self._parsed.values())

    def _body(self, key: Key) -> Json:
        body = self._objects.get(key[:3])
        if body is None or body["metadata"]["uid"] != key.uid:
            raise ObjectGone(f"{key} is not there")
        return body

    def _matching(self, resource: Resource) -> Json:
        body = self._body(resource.key)
        if body["metadata"]["resourceVersion"] != resource.resource_version:
            raise Conflict("the object has been modified")
        return body

    def _version(self) -> str:
        return str(next(self._versions))

    def _changed(self, body: Json, *, was_unfinished: bool | None = None) -> Resource:
        body["metadata"]["resourceVersion"] = self._version()
        resource = self._parse(body)
        unfinished = not resource.status.phase.finished
        self._tell(
            resource, was_unfinished=unfinished if was_unfinished is None else was_unfinished
        )
        return resource

    def _parse(self, body: Json) -> Resource:
        """Read what was just stored; a Resource never changes, so one serves all readers."""
        resource = parse(body)
        self._parsed[resource.key] = resource
        return resource

    def _tell(self, resource: Resource, *, was_unfinished: bool) -> None:
        self.changed.set()
        if resource.status.phase.finished:
            if was_unfinished:
                self._tell_left(resource.key)
            return
        for watcher in self.watchers:
            asyncio.get_running_loop().call_later(WATCH_LAG, watcher.seen, resource)

    def _tell_left(self, key: Key) -> None:
        for watcher in self.watchers:
            asyncio.get_running_loop().call_later(WATCH_LAG, watcher.left, key)
