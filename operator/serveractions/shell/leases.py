"""The right to act in a run: the journal's lock stands for the Lease."""

import os
import secrets
import socket

from serveractions.core.ports import Clock


class JournalLease:
    """The port `Leases`: whoever has the journal's lock may act for all that is in it.

    The kernel gives the lock back when the process ends and never before, so it does not expire.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = clock.boottime()
        self.identity = f"run-{socket.gethostname()[:63]}-{os.getpid()}-{secrets.token_hex(4)}"

    def remaining(self, server_id: str) -> float:
        """Return for ever."""
        return float("inf")

    def elsewhere(self, server_id: str) -> bool:
        """Say no: one process has the lock."""
        return False

    def held_for(self, server_id: str) -> float:
        """Return for how long this process has the lock."""
        return self._clock.boottime() - self._since
