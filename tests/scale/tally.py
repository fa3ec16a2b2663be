"""Figures from what the fake cloud and the API server noted. Pure."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from audit import WRITING

Row = Mapping[str, Any]

READS = frozenset(
    {
        "servers",
        "server-lists",
        "instance-actions",
        "server-migrations",
        "os-migrations",
        "images",
    }
)
FINISHED = frozenset({"Succeeded", "Failed", "Cancelled"})
REFUSED = 400


def quantile(values: Iterable[float], share: float) -> float:
    """Return the smallest of the values that so large a share of them does not exceed."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def accepted(journal: Mapping[str, Sequence[Row]]) -> dict[str, float]:
    """Return when each server's first write took effect."""
    found: dict[str, float] = {}
    for each in journal["accepted"]:
        found.setdefault(each["server_id"], each["at"])
    return found


def following(journal: Mapping[str, Sequence[Row]]) -> list[Row]:
    """Return the reads that prepared no action: those of a server before its write are left out."""
    when = accepted(journal)
    return [
        each
        for each in journal["entries"]
        if each["method"] == "GET"
        and each["family"] in READS
        and not each["arrived"] < when.get(each["server_id"] or "", -math.inf)
    ]


def rows(reads: Iterable[Row]) -> int:
    """Return how many records Nova gave; a single one is one."""
    return sum(each["rows"] if each["server_id"] is None else 1 for each in reads)


def per_second(entries: Iterable[Row], *, first: float, last: float) -> float:
    """Return how many requests a second arrived between two moments."""
    if last <= first:
        return math.nan
    return sum(first <= each["arrived"] < last for each in entries) / (last - first)


def peak(entries: Iterable[Row]) -> int:
    """Return how many requests arrived in the busiest second."""
    seconds = Counter(int(each["arrived"]) for each in entries)
    return max(seconds.values(), default=0)


def novas_own(entries: Iterable[Row], *, until: float) -> float:
    """Return for how long Nova had a request in its hands, before a moment; side by side counts
    once.
    """
    spans = sorted(
        (each["arrived"], min(each["answered"] or until, until))
        for each in entries
        if each["arrived"] < until
    )
    total, end = 0.0, -math.inf
    for begin, finish in spans:
        total += max(0.0, finish - max(begin, end))
        end = max(end, finish)
    return total


def moment(text: str) -> float:
    """Return an API server's time stamp in seconds since the epoch."""
    return datetime.fromisoformat(text).timestamp()


def created(events: Iterable[Row], resource: str) -> dict[str, float]:
    """Return when the request arrived that created each object, by name."""
    return {
        name: moment(each["requestReceivedTimestamp"])
        for each in events
        if each["verb"] == "create"
        and each["objectRef"].get("resource") == resource
        # A POST names its object in the answer only, and the body has the name that was asked for.
        and (name := each.get("requestObject", {}).get("metadata", {}).get("name"))
    }


def finished(events: Iterable[Row]) -> dict[str, float]:
    """Return when the end of each object was stored, by name."""
    found: dict[str, float] = {}
    for each in events:
        target = each.get("objectRef") or {}
        status = _status(each)
        if (
            each["verb"] == "patch"
            and target.get("subresource") == "status"
            and each["responseStatus"]["code"] < REFUSED
            and status.get("phase") in FINISHED
        ):
            found.setdefault(target["name"], moment(each["stageTimestamp"]))
    return found


def writes(
    events: Iterable[Row], *, agent: str, resource: str
) -> tuple[Counter[str], Counter[str]]:
    """Return how many writes of a client each object got, by name, refused ones too: those that
    moved it on (the mark, and each that changed the phase), and those that only told how far it is.
    """
    moving: Counter[str] = Counter()
    telling: Counter[str] = Counter()
    for each in events:
        target = each.get("objectRef") or {}
        if each["verb"] not in WRITING or target.get("resource") != resource:
            continue
        if each.get("userAgent", "").split("/")[0] != agent:
            continue
        status = _status(each)
        moves = target.get("subresource") != "status" or "phase" in status
        (moving if moves else telling)[target.get("name", "")] += 1
    return moving, telling


def of_kopf(events: Iterable[Row], *, resource: str) -> int:
    """Return how many writes to objects of a kind came from kopf itself."""
    moving, telling = writes(events, agent="kopf", resource=resource)
    return moving.total() + telling.total()


def _status(event: Row) -> Row:
    """Return the status that a write sent; a JSON patch, which is a list, sends none."""
    sent = event.get("requestObject")
    status: Row = (sent.get("status") if isinstance(sent, Mapping) else None) or {}
    return status


def ends(ledger: Mapping[str, Sequence[Row]]) -> dict[str, float]:
    """Return when the migration of each server ended, by Nova's records."""
    return {
        each["server_id"]: moment(each["moved"])
        for each in ledger["migrations"]
        if each["moved"] and each["status"] in ("completed", "failed", "error", "cancelled")
    }


def all_in_flight(
    when: Mapping[str, float], over: Mapping[str, float], servers: Iterable[str]
) -> tuple[float, float]:
    """Return when the last action on the servers was accepted, and when the first ended."""
    servers = list(servers)
    return max(when[each] for each in servers), min(over[each] for each in servers)


WINDOW = 10.0
"""Seconds over which a credential's rate is taken: a single second holds what an action needs."""


def of_users(entries: Iterable[Row], users: Iterable[str]) -> dict[str, list[float]]:
    """Return when each user's requests arrived."""
    found: dict[str, list[float]] = {user: [] for user in users}
    for each in entries:
        if each["user"] in found:
            found[each["user"]].append(each["arrived"])
    return found


def busiest_user(arrivals: Mapping[str, Sequence[float]]) -> float:
    """Return the most requests a second that any user had in any window."""
    return max(
        (
            max(Counter(int(moment / WINDOW) for moment in moments).values()) / WINDOW
            for moments in arrivals.values()
            if moments
        ),
        default=0.0,
    )
