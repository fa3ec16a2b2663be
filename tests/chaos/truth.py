"""What the cloud's own record says became of each write that it accepted. Pure.

Read from the cloud's side alone: the journal of what took effect, and the records of actions,
migrations and images. Nothing that the operator says or believes comes in.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

ACTIONS = frozenset(
    {
        "createBackup",
        "migrate",
        "os-migrateLive",
        "resetNetwork",
        "injectNetworkInfo",
        "os-resetState",
        "changePassword",
    }
)
"""The writes that begin an action; every other one follows up on it."""


class Outcome(StrEnum):
    """What became of an accepted action."""

    DONE = "done"
    UNDONE = "undone"  # aborted or reverted
    FAILED = "failed"
    OPEN = "still open"


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One request of a write, as it arrived.

    Attributes:
        action: `os-migrateLive`, `abort`, ...
        accepted: How often it took effect; a proxy can make that two.
        ambiguous: Whether its sender could not know.
        at: Seconds since the epoch.
    """

    action: str
    accepted: int
    ambiguous: bool
    at: float


@dataclass(frozen=True, kw_only=True)
class Account:
    """All that the cloud knows of one object of ours.

    Attributes:
        sent: Every request for it, in the order of arrival.
        outcome: Of the action; None where it was never accepted.
    """

    sent: Sequence[Sent] = field(default=())
    outcome: Outcome | None = None

    def accepted(self, action: str) -> int:
        """Return how often a write took effect."""
        return sum(each.accepted for each in self.sent if each.action == action)


NOTHING = Account()


def accounts(ledger: Mapping[str, Any]) -> dict[str, Account]:
    """Return what the cloud knows of each object, by uid.

    Args:
        ledger: Of the fake cloud: writes as they arrived, what took effect, and its records.
    """
    effects: dict[int, list[Mapping[str, Any]]] = {}
    for each in ledger["accepted"]:
        effects.setdefault(each["entry"], []).append(each)
    sent: dict[str, list[Sent]] = {}
    begun: dict[str, str] = {}
    for entry in ledger["writes"]:
        uid, action = entry["uid"], entry["action"]
        if uid is None:
            continue
        took = effects.get(entry["number"], [])
        sent.setdefault(uid, []).append(
            Sent(
                action=action,
                accepted=len(took),
                ambiguous=entry["ambiguous"],
                at=entry["arrived"],
            )
        )
        if action in ACTIONS and took:
            begun.setdefault(uid, took[0]["request_id"])
    outcomes = _Records(ledger)
    return {
        uid: Account(
            sent=tuple(found),
            outcome=outcomes.of(begun[uid]) if uid in begun else None,
        )
        for uid, found in sent.items()
    }


class _Records:
    """The cloud's records, found by request."""

    def __init__(self, ledger: Mapping[str, Any]) -> None:
        self._actions = {each["request_id"]: each for each in ledger["actions"]}
        self._migrations = {each["uuid"]: each for each in ledger["migrations"]}
        self._newest = {each["server_id"]: each["uuid"] for each in ledger["migrations"]}
        self._resized = {each["id"] for each in ledger["servers"] if each["vm_state"] == "resized"}

    def of(self, request_id: str) -> Outcome:
        """Return what became of an accepted request."""
        action = self._actions.get(request_id)
        if action is None:
            return Outcome.DONE  # injectNetworkInfo: Nova notes nothing, and acts at once
        match action["name"]:
            case "resetState" | "resetNetwork":
                return Outcome.DONE
            case "migrate" | "live-migration":
                return self._moved(action)
            case "createBackup":
                return _ended(action["events"], "compute_backup_instance")
            case "changePassword":
                return _ended(action["events"], "compute_set_admin_password")
        raise ValueError(f"{action['name']} is no action of ours")

    def _moved(self, action: Mapping[str, Any]) -> Outcome:
        migration = self._migrations.get(action["migration"], {})
        match migration.get("status"):
            case "completed" | "confirmed":
                return Outcome.DONE
            case "cancelled" | "reverted":
                return Outcome.UNDONE
            case "error" | "failed":
                return Outcome.FAILED
            case "finished" if not self._can_be_settled(migration):
                return Outcome.FAILED  # its state was set meanwhile: nobody can confirm it now
        return Outcome.OPEN

    def _can_be_settled(self, migration: Mapping[str, Any]) -> bool:
        server = migration["server_id"]
        return server in self._resized and self._newest[server] == migration["uuid"]


def _ended(events: Iterable[Mapping[str, Any]], name: str) -> Outcome:
    for each in events:
        if each["name"] == name and each["result"] is not None:
            return Outcome.DONE if each["result"] == "Success" else Outcome.FAILED
    return Outcome.OPEN
