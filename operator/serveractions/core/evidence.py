"""Reads what Nova has on record, to tell whether a request of which no answer came was accepted.

Only the very cloud that the request was meant for counts, as the same user: anything else, and
everything that cannot be read, is `Unseen`, which is never the same as absent.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from serveractions.actions.action import Action
from serveractions.actions.observation import Image, InstanceAction, Server
from serveractions.actions.registry import action_for
from serveractions.actions.traces import Absent, Found, Records, Several, Trace, Unseen
from serveractions.api.resource import Resource
from serveractions.api.spec import ServerBackupSpec, ServerRef
from serveractions.api.status import Intent
from serveractions.core.errors import (
    ApiUnavailable,
    CloudUnavailable,
    Forbidden,
    InvalidCredentials,
    NotFound,
    SecretMissing,
    UnsupportedCloud,
)
from serveractions.core.ledger import Ledger
from serveractions.core.ports import Cloud, Clouds, Objects

ELSEWHERE = "the Secret leads to another cloud, user or project than the request was meant for"
_NO_SIGHT = (
    SecretMissing,
    CloudUnavailable,
    ApiUnavailable,
    InvalidCredentials,
    UnsupportedCloud,
    Forbidden,
)


@dataclass(frozen=True, slots=True)
class NoRecord:
    """This Nova would keep no record of the request, so its acceptance can never be told."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The server is not there any more, and shows no record of the request."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look.

    Attributes:
        finding: What it shows.
        nova_time: Nova's clock, None where Nova did not answer.
    """

    finding: Trace | NoRecord | Gone
    nova_time: datetime | None = None


class Evidence:
    """Looks for requests in the records of the cloud that they went to."""

    def __init__(self, *, clouds: Clouds, objects: Objects, ledger: Ledger) -> None:
        self._clouds = clouds
        self._objects = objects
        self._ledger = ledger

    async def look(self, resource: Resource, intent: Intent) -> Look:
        """Look for the request of an object's intent."""
        try:
            cloud = await self._clouds.open(resource.namespace, resource.spec.cloud_credentials_ref)
            if not same_cloud(intent, cloud):
                return Look(Unseen(ELSEWHERE))
            action = action_for(resource.kind.name)
            if not action.traceable(cloud.newest):
                return Look(NoRecord())
            return await self._in(cloud, action, resource, intent)
        except _NO_SIGHT as error:
            return Look(Unseen(str(error)))

    async def unowned(
        self, resource: Resource, records: Sequence[InstanceAction], server_id: str
    ) -> list[InstanceAction]:
        """Return the records that no other object owns. Raises ApiUnavailable.

        Args:
            resource: Whose own requests are kept.
            records: Those that matter: where there are none, nothing is read.
            server_id: Their server.
        """
        left = self._ledger.unowned(records, but_by=resource.uid)
        if not left:
            return []
        for other in await self._objects.of_server(resource.kind, server_id):
            self._ledger.note(other)
        return self._ledger.unowned(left, but_by=resource.uid)

    async def _in(self, cloud: Cloud, action: Action, resource: Resource, intent: Intent) -> Look:
        server_id = intent.server_id
        nova_time: datetime | None = None
        try:
            found = await cloud.instance_actions(server_id)
        except NotFound:
            found = ()  # nor a server, then
        # After the actions: an image whose record is missing may have been made in between.
        images = await _backups(cloud, resource, server_id)
        server: Server | None = None
        with contextlib.suppress(NotFound):
            server, nova_time = await cloud.find_server(ServerRef(id=server_id))
        if server is not None and server.partial:
            return Look(Unseen("Nova cannot see the server just now: its cell is down"))
        matching = [each for each in found if action.matches(each, intent)]
        unowned = await self.unowned(resource, matching, server_id)
        records = Records(
            server=server,
            actions=tuple(found),
            strangers=frozenset(each.request_id for each in matching if each not in unowned),
            images=images,
        )
        finding = action.trace(intent, resource.uid, records)
        if isinstance(finding, Found) and self._ledger.doubtful(
            finding.request_id, but_by=resource.uid
        ):
            finding = Several((finding.request_id,))
        if server is None and isinstance(finding, Absent):
            return Look(Gone(), nova_time)
        return Look(finding, nova_time)


async def _backups(cloud: Cloud, resource: Resource, server_id: str) -> tuple[Image, ...] | None:
    if not isinstance(resource.spec, ServerBackupSpec):
        return None
    return tuple(await cloud.backups(server_id))


def same_cloud(intent: Intent | None, cloud: Cloud) -> bool:
    """Say whether this is the cloud, user and project that an intent names."""
    who = cloud.identity
    return intent is not None and (intent.endpoint, intent.user_id, intent.project_id) == (
        who.endpoint,
        who.user_id,
        who.project_id,
    )
