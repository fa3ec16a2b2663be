"""How long nothing must have changed before absence is taken for an answer.

Two rules pull against each other: nothing may be decided because a record is not there *yet*, and
no action may be followed for ever because a record will never come. Both are settled by how long
all that we see has stood still.
"""

from serveractions.actions.observation import Observation

SETTLE_SECONDS = 15.0
"""Nova is idle and the facts do not fit: after this they will not any more.

It covers reads of one look that were made a moment apart, a replica of Nova's database that lags,
and the short gaps in which Nova has cleared the task but not yet saved the record (a rollback saves
the server before the migration: nova/compute/manager.py _rollback_live_migration)."""

STALLED_SECONDS = 600.0
"""A record says "in progress" while the server is idle: after this nobody works on it any more.

Longer than the clean-up that Nova does after the server is idle again, disks of the old host
included (_post_live_migration, confirm_resize)."""


def settled(seen: Observation) -> bool:
    """Say whether what is missing now would have come by now."""
    return seen.quiet_seconds >= SETTLE_SECONDS


def stalled(seen: Observation) -> bool:
    """Say whether a record that says "in progress" was left behind."""
    return seen.quiet_seconds >= STALLED_SECONDS
