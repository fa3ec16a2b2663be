"""One connection pool to the Kubernetes API for everything but the watches, which are kopf's.

Requests and answers are plain JSON objects: the model classes of the client library cost time and
memory for each object and would drop what they do not know. What the library is used for is what is
hard: kubeconfigs, their credential plugins, and service-account tokens that are renewed on disk.
"""

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import config as kubeconfig_loader
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException

from serveractions.core.errors import ApiUnavailable, Conflict, ObjectGone, StatusRefused

log = logging.getLogger(__name__)

MERGE_PATCH = "application/merge-patch+json"
JSON = "application/json"

CONNECT_TIMEOUT = 5.0
REQUEST_TIMEOUT = 30.0
"""Seconds for connecting, and for the whole of one request."""
GAP = 60.0
"""Seconds without an answer after which the API server counts as away; Leases ask more often."""
UNLIMITED = 0
"""Connections: the number of workers bounds them, and a Lease must never wait for a free one."""

OK = 200
REDIRECT = 300
UNAUTHORIZED = 401
NOT_FOUND = 404
CONFLICT = 409
TOO_LARGE = 413
INVALID = 422
TOO_MANY_REQUESTS = 429
SERVER_ERROR = 500

QUOTED = re.compile(r'"(?:[^"\\]|\\.){200,}"')
"""A text in quotation marks that is longer than any name."""

Json = dict[str, Any]


class ApiRefused(ApiUnavailable):
    """The API server understood and said no: rights are missing, or a CRD is of another release.

    It is an ApiUnavailable since a person can put it right while the operator waits; `status` is
    the HTTP status.
    """

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Where the API server is and how to log in, for a client of another make."""

    server: str
    scheme: str | None
    token: str | None
    ca_path: str | None
    certificate_path: str | None
    private_key_path: str | None
    insecure: bool
    proxy_url: str | None


async def configure(kubeconfig: str | None) -> Configuration:
    """Return the library's configuration: of that file, or of the pod's service account.

    Raises:
        ConfigException: There is no such file or service account; the message says what was looked
            for.
    """
    configuration = Configuration()
    if kubeconfig is None:
        kubeconfig_loader.load_incluster_config(client_configuration=configuration)
    else:
        await kubeconfig_loader.load_kube_config(
            config_file=kubeconfig, client_configuration=configuration, persist_config=False
        )
    configuration.connection_pool_maxsize = UNLIMITED
    # Proxy variables are there for the clouds; the API server is not behind them.
    configuration.client_session_kwargs = {"trust_env": False}
    return configuration


class Api:
    """The Kubernetes API as JSON over HTTP, with errors named after what to do about them."""

    def __init__(self, *, configuration: Configuration, kubeconfig: str | None) -> None:
        self._kubeconfig = kubeconfig
        self._configuration = configuration
        self._client = ApiClient(configuration)
        self._client.user_agent = "serveractions"
        # How far the API server's clock is ahead of ours, from the Date of its last answer.
        self._ahead = timedelta(0)
        # When it last did what it was asked for, and since when without a gap.
        self._answered = self._answering = asyncio.get_running_loop().time()

    @classmethod
    async def connect(cls, kubeconfig: str | None) -> Self:
        """Return a client for a kubeconfig, or for the pod's service account where it is None.

        Nothing is sent yet. Raises ConfigException.
        """
        return cls(configuration=await configure(kubeconfig), kubeconfig=kubeconfig)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def answering(self) -> float:
        """Return for how many seconds the API server has been answering, without a gap."""
        now = asyncio.get_running_loop().time()
        return now - self._answering if now - self._answered < GAP else 0.0

    def server_time(self) -> datetime:
        """Return the API server's clock, to a second or two."""
        return datetime.now(UTC) + self._ahead

    async def credentials(self) -> Credentials:
        """Return fresh credentials, read anew from where they come from. Raises ConfigException."""
        await self._log_in()
        current = self._configuration
        header = await current.get_api_key_with_prefix("BearerToken")
        scheme, _, token = header.partition(" ") if header else (None, "", None)
        return Credentials(
            server=current.host,
            scheme=scheme,
            token=token,
            ca_path=current.ssl_ca_cert,
            certificate_path=current.cert_file,
            private_key_path=current.key_file,
            insecure=not current.verify_ssl,
            proxy_url=current.proxy,
        )

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        content_type: str = JSON,
        seconds: float = REQUEST_TIMEOUT,
    ) -> Json:
        """Send one request, once, and return the JSON object of the answer.

        Args:
            method: The HTTP method.
            path: From the root of the server; names in it must be fit for a URL, as Kubernetes
                names are.
            query: Parameters of the URL.
            body: What to send.
            content_type: What `body` is.
            seconds: The longest that the whole exchange may take.

        Raises:
            Conflict, ObjectGone, StatusRefused: 409, 404 of an object, and 422 or 413.
            ApiRefused: Any other answer that is a no.
            ApiUnavailable: No answer, or 5xx or 429. A write may have been done all the same.
        """
        with _answering(method, path):
            answer = await self._begin(
                method, path, query=query, body=body, content_type=content_type, seconds=seconds
            )
            text: bytes = await answer.read()
        await self._judge(answer, text)
        return _parse(text, f"{method} {path}")

    async def stream(
        self, path: str, *, query: Mapping[str, str], seconds: float = REQUEST_TIMEOUT
    ) -> AsyncGenerator[Json, None]:
        """Yield the JSON objects of an answer that has one in each line, as they come.

        Args:
            path: From the root of the server.
            query: Parameters of the URL.
            seconds: The longest that the whole exchange may take.

        Raises:
            ApiRefused, ApiUnavailable, StatusRefused: As for `request`; also in the middle.
        """
        with _answering("GET", path):
            answer = await self._begin("GET", path, query=query, seconds=seconds)
        try:
            rest = b""
            with _answering("GET", path):
                refused = not OK <= answer.status < REDIRECT
                await self._judge(answer, await answer.read() if refused else b"")
                async for piece in answer.response.content.iter_any():
                    *lines, rest = (rest + piece).split(b"\n")
                    for line in lines:
                        yield _parse(line, f"GET {path}")
        finally:
            answer.response.close()

    async def _begin(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None,
        seconds: float,
        body: Json | None = None,
        content_type: str = JSON,
    ) -> Any:
        """Send a request; return what the library makes of the head of the answer."""
        headers = {"Accept": JSON, "Content-Type": content_type, "User-Agent": "serveractions"}
        url = self._configuration.host + path + (f"?{urlencode(query)}" if query else "")
        await self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        return await self._client.call_api(
            method,
            url,
            header_params=headers,
            body=body,
            _request_timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_TIMEOUT),
        )

    async def _judge(self, answer: Any, text: bytes) -> None:
        """Take note of an answer. Raises what it means where it is no success."""
        self._set_clock(answer.getheader("Date"))
        status: int = answer.status
        if OK <= status < REDIRECT:
            self._note_answer()
            return
        if status == UNAUTHORIZED:
            await self._renew()
        raise _error(status, text, retry_after=answer.getheader("Retry-After"))

    async def get(self, path: str, *, query: Mapping[str, str] | None = None) -> Json:
        """GET one object or one page of a list."""
        return await self.request("GET", path, query=query)

    async def merge_patch(self, path: str, body: Json) -> Json:
        """PATCH with a JSON merge patch; return the object as stored.

        Validation is strict: a field that the installed CRD does not know is refused
        (StatusRefused) and not silently dropped, since what is dropped may be the write-ahead
        record of an action.
        """
        query = {"fieldValidation": "Strict", "fieldManager": "serveractions"}
        return await self.request("PATCH", path, query=query, body=body, content_type=MERGE_PATCH)

    def _note_answer(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._answered >= GAP:
            self._answering = now
        self._answered = now

    def _set_clock(self, date: str | None) -> None:
        try:
            told = parsedate_to_datetime(date or "")
        except ValueError:  # a proxy in between may leave it out
            return
        self._ahead = told.replace(tzinfo=UTC) - datetime.now(UTC)

    async def _renew(self) -> None:
        """Read the credentials anew after a 401, for the next request: this one is not repeated."""
        try:
            await self._log_in()
        except ConfigException as error:
            log.warning("the Kubernetes credentials cannot be read", extra={"error": str(error)})

    async def _log_in(self) -> None:
        fresh = await configure(self._kubeconfig)
        self._configuration.api_key = fresh.api_key
        self._configuration.refresh_api_key_hook = fresh.refresh_api_key_hook


@contextlib.contextmanager
def _answering(method: str, path: str) -> Iterator[None]:
    """Say that there was no answer, whatever a library calls that."""
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, OSError, ConfigException) as error:
        # Only the type: a connection error's text may carry the URL, and a timeout has none.
        raise ApiUnavailable(f"no answer to {method} {path}: {_describe(error)}") from error


def _describe(error: BaseException) -> str:
    return "timed out" if isinstance(error, TimeoutError) else str(error) or type(error).__name__


def _parse(text: bytes, what: str) -> Json:
    try:
        answer = json.loads(text)
    except ValueError as error:
        raise ApiUnavailable(f"the answer to {what} is not JSON") from error
    if not isinstance(answer, dict):
        raise ApiUnavailable(f"the answer to {what} is not a JSON object")
    return answer


def _error(status: int, text: bytes, *, retry_after: str | None) -> Exception:
    answer = _status(text)
    message = _shortened(answer.get("message")) or f"HTTP {status}"
    if status == CONFLICT:
        return Conflict(message)
    # Any other 404 is of a proxy, or of a path that is not served: it says nothing of an object.
    if status == NOT_FOUND and answer.get("reason") == "NotFound":
        return ObjectGone(message)
    if status in (INVALID, TOO_LARGE):
        return StatusRefused(message)
    if status == TOO_MANY_REQUESTS or status >= SERVER_ERROR:
        return ApiUnavailable(message, retry_after=_seconds(retry_after))
    return ApiRefused(f"{message} (HTTP {status})", status=status)


def _status(text: bytes) -> Json:
    """Return a metav1.Status; empty for whatever else a proxy in between may answer."""
    try:
        answer = json.loads(text)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) and answer.get("kind") == "Status" else {}


def _shortened(message: object) -> str:
    """Return the API server's words without the whole object, which it quotes before the cause."""
    return QUOTED.sub('"..."', message) if isinstance(message, str) else ""


def _seconds(value: str | None) -> float | None:
    try:
        return None if value is None else max(0.0, float(value))
    except ValueError:  # the other form of Retry-After, a date, which Kubernetes never sends
        return None
