"""Deleting an object never touches Nova, and a new object of the same name is another one."""

import asyncio

import pytest

from fakes.world import World
from serveractions.api.status import Phase
from serveractions.core.errors import ApiUnavailable


@pytest.mark.parametrize("kind", ["ServerMigration", "ServerLiveMigration", "ServerBackup"])
async def test_deleting_an_object_in_flight_leaves_nova_alone_and_says_so(
    world: World, kind: str
) -> None:
    process = await world.process()
    key = world.create(kind)
    status = await world.until_phase(key, Phase.RUNNING)
    await asyncio.sleep(3)
    before = len(world.nova.arrived)

    world.store.remove(key)
    await asyncio.sleep(60)

    assert len(world.nova.arrived) == before
    (told,) = [event for event in world.events if event.reason == "LeftRunning"]
    assert (told.key, told.kind) == (key, "Warning")
    assert str(status.request_id) in told.message
    assert process.poller.following == {}
    assert len(process.engine.inbox) == 0


async def test_deleting_a_waiting_object_says_nothing_and_wakes_the_next(world: World) -> None:
    world.machine.task = "rebooting"
    await world.process()
    first = world.create("ServerBackup", "a")
    await world.until_reason(first, "ServerBusy")
    second = world.create("ServerBackup", "b")
    await world.until_reason(second, "ServerBusy")
    world.machine.task = None

    world.store.remove(first)
    status = await world.until_finished(second, within=60)

    assert status.phase is Phase.SUCCEEDED
    assert "LeftRunning" not in world.told(first)


async def test_a_deletion_is_noticed_even_when_the_api_server_is_away_at_first(
    world: World,
) -> None:
    process = await world.process()
    key = world.create("ServerMigration", confirmation="Manual")
    await world.until_phase(key, Phase.AWAITING_DECISION)
    process.faults.plan("objects.read", "before", ApiUnavailable("away"), times=3)

    world.store.remove(key)
    await asyncio.sleep(60)

    assert world.told(key).count("LeftRunning") == 1
    assert process.poller.following == {}
    assert len(process.engine.inbox) == 0


async def test_a_deletion_that_the_watch_missed_shows_in_the_next_list(world: World) -> None:
    process = await world.process()
    key = world.create("ServerMigration", confirmation="Manual")
    await world.until_phase(key, Phase.AWAITING_DECISION)
    world.store.watchers.clear()
    world.store.remove(key)
    relist = asyncio.create_task(process.engine.relist())

    await asyncio.sleep(400)
    relist.cancel()

    assert world.told(key).count("LeftRunning") == 1
    assert len(process.engine.inbox) == 0


async def test_an_object_under_deletion_in_flight_is_followed_to_its_end(world: World) -> None:
    await world.process()
    key = world.create("ServerMigration")
    await world.until_phase(key, Phase.RUNNING)

    world.store.begin_deletion(key)

    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED


async def test_a_new_object_of_the_same_name_is_another_action(world: World) -> None:
    await world.process()
    old = world.create("ServerMigration")
    await world.until_phase(old, Phase.RUNNING)
    world.store.remove(old)
    new = world.create("ServerMigration")
    assert old[:3] == new[:3]

    status = await world.until_phase(new, Phase.RUNNING, Phase.FAILED)

    assert status.reason != "RestoredCopy"
    assert world.nova.times(old.uid, "migrate") == 1
    assert world.nova.times(new.uid, "migrate") <= 1
    assert world.told(old).count("LeftRunning") == 1
    assert "LeftRunning" not in world.told(new)


async def test_a_namesake_never_gets_the_record_of_the_object_before_it(world: World) -> None:
    old = world.create("ServerMigration", confirmation="Manual")

    def recreate() -> None:
        world.store.remove(old)
        world.create("ServerMigration", confirmation="Manual", suspend=True)

    await world.process(
        prepare=lambda faults: faults.plan("objects.write_status", "before", recreate, skip=1)
    )
    await asyncio.sleep(20)

    (new,) = world.store.all()
    assert new.uid != old.uid
    assert new.status.request_id is None
    assert new.status.intent is None
    assert world.nova.times(old.uid, "migrate") == 1
