"""The one raw write: one connection, one request, one answer, or a clear word on what is known.

Nova has no idempotency key, so a write is sent at most once and every failure must say whether a
byte of it may have left. keystoneauth cannot: it re-sends after read time-outs and dropped
connections, and calls both "connect failure". aiohttp is used with one seam of ours: connecting and
sending are two steps of it, and `_Gate` stands between them. What happens before the gate opened
was never sent; what happens after it is ambiguous unless a complete answer came. The gate opens
once, which also stops aiohttp from repeating a DELETE whose connection was dropped: it does so for
methods that HTTP calls idempotent, on fresh connections too (aiohttp 3.14, client.py).
"""

import asyncio
import json
import os
import re
import ssl
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import aiohttp
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from serveractions.actions.action import NovaRequest
from serveractions.actions.microversions import parse
from serveractions.cloud import answers
from serveractions.core.errors import Ambiguous, NeverSent
from serveractions.core.ports import Reply

CONNECT_SECONDS = 10.0
"""For name, connection and TLS together: whoever is not there by then is tried again later."""
MAX_ANSWER = 1024 * 1024
WORDS_SECONDS = 5.0
"""For the body of a refusal, which says why and changes nothing."""

_PATH = re.compile(
    r"/servers/[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    r"/(action|migrations/[0-9]{1,18}(/action)?)"
)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_GENERIC_HEADER = (2, 27)
"""From here on Nova reads OpenStack-API-Version; before, only its own header."""
_SECRET = "adminPass"  # noqa: S105 - the name of the field
_WITHHELD = "(withheld by the operator: it may repeat the password)"
_QUOTES_NOTHING = re.compile(
    r"Instance [0-9a-f-]{36} |Cannot '|Unable to set password on instance$|Policy doesn't allow "
    r"|Set admin password is not supported$|Guest agent is not enabled for the instance$"
    r"|The request you have made requires authentication|This server could not verify"
)
_DRIVER_FAILURE = re.compile(r"Failed to set admin password on |QEMU guest agent ")


class _GateClosedError(Exception):
    """The connection stood, and the request was not written."""


class _Gate(aiohttp.TCPConnector):
    """Lets one request pass, if it still may be sent when its connection stands.

    From `connect` aiohttp goes on to the first byte without giving the event loop a turn, on
    Python 3.11 with one turn.
    """

    def __init__(self, *, may_send: Callable[[], bool], tls: ssl.SSLContext | bool) -> None:
        super().__init__(ssl=tls, force_close=True, limit=1, use_dns_cache=False)
        self._may_send = may_send
        self.opened = False

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own signature
    ) -> Connection:
        """Connect, then ask; raise in place of a second attempt."""
        if self.opened:
            raise _GateClosedError
        connection = await super().connect(req, traces, timeout)
        if not self._may_send():
            connection.close()
            raise _GateClosedError
        self.opened = True
        return connection


async def send_once(
    request: NovaRequest,
    *,
    endpoint: str,
    token: str,
    tls: ssl.SSLContext | bool,
    uid: str,
    deadline: float,
    may_send: Callable[[], bool],
) -> Reply:
    """Send `request` once and return the complete answer, whatever its status.

    A cancelled call lets CancelledError pass. Like a process that was killed, it has then perhaps
    sent: whoever cancels must treat the request as ambiguous.

    Args:
        request: What to send.
        endpoint: Nova's, from the catalogue; the token goes nowhere else.
        token: Sent as X-Auth-Token.
        tls: What to check certificates against; False for not at all.
        uid: Of the custom resource, for the global request id.
        deadline: Seconds for the whole exchange.
        may_send: Asked when the connection stands, directly before the request is written.

    Raises:
        NeverSent: Not one byte was written.
        Ambiguous: Something was or may have been written, and there is no complete answer to it.
    """
    if not _PATH.fullmatch(request.path):
        raise NeverSent("the request names no path of a server: this is a defect of the operator")
    gate = _Gate(may_send=may_send, tls=tls)
    try:
        async with (
            asyncio.timeout(deadline),
            aiohttp.ClientSession(
                connector=gate,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, connect=min(deadline, CONNECT_SECONDS)),
                auto_decompress=False,
                trust_env=False,
            ) as client,
            client.request(
                request.method,
                URL(endpoint + request.path, encoded=True),
                data=None if request.body is None else json.dumps(request.body).encode(),
                headers=_headers(request, token=token, uid=uid),
                allow_redirects=False,
            ) as response,
        ):
            return await _reply(request, response)
    except _GateClosedError:
        if gate.opened:
            raise Ambiguous("the connection was dropped before an answer came") from None
        raise NeverSent("the time in which it might be sent was over") from None
    except TimeoutError:
        # Causes are cut off throughout: aiohttp's exceptions carry the request's headers.
        if gate.opened:
            raise Ambiguous(f"no complete answer in {deadline:.0f} s") from None
        raise NeverSent(f"no connection to {endpoint} in time") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        if gate.opened:
            raise Ambiguous(f"no complete answer came ({type(error).__name__})") from None
        raise NeverSent(f"no connection to {endpoint}: {_why(error)}") from None


def _headers(request: NovaRequest, *, token: str, uid: str) -> dict[str, str]:
    headers = {
        "X-Auth-Token": token,
        "OpenStack-API-Version": f"compute {request.microversion}",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "serveractions",
    }
    if request.body is not None:
        headers["Content-Type"] = "application/json"
    if parse(request.microversion) < _GENERIC_HEADER:
        headers["X-OpenStack-Nova-API-Version"] = request.microversion
    # Nova ignores any other form silently (oslo_middleware.request_id).
    if _UUID.fullmatch(uid):
        headers["X-Openstack-Request-Id"] = f"req-{uid}"
    return headers


async def _reply(request: NovaRequest, response: aiohttp.ClientResponse) -> Reply:
    """Read the answer to its end.

    Raises:
        Ambiguous: A 2xx whose body broke off or is not Nova's. The status of any other answer is
            a complete statement; only its words are lost with the body.
    """
    parsed: dict[str, Any] = {}
    message = ""
    if HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
        parsed = await _acceptance(response)
    else:
        message = await _refusal(request, response)
    return Reply(
        status=response.status,
        request_id=answers.request_id(response.headers),
        message=message,
        body=parsed,
        retry_after=answers.retry_after(response.headers),
    )


async def _acceptance(response: aiohttp.ClientResponse) -> dict[str, Any]:
    try:
        body = await _read(response)
    except aiohttp.ClientError as error:
        raise Ambiguous(
            f"the answer {response.status} broke off ({type(error).__name__})"
        ) from None
    return _accepted_body(response.status, body)


async def _refusal(request: NovaRequest, response: aiohttp.ClientResponse) -> str:
    try:
        async with asyncio.timeout(WORDS_SECONDS):
            message = answers.words(await _read(response))
    except (aiohttp.ClientError, OSError):
        return ""
    return message if request.body is None else _without_secret(message, request.body)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    pieces, length = [], 0
    async for piece in response.content.iter_chunked(65536):
        length += len(piece)
        if length > MAX_ANSWER:
            raise aiohttp.ClientPayloadError("too long")
        pieces.append(piece)
    return b"".join(pieces)


def _accepted_body(status: int, body: bytes) -> dict[str, Any]:
    try:
        parsed = answers.parse_json(body)
    except ValueError:
        raise Ambiguous(f"the answer {status} is not Nova's: it holds no JSON") from None
    if parsed is None:
        return {}
    if not isinstance(parsed, dict):
        raise Ambiguous(f"the answer {status} is not Nova's: it holds no JSON object")
    return parsed


def _without_secret(message: str, body: Mapping[str, Any]) -> str:
    """Withhold words that may repeat the password.

    Nova's schema errors quote the value that they refuse (nova/api/validation/validators.py), and
    a short password cannot be searched for: it is found in any text. So only the answers that are
    known to quote nothing are let through; the reason of a driver's failure is searched as well.
    """
    secrets = [inner[_SECRET] for inner in body.values() if _SECRET in (inner or ())]
    if not secrets or _QUOTES_NOTHING.match(message):
        return message
    if _DRIVER_FAILURE.match(message) and not any(secret in message for secret in secrets):
        return message
    return _WITHHELD


def _why(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name does not resolve"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not trusted"
    if isinstance(error, aiohttp.ClientConnectorSSLError | ssl.SSLError):
        return "no TLS connection could be made"
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return type(error).__name__
