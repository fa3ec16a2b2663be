"""The few unfinished objects among many finished ones come one by one: all of them, or none."""

import json
from typing import Any

import pytest
from aiohttp import web

from serveractions.api.kinds import KINDS
from serveractions.core.errors import ApiUnavailable
from serveractions.kube import paths
from serveractions.kube.client import Api
from serveractions.kube.status import KubeObjects
from unit.kube.test_client import Server, api, server

__all__ = ["api", "server"]

ID = "1bea47ed-f6a9-463b-b423-14b9cca9ad27"
BOOKMARK = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}}
SWITCHED_OFF = {
    "kind": "Status",
    "reason": "Invalid",
    "message": "sendInitialEvents is forbidden for watch unless WatchList is enabled",
}


def body(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "serveractions.dev/v1alpha1",
        "kind": "ServerStateReset",
        "metadata": {
            "name": name,
            "namespace": "ns",
            "uid": f"uid-{name}",
            "generation": 1,
            "resourceVersion": "7",
            "creationTimestamp": "2026-08-20T10:00:00Z",
        },
        "spec": {
            "cloudCredentialsRef": {"secretName": "s", "cloudName": "c"},
            "serverRef": {"id": ID},
            "state": "Active",
        },
    }


def lines(*events: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def added(*names: str) -> list[dict[str, Any]]:
    return [{"type": "ADDED", "object": body(name)} for name in names]


def stream(server: Server, text: bytes, *, piece: int = 50) -> None:
    """Answer each watch of resets with a text, in pieces as a network makes them."""

    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        own = text if request.path.endswith("serverstateresets") else lines(BOOKMARK)
        for start in range(0, len(own), piece):
            await answer.write(own[start : start + piece])
        return answer

    server.handler = handler


async def names(api: Api) -> list[str]:
    return [each.key.name for each in await KubeObjects(api=api).unfinished()]


@pytest.mark.parametrize("piece", [7, 50, 100_000])
async def test_all_objects_up_to_the_first_bookmark_are_those_there_are(
    api: Api, server: Server, piece: int
) -> None:
    stream(server, lines(*added("a", "b"), BOOKMARK, *added("of-later")), piece=piece)
    assert await names(api) == ["a", "b"]
    assert len(server.requests) == len(KINDS)
    asked = dict(server.requests[0].query)
    assert asked == {**paths.STREAM, "fieldSelector": paths.UNFINISHED}


async def test_what_broke_off_before_that_is_no_list(api: Api, server: Server) -> None:
    stream(server, lines(*added("a", "b")))
    with pytest.raises(ApiUnavailable, match="broke off"):
        await names(api)


async def test_an_error_in_the_middle_is_no_list(api: Api, server: Server) -> None:
    error = {"type": "ERROR", "object": {"code": 410, "message": "too old"}}
    stream(server, lines(*added("a"), error))
    with pytest.raises(ApiUnavailable, match="too old"):
        await names(api)


async def test_one_that_cannot_be_read_is_left_out(api: Api, server: Server) -> None:
    (event,) = added("bad")
    event["object"]["spec"] = {"state": 7}
    stream(server, lines(event, *added("good"), BOOKMARK))
    assert await names(api) == ["good"]


async def test_an_older_api_server_is_asked_for_pages(api: Api, server: Server) -> None:
    async def handler(request: web.Request) -> web.Response:
        if "watch" in request.query:
            return web.json_response(SWITCHED_OFF, status=422)
        if not request.path.endswith("serverstateresets"):
            return web.json_response({"items": []})
        first = "continue" not in request.query
        items = [body("a" if first else "b")]
        return web.json_response({"items": items, "metadata": {"continue": "2"} if first else {}})

    server.handler = handler
    assert await names(api) == ["a", "b"]
