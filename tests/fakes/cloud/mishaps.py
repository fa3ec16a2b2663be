"""What can befall a request: each kind of fault as a class, its parameters as fields.

`accepted` says whether the cloud acts on the request all the same; where a kind has no such
parameter, its first line says it. Seconds are of real time, None until the fault is released.
"""

import re
from dataclasses import dataclass, fields
from http import HTTPStatus
from typing import Any, ClassVar

from aiohttp import web

from fakes.cloud import wire
from fakes.cloud.call import refusal
from fakes.cloud.faults import Exchange, Mishap
from fakes.cloud.orders import BadOrderError, only


@dataclass(frozen=True, kw_only=True)
class ReplyLost:
    """The cloud acts; the connection ends in place of the answer."""

    kind: ClassVar[str] = "reply-lost"
    reset: bool = False
    """By RST in place of FIN."""
    seconds: float | None = 0.0
    """How long the connection stands still before that."""

    async def befall(self, exchange: Exchange) -> web.StreamResponse:
        """Act, and say nothing."""
        await exchange.deliver()
        await exchange.hold(self.seconds)
        if self.reset:
            return wire.reset(exchange.request.transport)
        return wire.drop(exchange.request)


@dataclass(frozen=True, kw_only=True)
class RequestLost:
    """The request arrives whole, the connection ends, and the cloud does nothing.

    Before anything is read, a connection ends at a door: see `doors`.
    """

    kind: ClassVar[str] = "request-lost"
    reset: bool = True
    seconds: float | None = 0.0

    async def befall(self, exchange: Exchange) -> web.StreamResponse:
        """Do nothing and say nothing."""
        await exchange.hold(self.seconds)
        if self.reset:
            return wire.reset(exchange.request.transport)
        return wire.drop(exchange.request)


@dataclass(frozen=True, kw_only=True)
class Status:
    """The answer is another one: 500, 502, 503, 504, 429, 413, 403, ..."""

    kind: ClassVar[str] = "status"
    status: int
    accepted: bool = False
    retry_after: int | None = None
    message: str | None = None
    """In Nova's own form; None for the page of a proxy, which is what 502 to 504 are in life."""

    async def befall(self, exchange: Exchange) -> web.StreamResponse:
        """Answer with the status."""
        if self.accepted:
            await exchange.deliver()
        answer = page(self.status) if self.message is None else refusal(self.status, self.message)
        if self.retry_after is not None:
            answer.headers["Retry-After"] = str(self.retry_after)
        return answer


@dataclass(frozen=True, kw_only=True)
class TokenExpired:
    """The token ends just before its request arrives: 401, and the cloud does nothing."""

    kind: ClassVar[str] = "token-expired"

    async def befall(self, exchange: Exchange) -> web.StreamResponse:
        """Let the cloud refuse it."""
        exchange.expire_token()
        return await exchange.deliver()


@dataclass(frozen=True, kw_only=True)
class LateReply:
    """The cloud acts at once and answers late."""

    kind: ClassVar[str] = "late-reply"
    seconds: float | None

    async def befall(self, exchange: Exchange) -> web.StreamResponse:
        """Act, wait, answer."""
        answer = await exchange.deliver()
        await exchange.hold(self.seconds)
        return answer


@dataclass(frozen=True, kw_only=True)
class LateEffect:
    """The cloud acts late, whether its client still waits or not."""

    kind: ClassVar[str] = "late-effect"
    seconds: float | None

    async def befall(self, exchange: Exchange) -> web.StreamResponse:
        """Wait, act, answer."""
        await exchange.hold(self.seconds)
        return await exchange.deliver()


@dataclass(frozen=True, kw_only=True)
class Truncated:
    """The cloud acts; its answer breaks off in the middle of the body."""

    kind: ClassVar[str] = "truncated"
    chunked: bool = False
    """The end is missing from chunks, in place of bytes that Content-Length promised."""

    async def befall(self, exchange: Exchange) -> web.StreamResponse:
        """Act, and answer half."""
        answer = await exchange.deliver()
        if answer.status == HTTPStatus.NO_CONTENT:  # there is no body to break
            return wire.drop(exchange.request)
        exchange.entry.status, exchange.entry.spoilt = answer.status, True
        return await wire.cut_off(exchange.request, answer, chunked=self.chunked)


GARBAGE = {
    "html": ("text/html", b"<html><body>Welcome to the internet caf\xc3\xa9</body></html>"),
    "text": ("application/json", b"{'single': quotes"),
    "binary": ("application/json", b"\x80\x81\xfe\xff\x00\x01"),
    "list": ("application/json", b"[1, 2, 3]"),
    "number": ("application/json", b"42"),
    "null": ("application/json", b"null"),
    "shape": (
        "application/json",
        b'{"server": [], "servers": {}, "instanceActions": 7, "instanceAction": null,'
        b' "migrations": "none", "images": {"0": {}}, "image_id": {"a": 1}, "id": 7, "token": []}',
    ),
    "deep": ("application/json", b"[" * 50_000),
}
"""Bodies that are not what they should be; `shape` is JSON with the right names only."""


@dataclass(frozen=True, kw_only=True)
class Garbage:
    """The status is right, or the given one, and the body is nonsense."""

    kind: ClassVar[str] = "garbage"
    body: str
    """A name in `GARBAGE`."""
    status: int | None = None
    """None for the one that the cloud gives."""
    accepted: bool = True

    def __post_init__(self) -> None:
        if self.body not in GARBAGE:
            raise BadOrderError(f"no garbage {self.body!r}: there is {', '.join(GARBAGE)}")

    async def befall(self, exchange: Exchange) -> web.StreamResponse:
        """Answer nonsense."""
        status, headers = self.status or HTTPStatus.OK, {}
        if self.accepted:
            answer = await exchange.deliver()
            status = self.status or answer.status
            headers = {name: answer.headers[name] for name in answer.headers if name in _KEPT}
        exchange.entry.spoilt = True
        content_type, body = GARBAGE[self.body]
        headers["Content-Type"] = content_type
        return web.Response(status=status, headers=headers, body=body)


_KEPT = frozenset({"x-openstack-request-id", "x-compute-request-id", "X-Subject-Token", "Date"})


@dataclass(frozen=True, kw_only=True)
class GarbageLine:
    """What comes back is not HTTP at all."""

    kind: ClassVar[str] = "garbage-line"
    accepted: bool = True

    async def befall(self, exchange: Exchange) -> web.StreamResponse:
        """Answer what no HTTP library can read."""
        if self.accepted:
            await exchange.deliver()
        return wire.drop(exchange.request, b"SSH-2.0-OpenSSH_9.9\r\n\r\n")


@dataclass(frozen=True, kw_only=True)
class Redirect:
    """The client is sent elsewhere: without another address to a path of this very cloud, so that
    the journal shows whether the client went there. The cloud does nothing.
    """

    kind: ClassVar[str] = "redirect"
    status: int = HTTPStatus.FOUND
    location: str | None = None

    async def befall(self, exchange: Exchange) -> web.StreamResponse:
        """Point elsewhere."""
        there = self.location or f"{exchange.request.url.origin()}/elsewhere"
        return web.Response(status=self.status, headers={"Location": there})


@dataclass(frozen=True, kw_only=True)
class Held:
    """A proxy answers for the cloud, and delivers the request later all the same."""

    kind: ClassVar[str] = "held"
    seconds: float | None
    status: int | None = HTTPStatus.GATEWAY_TIMEOUT
    """What the client is answered at once; None: the connection is dropped."""

    async def befall(self, exchange: Exchange) -> web.StreamResponse:
        """Answer now, deliver later."""

        async def later() -> None:
            await exchange.hold(self.seconds)
            await exchange.deliver()

        exchange.afterwards(later())
        return wire.drop(exchange.request) if self.status is None else page(self.status)


@dataclass(frozen=True, kw_only=True)
class Twice:
    """A proxy delivers the request twice; the client gets the first answer, or the second."""

    kind: ClassVar[str] = "twice"
    seconds: float = 0.0
    """Between the two; with more than 0 the client gets the first answer before the second."""
    answer: str = "first"

    async def befall(self, exchange: Exchange) -> web.StreamResponse:
        """Deliver, and deliver again."""
        first = await exchange.deliver()

        async def again() -> None:
            await exchange.hold(self.seconds)
            await exchange.deliver()

        if self.seconds > 0:
            exchange.afterwards(again())
            return first
        second = await exchange.deliver()
        return first if self.answer == "first" else second


KINDS: dict[str, type[Any]] = {
    each.kind: each
    for each in (
        *(ReplyLost, RequestLost, Status, TokenExpired, LateReply, LateEffect),
        *(Truncated, Garbage, GarbageLine, Redirect, Held, Twice),
    )
}


def mishap_from(kind: str, parameters: dict[str, Any]) -> Mishap:
    """Read a mishap. Raises BadOrderError."""
    if kind not in KINDS:
        raise BadOrderError(f"no fault {kind!r}: there is {', '.join(sorted(KINDS))}")
    only(parameters, *(each.name for each in fields(KINDS[kind])))
    try:
        made: Mishap = KINDS[kind](**parameters)
    except TypeError as error:
        raise BadOrderError(f"{kind}: {error}") from error
    return made


def page(status: int) -> web.Response:
    """Return what a proxy says in place of the cloud."""
    title = f"{status} {re.sub('_', ' ', HTTPStatus(status).name).title()}"
    text = f"<html><body><h1>{title}</h1>\nThe server cannot help you.\n</body></html>\n"
    return web.Response(status=status, text=text, content_type="text/html")
