"""The times that a user can set on an action, turned into moments and durations. Pure."""

from datetime import datetime, timedelta
from enum import Enum, auto

from serveractions.api.model import rfc3339
from serveractions.api.resource import Resource
from serveractions.api.spec import OnDeadline, ServerLiveMigrationSpec
from serveractions.api.status import Status

FOLLOW_LIMIT = timedelta(minutes=10)
"""How long an action is followed after its deadline sent an abort or a force-complete."""


def expired(resource: Resource, now: datetime) -> str | None:
    """Return why the action may no longer be issued, None while it may."""
    spec = resource.spec
    if spec.not_after is not None and now > spec.not_after:
        return (
            f"not issued before spec.notAfter ({rfc3339(spec.not_after)}); create a new object to"
            " run it now"
        )
    if spec.starting_deadline_seconds is not None:
        last = resource.created + timedelta(seconds=spec.starting_deadline_seconds)
        if now > last:
            return (
                "not issued within spec.startingDeadlineSeconds"
                f" ({spec.starting_deadline_seconds} s after its creation); create a new object to"
                " run it now"
            )
    return None


def expiry(resource: Resource) -> datetime | None:
    """Return the moment after which the action may not be issued, None where there is no limit."""
    spec = resource.spec
    limits = [spec.not_after] if spec.not_after else []
    if spec.starting_deadline_seconds is not None:
        limits.append(resource.created + timedelta(seconds=spec.starting_deadline_seconds))
    return min(limits, default=None)


class Overdue(Enum):
    """What a deadline asks for now."""

    NO = auto()
    BEGIN = auto()  # it has just passed: do what onDeadline says
    FOLLOW = auto()  # that was begun: follow it to its end
    END = auto()  # nothing more can be done: the object ends


def overdue(resource: Resource, status: Status, now: datetime) -> Overdue:
    """Say what the deadline of an accepted action asks for."""
    if status.deadline_time is not None:
        return Overdue.END if now >= status.deadline_time + FOLLOW_LIMIT else Overdue.FOLLOW
    limit = deadline(resource, status)
    if limit is None or now < limit:  # at the limit: a step is timed for it
        return Overdue.NO
    spec = resource.spec
    acts = isinstance(spec, ServerLiveMigrationSpec) and spec.on_deadline is not OnDeadline.FAIL
    return Overdue.BEGIN if acts else Overdue.END


def deadline(resource: Resource, status: Status) -> datetime | None:
    """Return when an accepted action is overdue, None where it has no deadline or the clock stands
    still.
    """
    seconds = resource.spec.active_deadline_seconds
    if status.deadline_time is not None:
        return status.deadline_time + FOLLOW_LIMIT
    if seconds is None or status.issued_time is None or status.awaiting_since is not None:
        return None
    return status.issued_time + timedelta(seconds=seconds + status.awaited_seconds)


def resume_clock(status: Status, now: datetime) -> Status:
    """Return `status` with the deadline running again, after AwaitingDecision."""
    if status.awaiting_since is None:
        return status
    stood = int((now - status.awaiting_since).total_seconds())
    return status.model_copy(
        update={"awaiting_since": None, "awaited_seconds": status.awaited_seconds + max(0, stood)}
    )


def seconds_until(moment: datetime | None, now: datetime) -> float | None:
    """Return how long it is until `moment`, at least 0; None for no moment."""
    return None if moment is None else max(0.0, (moment - now).total_seconds())
