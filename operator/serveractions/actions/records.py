"""Reading Nova's instance actions: whose a record is, whether it failed, and in which words.

Nova knows a record by its own request id only. When that is lost, whose it is can only be told by
who asked for what and when.
"""

from datetime import timedelta

from serveractions.actions.observation import ActionEvent, InstanceAction
from serveractions.actions.wording import quoted
from serveractions.api.status import Intent, Reason

CLOCK_SLACK = timedelta(seconds=2)
"""A record's start_time has whole seconds and comes from another API process than the Date header
that the intent's time was read from."""


def matches(record: InstanceAction, intent: Intent, name: str | None) -> bool:
    """Say whether `record` could be the request of `intent`.

    Args:
        record: Of the intent's server.
        intent: What was about to be sent.
        name: Nova's name of the record (nova/compute/instance_actions.py), None for no record.
    """
    return (
        name is not None
        and asked_by(record, name, user_id=intent.user_id, project_id=intent.project_id)
        and record.request_id not in intent.known_request_ids
        and record.start_time >= intent.nova_time - CLOCK_SLACK
    )


def asked_by(record: InstanceAction, name: str, *, user_id: str, project_id: str) -> bool:
    """Say whether this user asked for this, as far as Nova tells."""
    return (
        record.action == name
        and record.user_id in (None, user_id)
        and record.project_id in (None, project_id)
    )


def errors(action: InstanceAction | None) -> tuple[ActionEvent, ...]:
    """Return the events that failed."""
    events = (action.events if action else None) or ()
    return tuple(event for event in events if event.result == "Error")


def failed(action: InstanceAction | None) -> bool:
    """Say whether Nova noted a failure.

    The record's own message is read only where the events are hidden: it turns to `Error` with the
    first failed event, even where Nova then tries another host.
    """
    if action is None:
        return False
    return bool(errors(action)) if action.events is not None else action.message == "Error"


def finished(action: InstanceAction | None, *names: str) -> ActionEvent | None:
    """Return the first event of these names that is over, None while there is none."""
    for event in (action.events if action else None) or ():
        if event.name in names and (event.finished or event.result is not None):
            return event
    return None


def words(action: InstanceAction | None) -> str | None:
    """Return why it failed in Nova's words (microversion 2.84, administrators), else None."""
    return next((event.details for event in errors(action) if event.details), None)


def reason(details: str | None) -> Reason:
    """Return what a failure in these words asks of a person."""
    text = (details or "").lower()
    if "no valid host" in text or "exhausted all hosts" in text:  # NoValidHost, MaxRetriesExceeded
        return Reason.NO_VALID_HOST
    return Reason.ACTION_FAILED


def cause(action: InstanceAction | None) -> str:
    """Return the clause that says why, for the end of a message."""
    return quoted(words(action)) or (
        " Nova shows no cause to these credentials: an administrator sees it with"
        " 'openstack server event show'."
    )
