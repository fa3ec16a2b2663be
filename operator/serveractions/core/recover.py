"""What becomes of a request of which nobody knows whether Nova accepted it.

This is the seam of recovery: an intent that stands open, a mark whose claim is not in the status, a
reply that was lost. None of them is ever answered with a second request. Until the cloud's own
records are searched here, all of them end as `OutcomeUnknown`, with a message that tells a person
where to look.
"""

from serveractions.api.model import rfc3339
from serveractions.api.resource import Resource
from serveractions.api.status import Phase, Reason, Status
from serveractions.core import marks, transitions
from serveractions.core.inbox import Memory
from serveractions.core.issue import Bounds
from serveractions.core.ports import Clock


class Recovery:
    """Decides about open attempts."""

    def __init__(self, *, clock: Clock, bounds: Bounds) -> None:
        self._clock = clock
        self._bounds = bounds

    def wait(self, resource: Resource, memory: Memory) -> float:
        """Return how long an open attempt of another process must still be left alone, in seconds.

        That process may be in the middle of it. What counts is for how long this one has seen the
        attempt, on its
        own clock: no two clocks are ever compared.
        """
        attempt = _attempt(resource)
        now = self._clock.boottime()
        if memory.first_seen is None or memory.first_seen[0] != attempt:
            memory.first_seen = (attempt, now)
        return max(0.0, memory.first_seen[1] + self._bounds.settled_after - now)

    def unclear(self, resource: Resource, cause: str) -> Status:
        """Return the end of an attempt whose request may or may not have been accepted.

        Args:
            resource: With the intent in its status.
            cause: What is known of how the reply was lost.
        """
        return self._unknown(resource, resource.status, cause)

    def interrupted(self, resource: Resource) -> Status:
        """Return the end of an attempt that an earlier process left open."""
        return self._unknown(
            resource,
            resource.status,
            "the operator was interrupted between its claim and Nova's reply",
        )

    def lost_claim(self, resource: Resource) -> Status:
        """Return the end of an object whose mark stands and whose status knows nothing of the
        claim.
        """
        return self._unknown(
            resource,
            resource.status,
            "the object is marked as claimed, but its status does not hold the claim: it was lost,"
            " or the operator was interrupted before it",
        )

    def _unknown(self, resource: Resource, status: Status, cause: str) -> Status:
        return transitions.move(
            resource,
            status,
            phase=Phase.FAILED,
            reason=Reason.OUTCOME_UNKNOWN,
            message=(
                f"It is not known whether Nova accepted {_what(resource)}: {cause}."
                f" {_look(resource)}"
            ),
            now=self._clock.now(),
        )


def _attempt(resource: Resource) -> int:
    intent = resource.status.intent
    return intent.attempt if intent else marks.open_attempt(resource) or 0


def _what(resource: Resource) -> str:
    status = resource.status
    server = status.server.id if status.server else "its server"
    return f"{resource.kind.action} for {server}"


def _look(resource: Resource) -> str:
    """Say where a person finds the truth."""
    status = resource.status
    server = status.server.id if status.server else "<server>"
    since = f" from {rfc3339(status.intent.nova_time)} on" if status.intent else ""
    return (
        f"Look at `openstack server event list {server}` for a {resource.kind.action} of the"
        f" operator's user{since}; if there is none and it is still wanted, create a new object"
    )
