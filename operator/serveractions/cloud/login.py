"""One set of credentials at one cloud: its token, its endpoint, and requests off the event loop.

A login is made anew whenever the token must be, so that the endpoint and the microversion of a
long-lived process stay true.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, Literal, TypeVar

from keystoneauth1 import exceptions as keystone
from keystoneauth1.session import Session as KeystoneSession

from serveractions.cloud import addresses, session
from serveractions.cloud.answers import parse_json, utc, words
from serveractions.cloud.asking import REFUSAL_PAUSE, REFUSED, Asking, CredentialsRefused, succeeded
from serveractions.cloud.counting import LOGIN, Asked, Count, family
from serveractions.cloud.credentials import CloudConfiguration
from serveractions.cloud.discovery import find_glance, find_nova
from serveractions.config import Config
from serveractions.core.errors import CloudUnavailable, InvalidCredentials

T = TypeVar("T")
Service = Literal["compute", "image"]

MIN_TOKEN_LIFE = timedelta(seconds=120)
_PRINTABLE = re.compile(r"[!-~]{1,255}", re.ASCII)
"""What an id of a user or a project is made of: it goes into statuses, and is compared there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A complete answer to a read.

    Attributes:
        body: The parsed JSON of a 2xx.
        words: What another answer says.
    """

    status: int
    headers: Mapping[str, str]
    body: Any = field(repr=False)
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a login gave: good until `expires`."""

    services: session.Services = field(repr=False)
    token: str = field(repr=False)
    expires: datetime
    endpoint: str
    user_id: str
    project_id: str
    newest: str

    @property
    def lasting(self) -> bool:
        """Whether the token is good for the next minutes."""
        return self.expires - datetime.now(UTC) > MIN_TOKEN_LIFE


class Login:
    """Credentials that log in when needed, and again when their token ends."""

    def __init__(
        self,
        configuration: CloudConfiguration,
        *,
        config: Config,
        ca_file: str | None,
        threads: Executor,
        count: Count,
    ) -> None:
        """Send nothing yet.

        Args:
            configuration: Which cloud, as whom.
            config: Time-outs, allowed addresses, threads.
            ca_file: The certificate authority, as a file.
            threads: The executor of the cloud.
            count: Counts answers for metrics.
        """
        self.configuration = configuration
        self._config = config
        self._ca_file = ca_file
        self.count = count
        self._asking = Asking(threads=threads, seconds=config.read_timeout, count=count)
        self._session: Session | None = None
        self._opened: KeystoneSession | None = None
        self._pending: asyncio.Task[Session] | None = None
        self._refused_until = 0.0
        # Learnt from a 403: os-migrations must be asked for the own project (a manager's rights).
        self.own_project = False
        # The same for the list of servers, which only administrators may have of all projects;
        # None before one was asked for.
        self.own_servers: bool | None = None

    async def session(self) -> Session:
        """Return a session whose token is good for the next minutes.

        Raises:
            CloudUnavailable: Keystone or Nova did not answer, or Keystone refused the credentials.
            InvalidCredentials: The catalogue names an address that may not be contacted.
            UnsupportedCloud: There is no Nova of a usable age.
        """
        if (current := self._session) and current.lasting:
            return current
        pause = self._refused_until - time.monotonic()
        if pause > 0:
            raise CloudUnavailable(REFUSED, retry_after=pause)
        # All who wait share one attempt and its failure: a dead Keystone is not asked by each.
        if self._pending is not None and not self._pending.done():
            if self._asking.circuit.silent:
                raise self._asking.circuit.left_alone()
        else:
            self._pending = asyncio.create_task(self._begin())
            self._pending.add_done_callback(_retrieve)
        return await asyncio.shield(self._pending)

    async def _begin(self) -> Session:
        begun = await self._in_thread(LOGIN, self._log_in)
        self._session = begun
        self.own_project, self.own_servers = False, None  # a role may have been given since
        return begun

    @property
    def silent(self) -> bool:
        """Whether the cloud does not answer, and is left alone."""
        return self._asking.circuit.silent

    def close(self) -> None:
        """Begin no request any more; those under way end within their own time."""
        if self._opened is not None:
            self._opened.session.close()

    def renew(self, refused: Session) -> None:
        """Have the next request log in again, since the token of `refused` met a 401."""
        if self._session is refused:
            self._session = None

    async def get(
        self,
        service: Service,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        microversion: str | None = None,
    ) -> Answer:
        """Read; once more where a kept connection was dropped or the token had ended.

        Raises:
            CloudUnavailable: No complete answer in `config.read_timeout` seconds.
        """
        return await self._request(service, "GET", path, params=params, microversion=microversion)

    async def delete_image(self, image_id: str) -> Answer:
        """Delete an image: to Glance that is as repeatable as a read."""
        return await self._request("image", "DELETE", f"/images/{image_id}")

    async def _request(
        self,
        service: Service,
        method: Literal["GET", "DELETE"],
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        microversion: str | None = None,
    ) -> Answer:
        for _ in range(2):
            current = await self.session()
            ask = partial(_ask, _adapter(current, service), method, path, params, microversion)
            asked = Asked(service, family(path), method)
            answer = await self._in_thread(asked, ask, status=lambda answer: answer.status)
            if answer.status != HTTPStatus.UNAUTHORIZED:
                return answer
            self.renew(current)
        raise CredentialsRefused(f"{service} does not accept a new token (401)")

    async def _in_thread(
        self, asked: Asked, call: Callable[[], T], *, status: Callable[[T], int] = succeeded
    ) -> T:
        try:
            return await self._asking.ask(asked, call, status=status)
        except CredentialsRefused:
            self._refused_until = time.monotonic() + REFUSAL_PAUSE
            raise

    def _log_in(self) -> Session:
        """Fetch a token and find Nova; blocking."""
        opened = session.open_session(
            self.configuration,
            ca_file=self._ca_file,
            threads=self._config.cloud_threads,
            allowed=self._config.allowed_urls,
            read_timeout=self._config.read_timeout,
        )
        self._opened = opened
        access = opened.auth.get_access(opened)
        if not access.project_id:
            raise InvalidCredentials(
                "the credentials belong to no project: name one in clouds.yaml"
            )
        endpoint, newest = find_nova(opened, access, self.configuration)
        glance = find_glance(access, self.configuration)
        for found in filter(None, (endpoint, glance)):
            addresses.check(found, self._config.allowed_urls)
        return Session(
            services=session.Services(opened, {"compute": endpoint, "image": glance}),
            token=str(access.auth_token),
            expires=utc(access.expires),
            endpoint=endpoint,
            user_id=_identifier(access.user_id),
            project_id=_identifier(access.project_id),
            newest=newest,
        )


def _identifier(value: object) -> str:
    if not isinstance(value, str) or not _PRINTABLE.fullmatch(value):
        raise CloudUnavailable("Keystone's answer names no user or project: is it a Keystone?")
    return value


def _retrieve(task: asyncio.Task[Session]) -> None:
    """Take the exception note of: those who waited may all have been cancelled."""
    if not task.cancelled():
        task.exception()


def _adapter(current: Session, service: Service) -> Any:
    try:
        return current.services[service]
    except KeyError:
        raise CloudUnavailable(f"the catalogue has no {service} endpoint") from None


def _ask(
    service: Any,
    method: str,
    path: str,
    params: Mapping[str, str] | None,
    microversion: str | None,
) -> Answer:
    """Send one repeatable request; blocking."""
    send = partial(
        service.request,
        path,
        method,
        params=dict(params or {}),
        microversion=microversion,
        # A 401 is for `Login` to see: it knows who else uses the token.
        allow_reauth=False,
        redirect=False,
        raise_exc=False,
        connect_retries=0,
        status_code_retries=0,
    )
    try:
        response = send()
    except keystone.ConnectTimeout:
        raise
    except keystone.ConnectFailure:
        # Most often a kept connection that the server closed meanwhile.
        response = send()
    return Answer(
        status=int(response.status_code),
        headers=response.headers,
        body=parse_json(response.content) if response.ok else None,
        words="" if response.ok else words(response.content),
    )
