"""What a run's exit code says."""

from collections.abc import Sequence
from enum import IntEnum

from serveractions.api.resource import Resource
from serveractions.api.status import Phase, Reason


class ExitCode(IntEnum):
    """The truth about all objects of a run, in one number; where they differ, the worst."""

    SUCCEEDED = 0
    INVALID = 2
    FAILED = 3
    CANCELLED = 4
    OUTCOME_UNKNOWN = 5
    LOCKED = 6
    UNFINISHED = 7


SIGNALLED = 128
"""Added to the number of the signal that interrupted a run: 130 for SIGINT, 143 for SIGTERM."""

MEANINGS = """\
Exit codes:
  0    all objects are Succeeded
  2    the command, a manifest, the credentials or the journal cannot be used; nothing was sent
  3    one Failed
  4    one was Cancelled, or Expired before it was sent
  5    of one nobody knows whether Nova accepted it (OutcomeUnknown): look at the server
  6    another run has the journal
  7    one is unfinished: --timeout has passed, or it waits for a word of yours in its manifest
  130  interrupted by SIGINT (143: SIGTERM, 129: SIGHUP); the same command goes on from there
"""


def exit_code(resources: Sequence[Resource]) -> ExitCode:
    """Return what became of the objects; the worst of it where they differ."""
    codes = {_of(each) for each in resources}
    order = (
        ExitCode.OUTCOME_UNKNOWN,
        ExitCode.FAILED,
        ExitCode.CANCELLED,
        ExitCode.UNFINISHED,
        ExitCode.SUCCEEDED,
    )
    return next(code for code in order if code in codes)


def _of(resource: Resource) -> ExitCode:
    status = resource.status
    if status.reason == Reason.OUTCOME_UNKNOWN:
        return ExitCode.OUTCOME_UNKNOWN
    match status.phase:
        case Phase.SUCCEEDED:
            return ExitCode.SUCCEEDED
        case Phase.CANCELLED:
            return ExitCode.CANCELLED
        case Phase.FAILED:
            return ExitCode.CANCELLED if status.reason == Reason.EXPIRED else ExitCode.FAILED
    return ExitCode.UNFINISHED


def needs_a_person(resource: Resource) -> str | None:
    """Return what to write into the manifest before an object goes on; None where it does alone."""
    status, spec = resource.status, resource.spec
    if status.phase is Phase.SUSPENDED and spec.suspend:
        return "set 'suspend' to false"
    if (
        status.phase is Phase.AWAITING_DECISION
        and status.reason == Reason.AWAITING_DECISION
        and getattr(spec, "decision", None) is None
    ):
        return "set 'decision' to Confirm or Revert"
    return None
