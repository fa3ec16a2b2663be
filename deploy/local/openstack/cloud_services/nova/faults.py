"""Which driver calls are to be slow or to fail, and which calls there were.

The driver asks here before it does anything; tests change it through the control endpoint. A rule
may be limited to servers and to hosts, so that several tests can share one Nova.
"""

import builtins
import collections
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from nova import exception

REMEMBERED_CALLS = 10_000


@dataclass(frozen=True, kw_only=True)
class Target:
    """The calls that a rule is about; an empty set means all servers or all hosts."""

    method: str
    servers: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()

    def covers(self, method: str, host: str, server: str | None) -> bool:
        """Tell whether a call is meant."""
        return (
            self.method == method
            and (not self.servers or server in self.servers)
            and (not self.hosts or host in self.hosts)
        )

    @property
    def precision(self) -> int:
        """Order rules that cover the same call: a named server outweighs a named host."""
        return 2 * bool(self.servers) + bool(self.hosts)


@dataclass(kw_only=True)
class Failure:
    """The exception to raise, and how often (`None`: until it is taken back)."""

    kind: type[Exception]
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    times: int | None = None


class UnknownExceptionError(Exception):
    """A failure was ordered with an exception that does not exist."""


def exception_called(name: str) -> type[Exception]:
    """Find an exception by name, Nova's first: `MigrationPreCheckError`, `RuntimeError`."""
    for module in (exception, builtins):
        kind = getattr(module, name, None)
        if isinstance(kind, type) and issubclass(kind, Exception):
            return kind
    raise UnknownExceptionError(
        f"there is no exception {name} in nova.exception nor among Python's built-in ones"
    )


class Faults:
    """The rules and the record of calls, shared by all compute services of the process."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._delays: dict[Target, float] = {}
        self._failures: dict[Target, Failure] = {}
        self._calls: collections.deque[dict[str, Any]] = collections.deque(maxlen=REMEMBERED_CALLS)

    def delay(self, target: Target, seconds: float) -> None:
        """Make calls take longer; 0 ends it, also for the calls that are waiting now."""
        with self._changed:
            if seconds:
                self._delays[target] = seconds
            else:
                self._delays.pop(target, None)
            self._changed.notify_all()

    def fail(self, target: Target, failure: Failure | None) -> None:
        """Make calls fail; `None` ends it."""
        with self._changed:
            if failure is None:
                self._failures.pop(target, None)
            else:
                self._failures[target] = failure

    def reset(self, servers: Iterable[str] = ()) -> None:
        """Drop all rules and calls, or only the rules that name a server; release waiting calls."""
        chosen = frozenset(servers)
        with self._changed:
            if not chosen:
                self._delays.clear()
                self._failures.clear()
                self._calls.clear()
            for rules in (self._delays, self._failures):
                for target in [target for target in rules if target.servers & chosen]:
                    del rules[target]
            self._changed.notify_all()

    def calls(self) -> list[dict[str, Any]]:
        """Return the calls so far, oldest first."""
        with self._changed:
            return list(self._calls)

    def describe(self) -> dict[str, Any]:
        """Return the rules in force, for people who look at the endpoint."""
        with self._changed:
            return {
                "delay": [_shown(target, seconds=s) for target, s in self._delays.items()],
                "fail": [
                    _shown(target, exception=failure.kind.__name__, times=failure.times)
                    for target, failure in self._failures.items()
                ],
            }

    def record(self, method: str, host: str, server: str | None, **details: Any) -> None:
        """Note a call."""
        call = {"at": time.time(), "host": host, "method": method, "server": server, **details}
        with self._changed:
            self._calls.append(call)

    def wait(self, method: str, host: str, server: str | None) -> None:
        """Take as long as ordered; changes of the order count for calls that wait already."""
        began = time.monotonic()
        with self._changed:
            while True:
                left = began + self._delay_of(method, host, server) - time.monotonic()
                if left <= 0:
                    return
                self._changed.wait(left)

    def delay_of(self, method: str, host: str, server: str | None) -> float:
        """Return the ordered duration in seconds, for calls that report progress meanwhile."""
        with self._changed:
            return self._delay_of(method, host, server)

    def raise_failure(self, method: str, host: str, server: str | None) -> None:
        """Raise what was ordered, if anything was."""
        ordered = self.take_failure(method, host, server)
        if ordered is not None:
            raise ordered

    def take_failure(self, method: str, host: str, server: str | None) -> Exception | None:
        """Return what was ordered, and count it as having happened."""
        with self._changed:
            target = _most_precise(self._failures, method, host, server)
            if target is None:
                return None
            failure = self._failures[target]
            if failure.times is not None:
                failure.times -= 1
                if failure.times <= 0:
                    del self._failures[target]
        return failure.kind(*failure.args, **failure.kwargs)

    def _delay_of(self, method: str, host: str, server: str | None) -> float:
        target = _most_precise(self._delays, method, host, server)
        return 0.0 if target is None else self._delays[target]


def _most_precise(
    rules: Iterable[Target], method: str, host: str, server: str | None
) -> Target | None:
    covering = [target for target in rules if target.covers(method, host, server)]
    return max(covering, key=lambda target: target.precision, default=None)


def _shown(target: Target, **rule: Any) -> dict[str, Any]:
    return {
        "method": target.method,
        "servers": sorted(target.servers),
        "hosts": sorted(target.hosts),
        **rule,
    }


FAULTS = Faults()
"""Nova constructs its drivers itself and passes them nothing, so they find the rules here."""
