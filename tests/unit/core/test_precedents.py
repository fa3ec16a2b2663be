"""An object whose action may have been sent although it knows nothing of that (etcd set back) sends
nothing, and ordinary neighbours are never taken for that.
"""

import asyncio
from datetime import timedelta

import pytest

from fakes.nova_answers import Refuse
from fakes.world import BOUNDS, OWN, World
from serveractions.api.status import ConditionStatus, Phase, Status
from serveractions.core import marks

SEEN_BY_NOVA = [
    kind for kind in OWN if kind not in ("ServerNetworkInjection", "ServerNetworkReset")
]


def forget(world: World, *keys: object) -> None:
    """Set everything that is stored of objects back to the moment of their creation."""
    for key in keys:
        world.store.lose_status(key)  # type: ignore[arg-type]
        world.store.annotate(key, **{marks.ANNOTATION: None})  # type: ignore[arg-type]


def never_blamed(status: Status) -> bool:
    return status.reason not in ("OutcomeUnknown", "RestoredCopy")


@pytest.mark.parametrize("kind", SEEN_BY_NOVA)
@pytest.mark.parametrize("minutes", [0, 7])
async def test_an_object_set_back_to_before_its_claim_is_not_sent_again(
    world: World, kind: str, minutes: int
) -> None:
    world.nova.ahead, world.store.ahead = timedelta(minutes=minutes), timedelta(minutes=-minutes)
    first = await world.process()
    key = world.create(kind)
    await world.until_phase(key, Phase.RUNNING, Phase.SUCCEEDED)
    first.kill()
    forget(world, key)

    await world.process("second")
    status = await world.until_finished(key)

    assert (status.phase, status.reason) == (Phase.FAILED, "OutcomeUnknown"), status.message
    assert {each.type: each.status for each in status.conditions}[
        "Issued"
    ] is ConditionStatus.UNKNOWN
    assert world.sent(key) == 1
    marked = marks.read(world.resource(key).annotations, key.uid)
    assert marked.mark is not None
    assert marked.mark.ended


@pytest.mark.parametrize("kind", SEEN_BY_NOVA)
async def test_a_process_that_lives_through_a_restore_of_etcd_sends_nothing_twice(
    world: World, kind: str
) -> None:
    process = await world.process()
    await asyncio.sleep(200)
    key = world.create(kind, suspend=True)
    await asyncio.sleep(200)
    before = world.store.snapshot()
    world.store.edit(key, suspend=False)
    await world.until_phase(key, Phase.RUNNING, Phase.SUCCEEDED)
    await asyncio.sleep(3)

    world.store.set_back(before)
    world.store.edit(key, suspend=False)
    await asyncio.sleep(1000)
    process.faults.calls.clear()
    await asyncio.sleep(60)

    assert world.sent(key) == 1
    assert world.status(key).phase.finished
    assert len(process.faults.calls) < 20, "it is not at work on it for ever"


@pytest.mark.parametrize(
    "kind", ["ServerLiveMigration", "ServerStateReset", "ServerPasswordChange", "ServerBackup"]
)
async def test_a_request_of_an_object_that_was_deleted_before_the_answer_is_no_namesakes(
    world: World, kind: str
) -> None:
    first = world.create(kind)
    await world.process(
        prepare=lambda faults: faults.plan("cloud.send", "after", lambda: world.store.remove(first))
    )
    await asyncio.sleep(1)
    assert "LeftRunning" in world.told(first)
    second = world.create(kind)

    status = await world.until_finished(second)

    assert never_blamed(status), status.message
    action = world.resource(second).kind.action
    assert [world.nova.times(key.uid, action) for key in (first, second)] == [1, 1]


async def test_an_object_of_which_a_long_wait_is_stored_is_not_sent_again_either(
    world: World,
) -> None:
    first = await world.process()
    key = world.create("ServerPasswordChange", suspend=True)
    await asyncio.sleep(3600)
    waited = world.status(key)
    world.store.edit(key, suspend=False)
    await world.until_finished(key)
    first.kill()
    forget(world, key)
    world.store.write_status(world.resource(key), waited)

    await world.process("second")
    status = await world.until_finished(key)

    assert (status.reason, world.sent(key)) == ("OutcomeUnknown", 1)


async def test_a_person_with_the_same_credentials_cannot_be_told_from_the_operator(
    world: World,
) -> None:
    key = world.create("ServerPasswordChange")
    await asyncio.sleep(5)
    request_id = world.nova.somebody_asks("changePassword", user_id=world.account.user_id)
    await world.process()

    status = await world.until_finished(key)

    assert status.reason == "OutcomeUnknown"
    assert request_id in (status.message or "")
    assert world.sent(key) == 0


async def test_what_a_person_does_while_the_operator_looks_on_holds_nothing_back(
    world: World,
) -> None:
    await world.process()
    await asyncio.sleep(5)
    world.nova.somebody_asks("changePassword", user_id=world.account.user_id)
    key = world.create("ServerPasswordChange", suspend=True)
    await asyncio.sleep(60)
    world.nova.somebody_asks("changePassword", user_id=world.account.user_id)
    world.store.edit(key, suspend=False)

    status = await world.until_finished(key)

    assert (status.phase, world.sent(key)) == (Phase.SUCCEEDED, 1), status.message


async def test_what_an_earlier_process_sent_may_arrive_after_it_is_gone(world: World) -> None:
    key = world.create("ServerPasswordChange", suspend=True)
    await asyncio.sleep(5)
    await world.process()
    await asyncio.sleep(BOUNDS.proven_after - 10)
    world.nova.somebody_asks("changePassword", user_id=world.account.user_id)
    world.store.edit(key, suspend=False)

    assert (await world.until_finished(key)).reason == "OutcomeUnknown"


@pytest.mark.parametrize("action", ["migrate", "changePassword"])
async def test_other_users_and_other_actions_hold_nothing_back(world: World, action: str) -> None:
    key = world.create("ServerPasswordChange")
    await asyncio.sleep(5)
    user = "somebody" if action == "changePassword" else world.account.user_id
    world.nova.somebody_asks(action, user_id=user)
    await world.process()

    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED


async def test_what_happened_before_the_object_was_created_holds_nothing_back(
    world: World,
) -> None:
    world.nova.somebody_asks("changePassword", user_id=world.account.user_id)
    await asyncio.sleep(5)
    key = world.create("ServerPasswordChange")
    await world.process()

    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED


@pytest.mark.parametrize("kind", SEEN_BY_NOVA)
async def test_two_objects_of_a_kind_at_once_are_both_sent_without_delay(
    world: World, kind: str
) -> None:
    await world.process()
    one, other = world.create(kind, "one"), world.create(kind, "other")

    first, second = await world.until_finished(one), await world.until_finished(other)

    assert (first.phase, second.phase) == (Phase.SUCCEEDED, Phase.SUCCEEDED), second.message
    assert (world.sent(one), world.sent(other)) == (1, 1)
    assert first.completion_time is not None
    assert second.issued_time is not None
    assert second.issued_time - first.completion_time < timedelta(seconds=10)


@pytest.mark.parametrize("restart", [False, True])
async def test_a_neighbour_that_was_deleted_meanwhile_holds_nothing_back(
    world: World, *, restart: bool
) -> None:
    process = await world.process()
    neighbour = world.create("ServerPasswordChange", "neighbour")
    key = world.create("ServerPasswordChange", "ours", suspend=True)
    await world.until_finished(neighbour)
    await asyncio.sleep(1000)
    if restart:
        process.kill()
    world.store.remove(neighbour)
    if restart:
        await world.process("second")
    world.store.edit(key, suspend=False)

    status = await world.until_finished(key)

    assert status.phase is Phase.SUCCEEDED, status.message


async def test_a_neighbour_deleted_in_flight_holds_nothing_back(world: World) -> None:
    await world.process()
    neighbour = world.create("ServerLiveMigration", "neighbour")
    key = world.create("ServerLiveMigration", "ours")
    await world.until_phase(neighbour, Phase.RUNNING)
    world.store.remove(neighbour)

    status = await world.until_finished(key)

    assert status.phase is Phase.SUCCEEDED, status.message


async def test_an_object_that_is_replaced_by_a_namesake_at_once_holds_nothing_back(
    world: World,
) -> None:
    await world.process()
    for _ in range(3):
        key = world.create("ServerStateReset")
        status = await world.until_finished(key)
        assert status.phase is Phase.SUCCEEDED, status.message
        world.store.remove(key)
    assert [each.name for each in world.nova.accepted] == ["os-resetState"] * 3


async def test_refused_attempts_before_it_hold_nothing_back(world: World) -> None:
    world.nova.answers.extend([Refuse(429), Refuse(401), Refuse(413)])
    await world.process()
    keys = [world.create("ServerPasswordChange", f"object-{number}") for number in range(3)]

    for key in keys:
        assert never_blamed(await world.until_finished(key))
        assert world.sent(key) == 1


async def test_a_neighbour_whose_acceptance_is_not_written_yet_holds_nothing_back(
    world: World,
) -> None:
    async def dawdle() -> None:
        await asyncio.sleep(100)

    first = world.create("ServerLiveMigration", "first")
    second = world.create("ServerLiveMigration", "second")
    await world.process(
        prepare=lambda faults: faults.plan("cloud.send", "after", dawdle)  # accepted, not recorded
    )
    await world.until_phase(first, Phase.ISSUING)
    await asyncio.sleep(50)
    assert world.nova.arrived == ["os-migrateLive"]
    assert world.status(first).phase is Phase.ISSUING
    assert world.status(second).reason == "ServerBusy"

    assert (await world.until_finished(first)).phase is Phase.SUCCEEDED
    status = await world.until_finished(second)
    assert status.phase is Phase.SUCCEEDED, status.message


async def test_a_refused_attempt_that_left_a_record_holds_nothing_back(world: World) -> None:
    world.nova.answers.append(Refuse(429))
    await world.process()
    key = world.create("ServerPasswordChange")
    refused = (await world.until_reason(key, "TransientError")).refused_request_ids
    world.nova.somebody_asks("changePassword", user_id=world.account.user_id)
    world.nova.records[0].request_id = refused[0]

    status = await world.until_finished(key)

    assert status.phase is Phase.SUCCEEDED, status.message


async def test_the_image_of_a_backup_that_lost_a_race_is_cleared_away(world: World) -> None:
    await world.process()
    world.nova.answers.append(
        Refuse(409, "Cannot 'createBackup' instance x while it is in task_state image_backup")
    )
    key = world.create("ServerBackup")
    await world.until_reason(key, "ServerBusy")
    orphan = world.nova.leave_orphan(uid=key.uid)

    status = await world.until_finished(key)

    assert status.phase is Phase.SUCCEEDED, status.message
    assert orphan not in world.nova.images


async def test_no_list_is_read_in_the_ordinary_case(world: World) -> None:
    process = await world.process()
    for number in range(3):
        await world.until_finished(world.create("ServerPasswordChange", f"object-{number}"))

    assert "objects.of_server" not in process.faults.calls


async def test_a_long_wait_is_noted_now_and_then_and_not_at_every_look(world: World) -> None:
    await world.process()
    world.create("ServerMigration", suspend=True)
    await asyncio.sleep(60)
    before = len(world.store.writes)

    await asyncio.sleep(3600)

    assert 5 <= len(world.store.writes) - before <= 7
