"""The client against a small server of the test's own: which answer leads to which error."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.config import ConfigException

from serveractions.api.kinds import KINDS
from serveractions.core.errors import ApiUnavailable, Conflict, ObjectGone, StatusRefused
from serveractions.kube import cluster
from serveractions.kube.client import Api, ApiRefused

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Answers with whatever the test sets."""

    def __init__(self) -> None:
        self.handler: Handler = self.not_set
        self.requests: list[web.Request] = []

    async def not_set(self, _: web.Request) -> web.Response:
        return web.json_response({})

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        await request.read()
        return await self.handler(request)

    def answers(self, status: int, body: object = None, **headers: str) -> None:
        async def handler(_: web.Request) -> web.Response:
            return web.json_response(
                body or {"kind": "Status", "message": f"said {status}"},
                status=status,
                headers=headers,
            )

        self.handler = handler


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def api(server: Server, tmp_path: Path) -> AsyncIterator[Api]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    async with TestServer(app) as running:
        write_kubeconfig(tmp_path / "config", url=str(running.make_url("")), token="first")
        api = await Api.connect(str(tmp_path / "config"))
        yield api
        await api.close()


def write_kubeconfig(path: Path, *, url: str, token: str) -> None:
    path.write_text(
        f"""
apiVersion: v1
kind: Config
current-context: it
contexts: [{{name: it, context: {{cluster: it, user: me}}}}]
clusters: [{{name: it, cluster: {{server: "{url}"}}}}]
users: [{{name: me, user: {{token: "{token}"}}}}]
"""
    )


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (409, Conflict),
        (404, ApiRefused),
        (422, StatusRefused),
        (413, StatusRefused),
        (400, ApiRefused),
        (403, ApiRefused),
        (410, ApiRefused),
        (500, ApiUnavailable),
        (503, ApiUnavailable),
        (504, ApiUnavailable),
    ],
)
async def test_each_answer_becomes_the_error_that_says_what_to_do(
    api: Api, server: Server, status: int, error: type[Exception]
) -> None:
    server.answers(status)
    with pytest.raises(error, match=f"said {status}") as caught:
        await api.get("/apis/x")
    assert type(caught.value) is error
    assert len(server.requests) == 1, "nothing is repeated here"


async def test_only_the_api_servers_own_word_counts_as_gone(api: Api, server: Server) -> None:
    server.answers(404, {"kind": "Status", "reason": "NotFound", "message": "no such thing"})
    with pytest.raises(ObjectGone, match="no such thing"):
        await api.get("/apis/x")
    for page in ({"reason": "NotFound"}, {"kind": "Status", "message": "404 page not found"}):
        server.answers(404, page)
        with pytest.raises(ApiRefused):
            await api.get("/apis/x")


async def test_a_refusal_is_told_without_the_object_that_it_quotes(
    api: Api, server: Server
) -> None:
    quoted = json.dumps(json.dumps({"spec": "x" * 300, "why": 'it\'s "long"'}))
    words = f'"" is invalid: patch: Invalid value: {quoted}: unknown field "status.new"'
    server.answers(422, {"kind": "Status", "message": words})
    with pytest.raises(StatusRefused) as caught:
        await api.get("/apis/x")
    assert str(caught.value) == (
        '"" is invalid: patch: Invalid value: "...": unknown field "status.new"'
    )


async def test_the_server_says_how_long_to_wait(api: Api, server: Server) -> None:
    server.answers(429, **{"Retry-After": "7"})
    with pytest.raises(ApiUnavailable) as caught:
        await api.get("/apis/x")
    assert caught.value.retry_after == 7


async def test_no_answer_in_time_means_unavailable(api: Api, server: Server) -> None:
    async def never(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    server.handler = never
    with pytest.raises(ApiUnavailable, match="timed out"):
        await api.request("PATCH", "/apis/x", body={}, seconds=0.05)


async def test_a_cut_connection_means_unavailable(api: Api, server: Server) -> None:
    async def cut(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    server.handler = cut
    with pytest.raises(ApiUnavailable):
        await api.request("PATCH", "/apis/x", body={})


async def test_a_server_that_is_not_there_means_unavailable(tmp_path: Path) -> None:
    write_kubeconfig(tmp_path / "config", url="http://127.0.0.1:1", token="x")
    api = await Api.connect(str(tmp_path / "config"))
    with pytest.raises(ApiUnavailable):
        await api.get("/version")
    await api.close()


@pytest.mark.parametrize("text", ["<html>", "[]", ""])
async def test_an_answer_that_is_no_object_means_unavailable(
    api: Api, server: Server, text: str
) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(text=text)

    server.handler = handler
    with pytest.raises(ApiUnavailable):
        await api.get("/apis/x")


async def test_after_a_401_the_next_request_carries_new_credentials(
    api: Api, server: Server, tmp_path: Path
) -> None:
    server.answers(401)
    text = (tmp_path / "config").read_text().replace("first", "second")
    (tmp_path / "config").write_text(text)
    with pytest.raises(ApiRefused):
        await api.get("/apis/x")
    server.answers(200, {"ok": True})
    await api.get("/apis/x")
    sent = [request.headers["Authorization"] for request in server.requests]
    assert sent == ["Bearer first", "Bearer second"]
    credentials = await api.credentials()
    assert (credentials.scheme, credentials.token) == ("Bearer", "second")


async def test_proxy_variables_are_for_the_clouds_only(
    api: Api, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    server.answers(200, {"ok": True})
    assert await api.get("/version") == {"ok": True}


async def test_a_pod_without_a_service_account_is_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ConfigException):
        await Api.connect(None)


async def test_an_old_server_is_named_with_its_version(api: Api, server: Server) -> None:
    server.answers(200, {"gitVersion": "v1.30.9"})
    with pytest.raises(cluster.UnsuitableClusterError, match=r"1\.31 or later.*v1\.30\.9"):
        await cluster.check(api)


async def test_missing_definitions_are_named_with_the_command_that_installs_them(
    api: Api, server: Server
) -> None:
    async def handler(request: web.Request) -> web.Response:
        if request.path == "/version":
            return web.json_response({"gitVersion": "v1.31.0+k3s1"})
        return web.json_response({"resources": [{"name": "serverbackups"}]})

    server.handler = handler
    with pytest.raises(cluster.UnsuitableClusterError) as caught:
        await cluster.check(api)
    message = str(caught.value)
    assert "kubectl apply -k crds/" in message
    assert "serverbackups/status" in message
    assert "serverbackups," not in message


async def test_a_group_that_is_not_served_is_a_missing_definition(api: Api, server: Server) -> None:
    async def handler(request: web.Request) -> web.Response:
        if request.path == "/version":
            return web.json_response({"gitVersion": "v1.31.0"})
        return web.Response(status=404, text="404 page not found\n")

    server.handler = handler
    with pytest.raises(cluster.UnsuitableClusterError, match="kubectl apply -k crds/"):
        await cluster.check(api)


def cluster_of(count: int, asked: list[dict[str, str]], watch: web.Response) -> Handler:
    """Return a cluster with so many objects of each kind, and its answer to a watch."""

    async def handler(request: web.Request) -> web.Response:
        if request.path == "/version":
            return web.json_response({"gitVersion": "v1.31.0"})
        if "watch" in request.query:
            return watch
        if request.query:
            asked.append(dict(request.query))
            return web.json_response({"items": [], "metadata": {"remainingItemCount": count - 1}})
        names = [name for kind in KINDS for name in (kind.plural, f"{kind.plural}/status")]
        return web.json_response({"resources": [{"name": name} for name in names]})

    return handler


async def test_the_look_at_the_start_makes_the_server_read_no_objects_from_its_store(
    api: Api, server: Server
) -> None:
    asked: list[dict[str, str]] = []
    server.handler = cluster_of(5, asked, web.Response(status=500))
    assert not await cluster.check(api), "few are listed in pages"
    assert all(one.get("resourceVersion") == "0" or one == {"limit": "1"} for one in asked)
    assert len(asked) == 2 * len(KINDS)


@pytest.mark.parametrize(
    ("answer", "streams"),
    [
        (web.Response(text='{"type": "BOOKMARK", "object": {}}\n'), True),
        (web.json_response({"kind": "Status", "message": "forbidden"}, status=422), False),
    ],
)
async def test_among_many_objects_watches_begin_with_all_of_them_where_that_can_be(
    api: Api, server: Server, answer: web.Response, streams: bool
) -> None:
    server.handler = cluster_of(cluster.MANY + 1, [], answer)
    assert await cluster.check(api) is streams


async def test_an_unavailable_server_is_not_called_unsuitable(
    api: Api, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers(503)
    with caplog.at_level(logging.WARNING), pytest.raises(ApiUnavailable):
        await cluster.check(api)


async def test_an_api_server_that_has_been_away_answers_since_it_came_back(
    api: Api, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, ahead = asyncio.get_running_loop(), 0.0
    true_time = loop.time
    monkeypatch.setattr(loop, "time", lambda: true_time() + ahead)

    for ahead in (30.0, 60.0, 90.0):  # noqa: B007 - the clock reads it
        await api.get("/version")
    assert api.answering() == pytest.approx(90, abs=5)

    ahead = 200.0
    assert api.answering() == 0, "no answer for more than a minute"
    server.answers(503)
    with pytest.raises(ApiUnavailable):
        await api.get("/version")
    assert api.answering() == 0, "it has not done what it was asked for"

    server.answers(200, {})
    await api.get("/version")
    ahead = 240.0
    assert api.answering() == pytest.approx(40, abs=5)
