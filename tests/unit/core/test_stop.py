"""SIGTERM: nothing new is sent, and what was sent is recorded before the process ends."""

import asyncio

from fakes.nova_records import SERVER_ID, Machine
from fakes.world import Process, World
from serveractions.api.status import FollowUpState, Phase
from serveractions.core.errors import ApiUnavailable

OTHER_ID = "77c2b9b0-0d1c-4a9d-93b5-1a2f1e0d4c22"


async def begin_to_stop(process: Process, stops: list[asyncio.Task[None]]) -> None:
    """Let SIGTERM arrive in the middle of a call."""
    stops.append(asyncio.create_task(process.stop()))
    await asyncio.sleep(0.01)


async def test_a_request_under_way_is_recorded_before_the_process_ends(world: World) -> None:
    world.account.connecting = 20.0
    process = await world.process()
    key = world.create("ServerMigration")
    await world.until_phase(key, Phase.ISSUING)

    await process.stop()

    status = world.status(key)
    assert status.phase is Phase.RUNNING
    assert status.request_id is not None


async def test_the_record_is_tried_until_the_grace_is_over(world: World) -> None:
    process = await world.process(
        prepare=lambda faults: faults.plan(
            "objects.write_status", "before", ApiUnavailable("away"), skip=1, times=6
        )
    )
    key = world.create("ServerMigration")
    await world.until_phase(key, Phase.ISSUING)
    await asyncio.sleep(1)

    await process.stop()

    assert world.status(key).phase is Phase.RUNNING


async def test_a_stopping_process_does_not_outlast_its_grace(world: World) -> None:
    process = await world.process(
        prepare=lambda faults: faults.plan(
            "objects.write_status", "before", ApiUnavailable("away"), skip=1, times=10_000
        )
    )
    key = world.create("ServerMigration")
    await world.until_phase(key, Phase.ISSUING)
    begin = world.clock.boottime()

    await process.stop(grace=75)

    assert world.clock.boottime() - begin <= 76
    await world.process("second")
    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED
    assert world.sent(key) == 1


async def test_a_stopping_process_claims_nothing_new(world: World) -> None:
    world.nova.add(Machine(id=OTHER_ID, name="web-2"))
    world.account.connecting = 20.0
    process = await world.process()
    key = world.create("ServerMigration")
    await world.until_phase(key, Phase.ISSUING)
    stopping = asyncio.create_task(process.stop())
    await asyncio.sleep(1)

    other = world.create("ServerMigration", "other", serverRef={"id": OTHER_ID})
    await stopping
    await asyncio.sleep(60)

    assert world.nova.arrived == ["migrate"]
    assert {write.key for write in world.store.writes} == {key}
    assert world.status(other).start_time is None


async def test_a_stop_during_the_reads_before_the_claim_claims_nothing(world: World) -> None:
    stops: list[asyncio.Task[None]] = []
    process = await world.process(
        prepare=lambda faults: faults.plan(
            "cloud.migrations", "before", lambda: begin_to_stop(process, stops)
        )
    )

    key = world.create("ServerMigration")
    await asyncio.sleep(30)
    await stops[0]

    assert world.store.writes == []
    assert world.nova.arrived == []
    assert world.status(key).intent is None


async def test_a_stop_during_the_look_before_a_follow_up_sends_none(world: World) -> None:
    process = await world.process()
    key = world.create("ServerMigration", confirmation="Manual")
    await world.until_phase(key, Phase.AWAITING_DECISION)
    stops: list[asyncio.Task[None]] = []

    process.faults.plan("cloud.migrations", "after", lambda: begin_to_stop(process, stops))
    world.store.edit(key, decision="Confirm")
    await asyncio.sleep(30)
    await stops[0]

    assert world.nova.arrived == ["migrate"]
    assert world.status(key).follow_ups == ()
    await world.process("second")
    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED


async def test_a_follow_up_under_way_is_recorded_before_the_process_ends(world: World) -> None:
    process = await world.process()
    key = world.create("ServerMigration", confirmation="Manual")
    await world.until_phase(key, Phase.AWAITING_DECISION)
    world.account.connecting = 20.0
    world.store.edit(key, decision="Confirm")
    await world.until(lambda: bool(world.status(key).follow_ups))

    await process.stop()

    assert [each.state for each in world.status(key).follow_ups] == [FollowUpState.ACCEPTED]


async def test_the_next_process_goes_on_where_the_stopped_one_was(world: World) -> None:
    first = await world.process()
    key = world.create("ServerLiveMigration")
    waiting = world.create("ServerBackup", "waiting")
    await world.until_phase(key, Phase.RUNNING)
    await world.until_reason(waiting, "ServerBusy")
    await first.stop()

    await world.process("second")

    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED
    assert (await world.until_finished(waiting)).phase is Phase.SUCCEEDED
    assert [each.name for each in world.nova.accepted] == ["os-migrateLive", "createBackup"]
    assert world.machine.id == SERVER_ID
