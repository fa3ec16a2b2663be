"""An HTTP proxy between the operator and a server, for what can go wrong on the way.

The operator's connections end here and the server gets requests of the proxy's own, so that a test
may decide for each request whether it reaches the server and what becomes of the answer: both are
what a load balancer, a network or a server that dies in between decides elsewhere. Watches are
passed on as they come. It runs in a thread; a test calls it from outside.
"""

import asyncio
import json
import re
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
from aiohttp import ClientResponse as Answer
from aiohttp import web
from multidict import CIMultiDict

T = TypeVar("T")

HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "host", "content-length"})
"""Headers of one connection, which are not passed on."""
PATIENCE = 30.0
"""Seconds that a call from a test may take."""
WATCH = re.compile(r"[?&]watch=(true|1)")


@dataclass(frozen=True)
class Seen:
    """A request, as a fault may look at it."""

    method: str
    path: str
    """With its query."""
    body: bytes

    @property
    def json(self) -> Any:
        """Its body, None where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(kw_only=True, eq=False)
class Fault:
    """What happens to some requests.

    Attributes:
        on: Chooses the requests.
        reaches: Whether the server gets the request, and does what it asks.
        answer: The status that the client is told instead of the server's; None for no answer at
            all: the connection is reset.
        truthful: The server's own answer is passed on, only late (see `gate`).
        times: How many requests it happens to; None for all.
        gate: Where given, the answer waits until it is open.
        then: Called when the server has answered, before the client is told.
        hits: The requests that it has happened to.
    """

    on: Callable[[Seen], bool]
    reaches: bool = False
    answer: int | None = None
    truthful: bool = False
    times: int | None = 1
    gate: "Gate | None" = None
    then: Callable[[], None] = lambda: None
    hits: list[Seen] = field(default_factory=list)

    def takes(self, seen: Seen) -> bool:
        """Say whether it happens to this request, and count it."""
        if (self.times is not None and len(self.hits) >= self.times) or not self.on(seen):
            return False
        self.hits.append(seen)
        return True


class Gate:
    """Holds answers back until a test opens it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._event = asyncio.Event()

    def open(self) -> None:
        """Let go what waits, and whatever comes later."""
        self._loop.call_soon_threadsafe(self._event.set)

    async def passed(self) -> None:
        """Wait until it is open."""
        await self._event.wait()


class Proxy:
    """Passes everything on, but for the faults that a test has asked for.

    Args:
        upstream: The server's URL.
        authority: What the server's certificate is checked with.
        certificate: With its key, what the proxy shows its own clients; None for plain HTTP.
    """

    def __init__(
        self,
        upstream: str,
        *,
        authority: Path | None = None,
        certificate: tuple[Path, Path] | None = None,
    ) -> None:
        self._upstream = upstream
        self._trust = ssl.create_default_context(cafile=str(authority)) if authority else None
        self._show = None
        if certificate is not None:
            self._show = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._show.load_cert_chain(*certificate)
        self._loop = asyncio.new_event_loop()
        self._faults: list[Fault] = []
        self._moving = asyncio.Event()
        self._moving.set()
        self._busy: dict[int, tuple[str, asyncio.Transport | None]] = {}
        """Path and connection of each request that is under way."""
        self._dead: set[asyncio.Transport] = set()
        self.port = 0

    @property
    def url(self) -> str:
        """Where its clients find it."""
        return f"{'https' if self._show else 'http'}://127.0.0.1:{self.port}"

    def gate(self) -> Gate:
        """Return a new gate, closed."""
        return Gate(self._loop)

    def add(self, fault: Fault) -> Fault:
        """Have a fault happen from now on; earlier ones come first."""
        self._call(self._change(lambda: self._faults.append(fault)))
        return fault

    @contextmanager
    def having(self, fault: Fault) -> Iterator[Fault]:
        """Have a fault happen until the context is left."""
        self.add(fault)
        try:
            yield fault
        finally:
            self._call(self._change(lambda: self._faults.remove(fault)))

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Move no byte, on old connections and new ones, and close none, until the context is left;
        then go on where everything stood.
        """
        self._call(self._change(self._moving.clear))
        try:
            yield
        finally:
            self._call(self._change(self._moving.set))

    def forget_connections(self, *, watches_only: bool = False) -> int:
        """Never move a byte again on connections that are busy now, as a firewall does that has
        lost its table; new connections work. Return how many there were.
        """

        async def forget() -> int:
            lost = self._connections(watches_only=watches_only)
            self._dead |= lost
            return len(lost)

        return self._call(forget())

    def cut(self, *, watches_only: bool = False) -> int:
        """Reset the connections that are busy now; return how many there were."""

        async def cut() -> int:
            lost = self._connections(watches_only=watches_only)
            for transport in lost:
                _reset(transport)
            return len(lost)

        return self._call(cut())

    def watches(self) -> int:
        """Return how many watches are open and alive."""

        async def count() -> int:
            return len(self._connections(watches_only=True) - self._dead)

        return self._call(count())

    @contextmanager
    def running(self) -> Iterator["Proxy"]:
        """Serve on loopback until the context is left."""
        thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        thread.start()
        serving = self._serve()
        self._call(serving.__aenter__())
        try:
            yield self
        finally:
            self._call(serving.__aexit__(None, None, None))
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(PATIENCE)
            self._loop.close()

    def _connections(self, *, watches_only: bool) -> set[asyncio.Transport]:
        return {
            transport
            for path, transport in self._busy.values()
            if transport is not None and (not watches_only or WATCH.search(path))
        }

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    async def _change(self, change: Callable[[], Any]) -> None:
        change()

    @asynccontextmanager
    async def _serve(self) -> AsyncIterator[None]:
        connector = aiohttp.TCPConnector(ssl=self._trust or True, limit=0)
        no_limit = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(
            connector=connector, timeout=no_limit, auto_decompress=False
        ) as self._client:
            # A client that gives up ends what is done for it, as at a server's own end.
            server = web.Server(self._handle, handler_cancellation=True, access_log=None)
            runner = web.ServerRunner(server, shutdown_timeout=0)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._show)
            await site.start()
            self.port = runner.addresses[0][1]
            try:
                yield
            finally:
                self._moving.set()
                await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        self._busy[id(request)] = request.path_qs, transport
        try:
            await self._may_move(transport)
            body = await request.read()
            seen = Seen(request.method, request.path_qs, body)
            fault = next((fault for fault in self._faults if fault.takes(seen)), None)
            if fault is None:
                return await self._pass(request, body)
            return await self._spoil(request, body, fault)
        except aiohttp.ClientError:
            return _no_answer(request)  # the server's end is the client's end
        finally:
            del self._busy[id(request)]

    async def _spoil(
        self, request: web.BaseRequest, body: bytes, fault: Fault
    ) -> web.StreamResponse:
        status, content = fault.answer, json.dumps(_words(fault.answer)).encode()
        if fault.reaches:
            async with self._ask(request, body) as answer:
                told = await answer.read()
            if fault.truthful:
                status, content = answer.status, told
        await asyncio.to_thread(fault.then)
        if fault.gate is not None:
            await fault.gate.passed()
        await self._may_move(request.transport)
        if status is None:
            return _no_answer(request)
        return web.Response(status=status, body=content, content_type="application/json")

    async def _pass(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        transport = request.transport
        async with self._ask(request, body) as answer:
            await self._may_move(transport)
            told = web.StreamResponse(status=answer.status, headers=_passed_on(answer.headers))
            await told.prepare(request)
            async for piece in answer.content.iter_any():
                await self._may_move(transport)
                await told.write(piece)
            await told.write_eof()
        return told

    def _ask(self, request: web.BaseRequest, body: bytes) -> AbstractAsyncContextManager[Answer]:
        return self._client.request(
            request.method,
            self._upstream + request.path_qs,
            headers=_passed_on(request.headers),
            data=body or None,
            allow_redirects=False,
        )

    async def _may_move(self, transport: asyncio.Transport | None) -> None:
        await self._moving.wait()
        if transport in self._dead:
            await asyncio.Event().wait()  # ends when the client gives the connection up


def _passed_on(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict(pair for pair in headers.items() if pair[0].lower() not in HOP_BY_HOP)


def _words(code: int | None) -> dict[str, Any]:
    """Return an error as an API server words it."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": "a fault of the test",
        "code": code,
    }


def _no_answer(request: web.BaseRequest) -> web.StreamResponse:
    """Have the client see its connection reset instead of an answer."""
    if request.transport is not None:
        _reset(request.transport)
    return web.Response()


def _reset(transport: asyncio.Transport) -> None:
    found = transport.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
