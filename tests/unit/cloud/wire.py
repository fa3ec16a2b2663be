"""A server that speaks bytes: it shows what was sent and answers, or fails, exactly as told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Behaviour = Callable[["Peer"], Awaitable[None]]


@dataclass
class Wire:
    """What arrived: one entry per connection."""

    url: str = ""
    received: list[bytes] = field(default_factory=list)

    @property
    def requests(self) -> list[bytes]:
        return [one for one in self.received if one]


class Peer:
    """One connection."""

    def __init__(
        self, wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._wire = wire
        self._index = len(wire.received)
        self._reader = reader
        self.writer = writer
        wire.received.append(b"")

    async def read_request(self) -> bytes:
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        whole = head + await self._reader.readexactly(length)
        self._wire.received[self._index] += whole
        return whole

    async def read_all(self) -> None:
        self._wire.received[self._index] += await self._reader.read()

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def reset(self) -> None:
        self.writer.transport.abort()


@asynccontextmanager
async def serve(behaviour: Behaviour) -> AsyncIterator[Wire]:
    """Serve on loopback with `behaviour` for each connection."""
    wire = Wire()
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await behaviour(Peer(wire, reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    wire.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v2.1"
    try:
        yield wire
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answer(status: str, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    """Return the bytes of an HTTP answer."""
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Length: {len(body) if length is None else length}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def replying(data: bytes) -> Behaviour:
    """Read the request, answer with `data`, close."""

    async def behave(peer: Peer) -> None:
        await peer.read_request()
        peer.send(data)

    return behave
