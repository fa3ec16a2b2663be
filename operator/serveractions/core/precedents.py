"""Whether an action may have been sent before although its object knows nothing of it.

etcd can be set back to a moment before a claim, and then no mark and no intent are left of a
request that Nova has accepted. So a record of the same kind, by the operator's own user, from after
the object's creation, that no object owns, holds the request back for good: it may be this
object's, or of a person who uses the same credentials, and the two cannot be told apart.
"""

import logging
from collections.abc import Sequence

from serveractions.actions import records
from serveractions.actions.action import Action
from serveractions.actions.backup_traces import marked
from serveractions.api.resource import Resource
from serveractions.api.spec import ServerBackupSpec
from serveractions.core.errors import CloudUnavailable, Forbidden
from serveractions.core.evidence import Evidence
from serveractions.core.prepare import Prepared, Seen

log = logging.getLogger(__name__)


class Precedents:
    """Looks for requests of an object's own before its first one."""

    def __init__(self, *, evidence: Evidence) -> None:
        self._evidence = evidence

    async def of(
        self, resource: Resource, action: Action, seen: Seen, prepared: Prepared
    ) -> Sequence[str]:
        """Return the requests, or images, that may be this object's although it never claimed them.

        Args:
            resource: It waits, and no attempt of it stands open.
            action: What it asks for.
            seen: The look at the server.
            prepared: What Nova has on record.

        Raises:
            ApiUnavailable: The owners of a record could not be listed.
        """
        if isinstance(resource.spec, ServerBackupSpec):
            # Its images carry the object's mark, so that nothing else needs to be considered.
            begun = resource.status.attempts > 0
            return [
                each.id
                for each in prepared.images
                if marked(each, resource.uid) and not (begun and each.status == "queued")
            ]
        if action.record is None:
            return []
        since = max(seen.created, resource.status.unsent_time or seen.created) - records.CLOCK_SLACK
        suspects = [
            each
            for each in prepared.actions
            if records.asked_by(each, prepared.intent, action.record) and each.start_time >= since
        ]
        unowned = await self._evidence.unowned(resource, suspects, prepared.server.id)
        return [each.request_id for each in unowned]

    async def remove_orphans(self, resource: Resource, prepared: Prepared) -> None:
        """Delete the images that refused attempts of a backup left behind.

        Nova makes the image before it finds that the server is busy (409). One that cannot be
        deleted now does no harm but to the eye.
        """
        for image in prepared.images:
            if not marked(image, resource.uid):
                continue
            try:
                await prepared.cloud.delete_image(image.id)
            except (CloudUnavailable, Forbidden) as error:
                log.warning("%s: image %s could not be deleted: %s", resource.key, image.id, error)
