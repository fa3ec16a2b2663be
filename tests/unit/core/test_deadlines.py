"""The deadline of an accepted action: it fails, aborts or forces it, and it stands still while a
person is asked.
"""

import asyncio
from typing import Any

import pytest

from fakes.world import World
from serveractions.api.resource import Key
from serveractions.api.status import Phase, Status
from serveractions.core.timing import FOLLOW_LIMIT


async def endless_live_migration(world: World, **spec: Any) -> Key:
    world.nova.live_seconds = 100_000.0
    key = world.create("ServerLiveMigration", activeDeadlineSeconds=60, **spec)
    await world.until_phase(key, Phase.RUNNING)
    return key


def seconds(status: Status) -> float:
    """How long it took from acceptance to the end."""
    assert status.completion_time is not None
    assert status.issued_time is not None
    return (status.completion_time - status.issued_time).total_seconds()


async def test_at_the_deadline_an_action_fails_and_says_what_nova_was_doing(world: World) -> None:
    await world.process()
    key = await endless_live_migration(world)

    status = await world.until_finished(key)

    assert (status.phase, status.reason) == (Phase.FAILED, "DeadlineExceeded")
    assert "live-migrating web-1" in (status.message or "").replace("server ", "")
    assert 60 <= seconds(status) <= 62
    assert [each.name for each in world.nova.accepted] == ["os-migrateLive"]


async def test_on_deadline_abort_sends_one_abort_and_follows_it(world: World) -> None:
    await world.process()
    key = await endless_live_migration(world, onDeadline="Abort")

    status = await world.until_finished(key)

    assert (status.phase, status.reason) == (Phase.FAILED, "DeadlineExceeded")
    assert "aborted" in (status.message or "")
    assert world.sent(key, "abort") == 1
    assert 60 <= seconds(status) <= 70


async def test_on_deadline_force_complete_sends_one_and_follows_it_to_success(
    world: World,
) -> None:
    await world.process()
    key = await endless_live_migration(world, onDeadline="ForceComplete")

    status = await world.until_finished(key)

    assert status.phase is Phase.SUCCEEDED
    assert world.sent(key, "force_complete") == 1


@pytest.mark.parametrize("on_deadline", ["Abort", "ForceComplete"])
async def test_what_the_deadline_began_is_followed_for_ten_minutes_at_most(
    world: World, on_deadline: str
) -> None:
    await world.process(poll=10.0)
    key = await endless_live_migration(world, onDeadline=on_deadline)
    world.nova.deaf = True  # takes the follow-up and does nothing

    status = await world.until_finished(key, within=1000)

    assert (status.phase, status.reason) == (Phase.FAILED, "DeadlineExceeded")
    limit = 60 + FOLLOW_LIMIT.total_seconds()
    assert limit <= seconds(status) <= limit + 15
    assert len(world.nova.accepted) == 2


async def test_what_a_person_cancels_is_aborted_even_after_the_deadline_forced_it(
    world: World,
) -> None:
    await world.process()
    key = await endless_live_migration(world, onDeadline="ForceComplete")
    world.nova.deaf = True
    await world.until(lambda: world.status(key).deadline_time is not None)
    await asyncio.sleep(5)
    world.nova.deaf = False
    world.store.edit(key, cancel=True)

    status = await world.until_finished(key)

    assert status.phase is Phase.CANCELLED
    assert (world.sent(key, "force_complete"), world.sent(key, "abort")) == (1, 1)


async def test_the_deadline_stands_still_while_a_decision_is_awaited(world: World) -> None:
    await world.process()
    key = world.create("ServerMigration", confirmation="Manual", activeDeadlineSeconds=20)
    await world.until_phase(key, Phase.AWAITING_DECISION)
    await asyncio.sleep(500)
    assert world.status(key).phase is Phase.AWAITING_DECISION

    world.store.edit(key, decision="Confirm")
    status = await world.until_finished(key)

    assert status.phase is Phase.SUCCEEDED, status.message
    assert status.awaited_seconds >= 500


async def test_the_deadline_runs_on_after_the_decision(world: World) -> None:
    await world.process()
    key = world.create("ServerMigration", confirmation="Manual", activeDeadlineSeconds=20)
    await world.until_phase(key, Phase.AWAITING_DECISION)
    world.nova.deaf = True
    await asyncio.sleep(200)
    world.store.edit(key, decision="Confirm")

    status = await world.until_finished(key)

    assert (status.phase, status.reason) == (Phase.FAILED, "DeadlineExceeded")
    assert 215 <= seconds(status) <= 225


async def test_a_deadline_that_passed_while_no_process_looked_does_not_hide_success(
    world: World,
) -> None:
    first = await world.process()
    world.nova.live_seconds = 20.0
    key = world.create("ServerLiveMigration", activeDeadlineSeconds=60)
    await world.until_phase(key, Phase.RUNNING)
    first.kill()
    await asyncio.sleep(3600)

    await world.process("second")

    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED


async def test_the_end_of_the_ten_minutes_does_not_hide_success_either(world: World) -> None:
    first = await world.process()
    key = await endless_live_migration(world, onDeadline="ForceComplete")
    await world.until(lambda: world.status(key).deadline_time is not None)
    await asyncio.sleep(1)
    first.kill()
    await asyncio.sleep(3600)

    second = await world.process("second")

    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED
    assert "cloud.send" not in second.faults.calls
