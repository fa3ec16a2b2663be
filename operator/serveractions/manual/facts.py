"""Which phases and reasons an object of a kind can show.

Most are the same for all. The exceptions follow from the actions themselves: who has to be settled
can wait for a decision and be reverted, and only a live migration can be rolled back.
"""

from serveractions.actions.registry import action_for
from serveractions.api.kinds import Kind
from serveractions.api.reasons import ADVICE, REASONS
from serveractions.api.status import Phase, Reason

_LIVE = frozenset({Reason.ROLLED_BACK})
_SETTLED = frozenset({Reason.AWAITING_DECISION, Reason.REVERTED})


def phases_of(kind: Kind) -> tuple[Phase, ...]:
    """Return the phases that an object of a kind can be in, in their order."""
    settled = action_for(kind.name).needs_settling
    return tuple(phase for phase in Phase if settled or phase is not Phase.AWAITING_DECISION)


def reasons_of(kind: Kind) -> dict[Reason, tuple[Phase, ...]]:
    """Return the reasons that an object of a kind can give, and in which phases."""
    phases = phases_of(kind)
    action = action_for(kind.name)
    never = (frozenset() if action.needs_settling else _SETTLED) | (
        frozenset() if action.name == "os-migrateLive" else _LIVE
    )
    return {
        reason: tuple(phase for phase in phases if reason in REASONS[phase])
        for reason in ADVICE
        if reason not in never
    }
