"""One look at one accepted action: what is read, in which order, and what may be left out.

The server is read first: once it is idle, everything that is read after it is at least as new, so
an end is never judged by facts from before it. While Nova is at work the other facts change little
and are read now and then; between, those of the last full look stand in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from serveractions.actions.action import Look
from serveractions.actions.backup_traces import marked
from serveractions.actions.observation import (
    Image,
    InstanceAction,
    Migration,
    Observation,
    Server,
)
from serveractions.api.status import Progress
from serveractions.core.errors import Forbidden, NotFound
from serveractions.core.ports import CloudIdentity, Subject


class Sight(Protocol):
    """The reads that a look needs; `NovaCloud` has them. All raise the core's errors."""

    @property
    def identity(self) -> CloudIdentity:
        """Where and as whom."""
        ...

    async def server(self, server_id: str) -> tuple[Server, datetime]:
        """Return the server and Nova's clock. Raises NotFound."""
        ...

    async def instance_action(self, server_id: str, request_id: str) -> InstanceAction | None:
        """Return one record with its events, None when there is none (yet)."""
        ...

    async def migrations(self, server_id: str) -> Sequence[Migration]:
        """Return the server's migrations, newest first."""
        ...

    async def progress(self, server: Server) -> Progress | None:
        """Return how far the running live migration is, None when none is listed."""
        ...

    async def image(self, image_id: str) -> Image | None:
        """Return an image, None when it is gone."""
        ...

    async def backups(self, server_id: str, backup_type: str) -> Sequence[Image]:
        """Return the backups of one server and type, newest first."""
        ...


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look saw, and whether it read everything that the subject names."""

    observation: Observation
    full: bool


async def look(
    sight: Sight, subject: Subject, *, last: Observation | None, image: Image | None = None
) -> Looked:
    """Read what is needed to judge the subject.

    Args:
        sight: The cloud.
        subject: What is followed.
        last: The last observation, where it may stand in for what is not read while Nova is at
            work; None to read everything.
        image: The subject's image where it was just read, and cannot change any more.

    Raises:
        WaitError: The cloud did not answer.
        Forbidden: The server itself may not be read.
    """
    try:
        server, nova_time = await sight.server(subject.server_id)
    except NotFound:
        gone = Observation(server=None, nova_time=last.nova_time if last else datetime.now(UTC))
        return Looked(await _rest(sight, subject, gone, image), full=True)
    seen = Observation(server=server, nova_time=nova_time)
    if server.partial:
        # Its cell is down: Nova cannot know the rest either.
        return Looked(seen, full=True)
    if server.task_state is not None and last is not None:
        progress = await _progress(sight, subject, server)
        seen = replace(last, server=server, nova_time=nova_time, progress=progress)
        return Looked(seen, full=False)
    return Looked(await _rest(sight, subject, seen, image), full=True)


async def _rest(
    sight: Sight, subject: Subject, seen: Observation, image: Image | None
) -> Observation:
    """Read all that the subject names beside the server; a deleted server's records remain."""
    action = migrations = listed = progress = None
    image_gone = False
    if Look.ACTION in subject.looks and subject.request_id is not None:
        action = await _action(sight, subject.server_id, subject.request_id)
    if Look.MIGRATIONS in subject.looks:
        migrations = await _migrations(sight, subject.server_id)
    if seen.server is not None:
        progress = await _progress(sight, subject, seen.server)
    if Look.IMAGE in subject.looks and subject.image_id is not None and image is None:
        image, image_gone = await _image(sight, subject.image_id)
    if Look.IMAGE in subject.looks and subject.backup_type is not None:
        listed = await _backups(sight, subject.server_id, subject.backup_type)
    if subject.image_id is None and listed is not None:
        # Nova's answer was accepted without its body. Images of earlier attempts are older.
        image = next((each for each in listed if marked(each, subject.key.uid)), None)
    return replace(
        seen,
        action=action,
        migrations=migrations,
        progress=progress,
        image=image,
        image_gone=image_gone,
        backups=None if listed is None else tuple(each.id for each in listed),
    )


async def _action(sight: Sight, server_id: str, request_id: str) -> InstanceAction | None:
    try:
        return await sight.instance_action(server_id, request_id)
    except Forbidden:
        return None


async def _migrations(sight: Sight, server_id: str) -> tuple[Migration, ...] | None:
    try:
        return tuple(await sight.migrations(server_id))
    except (Forbidden, NotFound):
        return None


async def _image(sight: Sight, image_id: str) -> tuple[Image | None, bool]:
    """Return the image, and whether Glance says that it has none: a 403 says neither."""
    try:
        image = await sight.image(image_id)
    except Forbidden:
        return None, False
    return image, image is None


async def _backups(sight: Sight, server_id: str, backup_type: str) -> Sequence[Image] | None:
    try:
        return await sight.backups(server_id, backup_type)
    except (Forbidden, NotFound):
        return None


async def _progress(sight: Sight, subject: Subject, server: Server) -> Progress | None:
    if Look.PROGRESS not in subject.looks or server.task_state != "migrating":
        return None
    try:
        return await sight.progress(server)
    except (Forbidden, NotFound):
        return None
