"""Free TCP ports on loopback that stay free while their server is being restarted.

A port from the kernel's ephemeral range would not: while the server is down, any outgoing
connection may be given that number, and a client that keeps trying to reconnect can even end up
connected to itself. So ports come from below that range.
"""

import random
import socket
import threading

from local_stack.commands import StackError

RANGE = range(15_000, 32_000)  # Linux gives out ephemeral ports from 32768 on, macOS from 49152 on
ATTEMPTS = 200


class Ports:
    """Gives out each port once, also to threads that have not yet bound theirs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._given: set[int] = set()

    def take(self) -> int:
        """Return a port that nobody listens on."""
        with self._lock:
            for port in random.sample(RANGE, ATTEMPTS):
                if port not in self._given and is_free(port):
                    self._given.add(port)
                    return port
        raise StackError(
            f"found no free port on 127.0.0.1 in {ATTEMPTS} attempts between {RANGE.start} and "
            f"{RANGE.stop}: see what listens there (ss -tln)"
        )


def is_free(port: int) -> bool:
    """Say whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
