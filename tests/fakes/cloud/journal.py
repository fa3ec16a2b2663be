"""What was asked and what was accepted: the figures that the operator's promises are about.

Two accounts, since they part as soon as something breaks: of each request that arrived, with the
fault that it met and what its client was answered, and of each write at the moment it took effect.
"""

import re
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Any

_UUID = "[0-9a-fA-F-]{36}"
_FAMILIES = (
    ("identity", re.compile(r"/identity(/.*)?")),
    ("discovery", re.compile(r"/compute(/v2\.1)?/?|/image(/v2)?/?")),
    ("action", re.compile(rf"/compute/v2\.1/servers/{_UUID}/action")),
    ("instance-actions", re.compile(rf"/compute/v2\.1/servers/{_UUID}/os-instance-actions(/.*)?")),
    ("server-migrations", re.compile(rf"/compute/v2\.1/servers/{_UUID}/migrations(/.*)?")),
    ("os-migrations", re.compile(r"/compute/v2\.1/os-migrations")),
    ("server-lists", re.compile(r"/compute/v2\.1/servers(/detail)?")),
    ("servers", re.compile(r"/compute/v2\.1/servers/.*")),
    ("images", re.compile(r"/image/v2/.*")),
)
_SERVER = re.compile(rf"(?:/servers/|[?&]instance_uuid=)({_UUID})")
_UNCLEAR = frozenset({408, *range(500, 600)}) - {HTTPStatus.NOT_IMPLEMENTED}


def family(path: str) -> str:
    """Return what a path belongs to: never more than the few names above, and `other`."""
    return next((name for name, pattern in _FAMILIES if pattern.fullmatch(path)), "other")


@dataclass(kw_only=True)
class Entry:
    """One request."""

    number: int
    arrived: float
    family: str
    method: str
    path: str
    query: str
    microversion: str
    server_id: str | None
    """The server that the path or a filter names."""
    action: str | None = None
    """Of a write: `os-migrateLive`, `abort`, `force_complete`, ..."""
    user: str | None = None
    """Whose token it came with."""
    uid: str | None = None
    """Of the custom resource, from `X-Openstack-Request-Id: req-<uid>`."""
    status: int | None = None
    """What the client was answered; None where no status reached it."""
    spoilt: bool = False
    """The status was sent, but what followed is not what the cloud says, or broke off."""
    answered: float | None = None
    rows: int = 0
    """Of a list: servers or migrations in the answer."""
    fault: str | None = None
    """The kind of fault that it met."""
    fault_id: int | None = None

    @property
    def service(self) -> str:
        """Whose request it is: `identity`, `compute` or `image`."""
        return self.path.split("/")[1]

    @property
    def ambiguous(self) -> bool:
        """Whether its client cannot know if this write was accepted (NOVA_ACTIONS, section 4)."""
        if self.method == "GET":
            return False
        if self.status is None or self.status in _UNCLEAR:
            return True
        return self.spoilt and self.status < HTTPStatus.MULTIPLE_CHOICES


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A write that took effect, whatever became of its answer."""

    at: float
    entry: int
    """Number of the request: a proxy can have one request take effect twice."""
    server_id: str
    action: str
    request_id: str
    """Nova's own, under which its records stand."""
    user: str
    uid: str | None


@dataclass
class Journal:
    """All requests in the order of their arrival, and the writes in the order of their effect."""

    entries: list[Entry] = field(default_factory=list)
    accepted: list[Accepted] = field(default_factory=list)

    def arrived(self, method: str, path: str, query: str, microversion: str) -> Entry:
        """Note a request."""
        server = _SERVER.search(f"{path}?{query}")
        entry = Entry(
            number=len(self.entries),
            arrived=time.time(),
            family=family(path),
            method=method,
            path=path,
            query=query,
            microversion=microversion,
            server_id=server[1] if server else None,
        )
        self.entries.append(entry)
        return entry

    def accept(
        self, entry: Entry, *, server_id: str, action: str, request_id: str, user: str
    ) -> None:
        """Note that a write takes effect now."""
        self.accepted.append(
            Accepted(
                at=time.time(),
                entry=entry.number,
                server_id=server_id,
                action=action,
                request_id=request_id,
                user=user,
                uid=entry.uid,
            )
        )

    def clear(self) -> None:
        """Forget everything."""
        self.entries.clear()
        self.accepted.clear()

    def as_json(self, *, first: int = 0) -> dict[str, Any]:
        """Return all of it, requests from number `first` on."""
        return {
            "entries": [
                asdict(entry) | {"ambiguous": entry.ambiguous} for entry in self.entries[first:]
            ],
            "accepted": [asdict(each) for each in self.accepted],
        }

    def counts(self) -> dict[str, Any]:
        """Return how many requests of each family and method, and what each server accepted."""
        requests = Counter(f"{entry.method} {entry.family}" for entry in self.entries)
        accepted: dict[str, Counter[str]] = {}
        for each in self.accepted:
            accepted.setdefault(each.server_id, Counter())[each.action] += 1
        return {"requests": requests, "accepted": accepted}

    def audit(self) -> list[dict[str, Any]]:
        """Return one row for each custom resource and write: what an auditor has to look at.

        `after_ambiguous` counts the requests that were sent although an earlier one of the same
        write may have been accepted; `accepted` are the request ids of those that were.
        """
        rows: dict[tuple[str, str], dict[str, Any]] = {}
        for entry in self.entries:
            if entry.uid is None or entry.action is None:
                continue
            row = rows.setdefault(
                (entry.uid, entry.action),
                {
                    "uid": entry.uid,
                    "server_id": entry.server_id,
                    "action": entry.action,
                    "sent": 0,
                    "ambiguous": 0,
                    "after_ambiguous": 0,
                    "accepted": [],
                },
            )
            row["sent"] += 1
            row["after_ambiguous"] += row["ambiguous"] > 0
            row["ambiguous"] += entry.ambiguous
        for each in self.accepted:
            if each.uid is not None:
                rows[each.uid, each.action]["accepted"].append(each.request_id)
        return list(rows.values())
