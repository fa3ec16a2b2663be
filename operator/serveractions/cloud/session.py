"""A keystoneauth session that keeps to what one Secret may reach.

Built from parts, since openstacksdk's configuration loader would take in files and the environment.
What it adds to a plain session: every URL is checked (discovery documents and catalogues name new
ones), an answer has a size limit and a time limit, nothing is redirected (the token would travel
along), no proxy or netrc is read from the environment, a body is text in UTF-8 whatever it claims,
and the pool is as large as the number of threads, since requests' own of ten would open and drop
connections.
"""

import ssl
from collections.abc import Mapping
from typing import Any

import requests
from keystoneauth1 import session as keystone_session
from keystoneauth1.identity import v3
from openstack.connection import Connection
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError as TransportError
from urllib3.exceptions import NameResolutionError
from urllib3.exceptions import ReadTimeoutError as TransportTimeoutError

from serveractions.cloud import addresses, deadline
from serveractions.cloud.credentials import APPLICATION_CREDENTIAL, CloudConfiguration

_MAX_CAUSES = 16
MAX_ANSWER = 1024 * 1024
"""The most that is asked for are pages of a hundred images, or 1,000 of a server's records."""
MAX_VALUES = 100_000
"""Of an answer. An empty list has two bytes, and 64 of them once it is parsed: without this bound
eight answers at once would take the pod's whole memory."""
USER_AGENT = "serveractions"
NO_ANSWER = "it did not answer in time"

# From the inside of a chain of exceptions, the first that fits: libraries wrap a cause many times.
_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (NameResolutionError, "its name does not resolve"),
    (ConnectionRefusedError, "it refuses connections"),
    (ssl.SSLError, "no TLS connection could be made"),
    (requests.Timeout, NO_ANSWER),
    (TimeoutError, NO_ANSWER),
    (requests.ConnectionError, "the connection was dropped"),
)


class AnswerRefused(requests.RequestException):
    """The answer was too much."""


class _Guard(HTTPAdapter):
    """Checks where each request goes and bounds each answer."""

    def __init__(self, *, threads: int, allowed: tuple[str, ...], seconds: float) -> None:
        self._allowed = allowed
        self._seconds = seconds
        self._closed = False
        super().__init__(pool_connections=4, pool_maxsize=threads, max_retries=0)
        deadline.obey(self.poolmanager)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        addresses.check_request(request.url or "", self._allowed)
        if self._closed:
            raise requests.ConnectionError("the operator stops")
        with deadline.within(self._seconds):
            response = super().send(request, *args, **kwargs)
            try:
                # `content` of requests would not be bounded.
                response._content = _read(response.raw)  # noqa: SLF001
            except BaseException:
                # What is left unread must never be taken for the next answer.
                response.raw.close()
                raise
        # Guessed from a body, or taken from a header, a codec may need minutes for a megabyte.
        response.encoding = "utf-8"
        return response

    def close(self) -> None:
        self._closed = True
        super().close()


def _read(raw: Any) -> bytes:
    """Read a body to its end, which gives the connection back to the pool."""
    pieces, length = [], 0
    try:
        while piece := raw.read1(65536, decode_content=True):
            length += len(piece)
            if length > MAX_ANSWER:
                raise AnswerRefused(f"the answer is longer than {MAX_ANSWER} bytes")
            pieces.append(piece)
    except TransportTimeoutError as error:
        raise requests.ReadTimeout("the answer did not end in time") from error
    except TransportError as error:
        raise requests.ConnectionError("the answer broke off") from error
    body = b"".join(pieces)
    if sum(map(body.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise AnswerRefused(f"the answer holds more than {MAX_VALUES} values")
    return body


def open_session(
    configuration: CloudConfiguration,
    *,
    ca_file: str | None,
    threads: int,
    allowed: tuple[str, ...],
    read_timeout: float,
) -> keystone_session.Session:
    """Return a session that has sent nothing yet.

    Args:
        configuration: Which cloud, as whom.
        ca_file: Where the certificate authority of the configuration is, as requests needs a path.
        threads: How many will use it at once.
        allowed: Prefixes that every URL must have.
        read_timeout: Seconds for each request.
    """
    transport = requests.Session()
    transport.trust_env = False
    guard = _Guard(threads=threads, allowed=allowed, seconds=read_timeout)
    for scheme in ("http://", "https://"):
        transport.mount(scheme, guard)
    return keystone_session.Session(
        auth=_plugin(configuration),
        session=transport,
        verify=(ca_file or True) if configuration.verify else False,
        timeout=read_timeout,
        redirect=False,
        connect_retries=0,
        app_name=USER_AGENT,
    )


class Services:
    """openstacksdk's adapters for the services of one cloud.

    With the endpoint given, an adapter asks for nothing but what it is told to.
    """

    def __init__(
        self, session: keystone_session.Session, endpoints: Mapping[str, str | None]
    ) -> None:
        """Send nothing.

        Args:
            session: Shared by all of them.
            endpoints: By type of service; None for one that the cloud does not have.
        """
        found = {name: url for name, url in endpoints.items() if url is not None}
        overrides = {f"{name}_endpoint_override": url for name, url in found.items()}
        # Kept, since the adapters reach it through a weak reference, which its property `session`
        # lays (openstacksdk 4.22, openstackcloud.py).
        self._connection = Connection(session=session, **overrides)
        self._session = self._connection.session
        self._adapters = {name: self._connection.config.get_session_client(name) for name in found}

    def __getitem__(self, name: str) -> Any:
        """Return the adapter of a service. Raises KeyError."""
        return self._adapters[name]


def _plugin(configuration: CloudConfiguration) -> Any:
    """Return what logs in, at v3 and without a look at Keystone's versions.

    keystoneauth's generic plugin asks for them while it holds the lock on its token, and where the
    answer is a 401 it asks again, with a token: the thread waits for its own lock, for ever
    (keystoneauth1 5.18, discover.py and identity/base.py).
    """
    auth = dict(configuration.auth)
    if configuration.auth_type == APPLICATION_CREDENTIAL:
        return v3.ApplicationCredential(**auth)
    for part in ("id", "name"):
        default = auth.pop(f"default_domain_{part}", None)
        for owner in ("user", "project"):
            if default is not None:
                auth.setdefault(f"{owner}_domain_{part}", default)
    return v3.Password(**auth)


def reason(error: BaseException) -> str:
    """Say in a few plain words why a request failed, without anything that the request carried."""
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message})"
        if isinstance(cause, AnswerRefused):
            return str(cause)
        for kind, words in _REASONS:
            if isinstance(cause, kind):
                return words
    return f"its answer could not be used ({type(error).__name__})"


def _chain(error: BaseException) -> list[BaseException]:
    """Return the causes, innermost first."""
    causes: list[BaseException] = []
    following: object = error
    while isinstance(following, BaseException) and len(causes) < _MAX_CAUSES:
        causes.insert(0, following)
        inner = [arg for arg in following.args if isinstance(arg, BaseException)]
        following = (
            following.__cause__
            or following.__context__
            or getattr(following, "reason", None)
            or (inner[0] if inner else None)
        )
    return causes
