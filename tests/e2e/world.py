"""What all cases share: the stack, the operator as a process, connections to Nova."""

import os
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from local_stack import operator_process, servers
from local_stack.servers import ServerFactory
from local_stack.stack import Stack

OPERATOR = "operator"
SETTINGS = {
    "poll-interval": "1",
    "poll-interval-urgent": "0.5",
    "progress-interval": "1",
    "retry-interval": "1",
    "sweep-interval": "3",
    "lease-duration": "9",
    "lease-renew": "3",
    "post-deadline": "20",
    "claim-bound": "10",
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

    def connection(self, cloud: str = "admin") -> Any:
        """Return an openstacksdk connection, logged in once for all cases."""
        with self._lock:
            if cloud not in self._connections:
                self._connections[cloud] = servers.connect(self.stack.openstack.clouds_yaml, cloud)
                self._connections[cloud].authorize()
            return self._connections[cloud]

    def factory(self, cloud: str) -> ServerFactory:
        """Return what boots servers. They are left to the end of the stack."""
        with self._lock:
            if cloud not in self._factories:
                factory = ServerFactory(self.stack.openstack.clouds_yaml, cloud)
                factory.connection.authorize()
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

    @property
    def operator_runs(self) -> bool:
        """Whether the operator's process is there."""
        try:
            self.stack.supervisor.pid(OPERATOR)
        except KeyError:
            return False
        return True

    def start_operator(self, settings: Mapping[str, Any] | None = None) -> None:
        """Start the operator and wait until it holds its Leases."""
        changed = {_flag(name): str(value) for name, value in (settings or {}).items()}
        supervisor, plane = self.stack.supervisor, self.stack.kubernetes
        supervisor.start(
            operator_process.process(
                supervisor, plane, name=OPERATOR, flags={**SETTINGS, **changed}
            )
        )

    def kill_operator(self) -> None:
        """End the operator without any warning."""
        self.stack.supervisor.kill(OPERATOR)

    def stop_operator(self) -> None:
        """End the operator as a kubelet does, and check that it went in good order."""
        supervisor = self.stack.supervisor
        pid = supervisor.pid(OPERATOR)
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_WITHIN
        # WNOWAIT: the supervisor, whose child it is, must be able to see how it ended, too
        while (seen := os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is None:
            assert time.monotonic() < deadline, f"still running {STOP_WITHIN:g} s after SIGTERM"
            time.sleep(POLL)
        process = supervisor.stop(OPERATOR)
        ended = (seen.si_code, seen.si_status)
        assert ended == (os.CLD_EXITED, 0), f"ended with {ended} after SIGTERM: see {process.log}"


def _flag(name: str) -> str:
    """Return `post-deadline` for `postDeadline`."""
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)
