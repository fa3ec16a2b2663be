"""What all cases share: the stack, the operator as a process, connections to Nova."""

import os
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import requests

import lease_board
import secrecy
from local_stack import operator_process, servers
from local_stack.servers import ServerFactory
from local_stack.stack import Stack

OPERATOR = "operator"
SETTINGS = {
    "poll-interval": "2",
    "poll-interval-urgent": "1",
    "progress-interval": "1",
    "retry-interval": "1",
    "sweep-interval": "3",
    "lease-duration": "9",
    "lease-renew": "3",
    "post-deadline": "20",
    "claim-bound": "10",
    "proxy-lifetime": "3",
    "shutdown-grace": "25",
}
"""Short times; everything else as it is installed."""

STOP_WITHIN = 60.0
POLL = 0.1


@dataclass
class World:
    """The stack with an operator on it."""

    stack: Stack
    _connections: dict[str, Any] = field(default_factory=dict)
    _factories: dict[str, ServerFactory] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _settings: dict[str, str] | None = None
    """With which the operator runs; None while it does not."""
    _probes: str = ""

    def connection(self, cloud: str = "admin") -> Any:
        """Return an openstacksdk connection, logged in once for all cases."""
        with self._lock:
            if cloud not in self._connections:
                clouds_yaml = self.stack.openstack.clouds_yaml
                self._connections[cloud] = _ready(servers.connect(clouds_yaml, cloud))
            return self._connections[cloud]

    def factory(self, cloud: str) -> ServerFactory:
        """Return what boots servers. They are left to the end of the stack."""
        with self._lock:
            if cloud not in self._factories:
                factory = ServerFactory(self.stack.openstack.clouds_yaml, cloud)
                _ready(factory.connection)
                self._factories[cloud] = factory
            return self._factories[cloud]

    def session(self) -> requests.Session:
        """Return an HTTP session of the cluster's administrator."""
        plane = self.stack.kubernetes
        session = requests.Session()
        session.trust_env = False
        session.verify = str(plane.authority)
        session.headers["Authorization"] = f"Bearer {plane.credentials.admin_token}"
        return session

    def restore_operator(self) -> None:
        """See to it that the operator runs, with the settings that all cases share."""
        if self._settings not in (None, SETTINGS):
            self.stop_operator()
        if self._settings is None:
            self.start_operator()

    def start_operator(self, settings: Mapping[str, Any] | None = None) -> None:
        """Start the operator and wait until it holds its Leases."""
        changed = {_flag(name): str(value) for name, value in (settings or {}).items()}
        supervisor, plane = self.stack.supervisor, self.stack.kubernetes
        self._settings = {**SETTINGS, **changed}
        operator = operator_process.process(supervisor, plane, name=OPERATOR, flags=self._settings)
        supervisor.start(operator)
        self._probes = operator_process.probes(operator)

    def await_held(self, seconds: float) -> None:
        """Wait until the operator has held every Lease for so long, by the Leases' own word.

        What happens after that it knows to be none of its own: see `core.precedents`.
        """
        session, leases = self.session(), f"{self.stack.kubernetes.server}/{lease_board.PLACE}"
        deadline = time.monotonic() + seconds + STOP_WITHIN
        while True:
            specs = [item["spec"] for item in session.get(leases, timeout=30).json()["items"]]
            since = [spec["acquireTime"] for spec in specs if spec.get("holderIdentity")]
            now = datetime.now(UTC)
            if len(since) == len(specs) and all(
                (now - datetime.fromisoformat(each)).total_seconds() >= seconds for each in since
            ):
                return
            assert time.monotonic() < deadline, f"not every Lease held for {seconds:g} s: {specs}"
            time.sleep(POLL)

    def kill_operator(self) -> None:
        """End the operator without any warning."""
        self._keep_metrics()
        self.stack.supervisor.kill(OPERATOR)
        self._settings = None

    def stop_operator(self) -> None:
        """End the operator as a kubelet does, and check that it went in good order."""
        self._keep_metrics()
        supervisor = self.stack.supervisor
        pid = supervisor.pid(OPERATOR)
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_WITHIN
        # WNOWAIT: the supervisor, whose child it is, must be able to see how it ended, too
        while (seen := os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is None:
            assert time.monotonic() < deadline, f"still running {STOP_WITHIN:g} s after SIGTERM"
            time.sleep(POLL)
        process = supervisor.stop(OPERATOR)
        self._settings = None
        ended = (seen.si_code, seen.si_status)
        assert ended == (os.CLD_EXITED, 0), f"ended with {ended} after SIGTERM: see {process.log}"

    def _keep_metrics(self) -> None:
        secrecy.keep_metrics(self.stack.supervisor.logs, OPERATOR, self._probes)


def _ready(connection: Any) -> Any:
    """Log in, and keep no connection open: one that Nova is about to close fails the next POST."""
    # pytest changes the environment while the threads of other cases look for proxies there
    connection.session.session.trust_env = False
    connection.authorize()
    for service in (connection.compute, connection.image):
        service.additional_headers["Connection"] = "close"
    return connection


def _flag(name: str) -> str:
    """Return `post-deadline` for `postDeadline`."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)
