"""Holds what the operator says of its objects against what the cloud has on record. Pure.

The promise has few sentences, and each is one kind of finding. Nothing here knows which faults were
injected: a promise that holds only where nothing happened is none.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from chaos.truth import Account, Outcome, Sent

UNRECORDED = frozenset({"ServerNetworkInjection"})
"""Of these Nova keeps no record: after a lost answer nobody can know."""


class Breach(StrEnum):
    """How the promise can be broken."""

    DOUBLE = "accepted twice"
    REPEATED = "sent again after one that was accepted"
    LOST = "lost"
    WRONG = "wrong outcome"
    UNKNOWN = "unknown without need"


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the operator told of an object.

    Attributes:
        name: For a person: kind, namespace and name.
        kind: Of the object.
        status: As last read; empty where there was none.
        undoing: Whether a person ever asked for a cancel or a revert.
        deleted: Whether somebody deleted it, so that no end can be asked for.
    """

    name: str
    kind: str
    uid: str
    status: Mapping[str, Any]
    undoing: bool = False
    deleted: bool = False

    @property
    def phase(self) -> str:
        """Its phase."""
        return str(self.status.get("phase", ""))

    @property
    def reason(self) -> str:
        """Why it is in that phase."""
        conditions: Sequence[Mapping[str, Any]] = self.status.get("conditions", ())
        return next((str(each["reason"]) for each in conditions), "")

    @property
    def unknown(self) -> bool:
        """Whether it ended without saying what became of it."""
        return self.reason == "OutcomeUnknown"

    @property
    def message(self) -> str:
        """The sentence for a person."""
        return str(self.status.get("message", ""))


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One breach."""

    breach: Breach
    name: str
    what: str

    def __str__(self) -> str:
        return f"{self.breach}: {self.name}: {self.what}"


def audit(told: Told, account: Account) -> list[Finding]:
    """Return every breach at one object."""
    found = [*_twice(account), *_repeated(account)]
    if not told.deleted:
        found += _end(told, account)
    return [Finding(breach=breach, name=told.name, what=what) for breach, what in found]


def _twice(account: Account) -> Iterator[tuple[Breach, str]]:
    for action in sorted({each.action for each in account.sent}):
        if (times := account.accepted(action)) > 1:
            yield Breach.DOUBLE, f"Nova accepted {action} {times} times"


def _repeated(account: Account) -> Iterator[tuple[Breach, str]]:
    """Nothing may be sent after a request that was accepted: it might have been accepted again.

    That covers what follows an ambiguous one: it may only be sent where the earlier one is proved
    not to have been accepted, so that by the end it is not.
    """
    taken: dict[str, Sent] = {}
    for each in account.sent:
        if (before := taken.get(each.action)) is not None:
            how = "ambiguous" if before.ambiguous else "answered"
            seconds = each.at - before.at
            yield (
                Breach.REPEATED,
                f"{each.action} was sent again {seconds:.1f} s after one that Nova had accepted"
                f" ({how})",
            )
        elif each.accepted:
            taken[each.action] = each


def _end(told: Told, account: Account) -> Iterator[tuple[Breach, str]]:
    if not told.status.get("completionTime"):
        yield Breach.LOST, f"it never ended: {told.phase} ({told.reason}): {told.message}"
        return
    if told.unknown:
        if why_unknown(told) is None:
            yield Breach.UNKNOWN, f"the cloud knows: {account.outcome or 'not accepted'}"
        return
    right = _right_phases(told, account)
    if told.phase not in right:
        became = account.outcome or "not accepted"
        yield (
            Breach.WRONG,
            f"the action is {became}, the object says {told.phase} ({told.reason}): {told.message}",
        )


def why_unknown(told: Told) -> str | None:
    """Return why nobody can know what became of an action, None where somebody could."""
    if told.kind in UNRECORDED:
        return "Nova keeps no record of it"
    if told.undoing:
        return "a person gave it up before the records were seen"
    return None


def _right_phases(told: Told, account: Account) -> frozenset[str]:
    match account.outcome:
        case Outcome.DONE:
            return frozenset({"Succeeded"})
        case Outcome.FAILED:
            return frozenset({"Failed"})
        case Outcome.UNDONE:
            return frozenset({"Cancelled", "Failed"} if told.undoing else {"Failed"})
        case Outcome.OPEN:
            return frozenset({"Failed"} if told.reason == "DeadlineExceeded" else ())
        case None:
            return frozenset({"Failed", "Cancelled"} if _says_unsent(told) else ())


def _says_unsent(told: Told) -> bool:
    """Say whether the object does not claim that Nova accepted anything."""
    conditions: Sequence[Mapping[str, Any]] = told.status.get("conditions", ())
    return any(each["type"] == "Issued" and each["status"] == "False" for each in conditions)
