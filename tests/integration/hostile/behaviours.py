"""What a server can do to whoever asks it something, in bytes."""

import asyncio
import gzip
import json
import zlib
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web

from unit.cloud.wire import answer

Write = Callable[[bytes], Awaitable[None]]
Behaviour = Callable[[Write], Awaitable[None]]

PAUSE = 0.02
"""Between two pieces: far below any time-out of a socket."""
OK = b"HTTP/1.1 200 OK\r\n"
TRACE = 'Traceback (most recent call last):\n  File "nova.py", line 1, in f\nValueError: s3cret'


def at_once(data: bytes) -> Behaviour:
    """Answer and be done."""

    async def behave(write: Write) -> None:
        await write(data)

    return behave


def for_ever(begin: bytes, piece: bytes, *, pause: float = 0.0) -> Behaviour:
    """Never come to an end; with a pause it is slow, without it is a flood."""

    async def behave(write: Write) -> None:
        await write(begin)
        while True:
            await write(piece)
            await asyncio.sleep(pause)

    return behave


def said(body: bytes, *headers: str, status: str = "200 OK") -> Behaviour:
    """Answer with a body."""
    return at_once(answer(status, body, *headers))


def _zipped(layers: int) -> bytes:
    data = b"[" * 50_000_000
    for _ in range(layers):
        data = gzip.compress(data, 1)
    return data


def _chunks(pieces: Iterable[bytes]) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = "Content-Encoding: gzip"
JSON_TYPE = "Content-Type: application/json"

SLOW: dict[str, Behaviour] = {
    "a status line that drips": for_ever(b"HTTP/1.1 ", b"2", pause=PAUSE),
    "a header that drips": for_ever(OK + b"X: ", b"x", pause=PAUSE),
    "headers that drip": for_ever(OK, b"X: x\r\n", pause=PAUSE),
    "a body that drips": for_ever(OK + b"Content-Length: 9999999\r\n\r\n", b"[", pause=PAUSE),
    "a body without an end that drips": for_ever(OK + b"\r\n", b"[", pause=PAUSE),
    "the size of a chunk that drips": for_ever(CHUNKED, b"0", pause=PAUSE),
    "a chunk's extension that drips": for_ever(CHUNKED + b"5;", b"x", pause=PAUSE),
    "a trailer that drips": for_ever(CHUNKED + b"0\r\n", b"X: x\r\n", pause=PAUSE),
    "packed nothing that drips": for_ever(
        OK + b"Content-Encoding: gzip\r\n\r\n", gzip.compress(b""), pause=PAUSE
    ),
    "not yet, again and again": for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n", pause=PAUSE),
    "silence": for_ever(b"", b"", pause=PAUSE),
}
"""These end when the time for the request does."""

FLOODS: dict[str, Behaviour] = {
    "not yet, without a pause": for_ever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "a status line without an end": for_ever(b"HTTP/1.1 ", b"2" * 10_000),
    "a header without an end": for_ever(OK + b"X: ", b"x" * 10_000),
    "headers without an end": for_ever(OK, b"X: x\r\n" * 1000),
    "a body without an end": for_ever(OK + b"\r\n", b"[" * 100_000),
    "chunks without an end": for_ever(CHUNKED, _chunks([b"[" * 50_000])),
    "a chunk without an end": for_ever(CHUNKED + b"ffffffffffffffff\r\n", b"[" * 100_000),
    "trailers without an end": for_ever(CHUNKED + b"0\r\n", b"X: x\r\n" * 1000),
}

NONSENSE: dict[str, Behaviour] = {
    "nothing": at_once(b""),
    "no HTTP": at_once(b"\x16\x03\x01\x02\x00\x01\x00"),
    "HTTP of long ago": at_once(b"<html>hello</html>"),
    "a version of the future": at_once(b"HTTP/9.9 200 OK\r\n\r\n{}"),
    "a status that is none": at_once(b"HTTP/1.1 abc OK\r\n\r\n{}"),
    "a status below all": at_once(b"HTTP/1.1 099 OK\r\n\r\n{}"),
    "a status above all": at_once(b"HTTP/1.1 9999 OK\r\n\r\n{}"),
    "a status of nobody": said(b"{}", status="799 Odd"),
    "an upgrade": at_once(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
    "a length that is none": at_once(OK + b"Content-Length: x\r\n\r\n{}"),
    "a length below nothing": at_once(OK + b"Content-Length: -1\r\n\r\n{}"),
    "two lengths": at_once(OK + b"Content-Length: 2\r\nContent-Length: 9\r\n\r\n{}"),
    "a length and chunks": at_once(
        OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    ),
    "a coding of nobody": at_once(OK + b"Transfer-Encoding: x\r\n\r\n{}"),
    "a chunk that is none": at_once(CHUNKED + b"zz\r\n{}\r\n0\r\n\r\n"),
    "a chunk that breaks off": at_once(CHUNKED + b"99\r\n{}"),
    "a body that breaks off": at_once(answer("200 OK", b"{", length=999)),
    "a thousand headers": said(b"{}", *(f"X-{number}: x" for number in range(1000))),
    "a megabyte of header": said(b"{}", "X: " + "x" * 1_000_000),
    "a header without a name": said(b"{}", ": x", "X"),
    "a header with a zero": said(b"{}", "X: \x00\x01"),
    "a bomb": said(_zipped(1), GZIP),
    "a bomb in a bomb": said(_zipped(2), "Content-Encoding: gzip, gzip"),
    "a hundred layers": said(b"", "Content-Encoding: " + "gzip, " * 100 + "gzip"),
    "packed garbage": said(b"garbage", GZIP),
    "half a package": said(gzip.compress(b"{}" * 1000)[:20], GZIP),
    "another packing": said(zlib.compress(b"{}"), "Content-Encoding: deflate"),
    "a packing of nobody": said(b"{}", "Content-Encoding: x"),
    "depth": said(b"[" * 500_000, JSON_TYPE),
    "depth with an end": said(b'{"a":' * 5000 + b"1" + b"}" * 5000, JSON_TYPE),
    "values without number": said(b"[" + b"[]," * 300_000 + b"[]]", JSON_TYPE),
    "digits": said(b"1" * 900_000, JSON_TYPE),
    "no number": said(b"NaN", JSON_TYPE),
    "text": said(b'"hello"', JSON_TYPE),
    "nothing at all in JSON": said(b"null", JSON_TYPE),
    "a list": said(b"[]", JSON_TYPE),
    "an empty object": said(b"{}", JSON_TYPE),
    "no JSON": said(b"<html>" + b"<" * 100_000, "Content-Type: text/html"),
    "a codec that is slow": said(b"a" * 900_000, "Content-Type: application/json;charset=punycode"),
    "a codec that is none": said(b"{}", "Content-Type: application/json; charset=x"),
    "a codec that unpacks": said(b"{}", "Content-Type: application/json; charset=zlib"),
    "bytes without a codec": said(b"\xff\x80" * 400_000),
    "another width": said('{"a": 1}'.encode("utf-16"), JSON_TYPE),
    "half characters": said(b'{"token": "\\ud800", "version": "\\udfff"}', JSON_TYPE),
    "a cookie": said(b"{}", "Set-Cookie: a=b"),
    "words that steer a terminal": said(
        b'{"badRequest": {"message": "\\u001b[2J\\u0007"}}', status="400 Bad Request"
    ),
    "a stack trace": said(
        json.dumps({"computeFault": {"message": TRACE}}).encode(), status="500 Internal"
    ),
    "a wait for ever": said(b"{}", "Retry-After: " + "9" * 5000, status="503 Busy"),
    "a wait that is none": said(b"{}", "Retry-After: \u00b2", status="429 Busy"),
    "a wait until the end of time": said(
        b"{}", "Retry-After: Fri, 31 Dec 9999 23:59:59 -1200", status="503 Busy"
    ),
    "the end of time": said(b"{}", "Date: Fri, 31 Dec 9999 23:59:59 -1200"),
    "a refusal": said(b"{}", status="401 Unauthorized"),
    "a proxy that wants a password": said(b"{}", status="407 Proxy Authentication Required"),
}


def serve(behaviour: Behaviour) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return a handler that behaves so on the connection of the request."""

    async def handle(request: web.Request) -> web.StreamResponse:
        transport = request.transport
        assert transport is not None

        async def write(data: bytes) -> None:
            transport.write(data)
            # A transport takes what it is given: without this a flood would fill the memory.
            while (  # noqa: ASYNC110 - of its buffer a transport tells by no event
                transport.get_write_buffer_size() > 1_000_000 and not transport.is_closing()
            ):
                await asyncio.sleep(PAUSE)
            if transport.is_closing():
                raise ConnectionResetError
            await asyncio.sleep(0)

        try:
            await behaviour(write)
        except ConnectionResetError:
            pass
        finally:
            transport.close()  # what was written is sent first
        raise asyncio.CancelledError  # nothing of aiohttp's own follows on this connection

    return handle
