"""Copying what was seen into the status, so that people read Nova's facts where they read the rest.

What is not visible in one look never wipes out what was seen in an earlier one.
"""

from serveractions.actions import migrations
from serveractions.actions.create_backup import rotated_out
from serveractions.actions.observation import Migration, Observation
from serveractions.api.status import ImageStatus, MigrationStatus, Progress, ServerStatus, Status


def update(status: Status, seen: Observation, *, migration: Migration | None) -> Status:
    """Return `status` with the server, migration, image and progress as they were seen.

    Args:
        status: As it stands.
        seen: What was seen.
        migration: The migration of this action (`migrations.ours`), None where none is known.
    """
    return status.model_copy(
        update={
            "server": _server(status, seen),
            "migration": _migration(status, migration),
            "image": _image(status, seen),
            "progress": _progress(status, seen),
        }
    )


def _server(status: Status, seen: Observation) -> ServerStatus | None:
    old, server = status.server, seen.server
    if server is None or server.partial:
        return old
    return ServerStatus(
        id=server.id,
        name=server.name or (old.name if old else None),
        status=server.status,
        task_state=server.task_state,
        source_host=(old.source_host if old else None) or migrations.source(status.intent),
        host=server.place or (old.host if old else None),
    )


def _migration(status: Status, migration: Migration | None) -> MigrationStatus | None:
    if migration is None:
        return status.migration
    old = status.migration if status.migration and status.migration.uuid == migration.uuid else None
    return MigrationStatus(
        id=migration.id,
        uuid=migration.uuid,
        status=migration.status,
        source_host=migration.source_host or (old.source_host if old else None),
        dest_host=migration.dest_host or (old.dest_host if old else None),
    )


def _image(status: Status, seen: Observation) -> ImageStatus | None:
    old, image = status.image, seen.image
    if image is not None and (old is None or old.id == image.id):
        shown = ImageStatus(
            id=image.id,
            name=image.name,
            status=image.status,
            size_bytes=image.size if image.size is not None else (old.size_bytes if old else None),
        )
    elif old is not None and seen.image_gone:
        shown = old.model_copy(update={"status": "deleted"})
    else:
        return old
    known = old.rotated_out if old else ()
    new = rotated_out(status.intent, seen) if status.intent else ()
    out = known + tuple(each for each in new if each not in known)
    return shown.model_copy(update={"rotated_out": out})


def completed(status: Status) -> Status:
    """Return the status of an action that succeeded: what was seen last is behind by a look."""
    if status.progress is None or status.progress.percent is None:
        return status
    whole = status.progress.model_copy(update={"percent": 100})
    return status.model_copy(update={"progress": whole})


def _progress(status: Status, seen: Observation) -> Progress | None:
    percent = None
    if seen.server is not None and seen.server.status == "MIGRATING":
        percent = seen.server.progress  # coarse, but everyone may see it
    if seen.progress is not None:
        if seen.progress.percent is None and percent is not None:
            return seen.progress.model_copy(update={"percent": percent})
        return seen.progress
    return Progress(percent=percent) if percent is not None else status.progress
