"""Whether an action may have been sent before although its object knows nothing of it.

etcd can be set back to a moment before a claim, and then no mark and no intent are left of a
request that Nova has accepted. So a record of the same kind, by the operator's own user, from after
the object's creation, that no object owns, holds the request back for good: it may be this
object's, or of a person who uses the same credentials, and the two cannot be told apart.

What happened since this process holds the server's Lease is not considered: it knows itself what it
has sent. So an object that it has seen from the beginning is held back by nothing.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta

from serveractions.actions import records
from serveractions.actions.action import Action
from serveractions.actions.backup_traces import marked
from serveractions.actions.observation import Image, InstanceAction
from serveractions.api.resource import Resource
from serveractions.api.spec import ServerBackupSpec
from serveractions.core.errors import CloudUnavailable, Forbidden, NotFound
from serveractions.core.evidence import Evidence
from serveractions.core.issue import Bounds
from serveractions.core.ledger import Ledger
from serveractions.core.ports import Leases
from serveractions.core.prepare import Prepared, Seen

log = logging.getLogger(__name__)

LOOKED_THROUGH = timedelta(minutes=10)
"""How often Nova's records are looked through for an object that waits long."""


class Precedents:
    """Looks for requests of an object's own before its first one."""

    def __init__(
        self, *, evidence: Evidence, ledger: Ledger, leases: Leases, bounds: Bounds
    ) -> None:
        self._evidence = evidence
        self._ledger = ledger
        self._leases = leases
        self._bounds = bounds

    async def of(
        self,
        resource: Resource,
        action: Action,
        seen: Seen,
        *,
        actions: Sequence[InstanceAction],
        images: Sequence[Image] = (),
    ) -> tuple[str, ...]:
        """Return the requests, or images, that may be this object's although it never claimed them.

        Args:
            resource: It waits, and no attempt of it stands open.
            action: What it asks for.
            seen: The look at the server.
            actions: What Nova has on record of the server.
            images: Its backups, where the object is one.

        Raises:
            ApiUnavailable: The owners of a record could not be listed.
        """
        if isinstance(resource.spec, ServerBackupSpec):
            # Its images carry the object's mark, so that nothing else needs to be considered.
            begun = resource.status.attempts > 0
            return tuple(
                each.id
                for each in images
                if marked(each, resource.uid) and not (begun and each.status == "queued")
            )
        if action.record is None:
            return ()
        since = max(seen.created, resource.status.unsent_time or seen.created)
        until = seen.nova_time - timedelta(seconds=self._leases.held_for(seen.server.id))
        if since > until + records.CLOCK_SLACK:
            sent = self._ledger.owned(actions, by=resource.uid)  # etcd was set back under us
            return tuple(each.request_id for each in sent)
        # What an earlier process has sent may have arrived after that.
        until += timedelta(seconds=self._bounds.proven_after)
        who = seen.cloud.identity
        suspects = [
            each
            for each in actions
            if since - records.CLOCK_SLACK <= each.start_time <= until
            and records.asked_by(
                each, action.record, user_id=who.user_id, project_id=who.project_id
            )
        ]
        unowned = await self._evidence.unowned(resource, suspects, seen.server.id)
        return tuple(each.request_id for each in unowned)

    async def before_a_wait(
        self, resource: Resource, action: Action, seen: Seen
    ) -> tuple[str, ...] | None:
        """Return the same for an object that will wait; None where it need not, or cannot, be told.

        What was looked through once need not be looked through again: see `Status.unsent_time`.
        """
        looked = resource.status.unsent_time
        if action.record is None or isinstance(resource.spec, ServerBackupSpec):
            return None
        if looked is not None and seen.nova_time - looked < LOOKED_THROUGH:
            return None
        try:
            actions = await seen.cloud.instance_actions(seen.server.id)
        except (CloudUnavailable, Forbidden, NotFound):
            return None
        return await self.of(resource, action, seen, actions=actions)

    async def remove_orphans(self, resource: Resource, prepared: Prepared) -> None:
        """Delete the images that refused attempts of a backup left behind.

        Nova makes the image before it finds that another request was quicker. It counts in the
        rotation of that one, so it goes before the next attempt.
        """
        for image in prepared.images:
            if not marked(image, resource.uid):
                continue
            try:
                await prepared.cloud.delete_image(image.id)
            except (CloudUnavailable, Forbidden) as error:
                log.warning("%s: image %s could not be deleted: %s", resource.key, image.id, error)
