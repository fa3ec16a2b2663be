"""The fake as a process of its own, as a test talks to it: see `control` for each path."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from requests import RequestException, Response, Session

from local_stack.control import Control
from local_stack.supervisor import Process, Supervisor

TESTS = Path(__file__).parents[2]

TIMEOUT = 30.0


@dataclass(frozen=True)
class FakeCloud:
    """A running fake, and what only a test may ask of it."""

    url: str

    def clouds_yaml(self) -> str:
        """Return a clouds.yaml with a cloud for each of its users."""
        return self._ask("GET", "clouds").text

    def boot(self, *names: str, **how: Any) -> list[str]:
        """Boot servers; return their ids."""
        ids: list[str] = self._ask("POST", "servers", {"names": names, **how}).json()
        return ids

    def complete_live_migrations(self) -> None:
        """Let all that are under way end now."""
        self._ask("POST", "live-migrations/complete")

    def journal(self) -> dict[str, list[dict[str, Any]]]:
        """Return every request and every accepted write so far, each in order."""
        journal: dict[str, list[dict[str, Any]]] = self._ask("GET", "journal").json()
        return journal

    def requests(self) -> list[dict[str, Any]]:
        """Return every request so far, in order."""
        return self.journal()["entries"]

    def accepted(self, server: str) -> list[str]:
        """Return the writes that took effect on a server, in order."""
        accepted = self.journal()["accepted"]
        return [each["action"] for each in accepted if each["server_id"] == server]

    def counts(self) -> dict[str, dict[str, Any]]:
        """Return how many requests there were, and what each server accepted."""
        counts: dict[str, dict[str, Any]] = self._ask("GET", "counts").json()
        return counts

    def audit(self) -> list[dict[str, Any]]:
        """Return what was sent and accepted for each custom resource and write."""
        rows: list[dict[str, Any]] = self._ask("GET", "audit").json()
        return rows

    def fault(self, kind: str, match: Mapping[str, Any] | None = None, **how: Any) -> int:
        """Order a fault; return its number."""
        order = {"kind": kind, "match": dict(match or {}), **how}
        number: int = self._ask("POST", "faults", order).json()["id"]
        return number

    def release(self, fault: int) -> None:
        """Let go on what a fault holds."""
        self._ask("POST", f"faults/{fault}/release")

    def faults(self) -> dict[str, Any]:
        """Return the orders in force and the figures."""
        faults: dict[str, Any] = self._ask("GET", "faults").json()
        return faults

    def take_back(self, fault: int | None = None) -> None:
        """Take one order back, or all."""
        self._ask("DELETE", "faults" if fault is None else f"faults/{fault}")

    def door(self, service: str, state: str, **how: Any) -> None:
        """Open or shut a service, or let it break its next connections."""
        self._ask("POST", "doors", {service: {"state": state, **how}})

    def doors(self) -> dict[str, dict[str, Any]]:
        """Return what each service's door does, and how many connections it refused."""
        doors: dict[str, dict[str, Any]] = self._ask("GET", "doors").json()
        return doors

    def happen(self, event: str, **parameters: Any) -> None:
        """Let something happen to the cloud: see `world_events`."""
        self._ask("POST", "world", {"event": event, **parameters})

    def add_users(self, *names: str, project: str = "demo", role: str = "admin") -> None:
        """Make accounts; `clouds_yaml` tells their passwords."""
        self._ask("POST", "users", {"names": names, "project": project, "role": role})

    def add_foreigners(self, servers: int, *, changes_per_minute: int = 0) -> None:
        """Fill the cloud with servers of somebody else."""
        order = {"servers": servers, "changes_per_minute": changes_per_minute}
        self._ask("POST", "foreigners", order)

    def ledger(self) -> dict[str, list[dict[str, Any]]]:
        """Return all that Nova and Glance have on record, and all writes."""
        records: dict[str, list[dict[str, Any]]] = self._ask("GET", "ledger").json()
        return records

    @property
    def driver(self) -> Control:
        """Slows the hypervisors down, breaks them and watches them, as with the real Nova."""
        return Control(f"{self.url}/_fake/driver")

    def _ask(self, method: str, path: str, order: object = None) -> Response:
        with Session() as session:
            session.trust_env = False  # a proxy of the user's must not see loopback
            url = f"{self.url}/_fake/{path}"
            answer = session.request(method, url, json=order, timeout=TIMEOUT)
        assert answer.ok, f"{method} {path} {order}: {answer.text}"
        return answer


def process(supervisor: Supervisor, name: str, flags: Mapping[str, str]) -> Process:
    """Describe the fake as a process, with the flags of `__main__`."""
    port = supervisor.ports.take()
    words = [part for flag, value in flags.items() for part in (f"--{flag}", value)]
    return Process(
        name=name,
        argv=[sys.executable, "-m", "fakes.cloud", "--port", str(port), *words],
        log=supervisor.logs / f"{name}.log",
        env={"PYTHONPATH": str(TESTS)},
        ready=lambda: _answers(f"http://127.0.0.1:{port}/_fake/ready"),
    )


def of(described: Process) -> FakeCloud:
    """Return the fake that such a process is."""
    port = described.argv[list(described.argv).index("--port") + 1]
    return FakeCloud(f"http://127.0.0.1:{port}")


def _answers(url: str) -> bool:
    try:
        with Session() as session:
            session.trust_env = False
            return session.get(url, timeout=2).ok
    except RequestException:
        return False
