"""Visits finished objects now and then: for their TTL, and for changes of their spec that came
after the end.

Finished objects are not watched, so that a hundred thousand of them cost no memory. A slow, paged
list serves them instead.
"""

import logging
from datetime import datetime, timedelta

from serveractions.api import tracking
from serveractions.api.limits import MESSAGE, truncate
from serveractions.api.resource import Resource
from serveractions.api.status import Status
from serveractions.core.errors import ApiUnavailable, Conflict, ObjectGone, StatusRefused
from serveractions.core.ports import Clock, Objects

log = logging.getLogger(__name__)


class Sweep:
    """Goes through all finished objects."""

    def __init__(
        self,
        *,
        objects: Objects,
        clock: Clock,
        argocd_instance_label: bool = False,
        delete_finished: bool = True,
    ) -> None:
        self._objects = objects
        self._delete_finished = delete_finished
        self._argocd_instance_label = argocd_instance_label
        self._clock = clock

    async def run_once(self) -> None:
        """Visit every finished object; one object's fault does not keep the others waiting."""
        try:
            async for page in await self._objects.finished():
                for resource in page:
                    await self._visit_safely(resource)
        except ApiUnavailable as error:
            log.warning("the finished objects could not be listed: %s", error)

    async def _visit_safely(self, resource: Resource) -> None:
        try:
            await self._visit(resource)
        except (Conflict, ObjectGone) as error:
            log.debug("%s changed under the sweep: %s", resource.key, error)
        except (ApiUnavailable, StatusRefused) as error:
            log.warning("%s could not be visited: %s", resource.key, error)

    async def _visit(self, resource: Resource) -> None:
        if resource.deleting:
            return
        expired = due(resource, self._clock.now())
        kept = self._why_kept(resource) if expired else None
        if expired and kept is None:
            log.info("%s is deleted: its ttlSecondsAfterFinished has passed", resource.key)
            await self._objects.delete(resource)
            return
        status = _with_generation(resource)
        if kept is not None:
            status = _with_note(status, kept)
        if status != resource.status:
            await self._objects.write_status(resource, status)

    def _why_kept(self, resource: Resource) -> str | None:
        """Say why an object outlives its TTL, None where it does not."""
        if not self._delete_finished:
            return "this operator is told to delete nothing (delete_finished)"
        tracker = tracking.tracked_by(
            resource.annotations,
            resource.labels,
            argo_cd_uses_instance_label=self._argocd_instance_label,
        )
        if tracker is None:
            return None
        # It would make the object anew.
        tracked = f"{tracker.tool} tracks this object ({tracker.key})"
        return f"{tracked} and would run the action again"


def _with_generation(resource: Resource) -> Status:
    """Return the status with the newest spec looked at: kstatus waits for that even now."""
    status, generation = resource.status, resource.generation
    if status.observed_generation == generation:
        return status
    conditions = tuple(
        each.model_copy(update={"observed_generation": generation}) for each in status.conditions
    )
    return status.model_copy(update={"observed_generation": generation, "conditions": conditions})


def _with_note(status: Status, cause: str) -> Status:
    """Return the status saying why its TTL is ignored."""
    note = f"; ttlSecondsAfterFinished is ignored: {cause}"
    message = status.message or ""
    if note in message:
        return status
    # Shortened here, so that the note survives: what was cut off would be added with each visit.
    return status.model_copy(update={"message": truncate(message, MESSAGE - len(note)) + note})


def due(resource: Resource, now: datetime) -> bool:
    """Say whether a finished object's TTL has passed."""
    ttl, ended = resource.spec.ttl_seconds_after_finished, resource.status.completion_time
    return ttl is not None and ended is not None and now >= ended + timedelta(seconds=ttl)
