"""Everything that is read and checked before an action is claimed.

The look at the cloud (credentials, server, Nova's clock) is repeated while an object waits; the
records that an intent needs are read once more directly before the claim, so that what is in Nova
by then is known not to be ours.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from serveractions.actions import follow_up
from serveractions.actions.action import Action, Look, NovaRequest, Target
from serveractions.actions.microversions import FLOOR, UnsupportedMicroversion, parse
from serveractions.actions.observation import Image, InstanceAction, Migration, Server
from serveractions.api.resource import Resource
from serveractions.api.spec import ServerBackupSpec, ServerPasswordChangeSpec, ServerRef
from serveractions.api.status import Intent, Reason, ServerStatus
from serveractions.core.errors import (
    AmbiguousName,
    CloudUnavailable,
    Forbidden,
    InvalidCredentials,
    NotFound,
    SecretMissing,
    UnsupportedCloud,
)
from serveractions.core.ports import Cloud, Clouds, Objects

T = TypeVar("T")

KNOWN_LIMIT = 200
"""How many known records an intent lists: Nova answers newest first, and ours can only be newer."""


@dataclass(frozen=True, slots=True)
class Held:
    """The action cannot be sent yet."""

    reason: Reason
    message: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """The action will never be sent."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A server, in the cloud of the object's own credentials."""

    cloud: Cloud
    server: Server
    nova_time: datetime
    created: datetime
    """When the object was created, on Nova's clock."""

    @property
    def status(self) -> ServerStatus:
        """The server as the object's status shows it before the action."""
        return ServerStatus(
            id=self.server.id,
            name=self.server.name,
            status=self.server.status,
            task_state=self.server.task_state,
            source_host=self.server.place,
            host=self.server.place,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """All that one attempt needs: what is sent, and the record that is written before it.

    Attributes:
        actions: What Nova has on record of the server.
        images: ServerBackup: the backups of the same type that are there.
    """

    cloud: Cloud
    server: Server
    request: NovaRequest
    intent: Intent
    actions: Sequence[InstanceAction]
    images: Sequence[Image] = ()


class Preparation:
    """Reads the cloud for objects that wait."""

    def __init__(self, *, clouds: Clouds, objects: Objects, identity: str) -> None:
        self._clouds = clouds
        self._objects = objects
        self._identity = identity

    async def look(self, resource: Resource) -> Seen | Held | Ended:
        """Find the object's server, or say why that cannot be done."""
        spec = resource.spec
        known = resource.status.server
        ref = ServerRef(id=known.id) if known is not None else spec.server_ref
        return await _answered(self._look(resource, ref))

    async def prepare(
        self, resource: Resource, action: Action, seen: Seen, *, stepped_down: bool
    ) -> Prepared | Held | Ended:
        """Read the records that are there already and build the request and its intent."""
        return await _answered(self._prepare(resource, action, seen, stepped_down=stepped_down))

    async def _look(self, resource: Resource, ref: ServerRef) -> Seen:
        cloud = await self._clouds.open(resource.namespace, resource.spec.cloud_credentials_ref)
        server, nova_time = await cloud.find_server(ref)
        # Both clocks are read at the same moment; how far they are apart does not matter.
        age = self._objects.server_time() - resource.created
        return Seen(cloud=cloud, server=server, nova_time=nova_time, created=nova_time - age)

    async def _prepare(
        self, resource: Resource, action: Action, seen: Seen, *, stepped_down: bool
    ) -> Prepared | Ended:
        cloud, server = seen.cloud, seen.server
        actions, migrations, images, password = await asyncio.gather(
            cloud.instance_actions(server.id),
            _migrations(cloud, server.id, action),
            _backups(cloud, server.id, resource),
            self._password(resource),
        )
        if action.needs_settling and (why := follow_up.cannot_settle(server, migrations)):
            return Ended(why.reason, why.message)
        newest = _least(cloud.newest, FLOOR) if stepped_down else cloud.newest
        target = Target(uid=resource.uid, name=resource.name, server=server, password=password)
        request = action.request(resource.spec, target, newest)
        who = cloud.identity
        intent = Intent(
            attempt=resource.status.attempts + 1,
            holder=self._identity,
            action=action.name,
            server_id=server.id,
            region=who.region,
            endpoint=who.endpoint,
            user_id=who.user_id,
            project_id=who.project_id,
            microversion=request.microversion,
            secret_uid=who.secret_uid,
            secret_resource_version=who.secret_resource_version,
            nova_time=seen.nova_time,
            known_request_ids=tuple(a.request_id for a in actions[:KNOWN_LIMIT]),
            known_migration_uuids=tuple(m.uuid for m in migrations[:KNOWN_LIMIT]),
            known_image_ids=tuple(i.id for i in images[:KNOWN_LIMIT]),
            source_host=server.host,
            source_host_id=server.host_id,
        )
        return Prepared(
            cloud=cloud,
            server=server,
            request=request,
            intent=intent,
            actions=actions,
            images=images,
        )

    async def _password(self, resource: Resource) -> str | None:
        spec = resource.spec
        if not isinstance(spec, ServerPasswordChangeSpec):
            return None
        ref = spec.password_secret_ref
        return await self._clouds.password(resource.namespace, ref.name, ref.key)


async def _migrations(cloud: Cloud, server_id: str, action: Action) -> Sequence[Migration]:
    if Look.MIGRATIONS not in action.looks:
        return ()
    try:
        return await cloud.migrations(server_id)
    except Forbidden:
        return ()  # a member may not list them; the instance action and the host tell the outcome


async def _backups(cloud: Cloud, server_id: str, resource: Resource) -> Sequence[Image]:
    if not isinstance(resource.spec, ServerBackupSpec):
        return ()
    return await cloud.backups(server_id, resource.spec.backup_type)


def _least(one: str, other: str) -> str:
    return min(one, other, key=parse)


async def _answered(work: Awaitable[T]) -> T | Held | Ended:
    """Turn what a read of the cloud may raise into what it means for an object that waits."""
    try:
        return await work
    except SecretMissing as error:
        return Held(Reason.WAITING_FOR_SECRET, str(error), error.retry_after)
    except CloudUnavailable as error:
        return Held(Reason.TRANSIENT_ERROR, str(error), error.retry_after)
    except (InvalidCredentials, UnsupportedCloud, UnsupportedMicroversion) as error:
        return Ended(Reason.INVALID_CONFIGURATION, str(error))
    except NotFound as error:
        return Ended(Reason.SERVER_NOT_FOUND, str(error))
    except AmbiguousName as error:
        return Ended(Reason.AMBIGUOUS_SERVER_NAME, str(error))
    except Forbidden as error:
        return Ended(Reason.POLICY_FORBIDS, str(error))
