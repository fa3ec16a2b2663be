"""Mark and claim: until both are acknowledged nothing is sent, and whoever knows that it has sent
nothing says so itself.
"""

import asyncio
from collections.abc import Callable

import pytest

from fakes.faults import Faults
from fakes.world import BOUNDS, OWN, RELEASES, World
from serveractions.api.resource import Key
from serveractions.api.status import ConditionStatus, Intent, Phase
from serveractions.core import marks
from serveractions.core.errors import ApiUnavailable, Conflict, StatusRefused

AWAY = ApiUnavailable("the API server did not answer")


def person_edits(world: World, key: Key) -> object:
    return world.store.edit(key, ttlSecondsAfterFinished=60)


async def test_the_intent_stands_before_the_request_leaves(world: World) -> None:
    key = world.create("ServerMigration")
    at_sending: list[tuple[Phase, Intent | None]] = []

    def look() -> None:
        at_sending.append((world.status(key).phase, world.status(key).intent))

    await world.process(prepare=lambda faults: faults.plan("cloud.send", "before", look))
    await world.until_phase(key, Phase.RUNNING)

    ((phase, intent),) = at_sending
    assert phase is Phase.ISSUING
    assert intent is not None
    assert (intent.attempt, intent.holder, intent.action) == (1, "first", "migrate")
    assert intent.endpoint == world.account.endpoint
    assert (intent.user_id, intent.project_id) == ("operator-user", "operator-project")
    assert intent.source_host == "compute-1"
    mark = marks.read(world.resource(key).annotations, key.uid).mark
    assert mark is not None
    assert (mark.attempt, mark.server_id) == (1, intent.server_id)
    assert (mark.endpoint, mark.user_id) == (intent.endpoint, intent.user_id)
    assert mark.nova_time == intent.nova_time


async def test_the_intent_knows_what_was_in_nova_before(world: World) -> None:
    await world.process()
    first = world.create("ServerBackup", "first")
    await world.until_finished(first)
    second = world.create("ServerBackup", "second")
    await world.until_finished(second)

    before, intent = world.status(first), world.status(second).intent
    assert intent is not None
    assert before.image is not None
    assert intent.known_request_ids == (before.request_id,)
    assert intent.known_image_ids == (before.image.id,)


@pytest.mark.parametrize("write", ["objects.mark", "objects.write_status"])
async def test_an_object_that_changed_since_it_was_looked_at_is_looked_at_again(
    world: World, write: str
) -> None:
    key = world.create("ServerMigration")
    process = await world.process(
        prepare=lambda faults: faults.plan(write, "before", lambda: person_edits(world, key))
    )

    await world.until_phase(key, Phase.RUNNING)

    assert world.sent(key) == 1
    assert process.faults.calls.count("cloud.send") == 1
    assert world.status(key).observed_generation == 2


async def test_what_was_decided_before_another_process_claimed_is_not_written_onto_its_claim(
    world: World,
) -> None:
    def slow_at(call: str, seconds: float) -> Callable[[Faults], None]:
        return lambda faults: faults.plan(call, "before", lambda: asyncio.sleep(seconds))

    def first(faults: Faults) -> None:
        slow_at("objects.mark", 2)(faults)  # and then the Lease is another process's
        slow_at("cloud.send", 6)(faults)

    key = world.create("ServerMigration")
    await world.process("first", prepare=first)
    await asyncio.sleep(1)
    await world.process("second", prepare=slow_at("cloud.migrations", 4))
    await world.until_phase(key, Phase.RUNNING)

    intent = world.status(key).intent
    assert world.sent(key) == 1
    assert intent is not None
    assert (intent.attempt, intent.holder) == (2, "second"), "the first attempt was another's"


@pytest.mark.parametrize("write", ["objects.mark", "objects.write_status"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_mark_or_claim_that_timed_out_sends_nothing_and_is_closed_by_its_own_process(
    world: World, write: str, when: str
) -> None:
    key = world.create("ServerMigration")
    sent_when_away: list[int] = []

    def prepare(faults: Faults) -> None:
        faults.plan(write, "before" if when == "before" else "after", AWAY)
        faults.plan("objects.read", "before", lambda: sent_when_away.append(world.sent(key)))

    await world.process(prepare=prepare)
    status = await world.until_phase(key, Phase.RUNNING, within=BOUNDS.settled_after)

    assert sent_when_away == [0]
    assert world.sent(key) == 1
    assert (status.attempts, status.intent.attempt if status.intent else None) == (1, 2)


@pytest.mark.parametrize("write", ["objects.mark", "objects.write_status"])
async def test_a_write_that_was_done_and_then_refused_as_a_repetition_is_closed_at_once(
    world: World, write: str
) -> None:
    key = world.create("ServerMigration")
    again = Conflict("the object has been modified")  # a proxy has sent the same write twice
    await world.process(prepare=lambda faults: faults.plan(write, "after", again))

    status = await world.until_phase(key, Phase.RUNNING, within=BOUNDS.claim_bound)

    assert world.sent(key) == 1
    assert (status.attempts, status.intent.attempt if status.intent else None) == (1, 2)


async def test_an_edit_before_the_mark_costs_no_attempt(world: World) -> None:
    key = world.create("ServerMigration")
    await world.process(
        prepare=lambda faults: faults.plan(
            "objects.mark", "before", lambda: person_edits(world, key)
        )
    )
    assert (await world.until_phase(key, Phase.RUNNING)).attempts == 0


async def test_a_claim_whose_time_out_lasts_is_closed_once_the_api_server_is_back(
    world: World,
) -> None:
    key = world.create("ServerMigration")

    def prepare(faults: Faults) -> None:
        faults.plan("objects.write_status", "after", AWAY)
        faults.plan("objects.read", "before", AWAY, times=5)

    await world.process(prepare=prepare)

    status = await world.until_phase(key, Phase.RUNNING)
    assert (status.attempts, world.sent(key)) == (1, 1)


async def test_a_claim_that_the_schema_refuses_sends_nothing_and_stays_pending(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    key = world.create("ServerMigration")
    refused = StatusRefused("status.intent: unknown")
    process = await world.process(
        prepare=lambda faults: faults.plan("objects.write_status", "before", refused)
    )
    await asyncio.sleep(1)
    assert world.sent(key) == 0
    assert world.status(key).phase is Phase.PENDING

    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED
    assert process.faults.calls.count("objects.mark") == 2
    (told,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert told.exc_info is None, "a definition of another release is no defect"
    assert "definitions those of this release? status.intent: unknown" in told.getMessage()


async def test_attempts_are_counted_and_issued_is_false_between_them(world: World) -> None:
    key = world.create("ServerMigration")
    await world.process(
        prepare=lambda faults: faults.plan("objects.write_status", "after", AWAY, times=1)
    )
    status = await world.until_reason(key, "TransientError")

    assert (status.phase, status.attempts) == (Phase.PENDING, 1)
    issued = {each.type: each.status for each in status.conditions}["Issued"]
    assert issued is ConditionStatus.FALSE
    assert "claim could not be written" in (status.message or "")


@pytest.mark.parametrize("write", ["objects.mark", "objects.write_status"])
async def test_an_object_that_is_deleted_before_its_claim_stands_is_never_sent(
    world: World, write: str
) -> None:
    key = world.create("ServerMigration")
    process = await world.process(
        prepare=lambda faults: faults.plan(write, "before", lambda: world.store.remove(key))
    )
    await asyncio.sleep(60)

    assert world.nova.arrived == []
    assert "LeftRunning" not in world.told(key)
    assert len(process.engine.inbox) == 0


async def test_a_request_does_not_leave_when_its_claim_took_too_long(world: World) -> None:
    key = world.create("ServerMigration")

    async def dawdle() -> None:
        await asyncio.sleep(BOUNDS.claim_bound + 1)

    await world.process(prepare=lambda faults: faults.plan("objects.write_status", "after", dawdle))
    status = await world.until_reason(key, "TransientError")
    assert status.attempts == 1
    assert world.nova.arrived == []

    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED


async def test_a_request_whose_connection_stands_too_late_does_not_leave(world: World) -> None:
    world.account.connecting = BOUNDS.claim_bound + 1
    await world.process()
    key = world.create("ServerMigration")

    await world.until_reason(key, "TransientError")
    assert world.nova.arrived == []


@pytest.mark.parametrize("kind", OWN)
async def test_two_processes_that_both_believe_to_hold_the_lease_send_once(
    world: World, kind: str
) -> None:
    world.nova.release = RELEASES.get(kind, world.nova.release)
    key = world.create(kind)
    await world.process("first")
    second = await world.process("second")
    # Both act: the compare-and-set alone has to keep them apart.
    for process in world.processes:
        process.leases.remaining = lambda server_id: 60.0  # type: ignore[method-assign]

    status = await world.until_finished(key)

    assert world.sent(key) == 1
    assert status.phase is Phase.SUCCEEDED, status.message
    assert second.faults.calls


@pytest.mark.parametrize("when", ["before", "after"])
async def test_whoever_loses_the_race_for_the_mark_leaves_the_others_attempt_alone(
    world: World, when: str
) -> None:
    world.account.connecting = 20.0
    key = world.create("ServerMigration")

    async def until_the_other_sends() -> None:
        await world.until_phase(key, Phase.ISSUING)
        if when == "after":
            raise ApiUnavailable("no answer, and the other one was quicker")

    first = asyncio.create_task(
        world.process(
            "first",
            prepare=lambda faults: faults.plan("objects.mark", "before", until_the_other_sends),
        )
    )
    await asyncio.sleep(0.1)
    await world.process("second")
    for process in world.processes:  # the compare-and-set alone has to keep them apart
        process.leases.remaining = lambda server_id: 60.0  # type: ignore[method-assign]

    status = await world.until_finished(key)

    assert world.nova.arrived == ["migrate", "confirmResize"]
    assert (status.phase, status.attempts) == (Phase.SUCCEEDED, 0)
    assert status.intent is not None
    assert status.intent.holder == "second"
    await first
