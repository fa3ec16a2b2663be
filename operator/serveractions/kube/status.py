"""The custom resources in the API server: the only place that writes a status or the mark.

Every write is a merge patch with the resourceVersion that the caller has seen. So a write is done
on exactly the object that it was thought out for, or not at all: two processes cannot both claim,
and a re-created namesake, whose resourceVersion is another, is never mistaken for the object that
was there before.
"""

import contextlib
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from typing import Any

from serveractions.api.kinds import API_VERSION, BY_NAME, KINDS, Kind
from serveractions.api.resource import Key, Resource, UnreadableError, parse
from serveractions.api.status import Status
from serveractions.core import marks
from serveractions.core.errors import ApiUnavailable, Conflict, ObjectGone, StatusRefused
from serveractions.core.ports import Mark
from serveractions.kube import paths
from serveractions.kube.client import Api, Json

log = logging.getLogger(__name__)

PAGE = 100
"""Objects in one page of a list: so few that the event loop is not held up while they are read."""


class KubeObjects:
    """The port `Objects` on a real API server."""

    def __init__(self, *, api: Api, namespaces: Sequence[str] = ()) -> None:
        """Serve the objects of `namespaces`, of all namespaces where it is empty."""
        self._api = api
        self._namespaces = tuple(namespaces)

    async def read(self, key: Key) -> Resource:
        """Return the object as it is now. Raises ObjectGone, for another uid too."""
        kind = BY_NAME[key.kind]
        resource = _understand(kind, await self._api.get(paths.single(kind, key)))
        if resource.uid != key.uid:
            raise ObjectGone(f"{key} was deleted and created anew")
        return resource

    async def mark(self, resource: Resource, mark: Mark) -> Resource:
        """Write the mark."""
        metadata = {
            "resourceVersion": resource.resource_version,
            "annotations": {marks.ANNOTATION: marks.encode(mark)},
        }
        path = paths.single(resource.kind, resource.key)
        return await self._write(resource, path, {"metadata": metadata})

    async def write_status(self, resource: Resource, status: Status) -> Resource:
        """Write `status` in place of `resource.status`. Raises StatusRefused."""
        metadata = {"resourceVersion": resource.resource_version}
        wire = status.to_wire()
        change = difference(resource.status.to_wire(), wire)
        path = f"{paths.single(resource.kind, resource.key)}/status"
        stored = await self._write(resource, path, {"metadata": metadata, "status": change})
        # Compared as values first, which is quick; on the wire, times and texts may be shorter.
        if stored.status != status and stored.status.to_wire() != wire:
            # It validates, and yet something else was stored: a webhook, or defaults of another
            # release's CRD.
            raise StatusRefused(f"the API server stored another status for {resource.key}")
        return stored

    async def unfinished(self) -> Sequence[Resource]:
        """List all objects of all kinds that are not finished."""
        return await self._matching(paths.UNFINISHED)

    async def of_server(self, kind: Kind, server_id: str) -> Sequence[Resource]:
        """List all objects of a kind whose status names this server, finished ones included."""
        return await self._matching(paths.of_server(server_id), kinds=(kind,))

    def server_time(self) -> datetime:
        """Return the API server's clock."""
        return self._api.server_time()

    async def finished(self) -> AsyncGenerator[Sequence[Resource], None]:
        """Return the finished objects of all kinds, page by page."""
        return self._pages(paths.FINISHED)

    async def delete(self, resource: Resource) -> None:
        """Delete exactly this version of this object."""
        body = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "preconditions": {
                "uid": resource.uid,
                "resourceVersion": resource.resource_version,
            },
        }
        path = paths.single(resource.kind, resource.key)
        await self._api.request("DELETE", path, body=body)

    async def _write(self, resource: Resource, path: str, patch: Json) -> Resource:
        stored = _understand(resource.kind, await self._api.merge_patch(path, patch))
        if stored.uid != resource.uid:  # cannot be: resourceVersions are not given twice
            raise Conflict(f"{resource.key} was created anew")
        return stored

    async def _matching(self, selector: str, *, kinds: Sequence[Kind] = KINDS) -> list[Resource]:
        """List the few objects of many that a selector matches."""
        try:
            return [resource async for resource in self._streamed(selector, kinds=kinds)]
        except StatusRefused:  # 422: an API server that cannot do that, before Kubernetes 1.34
            pages = self._pages(selector, kinds=kinds)
            return [resource async for page in pages for resource in page]

    async def _streamed(
        self, selector: str, *, kinds: Sequence[Kind] = KINDS
    ) -> AsyncGenerator[Resource, None]:
        """Yield what a selector matches as the API server has it now, one object after the other.

        A list without pages would come out of the cache as well, but as one piece.
        """
        query = {**paths.STREAM, "fieldSelector": selector}
        for kind, path in paths.collections(self._namespaces, kinds=kinds):
            async with contextlib.aclosing(self._api.stream(path, query=query)) as events:
                async for event in events:
                    body = event.get("object") or {}
                    match event.get("type"):
                        case "ADDED":
                            for resource in _readable(kind, (body,)):
                                yield resource
                        case "BOOKMARK":  # the first one comes when all have come
                            break
                        case "ERROR":
                            raise ApiUnavailable(f"{path}: {body.get('message')}")
                else:
                    raise ApiUnavailable(f"the objects of {path} broke off")

    async def _pages(
        self, selector: str, *, kinds: Sequence[Kind] = KINDS
    ) -> AsyncGenerator[Sequence[Resource], None]:
        for kind, path in paths.collections(self._namespaces, kinds=kinds):
            token = ""
            while True:
                query = {"fieldSelector": selector, "limit": str(PAGE)}
                if token:
                    query["continue"] = token
                page = await self._api.get(path, query=query)
                if resources := _readable(kind, page.get("items") or ()):
                    yield resources
                # A token that has expired answers 410 (ApiRefused): the caller lists again.
                token = page.get("metadata", {}).get("continue") or ""
                if not token:
                    break


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> Json:
    """Return the JSON merge patch (RFC 7396) that makes `old` equal to `new`.

    Neither may hold a null: a merge patch cannot write one. Lists are replaced as a whole.
    """
    patch: Json = {name: None for name in old if name not in new}
    for name, value in new.items():
        before = old.get(name)
        if isinstance(value, Mapping):
            inner = difference(before if isinstance(before, Mapping) else {}, value)
            # Merging {} onto what is no object would replace it, as is wanted then.
            if inner or not isinstance(before, Mapping):
                patch[name] = inner
        elif name not in old or before != value:
            patch[name] = value
    return patch


def _understand(kind: Kind, body: Json) -> Resource:
    try:
        return parse(_named(kind, body))
    except UnreadableError as error:
        # Waiting is right: what is wrong is the object or the CRD, and either can be mended.
        raise ApiUnavailable(str(error)) from error


def _readable(kind: Kind, items: Sequence[Json]) -> Sequence[Resource]:
    """Parse a page without what cannot be read: one bad object must not stop all others."""
    resources = []
    for item in items:
        try:
            resources.append(parse(_named(kind, item)))
        except UnreadableError as error:
            log.warning("an object is left alone: %s", error, extra={"object": str(error.key)})
    return resources


def _named(kind: Kind, body: Json) -> Json:
    """Return `body` with its type, which the items of a list need not have."""
    return {**body, "apiVersion": API_VERSION, "kind": kind.name}
