"""One Nova as one user: the reads, each at a pinned microversion, and the write.

Raw requests instead of openstacksdk's resource methods: those choose another microversion on each
cloud and in each release, and drop the request id that everything here depends on.
"""

import asyncio
import re
import time
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, TypeVar

from serveractions.actions.action import NovaRequest
from serveractions.actions.microversions import (
    INSTANCE_ACTIONS,
    MIGRATIONS,
    SERVERS,
    step_down,
)
from serveractions.actions.observation import Image, InstanceAction, Migration, Server
from serveractions.api.spec import ServerRef
from serveractions.api.status import Progress
from serveractions.cloud import records
from serveractions.cloud.answers import server_time
from serveractions.cloud.counting import NO_ANSWER, UNSENT, Asked, status_class
from serveractions.cloud.glance import Glance
from serveractions.cloud.login import Answer, Login, Session
from serveractions.cloud.reading import expect, identifier, reading
from serveractions.cloud.tls import Trust
from serveractions.cloud.transport import send_once
from serveractions.core.errors import (
    AmbiguousName,
    CloudUnavailable,
    InvalidCredentials,
    NeverSent,
    NotFound,
    UnsupportedCloud,
)
from serveractions.core.ports import CloudIdentity, Reply

CLOCK_DOUBT = timedelta(seconds=60)
"""How far our clock may be ahead of Nova's where Nova tells no time."""

_METACHARACTERS = re.compile(r"([\\.^$*+?{}\[\]|()])")
PAGE = 200
"""Servers in one answer: Nova's own page of 1,000 has 3 MB, more than is read of one
(`session.MAX_ANSWER`)."""
_MAX_PAGES = 20
MIGRATIONS_PAGE = 1000
"""Migrations in one answer: Nova's own largest page (`[api] max_limit`), 0.5 MB."""
CHANGED_PAGES = 100
"""Pages of changes that are read in one go: after a restart with thousands in flight, each of their
servers has changed not long ago, and looking at each by itself would be a storm."""
AT_A_TIME = 100
"""Records that are read without a pause: 2 ms."""

T = TypeVar("T")


class TooManyChanges(CloudUnavailable):
    """So much changes in the cloud that its lists cannot be read to their end."""


class NovaCloud:
    """Implements the core's `Cloud`, and the poller's `Sight`."""

    def __init__(
        self, *, login: Login, session: Session, trust: Trust, identity: CloudIdentity
    ) -> None:
        """Bind a login to the Secret that led to it.

        Args:
            login: Reads with it; shared with others who bring the same credentials.
            session: As it was when the cloud was opened.
            trust: What the write checks certificates against.
            identity: Where, as whom, and from which Secret.
        """
        self._login = login
        self._newest = session.newest
        self._trust = trust
        self._identity = identity
        self._glance = Glance(login)

    @property
    def identity(self) -> CloudIdentity:
        """Where and as whom."""
        return self._identity

    @property
    def newest(self) -> str:
        """The highest microversion of this Nova."""
        return self._newest

    @property
    def view(self) -> Hashable | None:
        """What the lists of changes show: equal views have the same rows. None before the first.

        Whoever trusts other certificates, or logs in elsewhere, has a view of its own: what one
        tenant believes must not be what another is told.
        """
        login, project = self._login, self._identity.project_id
        if login.own_servers is None:
            return None
        where = login.configuration
        return (
            self._identity.endpoint,
            where.auth_url,
            where.verify,
            where.cacert,
            project if login.own_servers else None,
            project if login.own_project else None,
        )

    async def find_server(self, ref: ServerRef) -> tuple[Server, datetime]:
        """Return the server and Nova's clock.

        A name is looked for in the project of the credentials, for administrators too: what a name
        means must not depend on who else has a server of that name.

        Raises:
            NotFound: There is none, or not for these credentials.
            AmbiguousName: Several have the name.
        """
        if ref.id is not None:
            return await self.server(ref.id)
        name = ref.name or ""
        # Nova's filter is a regular expression of its database; what it lets through is compared.
        pattern = "^" + _METACHARACTERS.sub(r"\\\1", name) + "$"
        matching: dict[str, Server] = {}
        marker: str | None = None
        for _ in range(_MAX_PAGES):
            params = {"name": pattern, "limit": str(PAGE)} | ({"marker": marker} if marker else {})
            answer = await self._get("/servers/detail", wanted=SERVERS, params=params)
            with reading("compute"):
                rows = records.rows(answer.body, "servers")
                page = [records.server(row) for row in rows]
            # As Nova wrote it: the name of a record is made fit to be shown.
            named = [one for one, row in zip(page, rows, strict=True) if row.get("name") == name]
            matching |= {server.id: server for server in named}
            if not page or not answer.body.get("servers_links"):
                return _only(matching, name), _nova_time(answer)
            marker = page[-1].id
        raise CloudUnavailable("Nova gives more servers of one name than can be read")

    async def server(self, server_id: str) -> tuple[Server, datetime]:
        """Return the server of an id and Nova's clock. Raises NotFound."""
        answer = await self._get(f"/servers/{identifier(server_id)}", wanted=SERVERS)
        with reading("compute"):
            found = records.server(records.row(answer.body, "server"))
            records.same(server_id, found.id)
        return found, _nova_time(answer)

    async def instance_actions(self, server_id: str) -> Sequence[InstanceAction]:
        """Return the server's action records, newest first, without events."""
        path = f"/servers/{identifier(server_id)}/os-instance-actions"
        answer = await self._get(path, wanted=INSTANCE_ACTIONS)
        with reading("compute"):
            found = [
                records.instance_action(row) for row in records.rows(answer.body, "instanceActions")
            ]
        return sorted(found, key=lambda action: action.start_time, reverse=True)

    async def instance_action(self, server_id: str, request_id: str) -> InstanceAction | None:
        """Return one record with its events; None when Nova has no such record (yet)."""
        try:
            path = f"/servers/{identifier(server_id)}/os-instance-actions/{identifier(request_id)}"
            answer = await self._get(path, wanted=INSTANCE_ACTIONS)
        except NotFound:
            return None
        with reading("compute"):
            found = records.instance_action(records.row(answer.body, "instanceAction"))
            records.same(request_id, found.request_id)
        return found

    async def migrations(self, server_id: str) -> Sequence[Migration]:
        """Return the server's migrations, finished ones too, newest first.

        A manager may read those of the own project only and must say so (Nova 32, 2025.2); before,
        and for others, the answer stays 403.
        """
        answer = await self._migrations({"instance_uuid": identifier(server_id)})
        with reading("compute"):
            found = [records.migration(row) for row in records.rows(answer.body, "migrations")]
        return sorted(
            (one for one in found if one.server_id == server_id),
            key=lambda one: (one.created, one.id),
            reverse=True,
        )

    async def _migrations(self, params: dict[str, str]) -> Answer:
        own = params | {"project_id": self._identity.project_id}
        answer = await self._answer(
            "/os-migrations", wanted=MIGRATIONS, params=own if self._login.own_project else params
        )
        # Below 2.80 the filter is not known, and no such policy either.
        if (
            answer.status == HTTPStatus.FORBIDDEN
            and not self._login.own_project
            and self._at(MIGRATIONS) == MIGRATIONS
        ):
            answer = await self._answer("/os-migrations", wanted=MIGRATIONS, params=own)
            self._login.own_project = answer.status == HTTPStatus.OK
        expect(answer, "compute")
        return answer

    async def changed_servers(
        self, since: datetime, wanted: Collection[str]
    ) -> tuple[Sequence[Server], datetime]:
        """Return those of the wanted servers that changed, deleted ones too, and Nova's clock.

        The servers of all projects where the credentials may list them, else those of their own
        (`servers:detail:get_all_tenants`, nova/api/openstack/compute/servers.py). A live
        migration's progress is no change.

        Args:
            since: On Nova's clock.
            wanted: The ids of servers; all other rows are passed over unread.
        """
        rows: list[Server] = []
        clock: datetime | None = None
        marker: str | None = None
        for _ in range(CHANGED_PAGES):
            answer = await self._changed_servers(since, marker)
            clock = clock or _nova_time(answer)
            with reading("compute"):
                page = records.rows(answer.body, "servers")
            rows += await _read(page, records.server, named="id", wanted=wanted)
            if not page or not answer.body.get("servers_links"):
                return rows, clock
            marker = str(page[-1].get("id"))
        raise TooManyChanges(f"Nova lists more than {CHANGED_PAGES * PAGE} servers that changed")

    async def _changed_servers(self, since: datetime, marker: str | None) -> Answer:
        params = {"changes-since": _moment(since), "limit": str(PAGE)}
        params |= {"marker": identifier(marker)} if marker else {}
        if not self._login.own_servers:
            everywhere = params | {"all_tenants": "1"}
            answer = await self._answer("/servers/detail", wanted=SERVERS, params=everywhere)
            if answer.status != HTTPStatus.FORBIDDEN:
                expect(answer, "compute")
                self._login.own_servers = False
                return answer
            self._login.own_servers = True
        return await self._get("/servers/detail", wanted=SERVERS, params=params)

    async def changed_migrations(
        self, since: datetime, wanted: Collection[str]
    ) -> Sequence[Migration]:
        """Return the migrations of the wanted servers that changed.

        What was never changed since it was made is not among them, as the database has no time of
        change for it.

        Args:
            since: On Nova's clock.
            wanted: The ids of servers; all other rows are passed over unread.
        """
        found: list[Migration] = []
        marker: str | None = None
        for _ in range(CHANGED_PAGES):
            params = {"changes-since": _moment(since), "limit": str(MIGRATIONS_PAGE)}
            answer = await self._migrations(params | ({"marker": marker} if marker else {}))
            with reading("compute"):
                page = records.rows(answer.body, "migrations")
            found += await _read(page, records.migration, named="instance_uuid", wanted=wanted)
            if not page or not answer.body.get("migrations_links"):
                return found
            marker = identifier(str(page[-1].get("uuid")))
        raise TooManyChanges("Nova lists more migrations that changed than can be read")

    async def progress(self, server: Server) -> Progress | None:
        """Return how far the running live migration is; None when Nova lists none as running.

        `queued`, `preparing`, `running` and `post-migrating` are listed, nothing else is: absence
        says nothing about the end.
        """
        path = f"/servers/{identifier(server.id)}/migrations"
        answer = await self._get(path, wanted=MIGRATIONS)
        with reading("compute"):
            running = records.rows(answer.body, "migrations")
            if not running:
                return None
            return records.progress(running[-1], percent=server.progress)

    async def image(self, image_id: str) -> Image | None:
        """Return an image, None when there is none (any more)."""
        return await self._glance.image(image_id)

    async def images(self, image_ids: Sequence[str]) -> Sequence[Image]:
        """Return those of the images that Glance has."""
        return await self._glance.images(image_ids)

    async def backups(self, server_id: str, backup_type: str | None = None) -> Sequence[Image]:
        """Return the backups of one server, of one type or of all, newest first."""
        return await self._glance.backups(server_id, backup_type)

    async def delete_image(self, image_id: str) -> None:
        """Delete an image (the orphan of a refused createBackup)."""
        await self._glance.delete(image_id)

    async def send(
        self, request: NovaRequest, *, uid: str, deadline: float, may_send: Callable[[], bool]
    ) -> Reply:
        """Send one write; see `transport.send_once`, which decides what is ambiguous.

        The token is made sure of before and never renewed in between. A 401 is returned like any
        other answer; the next read or write logs in anew.

        Raises:
            NeverSent: No byte of the request was written.
            Ambiguous: The cloud may have accepted it.
        """
        try:
            session = await self._login.session()
        except (CloudUnavailable, InvalidCredentials, UnsupportedCloud) as error:
            raise NeverSent(str(error)) from None
        if (session.endpoint, session.user_id, session.project_id) != (
            self._identity.endpoint,
            self._identity.user_id,
            self._identity.project_id,
        ):
            raise NeverSent("the credentials lead to another endpoint, user or project than before")
        answered, begun = NO_ANSWER, time.monotonic()
        try:
            reply = await send_once(
                request,
                endpoint=self._identity.endpoint,
                token=session.token,
                tls=self._trust.context,
                uid=uid,
                deadline=deadline,
                may_send=may_send,
            )
            answered = status_class(reply.status)
        except NeverSent:
            answered = UNSENT
            raise
        finally:
            asked = Asked("compute", request.name, request.method)
            self._login.count(asked, answered, time.monotonic() - begun)
        if reply.status == HTTPStatus.UNAUTHORIZED:
            self._login.renew(session)
        return reply

    def _at(self, wanted: str) -> str:
        return step_down(wanted, self._newest)

    async def _answer(
        self, path: str, *, wanted: str, params: dict[str, str] | None = None
    ) -> Answer:
        return await self._login.get("compute", path, params=params, microversion=self._at(wanted))

    async def _get(self, path: str, *, wanted: str, params: dict[str, str] | None = None) -> Answer:
        answer = await self._answer(path, wanted=wanted, params=params)
        expect(answer, "compute")
        return answer


def _only(matching: dict[str, Server], name: str) -> Server:
    if not matching:
        raise NotFound(f"no server is named {name!r} in the project of the credentials")
    if len(matching) > 1:
        raise AmbiguousName(
            f"{len(matching)} servers are named {name!r}: write one of their ids into "
            f"spec.serverRef.id: {', '.join(sorted(matching)[:20])}"
        )
    return next(iter(matching.values()))


async def _read(
    page: Sequence[Mapping[str, Any]],
    read: Callable[[Mapping[str, Any]], T],
    *,
    named: str,
    wanted: Collection[str],
) -> list[T]:
    """Read those rows of a page that name a wanted server; the event loop has more to do between.

    Raises:
        CloudUnavailable: A row is no record.
    """
    found: list[T] = []
    for first in range(0, len(page), AT_A_TIME):
        rows = page[first : first + AT_A_TIME]
        with reading("compute"):
            found += [read(row) for row in rows if row.get(named) in wanted]
        await asyncio.sleep(0)
    return found


def _moment(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _nova_time(answer: Answer) -> datetime:
    """Return Nova's clock.

    A Nova behind a server that sends no Date (bare uWSGI) leaves only our own clock. It is set
    back: a time that is too early only widens a search that known ids narrow again, one that is too
    late would overlook an accepted action.
    """
    return server_time(answer.headers) or datetime.now(UTC) - CLOCK_DOUBT
