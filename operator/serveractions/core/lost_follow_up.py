"""What became of a confirm, revert, abort or force-complete of which no answer came.

Each leaves an instance action like any other request, so it is looked for there: found, it counts
as accepted; absent for so long that nothing can be under way any more, it was not sent and may be
tried again. Time is Nova's own here: a look that is late enough on its clock is late enough.
"""

from collections.abc import Sequence
from datetime import datetime

from serveractions.actions import follow_up
from serveractions.actions.observation import InstanceAction
from serveractions.actions.records import CLOCK_SLACK, asked_by
from serveractions.api.status import FollowUp, FollowUpState, Status
from serveractions.core.issue import Bounds

RECORDS = {
    follow_up.CONFIRM: "confirmResize",
    follow_up.REVERT: "revertResize",
    follow_up.ABORT: "live_migration_cancel",
    follow_up.FORCE_COMPLETE: "live_migration_force_complete",
}
"""Nova's names of the records (nova/compute/instance_actions.py)."""


def settled(
    lost: FollowUp,
    status: Status,
    actions: Sequence[InstanceAction],
    *,
    nova_time: datetime,
    bounds: Bounds,
) -> FollowUp | None:
    """Return the record of a lost follow-up with what became of it, None where that is not clear.

    Args:
        lost: As it was recorded before it was sent, or after its reply was lost.
        status: Of its object; other follow-ups' requests in it are not this one's.
        actions: The server's instance actions.
        nova_time: When they were read, on Nova's clock.
        bounds: When its absence is a proof.
    """
    intent = status.intent
    if intent is None:  # never: without it nothing was accepted that could be followed
        return None
    user_id, project_id = intent.user_id, intent.project_id
    known = {each.request_id for each in status.follow_ups}
    found = [
        each
        for each in actions
        if asked_by(each, RECORDS[lost.action], user_id=user_id, project_id=project_id)
        and each.request_id not in known
        and each.start_time >= lost.nova_time - CLOCK_SLACK
    ]
    if found:
        # The oldest: whoever of the same user asked for the same later has found it done.
        first = min(found, key=lambda each: each.start_time)
        return lost.model_copy(
            update={
                "state": FollowUpState.ACCEPTED,
                "request_id": first.request_id,
                "message": None,
            }
        )
    waited = (nova_time - lost.nova_time).total_seconds()
    if waited < bounds.proven_after or not bounds.reissue_unproven:
        return None
    return lost.model_copy(
        update={"state": FollowUpState.NOT_SENT, "message": "Nova has no record of it"}
    )
