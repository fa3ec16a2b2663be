"""What happens to the cloud from outside: a process ends, a clock is wrong, records are late.

Each event is an order with a name; the parameters are the function's own.
"""

import inspect
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from fakes.cloud import restarts
from fakes.cloud.doors import Doors
from fakes.cloud.identity import Identity
from fakes.cloud.orders import BadOrderError, only
from fakes.cloud.state import Cloud

LAGGING = ("actions", "migrations", "images")


class WorldEvents:
    """Lets things happen to one cloud."""

    def __init__(self, cloud: Cloud, identity: Identity, doors: Doors | None) -> None:
        self._cloud = cloud
        self._doors = doors
        self._identity = identity
        self._events: dict[str, Callable[..., None]] = {
            "nova-restarted": self.nova_restarted,
            "compute-gone": self.compute_gone,
            "compute-back": self.compute_back,
            "host-down": self.host_down,
            "clock-skew": self.clock_skew,
            "tokens-expired": self._identity.expire_all,
            "server-deleted": self.server_deleted,
            "server-state": self.server_state,
            "cells-down": self.cells_down,
            "lag": self.lag,
            "confirm-window": self.confirm_window,
            "race": self.race,
        }

    def happen(self, order: dict[str, Any]) -> None:
        """Carry out `{"event": name, ...}`. Raises BadOrderError."""
        name = order.pop("event", None)
        if name not in self._events:
            raise BadOrderError(f"no event {name!r}: there is {', '.join(self._events)}")
        handle = self._events[name]
        only(order, *inspect.signature(handle).parameters)
        handle(**order)

    def nova_restarted(self, hosts: Iterable[str] | None = None) -> None:
        """Restart nova-compute on some hosts, or all of Nova, which drops its requests, too."""
        if hosts is None and self._doors is not None:
            self._doors.break_off("compute")
        restarts.restart(self._cloud, hosts)

    def compute_gone(self, host: str, *, noticed: bool = False) -> None:
        """End a nova-compute; what it was doing is lost, what is asked of it waits."""
        restarts.go(self._cloud, host, noticed=noticed)

    def compute_back(self, host: str) -> None:
        """Start it again."""
        restarts.come_back(self._cloud, host)

    def host_down(self, host: str, *, down: bool = True) -> None:
        """Let a compute service appear dead, or alive again, to API and scheduler."""
        down_hosts = self._cloud.conditions.down
        (down_hosts.add if down else down_hosts.discard)(host)

    def clock_skew(self, seconds: float) -> None:
        """Set Nova's clock so far ahead of everybody else's."""
        self._cloud.conditions.skew = timedelta(seconds=seconds)

    def server_deleted(self, server: str) -> None:
        """Let a server be gone at once, without anybody having asked."""
        found = self._cloud.servers[server]
        found.vm_state, found.task_state, found.updated = "deleted", None, self._cloud.now
        self._cloud.wake(server)

    def server_state(self, server: str, changes: dict[str, Any]) -> None:
        """Change `vm_state`, `task_state`, `locked`, `host` or `fault` of a server."""
        only(changes, "vm_state", "task_state", "locked", "host", "fault")
        found = self._cloud.servers[server]
        for name, value in changes.items():
            setattr(found, name, value)
        found.updated = self._cloud.now
        self._cloud.wake(server)

    def cells_down(self, servers: Iterable[str]) -> None:
        """Let exactly these servers be in a cell that does not answer."""
        self._cloud.conditions.unseen = set(servers)

    def lag(self, records: str, seconds: float) -> None:
        """Let new records appear so late: `actions`, `migrations` or `images`."""
        if records not in LAGGING:
            raise BadOrderError(f"no records {records!r}: there is {', '.join(LAGGING)}")
        self._cloud.conditions.lag[records] = timedelta(seconds=seconds)

    def confirm_window(self, seconds: float) -> None:
        """Let Nova confirm migrations by itself after that time; 0: never."""
        self._cloud.conditions.confirm_window = seconds
        self._cloud.wake()

    def race(self, server: str, times: int = 1) -> None:
        """Let the next actions of a server find that another came between look and begin."""
        self._cloud.conditions.races[server] = times
