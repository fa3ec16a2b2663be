"""What was asked and what was accepted: the figures that the operator's promises are about."""

import re
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

_UUID = "[0-9a-fA-F-]{36}"
_FAMILIES = (
    ("identity", re.compile(r"/identity(/.*)?")),
    ("discovery", re.compile(r"/compute(/v2\.1)?/?|/image(/v2)?/?")),
    ("action", re.compile(rf"/compute/v2\.1/servers/{_UUID}/action")),
    ("instance-actions", re.compile(rf"/compute/v2\.1/servers/{_UUID}/os-instance-actions(/.*)?")),
    ("server-migrations", re.compile(rf"/compute/v2\.1/servers/{_UUID}/migrations(/.*)?")),
    ("os-migrations", re.compile(r"/compute/v2\.1/os-migrations")),
    ("servers", re.compile(r"/compute/v2\.1/servers(/.*)?")),
    ("images", re.compile(r"/image/v2/.*")),
)
_SERVER = re.compile(rf"(?:/servers/|[?&]instance_uuid=)({_UUID})")


def family(path: str) -> str:
    """Return what a path belongs to: never more than the few names above, and `other`."""
    return next((name for name, pattern in _FAMILIES if pattern.fullmatch(path)), "other")


@dataclass
class Entry:
    """One request."""

    arrived: float
    family: str
    method: str
    path: str
    query: str
    microversion: str
    server_id: str | None
    """The server that the path or a filter names."""
    status: int | None = None
    """None until it is answered, and where no answer was given."""


@dataclass
class Journal:
    """All requests in the order of their arrival, and the writes that took effect."""

    entries: list[Entry] = field(default_factory=list)
    accepted: list[tuple[str, str]] = field(default_factory=list)
    """Server and action, noted when it takes effect: whatever becomes of the answer."""

    def arrived(self, method: str, path: str, query: str, microversion: str) -> Entry:
        """Note a request."""
        server = _SERVER.search(f"{path}?{query}")
        entry = Entry(
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

    def clear(self) -> None:
        """Forget everything."""
        self.entries.clear()
        self.accepted.clear()

    def as_json(self) -> dict[str, Any]:
        """Return all of it."""
        return {
            "entries": [asdict(entry) for entry in self.entries],
            "accepted": [list(pair) for pair in self.accepted],
        }

    def counts(self) -> dict[str, Any]:
        """Return how many requests of each family and method, and what each server accepted."""
        requests = Counter(f"{entry.method} {entry.family}" for entry in self.entries)
        accepted: dict[str, Counter[str]] = {}
        for server, action in self.accepted:
            accepted.setdefault(server, Counter())[action] += 1
        return {"requests": requests, "accepted": accepted}
