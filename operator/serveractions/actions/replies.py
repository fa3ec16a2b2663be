"""What Nova's answer to a write means: the one table of outcomes.

Nova has no idempotency key, so an answer is classed by a single question: can Nova have accepted
the request? Sent again is only what it certainly did not accept; what cannot be told is `Unclear`,
and is looked for instead.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from serveractions.actions.wording import quoted
from serveractions.api.status import Reason


@dataclass(frozen=True, slots=True)
class Accepted:
    """Nova has taken the request."""


@dataclass(frozen=True, slots=True)
class NotAccepted:
    """Nova has not taken it and may take the same later; `retry_after` is in seconds if it said."""

    reason: Reason
    message: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class StepDown:
    """Nova does not speak the microversion: once more with a lower one."""

    message: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """Nova has not taken it and will not: an end."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """Nova may have taken it: look, never send again."""

    message: str


Meaning = Accepted | NotAccepted | StepDown | Rejected | Unclear

_POLICY = re.compile(r"Policy doesn't allow (\S+) to be performed")  # PolicyNotAuthorized
_OVER_QUOTA = re.compile(r"quota|over a limit|maximum number of|limit exceeded", re.IGNORECASE)
_BUSY = re.compile(r"\bin task_state\b")
_LOCKED = re.compile(r"\bis locked\b")
_STATE = re.compile(r"\bwhile it is in\b|\bis in an invalid state for\b")
_LOST_RACE = "<class 'nova.exception.UnexpectedTaskStateError'>"
"""How Nova 34 words that another request was quicker between its check and its first write."""
_ONLY_CAST = frozenset({"createBackup", "migrate", "os-migrateLive"})
"""Nova's API sets the server's task first and then only passes these on, so that such an error is
from before that (nova/compute/api.py). A changePassword waits for nova-compute, whose own error of
this name comes when the password is set already."""
_NO_SUCH_ACTION = "There is no such action"

REMOVED = (
    "Nova has removed this action in release 23 (Wallaby), because only the Xen driver, which is"
    " gone too, ever did anything for it: delete the object, or use a cloud of release 22 or older"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """One answer, with all that the table below needs."""

    status: int
    message: str
    action: str
    locked: bool
    retry_after: float | None
    server: str

    @property
    def said(self) -> str:
        return quoted(self.message)


def classify(
    status: int,
    message: str,
    *,
    action_name: str,
    locked: bool = False,
    retry_after: float | None = None,
    server: str = "the server",
) -> Meaning:
    """Class one complete HTTP answer.

    Args:
        status: The HTTP status code.
        message: Nova's own words, empty where it gave none.
        action_name: As in `NovaRequest.name`.
        locked: Whether the server was locked when it was read; it tells one 409 from another.
        retry_after: Seconds, from Retry-After.
        server: How messages name the server.
    """
    answer = _Answer(
        status=status,
        message=message,
        action=action_name,
        locked=locked,
        retry_after=retry_after,
        server=server,
    )
    accepted = status == HTTPStatus.ACCEPTED
    if accepted or (status == HTTPStatus.NO_CONTENT and action_name == "confirmResize"):
        return Accepted()
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return _not_a_nova(answer)
    return _TABLE.get(status, _unclear)(answer)


def _unclear(answer: _Answer) -> Unclear:
    return Unclear(
        f"Nova, or something before it, answered {answer.status} to {answer.action}, which does not"
        f" say whether it was accepted.{answer.said}"
    )


def _not_a_nova(answer: _Answer) -> Rejected:
    return Rejected(
        Reason.INVALID_CONFIGURATION,
        f"the compute endpoint of the cloud's catalogue answers {answer.status}: it is not a Nova."
        " Correct the endpoint or the credentials' region, then create the object anew."
        f"{answer.said}",
    )


def _unauthorized(answer: _Answer) -> NotAccepted:
    return NotAccepted(
        Reason.TRANSIENT_ERROR,
        f"Nova did not take the token for {answer.action}: it is renewed and sent again",
    )


def _over_limit(answer: _Answer) -> NotAccepted:
    return NotAccepted(
        Reason.TRANSIENT_ERROR,
        f"Nova takes no more requests at the moment ({answer.status}): {answer.action} is sent"
        f" again later.{answer.said}",
        answer.retry_after,
    )


def _not_acceptable(answer: _Answer) -> StepDown:
    return StepDown(
        f"Nova does not speak the microversion that {answer.action} was pinned to.{answer.said}"
    )


def _not_found(answer: _Answer) -> Rejected:
    return Rejected(
        Reason.SERVER_NOT_FOUND,
        f"Nova finds {answer.server} no more, or not for these credentials, so {answer.action} was"
        f" not begun.{answer.said}",
    )


def _gone(answer: _Answer) -> Rejected:  # Nova's words say less: "This resource is no longer ..."
    return Rejected(Reason.ACTION_REMOVED, f"{answer.action}: {REMOVED}")


def _server_error(answer: _Answer) -> NotAccepted | Unclear:
    if answer.action in _ONLY_CAST and _LOST_RACE in answer.message:
        return NotAccepted(
            Reason.SERVER_BUSY,
            f"another request for {answer.server} was quicker: {answer.action} is sent again when"
            " that is over",
        )
    return _unclear(answer)


def _not_implemented(answer: _Answer) -> Rejected:
    return Rejected(
        Reason.NOT_SUPPORTED,
        f"the hypervisor of {answer.server} cannot do {answer.action}.{answer.said}",
    )


def _bad_request(answer: _Answer) -> Rejected:
    message, said, action, server = answer.message, answer.said, answer.action, answer.server
    if "No valid host" in message:  # only where Nova checks before it answers: below 2.34
        return Rejected(
            Reason.NO_VALID_HOST,
            f"no host can take {server}: make room or name another host, then create the object"
            f" anew.{said}",
        )
    if "Backup is not supported for volume-backed" in message:
        return Rejected(Reason.NOT_SUPPORTED, volume_backed(server) + said)
    if _NO_SUCH_ACTION in message:
        return Rejected(Reason.ACTION_REMOVED, f"this Nova has no action {action}.{said}")
    return Rejected(
        Reason.REFUSED,
        f"Nova refuses {action} as it was asked: correct the spec and create the object"
        f" anew.{said}",
    )


def _forbidden(answer: _Answer) -> Rejected:
    message, said, action = answer.message, answer.said, answer.action
    rule = _POLICY.search(message)
    if rule is None and _OVER_QUOTA.search(message):
        return Rejected(
            Reason.REFUSED,
            f"{action} would exceed a quota: raise it or free some of it, then create the object"
            f" anew.{said}",
        )
    which = f" (rule {rule.group(1)})" if rule else ""
    return Rejected(
        Reason.POLICY_FORBIDS,
        f"the cloud's policy{which} does not allow {action} to these credentials: use others, or"
        f" have the rule changed, then create the object anew.{said}",
    )


def _conflict(answer: _Answer) -> NotAccepted | Rejected:
    message, said, action, server = answer.message, answer.said, answer.action, answer.server
    if _BUSY.search(message):
        return NotAccepted(
            Reason.SERVER_BUSY,
            f"Nova is busy with {server}: {action} is sent again when that is over.{said}",
            answer.retry_after,
        )
    # For changePassword Nova words a lock like any other state (observed, Nova 34).
    worded_as_state = action == "changePassword" and "invalid state" in message
    if _LOCKED.search(message) or (answer.locked and worded_as_state):
        return Rejected(
            Reason.SERVER_LOCKED,
            f"{server} is locked: unlock it ('openstack server unlock') or use an administrator's"
            f" credentials, then create the object anew.{said}",
        )
    if _STATE.search(message):
        return Rejected(
            Reason.WRONG_SERVER_STATE,
            f"Nova does not take {action} in the state that {server} is in: change the state, then"
            f" create the object anew.{said}",
        )
    if "admin password is not supported" in message:  # SetAdminPasswdNotSupported
        return Rejected(
            Reason.NOT_SUPPORTED, f"the hypervisor of {server} cannot do {action}.{said}"
        )
    return Rejected(
        Reason.REFUSED,
        f"Nova refuses {action} for {server} at present: remove the cause, then create the object"
        f" anew.{said}",
    )


_TABLE: dict[int, Callable[[_Answer], Meaning]] = {
    HTTPStatus.BAD_REQUEST: _bad_request,
    HTTPStatus.UNAUTHORIZED: _unauthorized,
    HTTPStatus.FORBIDDEN: _forbidden,
    HTTPStatus.NOT_FOUND: _not_found,
    HTTPStatus.METHOD_NOT_ALLOWED: _not_a_nova,
    HTTPStatus.NOT_ACCEPTABLE: _not_acceptable,
    HTTPStatus.CONFLICT: _conflict,
    HTTPStatus.GONE: _gone,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: _over_limit,
    HTTPStatus.TOO_MANY_REQUESTS: _over_limit,
    HTTPStatus.INTERNAL_SERVER_ERROR: _server_error,
    HTTPStatus.NOT_IMPLEMENTED: _not_implemented,
}
"""Every code that is not here is unclear: other 5xx, 408, and what no Nova sends."""


def volume_backed(server: str) -> str:
    """Return what to do instead of a backup of a server that boots from a volume."""
    return (
        f"Nova backs up no server that boots from a volume, as {server} does: create an image or"
        " volume snapshot instead ('openstack server image create', 'openstack volume snapshot"
        " create')."
    )
