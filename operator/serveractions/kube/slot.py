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
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def name(self) -> str:
        """Of its Lease."""
        return f"serveractions-slot-{self.index}"
