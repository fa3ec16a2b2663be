"""The conditions of every object, derived from its phase: the truth table that tools rely on.

`kubectl wait`, Flux (kstatus) and Argo CD decide by conditions whether a deployment goes on, so the
six of them are never set one by one: they follow from the phase, from what is known of the request,
and from the reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from serveractions.api.limits import CONDITION_MESSAGE, truncate
from serveractions.api.status import Condition, ConditionStatus, Phase, Reason, Status

__all__ = ["PRISTINE", "TRUTH", "ConditionType", "Row", "conditions", "truncate"]


class ConditionType(StrEnum):
    """The six conditions, in the order of their names."""

    FINISHED = "Finished"
    """Nothing follows, whatever the outcome: what to wait for."""
    ISSUED = "Issued"
    """Nova accepted the action; Unknown while it is being sent, or when the answer was lost."""
    READY = "Ready"
    """The action has happened: what Flux and Argo CD wait for."""
    RECONCILING = "Reconciling"
    """The operator is at it; kstatus reads this as in progress."""
    STALLED = "Stalled"
    """It will not happen without a person; kstatus reads this as failed."""
    SUCCEEDED = "Succeeded"
    """The outcome; Unknown until there is one, and for ever where nobody can tell."""


_TRUE, _FALSE, _UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the conditions are in one phase.

    Attributes:
        issued: What `Issued` may be: the caller knows which, the phase alone does not.
    """

    issued: frozenset[ConditionStatus]
    succeeded: ConditionStatus
    finished: ConditionStatus
    ready: ConditionStatus
    reconciling: ConditionStatus
    stalled: ConditionStatus


def _going_on(issued: ConditionStatus) -> Row:
    return Row(
        issued=frozenset({issued}),
        succeeded=_UNKNOWN,
        finished=_FALSE,
        ready=_FALSE,
        reconciling=_TRUE,
        stalled=_FALSE,
    )


def _not_done(*issued: ConditionStatus) -> Row:
    return Row(
        issued=frozenset(issued),
        succeeded=_FALSE,
        finished=_TRUE,
        ready=_FALSE,
        reconciling=_FALSE,
        stalled=_TRUE,
    )


TRUTH: dict[Phase, Row] = {
    Phase.PENDING: _going_on(_FALSE),
    Phase.SUSPENDED: _going_on(_FALSE),
    Phase.ISSUING: _going_on(_UNKNOWN),
    Phase.RUNNING: _going_on(_TRUE),
    Phase.AWAITING_DECISION: _going_on(_TRUE),
    Phase.SUCCEEDED: Row(
        issued=frozenset({_TRUE}),
        succeeded=_TRUE,
        finished=_TRUE,
        ready=_TRUE,
        reconciling=_FALSE,
        stalled=_FALSE,
    ),
    Phase.FAILED: _not_done(_TRUE, _FALSE, _UNKNOWN),
    Phase.CANCELLED: _not_done(_TRUE, _FALSE),
}
"""The truth table. `Succeeded` is Unknown instead of False where the reason is OutcomeUnknown."""

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""When the schema's default says that a condition changed: before anybody looked."""


def conditions(
    phase: Phase,
    reason: str,
    message: str,
    *,
    issued: ConditionStatus,
    generation: int,
    previous: Sequence[Condition],
    now: datetime,
) -> tuple[Condition, ...]:
    """Return the six conditions of an object, sorted by type.

    The reason stands in all of them. The message stands where somebody looks for it: in Ready and
    Succeeded, and in Reconciling or Stalled when that is True.

    Args:
        phase: The object's new phase.
        reason: Why it is so.
        message: The same for people; shortened to what a condition may hold.
        issued: Whether Nova accepted the action, as far as is known.
        generation: The metadata.generation that was acted on.
        previous: The conditions as they are; lastTransitionTime moves only where a status differs
            from them.
        now: The time of the change.

    Raises:
        ValueError: `issued` cannot be so in this phase.
    """
    row = TRUTH[phase]
    if issued not in row.issued:
        raise ValueError(
            f"Issued cannot be {issued} in phase {phase}, but {' or '.join(sorted(row.issued))}"
        )
    unknown = phase is Phase.FAILED and reason == Reason.OUTCOME_UNKNOWN
    statuses = {
        ConditionType.FINISHED: row.finished,
        ConditionType.ISSUED: issued,
        ConditionType.READY: row.ready,
        ConditionType.RECONCILING: row.reconciling,
        ConditionType.STALLED: row.stalled,
        ConditionType.SUCCEEDED: _UNKNOWN if unknown else row.succeeded,
    }
    speaking = {ConditionType.READY, ConditionType.SUCCEEDED} | {
        type_
        for type_ in (ConditionType.RECONCILING, ConditionType.STALLED)
        if statuses[type_] is _TRUE
    }
    since = {
        (condition.type, condition.status): condition.last_transition_time
        for condition in previous
        if condition.last_transition_time != _NEVER
    }
    now = now.replace(microsecond=0)  # what the API server keeps
    text = truncate(message, CONDITION_MESSAGE)
    return tuple(
        Condition(
            type=type_,
            status=status,
            reason=reason,
            message=text if type_ in speaking else "",
            observed_generation=generation,
            last_transition_time=since.get((type_, status), now),
        )
        for type_, status in sorted(statuses.items())
    )


def _pristine() -> Status:
    message = (
        "No operator has looked at this object yet: if this stays, see that it runs"
        " and that it watches this namespace"
    )
    return Status(
        observed_generation=0,
        phase=Phase.PENDING,
        conditions=conditions(
            Phase.PENDING,
            Reason.WAITING_FOR_OPERATOR,
            message,
            issued=_FALSE,
            generation=0,
            previous=(),
            now=_NEVER,
        ),
        message=message,
    )


PRISTINE = _pristine()
"""The status of a new object, which the CRD gives as a default: kstatus reads "no conditions" as
done."""
