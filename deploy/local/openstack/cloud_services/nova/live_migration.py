"""The memory of one server on its way to another host: what libvirt's migration job would do.

libvirt's monitor in Nova writes the byte counts into the migration record, can be told to stop or
to hurry, and on an error rolls back *without raising*: all events of the instance action then say
"Success" and only the migration record says `failed`. The operator has to see through that, so the
job behaves the same.
"""

import threading
import time
from typing import Any, Literal

from oslo_log import log as logging

from cloud_services.nova.faults import FAULTS

LOG = logging.getLogger(__name__)

Outcome = Literal["completed", "cancelled", "failed"]

TICK = 0.25
"""Seconds between two reports. The real monitor takes 5, for which tests would have to wait."""


class Job:
    """One live migration in progress."""

    def __init__(self, instance: Any, host: str, migration: Any) -> None:
        self._instance = instance
        self._host = host
        self._migration = migration
        self._abort = threading.Event()
        self._complete = threading.Event()

    def abort(self) -> None:
        """Stop; the server stays where it is."""
        self._abort.set()

    def force_complete(self) -> None:
        """Finish now; the real one pauses the guest or turns to post-copy for that."""
        self._complete.set()

    def run(self) -> Outcome:
        """Take the ordered time, report progress, and tell how it ended."""
        began = time.monotonic()
        while not self._complete.is_set():
            seconds = FAULTS.delay_of("live_migration", self._host, self._instance.uuid)
            moved = time.monotonic() - began
            if moved >= seconds:
                break
            self._report(moved / seconds)
            if self._abort.wait(min(TICK, seconds - moved)):
                return "cancelled"
        return self._end()

    def _end(self) -> Outcome:
        """Fail only now, after everything had looked well: that is the hardest to follow."""
        ordered = FAULTS.take_failure("live_migration", self._host, self._instance.uuid)
        if ordered is None:
            return "completed"
        LOG.error("live migration fails as ordered: %s", ordered, instance=self._instance)
        return "failed"

    def _report(self, fraction: float) -> None:
        """Write the bytes into the migration and the percentage into the server.

        Nova's response schema wants each count to be at least 1, or null.
        """
        total = self._instance.flavor.memory_mb * 1024 * 1024
        processed = max(1, int(total * fraction))
        self._migration.memory_total = total
        self._migration.memory_processed = processed
        self._migration.memory_remaining = max(1, total - processed)
        self._migration.save()
        self._instance.progress = int(100 * fraction)
        self._instance.save()
