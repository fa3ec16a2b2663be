"""Who may act: one Lease for each slot of servers, and how long this process still holds it.

Nova cannot fence a late request, so what counts is not who is named in a Lease but until when this
process may act on it. Both sides of a take-over measure durations on their own CLOCK_BOOTTIME and
never compare wall clocks:

* a holder counts from before it SENT its last successful renewal, so from before anybody could see
  it;
* a follower waits a full duration from after it SAW the record change, so from later than that.

A slot that was gained counts as held only after `on_gain` returned, which reads the unfinished
objects anew: what the former holder wrote at the last moment must be known before anything is sent.

Leases are also where it shows that etcd was set back to an earlier snapshot: their resourceVersions
only ever grow. Watches do not tell: they wait in silence for a version that was there already. So
the slots are renewed in turn and not all at once: hardly anything can happen between two of these
writes, and what is set back to before one of them shows at the next.

Where the slots are divided into shards, a process takes those of its own shard as soon as they are
free, and those of others only after nobody has for a while (hot standby). When a process finds a
slot of its own shard with another one that is alive, it asks for it, by an annotation on the Lease;
the holder gives it up, if it is not of its own shard too, once no step of an object of it is under
way. Nothing depends on that for safety: giving up is the same release as at the end of a process.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace

from serveractions.core.errors import ApiUnavailable, Conflict, ObjectGone, WaitError
from serveractions.core.ports import Clock
from serveractions.kube.lease_record import LeaseStore, Record
from serveractions.kube.shard import Shard
from serveractions.kube.slot import Slot, slot_of

log = logging.getLogger(__name__)

RETRY_SHARE = 0.2
"""After a failure the next try comes after this share of the time between renewals."""

RELEASED = 1.0
"""The duration that a released Lease announces: nobody has to wait for it."""

OnGain = Callable[[frozenset[int]], Awaitable[None]]
OnSetBack = Callable[[], None]
Busy = Callable[[int], bool]


class SlotLeases:
    """The port `Leases`: acquires, renews and gives back the slots."""

    def __init__(
        self,
        *,
        store: LeaseStore,
        clock: Clock,
        on_gain: OnGain,
        on_set_back: OnSetBack,
        identity: str,
        slots: int,
        duration: float,
        renew: float,
        wanted: Collection[int] | None = None,
        shard: Shard | None = None,
        busy: Busy = lambda _slot: False,
    ) -> None:
        """Set up without sending anything.

        Args:
            store: Where the Leases are.
            clock: Only its boottime decides anything.
            on_gain: Called with slots just acquired; they count as held when it returned. Called
                again after a WaitError, and again for a slot that was lost and regained.
            on_set_back: Called when the API server shows an older state than it showed before: what
                this process knows of objects may not be so any more.
            identity: The pod's name; a random suffix makes it this process's own, so that its
                Leases of an earlier life are foreign ones.
            slots: How many there are in all.
            duration: Seconds for which a renewal holds.
            renew: Seconds between renewals.
            wanted: The slots to hold, all by default.
            shard: Which of them are this process's own; all by default.
            busy: Says whether a step of an object of a slot is under way: such a slot is not given
                to another process yet.
        """
        self._store = store
        self._clock = clock
        self._on_gain = on_gain
        self._on_set_back = on_set_back
        self._newest = 0
        self._identity = f"{identity}_{secrets.token_hex(4)}"
        self._count = slots
        self._duration = duration
        self._period = renew
        shard = shard or Shard()
        self._slots = {
            index: Slot(index, own=shard.owns(index))
            for index in (range(slots) if wanted is None else sorted(wanted))
        }
        self._busy = busy
        self._gained = asyncio.Event()
        self._closing = asyncio.Event()

    @property
    def identity(self) -> str:
        """The name under which this process holds its Leases."""
        return self._identity

    @property
    def held(self) -> frozenset[int]:
        """The slots for which this process may act now."""
        return frozenset(i for i, slot in self._slots.items() if self._remaining(slot) > 0)

    @property
    def settled(self) -> bool:
        """Whether every slot was looked at: held, or known to be another process's, or to be left
        to another shard for now.
        """
        return all(
            slot.active or slot.record is not None or (slot.looked and not slot.own)
            for slot in self._slots.values()
        )

    def remaining(self, server_id: str) -> float:
        """Seconds for which this process still holds the server's slot; not above 0: not held."""
        slot = self._slots.get(slot_of(server_id, self._count))
        return 0.0 if slot is None else self._remaining(slot)

    def elsewhere(self, server_id: str) -> bool:
        """Whether another process holds the server's slot and was seen to renew it."""
        slot = self._slots.get(slot_of(server_id, self._count))
        if slot is None:
            return True
        expires = slot.expires_at(self._identity, self._duration)
        return slot.hold is None and slot.renewing and self._clock.boottime() < expires

    def held_for(self, server_id: str) -> float:
        """Seconds since this process gained the server's slot; 0 when it is not held."""
        slot = self._slots.get(slot_of(server_id, self._count))
        if slot is None or self._remaining(slot) <= 0:
            return 0.0
        return self._clock.boottime() - slot.gained

    async def run(self) -> None:
        """Acquire and renew until `release` is called, or the task is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            gaining = tasks.create_task(self._take_up(), name="leases: take up gained slots")
            while not self._closing.is_set():
                delay = await self.round()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), delay)
            gaining.cancel()

    async def release(self) -> None:
        """Stop acting at once and give the slots back, so that another process need not wait.

        To be called when no request is under way any more. A slot whose last renewal had no answer
        is left to expire.
        """
        self._closing.set()
        await asyncio.gather(*(self._give_back(slot) for slot in self._slots.values()))

    async def round(self) -> float:
        """Look after the slots that are due; return the seconds until the next ones are."""
        now = self._clock.boottime()
        due = [slot for slot in self._slots.values() if slot.due <= now]
        if any(await asyncio.gather(*(self._tend(slot) for slot in due))):
            self._gained.set()
        wait = min((slot.due for slot in self._slots.values()), default=now + self._period)
        return min(max(0.0, wait - self._clock.boottime()), self._period)

    async def take_up_gained(self) -> None:
        """Have the app learn what is in slots just gained, and count them as held from then on.

        Raises WaitError when that was not possible yet: the slots stay gained, and not held.
        """
        fresh = {i: s.epoch for i, s in self._slots.items() if s.hold is not None and not s.active}
        if not fresh:
            return
        await self._on_gain(frozenset(fresh))
        for index, epoch in fresh.items():
            slot = self._slots[index]
            if slot.epoch == epoch and slot.hold is not None:
                slot.active = True
        log.info("slots are held", extra={"slots": sorted(self.held), "holder": self._identity})

    async def _take_up(self) -> None:
        while True:
            await self._gained.wait()
            self._gained.clear()
            try:
                await self.take_up_gained()
            except WaitError as error:
                log.warning("gained slots cannot be taken up yet", extra={"error": str(error)})
                await asyncio.sleep(self._period * RETRY_SHARE)
                self._gained.set()

    def _remaining(self, slot: Slot) -> float:
        if self._closing.is_set() or slot.leaving or slot.hold is None or not slot.active:
            return 0.0
        return slot.hold + self._duration - self._clock.boottime()

    async def _tend(self, slot: Slot) -> bool:
        """Renew or try to acquire one slot; return whether it was gained."""
        async with slot.lock:
            if self._closing.is_set():
                return False
            try:
                if slot.hold is not None and self._clock.boottime() < slot.hold + self._duration:
                    gained = await self._renew(slot)
                else:
                    self._lose(slot, "it expired before it could be renewed")
                    gained = await self._acquire(slot)
            except ApiUnavailable as error:
                slot.due = self._clock.boottime() + self._period * RETRY_SHARE
                if not slot.failing:
                    log.warning(
                        "a Lease cannot be looked after",
                        extra={"lease": slot.name, "error": str(error)},
                    )
                slot.failing = True
                return False
            slot.failing = False
            return gained

    async def _renew(self, slot: Slot) -> bool:
        if slot.hold is None or slot.record is None:  # never: it was just checked
            return False
        slot.leaving = slot.leaving or (bool(slot.record.asked_for) and not slot.own)
        if slot.leaving and not self._busy(slot.index):
            log.info(
                "a slot is given to the process whose shard it is",
                extra={"lease": slot.name, "to": slot.record.asked_for},
            )
            await self._hand_back(slot)
            slot.due = self._clock.boottime() + self._period
            return False
        start, until = self._clock.boottime(), slot.hold + self._duration
        try:
            slot.record = await self._write(slot, replace(slot.record, renewed=self._clock.now()))
        except (Conflict, ObjectGone):
            # Perhaps an earlier renewal without an answer arrived after all: then it is still ours.
            self._look(slot, await self._store.read(slot.name))
            slot.due = self._clock.boottime()
            if slot.record is None or slot.record.holder != self._identity:
                self._lose(slot, "another process took it")
            return False
        slot.hold, slot.due = start, self._turn(slot, start)
        if slot.leaving:
            slot.due = min(slot.due, start + self._period * RETRY_SHARE)
        if self._clock.boottime() < until:
            return False
        # The answer came after the old bound: for a moment nothing was held, so what is there must
        # be read anew.
        slot.active, slot.gained = False, start
        slot.epoch += 1
        return True

    async def _acquire(self, slot: Slot) -> bool:
        self._look(slot, await self._store.read(slot.name))
        now = self._clock.boottime()
        free_at = self._free_at(slot)
        if free_at > now:
            asked = await self._ask_for(slot)
            slot.due = min(free_at, now + self._period * (RETRY_SHARE if asked else 1.0))
            return False
        wall = self._clock.now()
        old = slot.record
        record = Record(
            version=old.version if old else ("", ""),
            holder=self._identity,
            duration=self._duration,
            transitions=old.transitions + 1 if old else 0,
            acquired=wall,
            renewed=wall,
        )
        try:
            slot.record = await self._write(slot, record, create=old is None)
        except (Conflict, ObjectGone):
            slot.due = self._clock.boottime() + self._period * RETRY_SHARE
            return False
        slot.existed = True
        slot.hold, slot.active, slot.due = now, False, self._turn(slot, now)
        slot.gained = now
        slot.epoch += 1
        return True

    async def _ask_for(self, slot: Slot) -> bool:
        """Ask the holder of a slot of our own shard for it, once; return whether that stands.

        Only one that was seen alive: a dead one's Lease has to stay as it is, for it is from its
        last change on that others wait until they may take it.
        """
        record = slot.record
        if not slot.own or not slot.renewing or record is None:
            return False
        if record.asked_for:
            return record.asked_for == self._identity
        try:
            slot.record = await self._store.replace(
                slot.name, replace(record, asked_for=self._identity)
            )
        except (Conflict, ObjectGone):
            return False  # it was renewed just now: the next look comes soon enough
        slot.seen = self._clock.boottime()
        return True

    async def _write(self, slot: Slot, record: Record, *, create: bool = False) -> Record:
        """Write the record, and know afterwards whether the answer is missing."""
        slot.uncertain, known = True, self._newest
        try:
            written = await (self._store.create if create else self._store.replace)(
                slot.name, record
            )
        except (Conflict, ObjectGone):
            slot.uncertain = False
            raise
        slot.uncertain = False
        version = int(written.version[1])
        if version <= known:  # one counter counts the writes of all objects
            self._on_set_back()
        self._newest = max(self._newest, version)
        return written

    def _look(self, slot: Slot, record: Record | None) -> None:
        """Take in what was read; called after the answer, so that `seen` is never too early."""
        if slot.look(record, self._clock.boottime()):
            self._on_set_back()

    def _turn(self, slot: Slot, start: float) -> float:
        """Return when a slot is renewed that was written at `start`: at its own moment of each
        period, and no later than a period after that.
        """
        phase = self._period * slot.index / self._count
        return start + self._period - (start - phase) % self._period

    def _free_at(self, slot: Slot) -> float:
        """Return from when on the slot may be taken, if its record does not change before."""
        free_at = slot.expires_at(self._identity, self._duration)
        if slot.own:
            return free_at
        # Whose shard it is comes first: it may just be starting again.
        return max(free_at, slot.seen + self._duration + self._period)

    def _lose(self, slot: Slot, why: str) -> None:
        if slot.hold is None:
            return
        slot.hold, slot.active, slot.leaving = None, False, False
        slot.epoch += 1
        log.warning("a slot is not held any more: %s", why, extra={"lease": slot.name})

    async def _give_back(self, slot: Slot) -> None:
        async with slot.lock:
            await self._hand_back(slot)

    async def _hand_back(self, slot: Slot) -> None:
        """Release a slot whose lock the caller has."""
        slot.hold, slot.active, slot.leaving = None, False, False
        slot.epoch += 1
        # One that expired is given back too: if somebody has taken it, this meets a conflict.
        if slot.record is None or slot.record.holder != self._identity:
            return
        if slot.uncertain:
            log.info(
                "a Lease was not given back and will expire: its last renewal had no answer",
                extra={"lease": slot.name},
            )
            return
        released = replace(
            slot.record, holder="", duration=RELEASED, renewed=self._clock.now(), asked_for=""
        )
        try:
            slot.record = await self._store.replace(slot.name, released)
        except (Conflict, ObjectGone, ApiUnavailable) as error:
            log.info(
                "a Lease was not given back and will expire",
                extra={"lease": slot.name, "error": str(error)},
            )
            return
        slot.seen = self._clock.boottime()
