"""The real clock."""

import time
from datetime import UTC, datetime


class SystemClock:
    """The port `Clock` on the machine's own clocks."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        return datetime.now(UTC)

    def boottime(self) -> float:
        """Seconds on CLOCK_BOOTTIME: a stopped process and a sleeping machine do not stop it."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)
