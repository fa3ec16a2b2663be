"""How a connection goes wrong: what HTTP libraries have no function for.

After each of these aiohttp still wants a response from its handler; it finds the connection closed
and drops it.
"""

import asyncio
import select
import socket
import struct

from aiohttp import web

_NO_LINGER = struct.pack("ii", 1, 0)


def reset(transport: asyncio.BaseTransport | None) -> web.StreamResponse:
    """End a connection by RST: the client meets `connection reset`."""
    if isinstance(transport, asyncio.WriteTransport):
        peer: socket.socket = transport.get_extra_info("socket")
        if not transport.is_closing():
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()
    return web.Response()


def drop(request: web.Request, last: bytes = b"") -> web.StreamResponse:
    """End a connection by FIN, after some last bytes: the client meets its end."""
    if request.transport is not None:
        if last:
            request.transport.write(last)
        request.transport.close()
    return web.Response()


async def cut_off(
    request: web.Request, answer: web.Response, *, chunked: bool
) -> web.StreamResponse:
    """Send the head of an answer and a part of its body, then end the connection.

    Args:
        request: What is answered.
        answer: The whole answer, of a status that has a body.
        chunked: Whether the missing rest shows by chunks without an end, or by a Content-Length.
    """
    whole = body_of(answer) or b"{}"
    half = web.StreamResponse(status=answer.status, headers=answer.headers)
    half.headers.pop("Content-Length", None)
    if chunked:
        half.enable_chunked_encoding()
    else:
        half.content_length = len(whole)
    await half.prepare(request)
    await half.write(whole[: len(whole) // 2])
    drop(request)
    return half


def body_of(answer: web.Response) -> bytes:
    """Return the body of an answer that was not sent yet."""
    return answer.body if isinstance(answer.body, bytes) else b""


def gone(request: web.Request) -> bool:
    """Say whether the client has left; the kernel knows it before the event loop does."""
    transport = request.transport
    if transport is None or transport.is_closing():
        return True
    kernel = select.poll()
    kernel.register(transport.get_extra_info("socket").fileno(), select.POLLRDHUP)
    return bool(kernel.poll(0))
