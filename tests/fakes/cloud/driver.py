"""The hypervisors: which of their calls are slow or fail, and which calls there were.

Takes the same orders as the control endpoint of the real local Nova (deploy/local), by the names of
the virt driver's methods, so that one test can steer both: `local_stack.control.Control` talks to
either.
"""

import builtins
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fakes.cloud.orders import BadOrderError, only

METHODS = frozenset(
    {
        "snapshot",
        "snapshot_upload",
        "set_admin_password",
        "inject_network_info",
        "migrate_disk_and_power_off",
        "finish_migration",
        "finish_revert_migration",
        "confirm_migration",
        "check_can_live_migrate_destination",
        "check_can_live_migrate_source",
        "pre_live_migration",
        "live_migration",
        "post_live_migration_at_destination",
        "destroy",
    }
)
_FORMATS = {
    "MigrationPreCheckError": "Migration pre-check error: {reason}",
    "InstancePasswordSetFailed": "Failed to set admin password on {instance} because {reason}",
    "SetAdminPasswdNotSupported": "Set admin password is not supported",
    "InstanceAgentNotEnabled": "Guest agent is not enabled for the instance",
    "NoValidHost": "No valid host was found. {reason}",
}


class DriverError(Exception):
    """A call of the hypervisor failed: with one of Nova's exceptions or one of Python's."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        self.message = message
        super().__init__(message)

    @property
    def details(self) -> str:
        """What an instance action's event says of it: of a foreign exception only the name."""
        return self.kind if hasattr(builtins, self.kind) else self.message


@dataclass(frozen=True)
class _Target:
    method: str
    servers: frozenset[str]
    hosts: frozenset[str]

    def covers(self, method: str, host: str, server: str) -> bool:
        return (
            self.method == method
            and (not self.servers or server in self.servers)
            and (not self.hosts or host in self.hosts)
        )

    @property
    def precision(self) -> int:
        return 2 * bool(self.servers) + bool(self.hosts)


@dataclass
class _Failure:
    error: DriverError
    times: int | None


class Driver:
    """The rules and the calls of all hosts."""

    def __init__(self, *, changed: Callable[[], None]) -> None:
        """Know no rule.

        Args:
            changed: Called when what waits may have to wait no longer.
        """
        self._changed = changed
        self._delays: dict[_Target, float] = {}
        self._failures: dict[_Target, _Failure] = {}
        self.calls: list[dict[str, Any]] = []

    def record(self, method: str, host: str, server: str, **details: Any) -> None:
        """Note a call."""
        self.calls.append(
            {"at": time.time(), "host": host, "method": method, "server": server, **details}
        )

    def seconds(self, method: str, host: str, server: str, default: float) -> float:
        """Return how long a call takes."""
        target = _most_precise(self._delays, method, host, server)
        return default if target is None else self._delays[target]

    def fail_if_ordered(self, method: str, host: str, server: str) -> None:
        """Raise what was ordered, and count it. Raises DriverError."""
        target = _most_precise(self._failures, method, host, server)
        if target is None:
            return
        failure = self._failures[target]
        if failure.times is not None:
            failure.times -= 1
            if failure.times <= 0:
                del self._failures[target]
        raise failure.error

    def obey(self, order: dict[str, Any]) -> None:
        """Carry out `{"reset", "delay", "fail"}` as the real control endpoint does.

        Raises:
            BadOrderError: It means nothing.
        """
        only(order, "reset", "delay", "fail")
        if reset := order.get("reset"):
            self._reset(frozenset(reset["servers"]) if isinstance(reset, dict) else frozenset())
        for method, rule in order.get("delay", {}).items():
            limited = rule if isinstance(rule, dict) else {"seconds": rule}
            target = _target(method, limited)
            self._delays.pop(target, None)
            if limited["seconds"]:
                self._delays[target] = float(limited["seconds"])
        for method, rule in order.get("fail", {}).items():
            target = _target(method, rule or {})
            self._failures.pop(target, None)
            if rule and rule.get("exception"):
                self._failures[target] = _Failure(_error(rule), rule.get("times"))
        self._changed()

    def _reset(self, servers: frozenset[str]) -> None:
        rules: tuple[dict[_Target, Any], ...] = (self._delays, self._failures)
        for each in rules:
            for target in [one for one in each if not servers or one.servers & servers]:
                del each[target]
        if not servers:
            self.calls.clear()


def hashed(password: str) -> str:
    """Return what the record of a call holds in place of a password."""
    return hashlib.sha256(password.encode()).hexdigest()


def _error(rule: dict[str, Any]) -> DriverError:
    kind, args = rule["exception"], rule.get("args") or []
    if args:
        return DriverError(kind, str(args[0]))
    words = {"reason": "", "instance": ""} | (rule.get("kwargs") or {})
    return DriverError(kind, _FORMATS.get(kind, "An unknown exception occurred.").format(**words))


def _target(method: str, rule: dict[str, Any]) -> _Target:
    if method not in METHODS:
        raise BadOrderError(f"no driver method {method!r} here")
    servers, hosts = rule.get("servers") or (), rule.get("hosts") or ()
    return _Target(method, frozenset(servers), frozenset(hosts))


def _most_precise(
    rules: Sequence[_Target] | dict[_Target, Any], method: str, host: str, server: str
) -> _Target | None:
    covering = [target for target in rules if target.covers(method, host, server)]
    return max(covering, key=lambda target: target.precision, default=None)
