"""What one process knows of one slot of servers and its Lease."""

import asyncio
import hashlib
from dataclasses import dataclass, field

from serveractions.kube.lease_record import Record


def slot_of(server_id: str, slots: int) -> int:
    """Return the slot of a server: the same in every process and every release."""
    digest = hashlib.sha256(server_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") % slots


@dataclass(slots=True)
class Slot:
    """What this process knows of one Lease.

    Attributes:
        record: As last seen; None where there was none.
        seen: When the record was first seen as it is.
        existed: Whether there ever was a record. One that vanished may still be believed in by its
            holder.
        hold: The start of the last successful renewal; None while the slot is not ours.
        gained: When this hold began: from then on nobody else has acted.
        active: Whether `on_gain` returned for this hold.
        epoch: Grows with each gain and loss: tells whether a hold is still the same one.
        uncertain: A write is under way or had no answer.
        failing: Whether the last attempt had no answer, so that an outage is logged once.
        due: When to look after it next.
        own: Whether it is of this process's shard.
        looked: Whether it was looked at.
        renewing: Whether its present holder was seen renewing it: it is alive.
        leaving: Whether it is about to be given to the process whose shard it is: nothing new is
            begun in it.
    """

    index: int
    record: Record | None = None
    seen: float = 0.0
    existed: bool = False
    hold: float | None = None
    gained: float = 0.0
    active: bool = False
    epoch: int = 0
    uncertain: bool = False
    failing: bool = False
    due: float = 0.0
    own: bool = True
    looked: bool = False
    renewing: bool = False
    leaving: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def name(self) -> str:
        """Of its Lease."""
        return f"serveractions-slot-{self.index}"

    def look(self, record: Record | None, now: float) -> bool:
        """Take in the record as it was read; return whether it is older than what was known."""
        before = self.record.version if self.record else None
        after = record.version if record else None
        older = bool(before and after and before[0] == after[0] and int(after[1]) < int(before[1]))
        if before != after or not self.looked:
            self.seen = now
        if before != after and self.record is not None and record is not None:
            self.renewing = record.holder == self.record.holder != ""
        self.looked = True
        self.existed = self.existed or record is not None
        self.record = record
        return older

    def expires_at(self, identity: str, duration: float) -> float:
        """Return when the last one who may hold the slot holds it no more, if nothing is written.

        Args:
            identity: Of the process that asks.
            duration: Seconds for which its own Leases hold.
        """
        if self.record is None:
            return self.seen + duration if self.existed else 0.0
        if self.record.holder in ("", identity):
            # Our own name without a hold: it expired, or the answer to an acquisition was lost.
            # Nobody else signs so.
            return 0.0
        return self.seen + max(duration, self.record.duration)
