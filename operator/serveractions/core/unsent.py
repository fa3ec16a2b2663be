"""Why an object ends before anything of it was sent, where that is told without the cloud."""

from datetime import datetime

from serveractions.api.resource import Resource
from serveractions.api.status import Phase, Reason
from serveractions.core import marks, timing

End = tuple[Phase, Reason, str]
"""The phase, the reason, and one sentence for a person."""

COPY: End = (
    Phase.FAILED,
    Reason.RESTORED_COPY,
    f"not sent: the annotation {marks.ANNOTATION} shows that this is a copy of an object that was"
    " already taken up. Remove this annotation and apply it anew if it shall run",
)
_LOST: End = (
    Phase.FAILED,
    Reason.RESTORED_COPY,
    f"not sent: the annotation {marks.ANNOTATION} shows that this object had ended before, and its"
    " status was lost. Remove this annotation and apply it anew if it shall run",
)


def over(resource: Resource, now: datetime) -> End | None:
    """Return the end of an object that waits, None where it may wait on."""
    if marks.read(resource.annotations, resource.uid).origin is marks.Origin.FOREIGN:
        return COPY
    if resource.spec.cancel:
        return Phase.CANCELLED, Reason.CANCELLED, "cancelled before anything was sent to Nova"
    if why := timing.expired(resource, now):
        return Phase.FAILED, Reason.EXPIRED, why
    return None


def before(resource: Resource) -> End | None:
    """Return the end of an object that had ended unsent and whose status was lost since.

    Only for one that would be sent now: a process may have died between the mark of an end and the
    end itself, and then the end is found once more.
    """
    mark = marks.read(resource.annotations, resource.uid).mark
    return _LOST if mark is not None and mark.ended else None
