"""How one status follows from another: the only place where a phase changes.

Pure functions. They keep the rules that every write shares: conditions agree with the phase,
`Issued` tells what is known of the request, times are set once, and the generation that was looked
at is the one that is reported.
"""

from datetime import datetime

from serveractions.api.conditions import conditions, truncate
from serveractions.api.resource import Resource
from serveractions.api.status import ConditionStatus, Phase, Reason, Status

NORMAL_REASONS = frozenset(
    {
        Reason.WAITING_FOR_OPERATOR,
        Reason.PROGRESSING,
        Reason.SUSPENDED,
        Reason.SERVER_BUSY,
        Reason.LIMIT_REACHED,
        Reason.AWAITING_DECISION,
        Reason.SUCCEEDED,
        Reason.CANCELLED,
    }
)
"""Reasons that need nobody's attention; every other one is posted as a warning."""


def issued(status: Status, reason: Reason) -> ConditionStatus:
    """Say whether Nova accepted the action: True, False, or Unknown while an intent stands open."""
    if status.issued_time is not None:
        return ConditionStatus.TRUE
    if reason is Reason.OUTCOME_UNKNOWN:
        return ConditionStatus.UNKNOWN
    if status.intent is not None and status.intent.attempt > status.attempts:
        return ConditionStatus.UNKNOWN
    return ConditionStatus.FALSE


def move(
    resource: Resource,
    status: Status,
    *,
    phase: Phase,
    reason: Reason,
    message: str,
    now: datetime,
) -> Status:
    """Return `status` moved to a phase, with everything that follows from it.

    Args:
        resource: The object as last read; its conditions keep their transition times.
        status: The status to build on, with its other facts already updated.
        phase: The phase to be in.
        reason: Why, for the conditions.
        message: One sentence for a person.
        now: The operator's clock.
    """
    message = truncate(message)
    changes = {
        "phase": phase,
        "message": message,
        "observed_generation": resource.generation,
        "start_time": status.start_time or now,
        "completion_time": now if phase.finished else None,
        "conditions": conditions(
            phase,
            reason,
            message,
            issued=issued(status, reason),
            generation=resource.generation,
            previous=resource.status.conditions,
            now=now,
        ),
    }
    return status.model_copy(update=changes)


def not_accepted(status: Status, *, request_id: str | None) -> Status:
    """Close the open attempt: it is certain that Nova did not accept it."""
    attempts = status.intent.attempt if status.intent else status.attempts
    refused = status.refused_request_ids
    if request_id and request_id not in refused:
        refused = (*refused, request_id)[-MAX_REFUSED:]
    return status.model_copy(update={"attempts": attempts, "refused_request_ids": refused})


MAX_REFUSED = 32
"""How many refused requests an object lists. Older ones are far behind its newest known records."""
