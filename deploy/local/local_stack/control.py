"""Slow Nova's fake hypervisors down, break them, and see what Nova asked of them.

A client for the control endpoint of `deploy/local/openstack/`. Orders can be limited to servers,
so that several tests can use one Nova at the same time; do so wherever the method allows it.

Methods are those of Nova's virt driver, for example:

| action | methods, in order |
|---|---|
| createBackup | `snapshot`, `snapshot_upload` (waited for twice: pending and uploading) |
| migrate | `migrate_disk_and_power_off`, `finish_migration`, `confirm_migration` |
| os-migrateLive | `check_can_live_migrate_destination`, `check_can_live_migrate_source`,
  `pre_live_migration`, `live_migration`, `post_live_migration_at_destination` |
| changePassword | `set_admin_password` |

"No valid host" for one server: boot it with the flavor `m1.only-host1` (or host2, host3), which
fits on that host alone, and migrate it; or make `check_can_live_migrate_destination` fail for it.
A server that never gets a host: the flavor `m1.huge`. `host_down` works too, but for every test.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from local_stack.commands import StackError

TIMEOUT = 30.0
FOREVER = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Call:
    """Something that Nova asked of a fake hypervisor."""

    at: float
    """Seconds since the epoch."""
    host: str
    method: str
    server: str | None
    password_sha256: str | None = None
    """Of `set_admin_password`: tells which password arrived without keeping a copy of it."""
    block_migration: bool | None = None
    """Of `check_can_live_migrate_destination`, as the user asked; None is `auto`."""
    disk_over_commit: bool | None = None
    """The same."""


class Control:
    """The control endpoint of a running cloud."""

    def __init__(self, url: str) -> None:
        self.url = url

    def delay(
        self,
        method: str,
        seconds: float,
        servers: Sequence[str] | None = None,
        *,
        hosts: Sequence[str] | None = None,
    ) -> None:
        """Make a driver method take that long; 0 ends it, also for calls that wait already."""
        self._send({"delay": {method: {"seconds": seconds, "servers": servers, "hosts": hosts}}})

    @contextmanager
    def held(self, method: str, servers: Sequence[str]) -> Iterator[None]:
        """Hold calls of a driver method, so that a test can look at the state in between."""
        self.delay(method, FOREVER, servers)
        try:
            yield
        finally:
            self.delay(method, 0, servers)

    def fail(
        self,
        method: str,
        exception: str | None = "NovaException",
        args: Sequence[object] = (),
        times: int | None = None,
        servers: Sequence[str] | None = None,
        *,
        hosts: Sequence[str] | None = None,
        kwargs: dict[str, object] | None = None,
    ) -> None:
        """Make a driver method fail.

        Args:
            method: The driver's method.
            exception: Name of an exception of Nova's or of Python's; `None` takes the order back.
            args: Its positional arguments; the first of a Nova exception is the message.
            times: How often; `None`: until taken back.
            servers: Their ids; all servers when not given.
            hosts: Their names; all hosts when not given.
            kwargs: What a Nova exception's own message is filled with.
        """
        rule = {
            "exception": exception,
            "args": list(args),
            "kwargs": kwargs,
            "times": times,
            "servers": servers,
            "hosts": hosts,
        }
        self._send({"fail": {method: rule}})

    def host_down(self, host: str) -> None:
        """Let a compute service appear dead, to everybody."""
        self._send({"service": {host: "down"}})

    def host_up(self, host: str) -> None:
        """Let it appear alive again."""
        self._send({"service": {host: "up"}})

    def confirm_unasked(self, window: int) -> None:
        """Have Nova confirm, this once, what has waited for more than so many seconds.

        A `resize_confirm_window` in its configuration would do so all the time, to the migrations
        of every test that is slow that day.
        """
        self._send({"confirm_window": window})

    def run_periodic_task(self, name: str) -> None:
        """Run one of nova-compute's periodic tasks once, on all hosts: none runs by itself."""
        self._send({"periodic": name})

    def reset(self, servers: Sequence[str] | None = None) -> None:
        """Take back all delays and failures, or only those that name one of the servers.

        Without servers it also forgets the calls. Hosts that are down stay down.
        """
        self._send({"reset": {"servers": servers} if servers else True})

    def calls(self, method: str | None = None, server: str | None = None) -> list[Call]:
        """Return what Nova asked of the fake hypervisors, oldest first."""
        calls = [Call(**call) for call in self._ask("GET")["calls"]]
        return [
            call
            for call in calls
            if method in (None, call.method) and server in (None, call.server)
        ]

    def _send(self, order: dict[str, object]) -> None:
        self._ask("POST", order)

    def _ask(self, verb: str, order: dict[str, object] | None = None) -> dict[str, Any]:
        with requests.Session() as session:
            session.trust_env = False  # a proxy of the user's must not see loopback
            try:
                answer = session.request(verb, self.url, json=order, timeout=TIMEOUT)
            except requests.RequestException as error:
                raise StackError(
                    f"Nova's control endpoint {self.url} does not answer: {error}; see nova.log"
                ) from error
        try:
            content: dict[str, Any] = answer.json()
        except requests.JSONDecodeError:
            content = {"error": answer.text}
        if not answer.ok:
            raise StackError(f"the control endpoint refused {order}: {content.get('error')}")
        return content
