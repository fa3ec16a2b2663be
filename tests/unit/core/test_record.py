"""What became of a request is written until it stands, and only onto the attempt that sent it."""

import asyncio

import pytest

from fakes.nova_answers import Refuse
from fakes.world import World
from serveractions.api.status import Phase
from serveractions.core.errors import ApiUnavailable, StatusRefused

AWAY = ApiUnavailable("the API server did not answer")
RECORD = 1
"""The record is the second status written, after the claim."""


@pytest.mark.parametrize("when", ["before", "after"])
async def test_the_record_is_written_however_long_the_api_server_is_away(
    world: World, when: str
) -> None:
    key = world.create("ServerMigration")
    process = await world.process(
        prepare=lambda faults: faults.plan(
            "objects.write_status",
            "before" if when == "before" else "after",
            AWAY,
            skip=RECORD,
            times=1 if when == "after" else 20,
        )
    )

    status = await world.until_phase(key, Phase.RUNNING)

    assert status.request_id is not None
    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED
    assert world.sent(key) == 1
    assert process.faults.calls.count("cloud.send") == 2, "the action and its confirmation"


async def test_the_record_outlives_a_status_that_the_schema_refuses_for_a_while(
    world: World,
) -> None:
    key = world.create("ServerMigration")
    refused = StatusRefused("status.phase: Unsupported value")
    await world.process(
        prepare=lambda faults: faults.plan(
            "objects.write_status", "before", refused, skip=RECORD, times=5
        )
    )

    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED
    assert world.sent(key) == 1


async def test_a_spec_that_a_person_edits_at_that_moment_does_not_lose_the_record(
    world: World,
) -> None:
    key = world.create("ServerMigration")
    await world.process(
        prepare=lambda faults: faults.plan(
            "objects.write_status",
            "before",
            lambda: world.store.edit(key, ttlSecondsAfterFinished=60),
            skip=RECORD,
            times=3,
        )
    )

    status = await world.until_phase(key, Phase.RUNNING)

    assert status.request_id is not None
    assert status.observed_generation == world.resource(key).generation
    assert world.sent(key) == 1


async def test_a_cancel_at_that_moment_is_taken_up_after_the_record(world: World) -> None:
    key = world.create("ServerLiveMigration")
    await world.process(
        prepare=lambda faults: faults.plan(
            "objects.write_status",
            "before",
            lambda: world.store.edit(key, cancel=True),
            skip=RECORD,
        )
    )

    status = await world.until_finished(key)

    assert status.phase is Phase.CANCELLED
    assert (world.sent(key), world.sent(key, "abort")) == (1, 1)


async def test_a_refusal_is_recorded_as_surely_as_an_acceptance(world: World) -> None:
    world.nova.answers.append(Refuse(403, "Policy doesn't allow x to be performed."))
    key = world.create("ServerMigration")
    await world.process(
        prepare=lambda faults: faults.plan(
            "objects.write_status", "before", AWAY, skip=RECORD, times=7
        )
    )

    assert (await world.until_finished(key)).reason == "PolicyForbids"


async def test_a_late_record_does_not_touch_an_attempt_that_another_process_has_ended(
    world: World,
) -> None:
    key = world.create("ServerMigration")

    async def be_away_for_long() -> None:
        await asyncio.sleep(400)

    await world.process(
        prepare=lambda faults: faults.plan(
            "objects.write_status", "before", be_away_for_long, skip=RECORD
        )
    )
    await asyncio.sleep(1)
    assert world.sent(key) == 1
    await world.process("second")
    ended = await world.until_finished(key)
    assert ended.phase is Phase.SUCCEEDED, "the other one has adopted the request"

    await asyncio.sleep(500)

    assert world.status(key) == ended


async def test_an_object_that_is_deleted_before_the_record_is_let_go_with_an_event(
    world: World,
) -> None:
    key = world.create("ServerMigration")
    process = await world.process(
        prepare=lambda faults: faults.plan(
            "objects.write_status", "before", lambda: world.store.remove(key), skip=RECORD
        )
    )
    await asyncio.sleep(30)

    assert world.told(key).count("LeftRunning") == 1
    assert len(process.engine.inbox) == 0
    assert world.nova.arrived == ["migrate"]
    other = world.create("ServerBackup", "other")
    assert (await world.until_finished(other)).phase is Phase.SUCCEEDED
