"""How much is in flight at once, who goes next, and what those that wait are told."""

import asyncio
import itertools
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from fakes.nova_model import Refuse
from fakes.nova_records import Machine
from fakes.ports import Account
from fakes.world import PROGRESS, World
from serveractions.api.resource import Key, Resource
from serveractions.api.status import Phase
from serveractions.core.rooms import Limits

LIVE = "ServerLiveMigration"


@dataclass
class Tower:
    """Sees every object as it is stored: how many are in flight, and who began when."""

    flying: set[Key] = field(default_factory=set)
    most: int = 0
    begun: list[tuple[float, Key]] = field(default_factory=list)
    writes: Counter[Key] = field(default_factory=Counter)

    def seen(self, resource: Resource) -> None:
        key, phase = resource.key, resource.status.phase
        self.writes[key] += 1
        if phase in (Phase.ISSUING, Phase.RUNNING) and key not in self.flying:
            self.flying.add(key)
            self.begun.append((asyncio.get_running_loop().time(), key))
        elif phase not in (Phase.ISSUING, Phase.RUNNING):
            self.flying.discard(key)
        self.most = max(self.most, len(self.flying))

    def left(self, key: Key) -> None:
        self.flying.discard(key)

    @property
    def order(self) -> list[str]:
        return [key.name for _, key in self.begun]


@pytest.fixture
async def tower(world: World) -> Tower:
    tower = Tower()
    world.store.watchers.append(tower)
    return tower


def boot(world: World, host: str = "compute-1") -> dict[str, str]:
    """Boot one more server; return how an object names it."""
    machine = world.nova.add(Machine(id=str(uuid.uuid4()), host=host))
    machine.name = machine.id
    return {"id": machine.id}


async def line_up(world: World, *names: str, kind: str = LIVE, **spec: Any) -> list[Key]:
    """Create an object for a server of its own for each name, each younger than the one before."""
    keys = []
    for name in names:
        keys.append(world.create(kind, name, serverRef=boot(world), **spec))
        await asyncio.sleep(1)
    return keys


def names(count: int) -> list[str]:
    return [f"m-{number:02}" for number in range(count)]


async def test_no_more_are_in_flight_than_the_limit_and_the_oldest_goes_next(
    world: World, tower: Tower
) -> None:
    world.limits = Limits(in_flight=3)
    await world.process()
    keys = await line_up(world, *names(12))
    for key in keys:
        assert (await world.until_finished(key)).phase is Phase.SUCCEEDED
    assert tower.most == 3
    assert tower.order == names(12)
    assert [world.sent(key) for key in keys] == [1] * 12


async def test_a_place_that_becomes_free_is_taken_at_once(world: World, tower: Tower) -> None:
    world.limits = Limits(in_flight=1)
    await world.process()
    keys = await line_up(world, "one", "two", "three")
    ends = []
    for key in keys:
        await world.until_finished(key)
        ends.append(asyncio.get_running_loop().time())
    starts = [moment for moment, _ in tower.begun]
    assert [start - end < 1 for start, end in zip(starts[1:], ends, strict=False)] == [True, True]


async def test_who_waits_is_told_for_what_and_how_many_go_before(world: World) -> None:
    world.limits = Limits(in_flight=1)
    await world.process()
    _, *waiting = await line_up(world, *names(4))
    for before, key in enumerate(waiting):
        status = await world.until_reason(key, "LimitReached")
        assert status.phase is Phase.PENDING
        assert status.message == (
            f"waits for a place, {before} before it: the limit is 1 actions in flight in this cloud"
            " (--actions-in-flight)"
        )
        assert world.told(key) == ["LimitReached"]


async def test_who_waits_asks_nova_for_nothing_and_writes_only_its_new_place(
    world: World, tower: Tower
) -> None:
    world.limits = Limits(in_flight=1)
    world.nova.live_seconds = 600
    process = await world.process()
    keys = await line_up(world, *names(6))
    await world.until_reason(keys[-1], "LimitReached")
    process.faults.calls.clear()
    written = Counter(tower.writes)
    await asyncio.sleep(300)
    assert [call for call in process.faults.calls if "find_server" in call] == []
    assert {key: tower.writes[key] - written[key] for key in keys[1:]} == dict.fromkeys(keys[1:], 0)

    world.nova.live_seconds = 60
    await world.until_finished(keys[0], within=900)
    await world.until(lambda: "3 before it" in (world.status(keys[5]).message or ""), within=3600)
    for key in keys:
        await world.until_finished(key, within=3600)
    assert max(tower.writes[key] for key in keys[1:]) < 25


async def test_the_place_is_written_no_more_often_than_progress(world: World) -> None:
    world.limits = Limits(in_flight=1)
    world.nova.live_seconds = 1
    await world.process()
    keys = await line_up(world, *names(20))
    await world.until_reason(keys[-1], "LimitReached")
    moments: list[float] = []
    message = world.status(keys[-1]).message
    while world.status(keys[-1]).phase is Phase.PENDING:
        world.store.changed.clear()
        await world.store.changed.wait()
        if world.status(keys[-1]).message != message:
            message = world.status(keys[-1]).message
            moments.append(asyncio.get_running_loop().time())
    places = moments[:-1]
    assert places
    assert all(later - sooner >= PROGRESS for sooner, later in itertools.pairwise(places))


async def test_a_state_reset_is_never_held_up_and_takes_no_place(world: World) -> None:
    world.limits = Limits(in_flight=1, per_second=0.01)
    await world.process()
    running, waiting = await line_up(world, "running", "waiting")
    await world.until_reason(waiting, "LimitReached")
    machine = world.nova.machines[world.resource(waiting).spec.server_ref.id or ""]
    machine.be("ERROR", "error")
    reset = world.create("ServerStateReset", serverRef={"id": machine.id})
    assert (await world.until_finished(reset, within=5)).phase is Phase.SUCCEEDED
    assert world.status(running).phase is Phase.RUNNING


async def test_live_migrations_are_counted_at_the_host_that_they_leave(
    world: World, tower: Tower
) -> None:
    world.limits = Limits(per_source=1)
    await world.process()
    one, two = await line_up(world, "one", "two")
    elsewhere = world.create(LIVE, "elsewhere", serverRef=boot(world, "compute-7"))
    cold = world.create("ServerMigration", "cold", serverRef=boot(world))
    status = await world.until_reason(two, "LimitReached")
    assert "1 live migrations at once away from compute-1" in (status.message or "")
    await world.until_phase(elsewhere, Phase.RUNNING)
    await world.until_finished(cold)
    await world.until_finished(one)
    assert (await world.until_finished(two)).phase is Phase.SUCCEEDED
    assert tower.order.index("elsewhere") < tower.order.index("two")


async def test_live_migrations_are_counted_at_the_host_that_they_go_to(world: World) -> None:
    world.limits = Limits(per_destination=1)
    await world.process()
    chosen = world.create(LIVE, "chosen-by-nova", serverRef=boot(world))
    await world.until(lambda: world.status(chosen).migration is not None)
    migration = world.status(chosen).migration
    assert migration is not None
    destination = migration.dest_host
    named = world.create(LIVE, "named", serverRef=boot(world), host=destination)
    other = world.create(LIVE, "other", serverRef=boot(world), host="compute-9")
    status = await world.until_reason(named, "LimitReached")
    assert f"1 live migrations at once to {destination}" in (status.message or "")
    await world.until_phase(other, Phase.RUNNING)
    assert world.status(chosen).phase is Phase.RUNNING
    await world.until_finished(named)


async def test_who_waits_for_a_host_does_not_keep_others_waiting(world: World) -> None:
    world.limits = Limits(in_flight=2, per_source=1)
    await world.process()
    first, second = await line_up(world, "first", "second")
    await world.until_reason(second, "LimitReached")
    younger = world.create(LIVE, "younger", serverRef=boot(world, "compute-7"))
    await world.until_phase(younger, Phase.RUNNING)
    assert world.status(first).phase is Phase.RUNNING


async def test_actions_are_begun_no_faster_than_the_rate(world: World, tower: Tower) -> None:
    world.limits = Limits(per_second=0.5)
    await world.process()
    keys = [world.create(LIVE, name, serverRef=boot(world)) for name in names(8)]
    for key in keys:
        await world.until_finished(key)
    moments = [moment for moment, _ in tower.begun]
    gaps = [later - sooner for sooner, later in itertools.pairwise(moments)]
    assert min(gaps) > 1.9
    assert max(gaps) < 2.1


async def test_another_cloud_has_places_of_its_own(world: World) -> None:
    world.limits = Limits(in_flight=1)
    world.vault.accounts["default", "elsewhere"] = Account(endpoint="https://nova.elsewhere/v2.1")
    await world.process()
    await line_up(world, "one")
    other = {"secretName": "elsewhere", "cloudName": "admin"}
    key = world.create(LIVE, "two", serverRef=boot(world), cloudCredentialsRef=other)
    await world.until_phase(key, Phase.RUNNING, within=5)


async def test_other_credentials_of_the_same_cloud_share_its_places(world: World) -> None:
    world.limits = Limits(in_flight=1)
    world.account.endpoint = f"https://nova.example/v2.1/{world.account.project_id}"
    world.vault.accounts["default", "tenant"] = Account(
        project_id="tenant", endpoint="https://nova.example/v2.1/tenant"
    )
    await world.process()
    await line_up(world, "one")
    tenant = {"secretName": "tenant", "cloudName": "admin"}
    key = world.create(LIVE, "two", serverRef=boot(world), cloudCredentialsRef=tenant)
    await world.until_reason(key, "LimitReached")


async def test_a_decision_that_a_person_has_to_take_blocks_nobody(world: World) -> None:
    world.limits = Limits(in_flight=1)
    await world.process()
    (undecided,) = await line_up(world, "one", kind="ServerMigration", confirmation="Manual")
    (other,) = await line_up(world, "two")
    await world.until_phase(undecided, Phase.AWAITING_DECISION)
    await world.until_phase(other, Phase.RUNNING)
    world.store.edit(undecided, decision="Confirm")
    await world.until_finished(undecided)


async def test_a_cancelled_suspended_or_deleted_one_leaves_the_line(world: World) -> None:
    world.limits = Limits(in_flight=1)
    await world.process()
    _, cancelled, suspended, deleted, last = await line_up(world, *names(5))
    await world.until_reason(last, "LimitReached")
    world.store.edit(cancelled, cancel=True)
    world.store.edit(suspended, suspend=True)
    world.store.remove(deleted)
    assert (await world.until_finished(cancelled, within=5)).phase is Phase.CANCELLED
    await world.until_phase(suspended, Phase.SUSPENDED, within=5)
    await world.until(lambda: ", 0 before it" in (world.status(last).message or ""))
    await world.until_finished(last)
    assert world.sent(suspended) == 0


async def test_what_nova_does_not_accept_gives_its_place_back(world: World, tower: Tower) -> None:
    world.limits = Limits(in_flight=1)
    await world.process()
    world.nova.answers.append(Refuse(409, "Cannot while it is in task_state rebooting"))
    one, two = await line_up(world, "one", "two")
    assert (await world.until_finished(one)).phase is Phase.SUCCEEDED
    assert (await world.until_finished(two)).phase is Phase.SUCCEEDED
    assert tower.most == 1


@pytest.mark.parametrize("call", ["objects.mark", "objects.write_status", "cloud.send"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_new_process_counts_what_the_dead_one_had_in_flight(
    world: World, tower: Tower, call: str, when: str
) -> None:
    world.limits = Limits(in_flight=2)
    first = await world.process("first")
    keys = await line_up(world, "running")
    await world.until_phase(keys[0], Phase.RUNNING)
    first.faults.plan(call, when, first.faults.die)
    keys += await line_up(world, *names(4))
    await first.killed.wait()

    await world.process("second")
    for key in keys:
        assert (await world.until_finished(key, within=3600)).phase is Phase.SUCCEEDED
    assert tower.most <= 2
    assert [world.sent(key) for key in keys] == [1] * 5


async def test_the_order_is_kept_across_a_restart(world: World, tower: Tower) -> None:
    world.limits = Limits(in_flight=1)
    world.nova.live_seconds = 60
    first = await world.process("first")
    keys = await line_up(world, *reversed(names(8)))
    await world.until_reason(keys[-1], "LimitReached")
    first.kill()
    await world.process("second")
    for key in keys:
        await world.until_finished(key, within=3600)
    assert tower.order == list(reversed(names(8)))


async def test_nothing_is_kept_of_what_is_over(world: World) -> None:
    world.limits = Limits(in_flight=2, per_source=1, per_destination=1, per_second=5)
    process = await world.process()
    keys = await line_up(world, *names(5), host="compute-2")
    for key in keys:
        await world.until_finished(key)
    line = process.engine.recorder._line
    tables = (line._flights, line._places, line._flying, line._given, line._standing)
    assert (*tables, line._lines, line._lanes) == ({},) * 7
