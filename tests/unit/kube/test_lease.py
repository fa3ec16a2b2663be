"""The slots' Leases against a store and a clock that the test moves: who may act."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from serveractions.core.errors import ApiUnavailable, Conflict, ObjectGone
from serveractions.kube.lease import OnGain, SlotLeases
from serveractions.kube.lease_record import Record, micro_time
from serveractions.kube.slot import slot_of

DURATION = 30.0
RENEW = 10.0
SERVER = "1bea47ed-f6a9-463b-b423-14b9cca9ad27"


@dataclass
class FakeClock:
    """A clock that only moves when it is told to. Its wall clock is wrong on purpose."""

    time: float = 1000.0
    wall: datetime = datetime(1999, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.wall + timedelta(seconds=self.time * 7)

    def boottime(self) -> float:
        return self.time


@dataclass
class FakeStore:
    """Leases in memory with compare-and-set, and faults to order."""

    records: dict[str, Record] = field(default_factory=dict)
    fault: str | None = None
    """`lost request`: nothing is written; `lost answer`: it is written, but nobody is told."""
    before_write: Callable[[], Awaitable[None]] | None = None
    writes: int = 0

    async def read(self, name: str) -> Record | None:
        if self.fault:
            raise ApiUnavailable("away")
        return self.records.get(name)

    async def create(self, name: str, record: Record) -> Record:
        await self._reach()
        if name in self.records:
            raise Conflict("there is one")
        return self._store(name, record)

    async def replace(self, name: str, record: Record) -> Record:
        await self._reach()
        current = self.records.get(name)
        if current is None:
            raise ObjectGone("deleted")
        if current.version != record.version:
            raise Conflict("changed")
        return self._store(name, record)

    async def _reach(self) -> None:
        if self.before_write:
            await self.before_write()
        if self.fault == "lost request":
            raise ApiUnavailable("away")

    def _store(self, name: str, record: Record) -> Record:
        self.writes += 1
        stored = replace(record, version=(name, str(self.writes)))
        self.records[name] = stored
        if self.fault == "lost answer":
            raise ApiUnavailable("away")
        return stored


@dataclass
class World:
    store: FakeStore = field(default_factory=FakeStore)
    clock: FakeClock = field(default_factory=FakeClock)
    gains: list[frozenset[int]] = field(default_factory=list)
    set_back: int = 0

    def process(
        self,
        *,
        clock: FakeClock | None = None,
        slots: int = 1,
        wanted: set[int] | None = None,
        on_gain: OnGain | None = None,
    ) -> SlotLeases:
        return SlotLeases(
            store=self.store,
            clock=clock or self.clock,
            on_gain=on_gain or self.note,
            on_set_back=self.note_set_back,
            identity="serveractions-0",
            slots=slots,
            duration=DURATION,
            renew=RENEW,
            wanted=wanted,
        )

    def note_set_back(self) -> None:
        self.set_back += 1

    async def note(self, gained: frozenset[int]) -> None:
        self.gains.append(gained)


@pytest.fixture
def world() -> World:
    return World()


async def settle(leases: SlotLeases) -> None:
    """One round, and the taking up of what it gained."""
    await leases.round()
    await leases.take_up_gained()


async def test_a_free_slot_is_held_for_the_duration_after_it_was_taken_up(world: World) -> None:
    leases = world.process()
    await leases.round()
    assert leases.remaining(SERVER) <= 0, "nobody has read the objects yet"
    await leases.take_up_gained()
    assert leases.remaining(SERVER) == DURATION
    assert world.gains == [frozenset({0})]
    world.clock.time += 12
    assert leases.remaining(SERVER) == DURATION - 12


async def test_all_slots_gained_in_one_round_are_taken_up_together(world: World) -> None:
    leases = world.process(slots=8)
    await settle(leases)
    assert world.gains == [frozenset(range(8))]
    assert leases.held == frozenset(range(8))


async def test_a_renewal_counts_from_before_it_was_sent(world: World) -> None:
    leases = world.process()
    await settle(leases)

    async def slow() -> None:
        world.clock.time += 4

    world.clock.time += RENEW
    world.store.before_write = slow
    await leases.round()
    assert leases.remaining(SERVER) == DURATION - 4
    assert len(world.gains) == 1, "it was held all the time"


async def test_an_acquisition_counts_from_before_it_was_sent(world: World) -> None:
    async def slow() -> None:
        world.clock.time += 4

    leases = world.process()
    world.store.before_write = slow
    await settle(leases)
    assert leases.remaining(SERVER) == DURATION - 4


async def test_a_follower_waits_a_full_duration_after_it_saw_the_record_change(
    world: World,
) -> None:
    holder, follower = world.process(), world.process()
    await settle(holder)
    world.clock.time += 9
    await settle(follower)  # sees the holder's record only now
    world.clock.time += DURATION - 1
    await settle(follower)
    assert follower.remaining(SERVER) <= 0
    world.clock.time += 1
    await settle(follower)
    assert follower.remaining(SERVER) == DURATION
    assert holder.remaining(SERVER) <= 0


async def test_a_renewal_that_a_follower_sees_starts_its_wait_anew(world: World) -> None:
    holder, follower = world.process(), world.process()
    await settle(holder)
    for _ in range(10):
        await settle(follower)
        world.clock.time += RENEW
        await settle(holder)
        assert follower.remaining(SERVER) <= 0
    assert holder.remaining(SERVER) == DURATION


async def test_a_holder_is_taken_for_alive_once_it_was_seen_to_renew_and_no_longer_than_that(
    world: World,
) -> None:
    holder, follower = world.process(), world.process()
    await settle(holder)
    await settle(follower)
    assert not follower.elsewhere(SERVER), "it may be dead since long ago"
    world.clock.time += RENEW
    await settle(holder)
    await settle(follower)
    assert follower.elsewhere(SERVER)
    assert not holder.elsewhere(SERVER)
    world.clock.time += DURATION
    assert not follower.elsewhere(SERVER)


async def test_a_slot_that_was_given_back_is_nobodys(world: World) -> None:
    holder, follower = world.process(), world.process()
    await settle(holder)
    await follower.round()
    world.clock.time += RENEW
    await settle(holder)
    await holder.release()
    await follower.round()
    assert not follower.elsewhere(SERVER)


async def test_a_holder_that_lost_its_slot_learns_it_at_the_next_renewal(world: World) -> None:
    holder, follower = world.process(), world.process()
    await settle(holder)
    await settle(follower)
    world.clock.time += DURATION
    await settle(follower)
    await settle(holder)
    assert holder.remaining(SERVER) <= 0
    assert follower.remaining(SERVER) == DURATION


async def test_the_clocks_of_two_machines_are_never_compared(world: World) -> None:
    far = FakeClock(time=900_000.0, wall=datetime(2099, 1, 1, tzinfo=UTC))
    holder, follower = world.process(), world.process(clock=far)
    await settle(holder)
    await settle(follower)
    far.time += DURATION - 0.5
    world.clock.time += DURATION - 0.5
    await settle(follower)
    assert (holder.remaining(SERVER) > 0, follower.remaining(SERVER) > 0) == (True, False)


async def test_a_new_process_of_the_same_pod_does_not_inherit_the_lease(world: World) -> None:
    await settle(world.process())
    again = world.process()
    await settle(again)
    assert again.remaining(SERVER) <= 0
    world.clock.time += DURATION
    await settle(again)
    assert again.remaining(SERVER) == DURATION


async def test_an_own_lease_that_expired_is_gained_again_and_not_just_renewed(
    world: World,
) -> None:
    leases = world.process()
    await settle(leases)
    world.clock.time += DURATION + 5  # the process was stopped
    assert leases.remaining(SERVER) <= 0
    await leases.round()
    assert leases.remaining(SERVER) <= 0, "what happened meanwhile is not known yet"
    await leases.take_up_gained()
    assert leases.remaining(SERVER) == DURATION
    assert len(world.gains) == 2


async def test_a_renewal_answered_after_the_old_bound_is_a_gain(world: World) -> None:
    leases = world.process()
    await settle(leases)

    async def stopped() -> None:
        world.clock.time += 25

    world.clock.time += RENEW
    world.store.before_write = stopped
    await leases.round()
    assert leases.remaining(SERVER) <= 0
    world.store.before_write = None
    await leases.take_up_gained()
    assert leases.remaining(SERVER) == DURATION - 25
    assert len(world.gains) == 2


@pytest.mark.parametrize("fault", ["lost request", "lost answer"])
async def test_an_outage_shorter_than_the_duration_changes_nothing(
    world: World, fault: str
) -> None:
    leases = world.process()
    await settle(leases)
    world.clock.time += RENEW
    world.store.fault = fault
    await settle(leases)
    assert leases.remaining(SERVER) == DURATION - RENEW, "an answer that never came counts nothing"
    world.clock.time += RENEW
    world.store.fault = None
    await settle(leases)
    await settle(leases)  # after a lost answer: the first round finds the own record
    assert leases.remaining(SERVER) == DURATION
    assert len(world.gains) == 1


async def test_an_acquisition_whose_answer_was_lost_is_made_again(world: World) -> None:
    leases = world.process()
    world.store.fault = "lost answer"
    await settle(leases)
    assert leases.remaining(SERVER) <= 0
    world.store.fault = None
    world.clock.time += RENEW
    await settle(leases)
    assert leases.remaining(SERVER) == DURATION


async def test_a_released_slot_is_taken_at_once(world: World) -> None:
    holder, follower = world.process(), world.process()
    await settle(holder)
    await settle(follower)
    await holder.release()
    assert holder.remaining(SERVER) <= 0
    world.clock.time += RENEW
    await settle(follower)
    assert follower.remaining(SERVER) == DURATION


async def test_a_release_stops_acting_before_it_is_written(world: World) -> None:
    leases = world.process()
    await settle(leases)
    seen = []

    async def look() -> None:
        seen.append(leases.remaining(SERVER))

    world.store.before_write = look
    await leases.release()
    assert seen == [0.0]
    await settle(leases)
    assert leases.remaining(SERVER) <= 0, "a released process never comes back"


async def test_a_slot_that_expired_and_that_nobody_took_is_given_back_too(world: World) -> None:
    leases = world.process()
    await settle(leases)
    world.clock.time += DURATION + 1
    await leases.release()
    assert world.store.records["serveractions-slot-0"].holder == ""


async def test_a_slot_whose_renewal_is_uncertain_is_left_to_expire(world: World) -> None:
    leases = world.process()
    await settle(leases)
    world.clock.time += RENEW
    world.store.fault = "lost request"
    await settle(leases)
    world.store.fault = None
    writes = world.store.writes
    await leases.release()
    assert world.store.writes == writes
    assert world.store.records["serveractions-slot-0"].holder == leases.identity


async def test_a_lease_that_somebody_deleted_is_not_taken_before_its_duration(
    world: World,
) -> None:
    holder, follower = world.process(), world.process()
    await settle(holder)
    await settle(follower)
    world.store.records.clear()
    world.clock.time += 1
    await settle(follower)
    world.clock.time += DURATION - 1
    await settle(follower)
    assert follower.remaining(SERVER) <= 0
    assert holder.remaining(SERVER) <= 0


async def test_a_gain_that_could_not_be_taken_up_is_not_held(world: World) -> None:
    async def on_gain(_: frozenset[int]) -> None:
        raise ApiUnavailable("away")

    leases = world.process(on_gain=on_gain)
    await leases.round()
    with pytest.raises(ApiUnavailable):
        await leases.take_up_gained()
    assert leases.remaining(SERVER) <= 0


async def test_a_slot_lost_while_it_was_taken_up_is_not_held(world: World) -> None:
    follower = world.process()

    async def on_gain(_: frozenset[int]) -> None:
        world.clock.time += DURATION
        await settle(follower)  # takes over
        await leases.round()  # and this process notices

    leases = world.process(on_gain=on_gain)
    await leases.round()
    await settle(follower)
    await leases.take_up_gained()
    assert leases.remaining(SERVER) <= 0
    assert follower.remaining(SERVER) > 0


async def test_a_slot_regained_while_it_was_taken_up_is_taken_up_again(world: World) -> None:
    taken_up = []

    async def on_gain(gained: frozenset[int]) -> None:
        taken_up.append(gained)
        if len(taken_up) == 1:
            world.clock.time += DURATION  # it expires while its objects are read
            await leases.round()

    leases = world.process(on_gain=on_gain)
    await leases.round()
    await leases.take_up_gained()
    assert leases.remaining(SERVER) <= 0
    await leases.take_up_gained()
    assert leases.remaining(SERVER) == DURATION
    assert len(taken_up) == 2


async def test_how_long_a_slot_is_held_is_counted_from_its_last_gain(world: World) -> None:
    leases = world.process()
    assert leases.held_for("server") == 0
    await settle(leases)
    for _ in range(5):
        world.clock.time += RENEW
        await settle(leases)
    assert leases.held_for("server") == 5 * RENEW

    world.clock.time += DURATION + 1  # somebody else may have acted since
    assert leases.held_for("server") == 0
    await settle(leases)
    assert leases.held_for("server") == 0


async def test_only_the_wanted_slots_are_held(world: World) -> None:
    leases = world.process(slots=4, wanted={1, 3})
    await settle(leases)
    assert leases.held == {1, 3}
    assert set(world.store.records) == {"serveractions-slot-1", "serveractions-slot-3"}


async def test_running_and_releasing_end_together(world: World) -> None:
    gained = asyncio.Event()

    async def on_gain(_: frozenset[int]) -> None:
        gained.set()

    leases = world.process(on_gain=on_gain)
    running = asyncio.create_task(leases.run())
    async with asyncio.timeout(5):
        await gained.wait()
        await leases.release()
        await running
    assert world.store.records["serveractions-slot-0"].holder == ""


@pytest.mark.parametrize("seed", range(30))
async def test_two_processes_never_hold_a_slot_at_the_same_time(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    world = World()
    processes = [world.process(), world.process(), world.process()]
    busy: set[int] = set()

    async def meanwhile() -> None:
        """Between a process's decision and its write time passes, and others act."""
        world.clock.time += chance.choice([0.0, 0.0, 1.0, 12.0, 31.0])
        if idle := {0, 1, 2} - busy:
            await act(chance.choice(sorted(idle)))

    async def act(index: int) -> None:
        busy.add(index)
        await settle(processes[index])
        busy.discard(index)

    world.store.before_write = meanwhile
    for _ in range(400):
        world.clock.time += chance.choice([0.1, 1.0, 3.0, 10.0, 29.0, 31.0])
        world.store.fault = chance.choice([None, None, None, "lost request", "lost answer"])
        if chance.random() < 0.05:
            index = chance.randrange(3)
            busy.add(index)
            await processes[index].release()
            busy.discard(index)
            processes[index] = world.process()
        await act(chance.randrange(3))
        assert sum(process.remaining(SERVER) > 0 for process in processes) <= 1
    assert world.gains
    assert world.set_back == 0, "nobody has set anything back"


async def test_slots_are_renewed_in_turn_and_each_no_later_than_a_period_after_the_last_time(
    world: World,
) -> None:
    leases = world.process(slots=4)
    await settle(leases)
    renewed = dict.fromkeys(world.store.records, world.clock.time)
    known = dict(world.store.records)
    at_once = []
    for _ in range(200):
        world.clock.time += 0.5
        await leases.round()
        new = [name for name, record in world.store.records.items() if record != known[name]]
        assert all(world.clock.time - renewed[name] <= RENEW + 0.5 for name in new)
        renewed |= dict.fromkeys(new, world.clock.time)
        known = dict(world.store.records)
        at_once.append(len(new))
    assert all(world.clock.time - at <= RENEW for at in renewed.values())
    assert max(at_once) == 1
    turns = [index for index, count in enumerate(at_once) if count]
    assert {after - before for before, after in itertools.pairwise(turns)} == {5}


async def test_what_happened_since_the_last_of_all_renewals_shows_when_it_is_set_back() -> None:
    world = World()
    holder = world.process(slots=4)
    await settle(holder)
    world.clock.time += RENEW
    await holder.round()
    snapshot, writes = dict(world.store.records), world.store.writes
    world.clock.time += RENEW / 4
    await holder.round()
    assert world.store.writes == writes + 1, "one slot has had its turn"

    world.store.records, world.store.writes = snapshot, writes
    world.clock.time += RENEW / 4
    await holder.round()
    assert world.set_back >= 1, "the next slot's Lease is as it was, but its version is none ahead"


@pytest.mark.parametrize("who", ["holder", "standby"])
async def test_a_lease_that_is_older_than_before_tells_that_etcd_was_set_back(who: str) -> None:
    world = World()
    holder, standby = world.process(), world.process()
    await settle(holder)
    await settle(standby)
    snapshot, writes = dict(world.store.records), world.store.writes
    for _ in range(3):
        world.clock.time += RENEW
        await settle(holder)
        await settle(standby)
    assert world.set_back == 0

    world.store.records, world.store.writes = snapshot, writes
    world.clock.time += RENEW
    await settle(holder if who == "holder" else standby)
    assert world.set_back >= 1


async def test_a_lease_that_is_made_anew_with_an_older_version_tells_so_too() -> None:
    world = World()
    process = world.process()
    for _ in range(3):
        await settle(process)
        world.clock.time += RENEW
    world.store.records, world.store.writes = {}, 0
    for _ in range(5):
        world.clock.time += RENEW
        await settle(process)
    assert world.set_back >= 1


def test_slots_are_the_same_in_every_release() -> None:
    assert slot_of(SERVER, 8) == 0
    assert {slot_of(f"server-{number}", 8) for number in range(200)} == set(range(8))


def test_micro_times_have_six_digits() -> None:
    assert micro_time(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05.000000Z"
