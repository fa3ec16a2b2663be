"""Sends what follows an accepted action, with the same care as the action itself.

confirmResize names no migration and would confirm anybody's. So each follow-up is sent only after a
fresh look that shows the recorded migration in the state that it needs, with a write-ahead record
of its own, and after a reply that was lost only when Nova's records prove that it was not accepted.
"""

import logging
from dataclasses import dataclass

from serveractions.actions import replies
from serveractions.actions.action import Failed, Go, Running
from serveractions.actions.observation import Migration, Observation, Server
from serveractions.api.resource import Key, Resource
from serveractions.api.spec import ServerRef
from serveractions.api.status import FollowUp, FollowUpState, Reason, Status
from serveractions.core import lost_follow_up
from serveractions.core.errors import (
    ApiUnavailable,
    CloudUnavailable,
    Conflict,
    Forbidden,
    InvalidCredentials,
    NotFound,
    SecretMissing,
    StatusRefused,
    UnsupportedCloud,
)
from serveractions.core.evidence import ELSEWHERE, same_cloud
from serveractions.core.issue import Answered, Bounds, Issued, Issuer, NotSent, Unknown
from serveractions.core.orders import Order
from serveractions.core.ports import Clock, Cloud, Clouds, Leases
from serveractions.core.recorder import Recorder

log = logging.getLogger(__name__)

MOST_TRIES = 5
"""How often Nova may refuse a follow-up before a person has to look."""
PAUSE = 5.0
"""Seconds before a follow-up that Nova did not take is tried again, for each try that there was."""
LONGEST_PAUSE = 60.0
KEPT = 16
"""How many follow-ups a status lists."""

_NO_LOOK = (
    SecretMissing,
    CloudUnavailable,
    InvalidCredentials,
    UnsupportedCloud,
    Forbidden,
    NotFound,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """A fresh look that allows a follow-up, and the record to write before it."""

    cloud: Cloud
    server: Server
    record: FollowUp


class Steering:
    """Carries out orders."""

    def __init__(
        self,
        *,
        clouds: Clouds,
        recorder: Recorder,
        issuer: Issuer,
        leases: Leases,
        clock: Clock,
        bounds: Bounds,
        identity: str,
    ) -> None:
        self._clouds = clouds
        self._recorder = recorder
        self._issuer = issuer
        self._leases = leases
        self._clock = clock
        self._bounds = bounds
        self._identity = identity
        # When Nova's records were searched last for a lost follow-up, on the boot clock.
        self._searched: dict[Key, float] = {}
        self.stopping = False
        """Set when the process is about to end: nothing more is sent."""

    async def carry_out(
        self, resource: Resource, status: Status, order: Order
    ) -> Resource | Running | Failed:
        """Send the follow-up if it has not been sent and may be now.

        Args:
            resource: As last read.
            status: What it will be, with what was just seen.
            order: What has to be sent.

        Returns:
            The object with the follow-up recorded, or what it waits for, or why it ends.
        """
        server_id = status.server.id if status.server else ""
        held = self._leases.remaining(server_id) > 0
        if (lost := _lost(status, order)) is not None and held:
            return await self._find(resource, status, order, lost)
        if lost is None and (settled := self._already(status, order)):
            return settled
        if self.stopping or not held:
            return Running(f"{order} waits for the operator process that acts for this server")
        look = await self._look(resource, status, order)
        if isinstance(look, Running):
            return look
        if self.stopping:  # the look took a while
            return Running(f"{order} waits for the next operator process")
        return await self._send(resource, status, order, look)

    def _already(self, status: Status, order: Order) -> Running | Failed | None:
        """Say what earlier tries of the same follow-up mean for another one, None where it may be
        tried.
        """
        tries = [each for each in status.follow_ups if each.action == order]
        if not tries:
            return None
        last = tries[-1]
        if last.state is FollowUpState.ACCEPTED:
            return Running(f"Nova accepted {order} (request {last.request_id})")
        refused = sum(each.state is FollowUpState.REFUSED for each in tries)
        if last.state is FollowUpState.REFUSED and refused >= MOST_TRIES:
            return _given_up(order, Reason.REFUSED, f"Nova refused {order}: {last.message}")
        waited = (self._clock.now() - last.claimed_time).total_seconds()
        if waited < min(PAUSE * len(tries), LONGEST_PAUSE):
            return Running(f"{order} is tried again: {last.message or 'it was not taken'}")
        return None

    async def _find(
        self, resource: Resource, status: Status, order: Order, lost: FollowUp
    ) -> Resource | Running | Failed:
        """Search Nova's records for a follow-up of which nobody knows whether Nova accepted it."""
        unknown = f"it is not known yet whether Nova accepted {order}"
        now = self._clock.boottime()
        if now - self._searched.get(resource.key, -PAUSE) < PAUSE:
            return Running(unknown)
        self._searched[resource.key] = now
        server_id = status.server.id if status.server else ""
        try:
            cloud = await self._clouds.open(resource.namespace, resource.spec.cloud_credentials_ref)
            _, nova_time = await cloud.find_server(ServerRef(id=server_id))
            actions = await cloud.instance_actions(server_id)
        except _NO_LOOK as error:
            return Running(f"{unknown}: {error}")
        if not same_cloud(status.intent, cloud):
            return Running(f"{unknown}: {ELSEWHERE}")
        found = lost_follow_up.settled(
            lost, status, actions, nova_time=nova_time, bounds=self._bounds
        )
        if found is not None:
            del self._searched[resource.key]
            return await self._settle(resource, status, lost, found)
        if (nova_time - lost.nova_time).total_seconds() < self._bounds.proven_after:
            return Running(unknown)
        return _given_up(
            order,
            Reason.OUTCOME_UNKNOWN,
            f"Nova has no record of {order} for migration {lost.migration_uuid}, which this"
            " operator does not take for a proof that it was not accepted: look at `openstack"
            " server migration list` and `openstack server event list`, and finish it by hand",
        )

    async def _settle(
        self, resource: Resource, status: Status, lost: FollowUp, found: FollowUp
    ) -> Resource:
        records = tuple(found if _same(each, lost) else each for each in status.follow_ups)
        return await self._recorder.write(
            resource, status.model_copy(update={"follow_ups": records})
        )

    async def _look(self, resource: Resource, status: Status, order: Order) -> _Look | Running:
        """Look at Nova once more; only what is seen now decides whether the follow-up may go."""
        known, migration = status.server, status.migration
        if known is None or migration is None:
            return Running(f"{order} waits for Nova's record of the migration")
        try:
            cloud = await self._clouds.open(resource.namespace, resource.spec.cloud_credentials_ref)
            server, nova_time = await cloud.find_server(ServerRef(id=known.id))
            found = await _migrations(cloud, known.id)
        except _NO_LOOK as error:
            return Running(f"{order} waits: {error}")
        if not same_cloud(status.intent, cloud):
            return Running(f"{order} waits: {ELSEWHERE}")
        check = order.check(
            status, Observation(server=server, migrations=found, nova_time=nova_time)
        )
        if not isinstance(check, Go):
            return Running(check.message)
        record = FollowUp(
            action=order,
            attempt=1 + max((each.attempt for each in status.follow_ups), default=0),
            state=FollowUpState.ISSUING,
            holder=self._identity,
            migration_uuid=migration.uuid,
            migration_id=migration.id,
            microversion=order.request(known.id, migration.id).microversion,
            nova_time=nova_time,
            claimed_time=self._clock.now(),
        )
        return _Look(cloud=cloud, server=server, record=record)

    async def _send(
        self, resource: Resource, status: Status, order: Order, look: _Look
    ) -> Resource:
        """Write the record, send, and write what came of it."""
        record = look.record
        claimed_at = self._clock.boottime()
        ahead = status.model_copy(
            update={
                "follow_ups": (*status.follow_ups, record)[-KEPT:],
                "decision": order.decision or status.decision,
                "observed_generation": resource.generation,
            }
        )
        try:
            claimed = await self._recorder.write(resource, ahead)
        except Conflict as error:
            # Whoever repeats a request on the way makes a conflict of a write that took effect.
            await self._withdraw(resource, record, str(error), in_doubt=False)
            raise
        except (ApiUnavailable, StatusRefused) as error:
            await self._withdraw(resource, record, str(error))
            raise
        issued = await self._issuer.issue(
            look.cloud,
            order.request(look.server.id, record.migration_id),
            uid=resource.uid,
            server=look.server,
            claimed=claimed_at,
        )
        return await self._close(claimed, record, issued)

    async def _withdraw(
        self, resource: Resource, record: FollowUp, cause: str, *, in_doubt: bool = True
    ) -> None:
        """Close a follow-up of which this process knows that it sent nothing.

        The write of its record may have come through, or be on its way still (`in_doubt`): this
        one, against the version that is there now, settles both.
        """
        closed = _closed(record, NotSent(f"its record could not be written ({cause})"))

        def change(current: Resource) -> Status | None:
            if current.status.phase.finished:
                return None
            others = tuple(each for each in current.status.follow_ups if not _same(each, record))
            if not in_doubt and len(others) == len(current.status.follow_ups):
                return None
            return current.status.model_copy(update={"follow_ups": (*others, closed)[-KEPT:]})

        current = await self._recorder.reread(resource.key)
        await self._recorder.persist(current, change)

    async def _close(self, resource: Resource, record: FollowUp, issued: Issued) -> Resource:
        """Write what became of a follow-up onto its own record, until it is written."""
        closed = _closed(record, issued)

        def change(current: Resource) -> Status | None:
            records = current.status.follow_ups
            if current.status.phase.finished or not any(_same(each, record) for each in records):
                return None
            updated = tuple(closed if _same(each, record) else each for each in records)
            return current.status.model_copy(update={"follow_ups": updated})

        return await self._recorder.persist(resource, change)


async def _migrations(cloud: Cloud, server_id: str) -> tuple[Migration, ...] | None:
    try:
        return tuple(await cloud.migrations(server_id))
    except Forbidden:
        return None


def _lost(status: Status, order: Order) -> FollowUp | None:
    """Return the follow-up of which it is not known whether Nova accepted it."""
    tries = [each for each in status.follow_ups if each.action == order]
    if tries and tries[-1].state in (FollowUpState.ISSUING, FollowUpState.UNKNOWN):
        return tries[-1]
    return None


def _same(one: FollowUp, other: FollowUp) -> bool:
    return (one.attempt, one.holder) == (other.attempt, other.holder)


def _given_up(order: Order, reason: Reason, message: str) -> Running | Failed:
    """End what cannot go on without the follow-up; a live migration goes on without it."""
    if order.settles:
        return Failed(reason, message)
    return Running(message)


def _closed(record: FollowUp, issued: Issued) -> FollowUp:
    """Return the record with what is known after the request."""
    match issued:
        case NotSent(message):
            state, request_id = FollowUpState.NOT_SENT, None
        case Unknown(message):
            state, request_id = FollowUpState.UNKNOWN, None
        case Answered(replies.Accepted(), reply):
            state, request_id, message = FollowUpState.ACCEPTED, reply.request_id, ""
        case Answered(_, reply):
            state, request_id, message = FollowUpState.REFUSED, reply.request_id, reply.message
    return record.model_copy(
        update={"state": state, "request_id": request_id, "message": message[:1024] or None}
    )
