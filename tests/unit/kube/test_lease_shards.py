"""Slots that are divided into shards: whose they are first, who stands by, and how they are given
back.
"""

from dataclasses import dataclass, field

import pytest

from serveractions.kube.lease import SlotLeases
from serveractions.kube.shard import Shard, ShardError, parse_shard
from unit.kube.test_lease import DURATION, RENEW, FakeClock, FakeStore, settle

PATIENCE = DURATION + RENEW
"""For so long a slot of another shard is left free."""


@dataclass
class World:
    store: FakeStore = field(default_factory=FakeStore)
    clock: FakeClock = field(default_factory=FakeClock)
    busy: set[int] = field(default_factory=set)

    def process(self, shard: Shard, *, slots: int = 4) -> SlotLeases:
        async def learn(_gained: frozenset[int]) -> None:
            pass

        return SlotLeases(
            store=self.store,
            clock=self.clock,
            on_gain=learn,
            on_set_back=lambda: pytest.fail("nothing was set back"),
            identity=f"serveractions-{shard.index}",
            slots=slots,
            duration=DURATION,
            renew=RENEW,
            shard=shard,
            busy=lambda slot: slot in self.busy,
        )

    async def go_on(self, *processes: SlotLeases, seconds: float) -> None:
        """Let time pass, with every process looking after its slots each second of it."""
        until = self.clock.time + seconds
        while self.clock.time < until:
            self.clock.time += 1
            for each in processes:
                await settle(each)
            holders = [slot for each in processes for slot in each.held]
            assert len(holders) == len(set(holders)), "a slot has two holders"


@pytest.fixture
def world() -> World:
    return World()


async def test_every_slot_is_exactly_one_shards() -> None:
    for count in range(1, 6):
        for slot in range(8):
            assert sum(Shard(index, count).owns(slot) for index in range(count)) == 1


async def test_processes_that_start_together_hold_their_own_shards_only(world: World) -> None:
    one, two = world.process(Shard(0, 2)), world.process(Shard(1, 2))
    await world.go_on(one, two, seconds=3 * DURATION)
    assert (one.held, two.held) == ({0, 2}, {1, 3})
    assert one.settled
    assert two.settled


async def test_it_is_ready_though_the_other_shards_are_not_there_yet(world: World) -> None:
    one = world.process(Shard(0, 2))
    await settle(one)
    assert one.held == {0, 2}
    assert one.settled, "a StatefulSet starts the next process only when this one is ready"


async def test_what_nobody_renews_is_taken_over_by_another_shards_process(world: World) -> None:
    one, two = world.process(Shard(0, 2)), world.process(Shard(1, 2))
    await world.go_on(one, two, seconds=5)
    await world.go_on(one, seconds=PATIENCE - 1)
    assert one.held == {0, 2}, "the other may be coming back"
    await world.go_on(one, seconds=RENEW + 2)
    assert one.held == {0, 1, 2, 3}


async def test_what_was_given_up_is_left_to_its_own_shard_for_a_while(world: World) -> None:
    one, two = world.process(Shard(0, 2)), world.process(Shard(1, 2))
    await world.go_on(one, two, seconds=5)
    await two.release()
    await world.go_on(one, seconds=DURATION)
    assert one.held == {0, 2}
    back = world.process(Shard(1, 2))
    await world.go_on(one, back, seconds=2)
    assert back.held == {1, 3}


async def test_a_standby_gives_back_what_it_took_over(world: World) -> None:
    one = world.process(Shard(0, 2))
    await world.go_on(one, seconds=PATIENCE + RENEW)
    assert one.held == {0, 1, 2, 3}
    two = world.process(Shard(1, 2))
    await world.go_on(one, two, seconds=3 * RENEW)
    assert (one.held, two.held) == ({0, 2}, {1, 3})
    assert {record.asked_for for record in world.store.records.values()} == {""}


async def test_a_slot_is_not_given_back_while_a_step_in_it_is_under_way(world: World) -> None:
    one = world.process(Shard(0, 2))
    await world.go_on(one, seconds=PATIENCE + RENEW)
    world.busy.add(1)
    two = world.process(Shard(1, 2))
    await world.go_on(one, two, seconds=4 * DURATION)
    assert 3 in two.held
    assert 1 not in two.held, "the other renews it until its step is over"
    assert 1 not in one.held, "nothing new is begun there"
    world.busy.clear()
    await world.go_on(one, two, seconds=RENEW)
    assert (one.held, two.held) == ({0, 2}, {1, 3})


async def test_a_dead_holder_is_not_asked_so_that_its_lease_expires_in_time(world: World) -> None:
    old = world.process(Shard(1, 2))
    await world.go_on(old, seconds=5)
    new = world.process(Shard(1, 2))
    await world.go_on(new, seconds=DURATION + 1)
    assert new.held == {1, 3}
    assert world.store.records["serveractions-slot-1"].transitions == 1


async def test_a_process_of_another_number_of_shards_keeps_what_is_its_own(world: World) -> None:
    one, two = world.process(Shard(0, 2), slots=6), world.process(Shard(1, 2), slots=6)
    await world.go_on(one, two, seconds=5)
    third = world.process(Shard(2, 3), slots=6)
    await world.go_on(one, two, third, seconds=4 * DURATION)
    assert (one.held, two.held, third.held) == ({0, 2, 4}, {1, 3, 5}, set())

    await two.release()
    two = world.process(Shard(1, 3), slots=6)
    await world.go_on(one, two, third, seconds=3)
    assert (one.held, two.held, third.held) == ({0, 2, 4}, {1}, {5}), "4 is still another's too"
    await one.release()
    one = world.process(Shard(0, 3), slots=6)
    await world.go_on(one, two, third, seconds=2 * RENEW)
    assert (one.held, two.held, third.held) == ({0, 3}, {1, 4}, {2, 5})


async def test_a_process_beyond_the_last_shard_only_stands_by(world: World) -> None:
    one, standby = world.process(Shard(0, 1)), world.process(Shard(1, 1))
    await world.go_on(one, standby, seconds=5)
    assert (one.held, standby.held) == ({0, 1, 2, 3}, set())
    await world.go_on(standby, seconds=PATIENCE + RENEW)
    assert standby.held == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("text", "shard"),
    [("", Shard(0, 1)), ("0/1", Shard(0, 1)), ("2/3", Shard(2, 3)), ("auto/3", Shard(7, 3))],
)
def test_a_shard_is_a_number_of_a_count_or_the_pods_own(text: str, shard: Shard) -> None:
    assert parse_shard(text, identity="serveractions-7") == shard


@pytest.mark.parametrize("text", ["3/3", "1", "auto", "/2", "0/0", "-1/2", "1/2/3", "a/2", "1/²"])
def test_what_is_no_shard_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(ShardError) as caught:
        parse_shard(text, identity="serveractions-7")
    assert repr(text) in str(caught.value)


def test_a_name_without_a_number_gives_no_shard() -> None:
    with pytest.raises(ShardError, match="does not end in a number"):
        parse_shard("auto/2", identity="serveractions-7d9f-x2x9z")
