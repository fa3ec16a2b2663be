"""The Kubernetes API as people use it, and whoever prepares a test: all who are no operator."""

import asyncio
import base64
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import aiohttp

from local_stack.kubernetes import ControlPlane
from serveractions.api.kinds import API_VERSION, BY_NAME, GROUP, VERSION

Json = dict[str, Any]
AT_ONCE = 64
PATIENCE = 60.0
"""Seconds for which an API server that is away is asked again: it may be restarting."""
PAUSE = 0.3
STARTING = frozenset({401, 403, 429, 500, 503})
"""What an API server answers the administrator before it knows accounts, rights and definitions."""


class RefusedError(AssertionError):
    """The API server refused a request."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        super().__init__(f"{status}: {text}")


class Cluster:
    """One API server, as its administrator."""

    def __init__(self, server: str, session: aiohttp.ClientSession) -> None:
        self._server = server
        self._session = session

    async def request(self, method: str, path: str, body: Json | None = None) -> Json:
        """Send one request; while the API server is away or just starting, send it again.

        Raises:
            RefusedError: It answered with an error.
        """
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    return await self._request(method, path, body)
                except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError):
                    await asyncio.sleep(PAUSE)
                except RefusedError as refused:
                    if refused.status not in STARTING:
                        raise
                    await asyncio.sleep(PAUSE)

    async def create_namespace(self, name: str) -> None:
        """Make a namespace."""
        await self.request("POST", "/api/v1/namespaces", {"metadata": {"name": name}})

    async def create_secret(
        self,
        namespace: str,
        name: str,
        texts: Mapping[str, str],
        labels: Mapping[str, str] | None = None,
    ) -> None:
        """Make a Secret."""
        data = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        body = {"metadata": {"name": name, "labels": dict(labels or {})}, "data": data}
        await self.request("POST", f"/api/v1/namespaces/{namespace}/secrets", body)

    async def create(self, namespace: str, kind: str, name: str, spec: Json) -> Json:
        """Make an object of one of the operator's kinds; return it as stored.

        Names are used once, so that one which is there already was made by an earlier try.
        """
        body = {
            "apiVersion": API_VERSION,
            "kind": kind,
            "metadata": {"name": name},
            "spec": spec,
        }
        try:
            return await self.request("POST", _place(namespace, kind), body)
        except RefusedError as refused:
            if refused.status != HTTPStatus.CONFLICT:
                raise
            return await self.read(namespace, kind, name)

    async def read(self, namespace: str, kind: str, name: str) -> Json:
        """Return an object."""
        return await self.request("GET", f"{_place(namespace, kind)}/{name}")

    async def objects(self, namespace: str, kind: str, fields: str = "") -> list[Json]:
        """Return the objects of a kind, or those with such fields."""
        query = f"?fieldSelector={quote(fields)}" if fields else ""
        found: list[Json] = (await self.request("GET", _place(namespace, kind) + query))["items"]
        return [each | {"kind": kind} for each in found]

    async def edit(self, namespace: str, kind: str, name: str, spec: Json) -> None:
        """Change fields of a spec, as a person does."""
        await self.request("PATCH", f"{_place(namespace, kind)}/{name}", {"spec": spec})

    async def delete(self, namespace: str, kind: str, name: str) -> None:
        """Delete an object."""
        await self.request("DELETE", f"{_place(namespace, kind)}/{name}")

    async def leases(self, namespace: str) -> list[Json]:
        """Return the Leases of a namespace."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        found: list[Json] = (await self.request("GET", path))["items"]
        return found

    async def _request(self, method: str, path: str, body: Json | None) -> Json:
        headers = {}
        if body is not None:
            merge = method == "PATCH"
            headers["Content-Type"] = f"application/{'merge-patch+' if merge else ''}json"
        data = None if body is None else json.dumps(body)
        async with self._session.request(
            method, self._server + path, data=data, headers=headers
        ) as answer:
            text = await answer.text()
            if not answer.ok:
                raise RefusedError(answer.status, text)
            decoded: Json = json.loads(text)
            return decoded


def holder(lease: Json) -> str:
    """Return who holds a Lease, as an identity without its suffix; empty where nobody does."""
    named: str = (lease.get("spec") or {}).get("holderIdentity") or ""
    return named.rpartition("_")[0]


@contextlib.asynccontextmanager
async def cluster(plane: ControlPlane) -> AsyncIterator[Cluster]:
    """Connect to a control plane."""
    tls = ssl.create_default_context(cafile=str(plane.authority))
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls, limit=AT_ONCE),
        headers={"Authorization": f"Bearer {plane.credentials.admin_token}"},
        trust_env=False,
    ) as session:
        yield Cluster(plane.server, session)


def _place(namespace: str, kind: str) -> str:
    return f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{BY_NAME[kind].plural}"
