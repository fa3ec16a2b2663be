"""What has to be sent after an action was accepted: a confirm, a revert, an abort, a
force-complete. Pure.

An order follows from what the user asked and what Nova shows. Whether it may be sent at this very
moment is checked from a fresh look, directly before it is sent.
"""

from enum import StrEnum

from serveractions.actions import follow_up
from serveractions.actions.action import Decide, NovaRequest, Precheck, Running
from serveractions.actions.observation import Observation
from serveractions.api.spec import (
    ActionSpec,
    Confirmation,
    Decision,
    OnDeadline,
    ServerLiveMigrationSpec,
    ServerMigrationSpec,
)
from serveractions.api.status import Status


class Order(StrEnum):
    """What can be sent after an action; the value is its name in requests and records."""

    CONFIRM = follow_up.CONFIRM
    REVERT = follow_up.REVERT
    ABORT = follow_up.ABORT
    FORCE_COMPLETE = follow_up.FORCE_COMPLETE

    @property
    def settles(self) -> bool:
        """Whether a cold migration cannot end without it; a live migration ends by itself."""
        return self in (Order.CONFIRM, Order.REVERT)

    def request(self, server_id: str, migration_id: int) -> NovaRequest:
        """Return what to send."""
        match self:
            case Order.CONFIRM:
                return follow_up.confirm(server_id)
            case Order.REVERT:
                return follow_up.revert(server_id)
            case Order.ABORT:
                return follow_up.abort(server_id, migration_id)
            case Order.FORCE_COMPLETE:
                return follow_up.force_complete(server_id, migration_id)

    def check(self, status: Status, seen: Observation) -> Precheck:
        """Say whether it may be sent at this moment, from a fresh look."""
        match self:
            case Order.CONFIRM:
                return follow_up.may_confirm(status, seen)
            case Order.REVERT:
                return follow_up.may_revert(status, seen)
            case Order.ABORT:
                return follow_up.may_abort(status, seen)
            case Order.FORCE_COMPLETE:
                return follow_up.may_force_complete(status, seen)

    @property
    def decision(self) -> Decision | None:
        """The decision that it takes up for good."""
        return {Order.CONFIRM: Decision.CONFIRM, Order.REVERT: Decision.REVERT}.get(self)


def due(spec: ActionSpec, status: Status, verdict: Running | Decide) -> Order | None:
    """Return what has to be sent now, None where nothing has."""
    if isinstance(verdict, Decide):
        return _decided(spec, status)
    if isinstance(spec, ServerLiveMigrationSpec) and status.migration is not None:
        return _stopped(spec, status)
    return None


def _decided(spec: ActionSpec, status: Status) -> Order | None:
    """A cold migration in VERIFY_RESIZE; a decision once taken up stays."""
    asked = status.decision or (spec.decision if isinstance(spec, ServerMigrationSpec) else None)
    if status.decision is None and status.cancel_requested_time is not None:
        return Order.REVERT
    if isinstance(spec, ServerMigrationSpec) and spec.confirmation is Confirmation.AUTOMATIC:
        asked = status.decision or Decision.CONFIRM
    if asked is None:
        return None
    return Order.CONFIRM if asked == Decision.CONFIRM else Order.REVERT


def _stopped(spec: ServerLiveMigrationSpec, status: Status) -> Order | None:
    """A live migration that was cancelled or is overdue; what a person asked comes first."""
    if status.cancel_requested_time is not None:
        return Order.ABORT
    if status.deadline_time is None:
        return None
    if spec.on_deadline is OnDeadline.FORCE_COMPLETE:
        return Order.FORCE_COMPLETE
    return Order.ABORT
