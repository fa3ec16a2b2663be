"""What follows an action: every confirm, revert, abort or force-complete goes out at most once, for
our own migration only, and only as Nova shows it at that moment.
"""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from fakes.faults import Faults
from fakes.nova_answers import Answer, LoseReply, LoseRequest, Refuse, Unreachable
from fakes.ports import Account
from fakes.world import BOUNDS, World
from serveractions.api.resource import Key
from serveractions.api.status import FollowUpState, Phase
from serveractions.core.errors import ApiUnavailable, Conflict

AWAY = ApiUnavailable("the API server did not answer")


async def running_live_migration(world: World, seconds: float = 300.0, **spec: Any) -> Key:
    world.nova.live_seconds = seconds
    key = world.create("ServerLiveMigration", **spec)
    await world.until(lambda: bool(world.nova.moves) and world.nova.moves[0].status == "running")
    return key


async def awaiting_decision(world: World, **spec: Any) -> Key:
    key = world.create("ServerMigration", confirmation="Manual", **spec)
    await world.until_phase(key, Phase.AWAITING_DECISION)
    return key


async def test_a_cancelled_live_migration_is_aborted_exactly_once(world: World) -> None:
    await world.process()
    key = await running_live_migration(world)
    world.store.edit(key, cancel=True)

    status = await world.until_finished(key)

    assert (status.phase, status.reason) == (Phase.CANCELLED, "Cancelled")
    assert (world.sent(key), world.sent(key, "abort")) == (1, 1)
    assert [each.state for each in status.follow_ups] == [FollowUpState.ACCEPTED]


async def test_a_cancel_stands_even_if_it_is_taken_back(world: World) -> None:
    await world.process()
    key = await running_live_migration(world)
    world.store.edit(key, cancel=True)
    await world.until(lambda: world.status(key).cancel_requested_time is not None)
    world.store.edit(key, cancel=False)

    assert (await world.until_finished(key)).phase is Phase.CANCELLED


async def test_a_migration_that_completes_wins_over_a_late_abort(world: World) -> None:
    process = await world.process()
    key = await running_live_migration(world, seconds=20.0)
    process.poller.blind = True
    await asyncio.sleep(60)
    world.store.edit(key, cancel=True)
    await asyncio.sleep(5)
    process.poller.blind = False

    status = await world.until_finished(key)

    assert status.phase is Phase.SUCCEEDED
    assert world.sent(key, "abort") == 0


async def test_an_abort_is_sent_again_only_when_nova_proves_that_it_was_not_accepted(
    world: World,
) -> None:
    await world.process()
    key = await running_live_migration(world)
    world.nova.answers.append(LoseRequest())
    begin = world.clock.boottime()
    world.store.edit(key, cancel=True)

    status = await world.until_finished(key)

    assert status.phase is Phase.CANCELLED
    assert world.clock.boottime() - begin >= BOUNDS.proven_after
    assert world.sent(key, "abort") == 1
    assert [each.state for each in status.follow_ups] == [
        FollowUpState.NOT_SENT,
        FollowUpState.ACCEPTED,
    ]


async def test_a_migration_that_ends_before_a_lost_abort_is_cleared_up_has_its_true_end(
    world: World,
) -> None:
    await world.process()
    key = await running_live_migration(world, seconds=60.0)
    world.nova.answers.append(LoseRequest())
    world.store.edit(key, cancel=True)

    status = await world.until_finished(key)

    assert (status.phase, world.sent(key, "abort")) == (Phase.SUCCEEDED, 0)


async def test_a_refused_abort_is_tried_again_but_not_at_once_and_not_for_ever(
    world: World,
) -> None:
    process = await world.process()
    key = await running_live_migration(world)
    process.faults.calls.clear()
    world.nova.answers.extend([Refuse(409, "busy")] * 100)
    begin = world.clock.boottime()
    world.store.edit(key, cancel=True)
    await world.until(lambda: len(world.status(key).follow_ups) == 5)

    assert world.clock.boottime() - begin >= 30
    await asyncio.sleep(100)
    assert process.faults.calls.count("cloud.send") == 5
    world.nova.answers.clear()
    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED


async def test_an_abort_that_found_no_connection_is_not_hammered(world: World) -> None:
    process = await world.process()
    key = await running_live_migration(world)
    process.faults.calls.clear()
    world.nova.answers.extend([Unreachable()] * 4)
    world.store.edit(key, cancel=True)

    status = await world.until_finished(key)

    assert status.phase is Phase.CANCELLED
    assert process.faults.calls.count("cloud.send") == 5
    assert [each.state for each in status.follow_ups] == [
        *[FollowUpState.NOT_SENT] * 4,
        FollowUpState.ACCEPTED,
    ]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_record_of_a_follow_up_that_timed_out_sends_nothing_and_is_closed(
    world: World, when: str
) -> None:
    process = await world.process()
    key = await running_live_migration(world)
    process.faults.plan("objects.write_status", "before" if when == "before" else "after", AWAY)
    world.store.edit(key, cancel=True)

    status = await world.until_finished(key)

    assert status.phase is Phase.CANCELLED
    assert [each.state for each in status.follow_ups] == [
        FollowUpState.NOT_SENT,
        FollowUpState.ACCEPTED,
    ]
    assert world.sent(key, "abort") == 1


async def test_a_record_that_was_written_and_then_refused_as_a_repetition_is_closed_at_once(
    world: World,
) -> None:
    process = await world.process()
    key = await running_live_migration(world)
    again = Conflict("the object has been modified")  # a proxy has sent the same write twice
    process.faults.plan("objects.write_status", "after", again)
    world.store.edit(key, cancel=True)

    status = await world.until_phase(key, Phase.CANCELLED, within=BOUNDS.claim_bound)

    assert [each.state for each in status.follow_ups] == [
        FollowUpState.NOT_SENT,
        FollowUpState.ACCEPTED,
    ]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_what_became_of_a_follow_up_is_written_until_it_stands(
    world: World, when: str
) -> None:
    process = await world.process()
    key = await awaiting_decision(world)
    process.faults.plan(
        "objects.write_status", "before" if when == "before" else "after", AWAY, skip=1
    )
    world.store.edit(key, decision="Confirm")

    status = await world.until_finished(key)

    assert status.phase is Phase.SUCCEEDED
    assert world.sent(key, "confirmResize") == 1
    assert [each.state for each in status.follow_ups] == [FollowUpState.ACCEPTED]


async def test_an_automatic_migration_is_confirmed_exactly_once(world: World) -> None:
    await world.process()
    key = world.create("ServerMigration")

    status = await world.until_finished(key)

    assert status.phase is Phase.SUCCEEDED
    assert [each.name for each in world.nova.accepted] == ["migrate", "confirmResize"]
    assert status.decision == "Confirm"


@pytest.mark.parametrize(
    ("decision", "request_name", "phase"),
    [
        ("Confirm", "confirmResize", Phase.SUCCEEDED),
        ("Revert", "revertResize", Phase.CANCELLED),
    ],
)
async def test_a_manual_migration_waits_for_a_decision_and_follows_it(
    world: World, decision: str, request_name: str, phase: Phase
) -> None:
    await world.process()
    key = await awaiting_decision(world)
    assert "spec.decision" in (world.status(key).message or "")
    await asyncio.sleep(200)
    assert [each.name for each in world.nova.accepted] == ["migrate"]

    world.store.edit(key, decision=decision)
    status = await world.until_finished(key)

    assert status.phase is phase
    assert [each.name for each in world.nova.accepted] == ["migrate", request_name]


async def test_a_decision_given_beforehand_needs_no_wait(world: World) -> None:
    await world.process()
    key = world.create("ServerMigration", confirmation="Manual", decision="Revert")

    status = await world.until_finished(key)

    assert status.phase is Phase.CANCELLED
    assert "AwaitingDecision" not in world.told(key)


async def test_the_first_decision_that_is_taken_up_stands(world: World) -> None:
    await world.process()
    key = await awaiting_decision(world)
    world.store.edit(key, decision="Confirm")
    await world.until(lambda: world.status(key).decision == "Confirm")
    world.store.edit(key, decision="Revert")

    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED
    assert world.sent(key, "revertResize") == 0


async def test_a_cancel_while_a_decision_is_awaited_reverts(world: World) -> None:
    await world.process()
    key = await awaiting_decision(world)
    world.store.edit(key, cancel=True)

    status = await world.until_finished(key)

    assert (status.phase, world.sent(key, "revertResize")) == (Phase.CANCELLED, 1)


async def test_a_cancel_before_nova_is_ready_reverts_an_automatic_migration(world: World) -> None:
    await world.process()
    key = world.create("ServerMigration")
    await world.until_phase(key, Phase.RUNNING)
    world.store.edit(key, cancel=True)

    status = await world.until_finished(key)

    assert status.phase is Phase.CANCELLED
    assert [each.name for each in world.nova.accepted] == ["migrate", "revertResize"]


async def test_a_migration_that_somebody_else_confirms_is_a_success(world: World) -> None:
    await world.process()
    key = await awaiting_decision(world)

    world.nova.settle_by_somebody("confirmResize")

    status = await world.until_finished(key)
    assert status.phase is Phase.SUCCEEDED
    assert "someone else" in (status.message or "")


@pytest.mark.parametrize("lost", [LoseReply(), LoseRequest(), Refuse(502)])
async def test_a_confirm_whose_reply_was_lost_is_looked_for_and_takes_effect_once(
    world: World, lost: Answer
) -> None:
    process = await world.process()
    key = await awaiting_decision(world)
    world.nova.answers.append(lost)
    process.faults.calls.clear()
    world.store.edit(key, decision="Confirm")

    status = await world.until_finished(key)

    assert status.phase is Phase.SUCCEEDED
    assert world.sent(key, "confirmResize") == 1
    sent = 1 if isinstance(lost, LoseReply) else 2
    assert process.faults.calls.count("cloud.send") == sent
    assert status.follow_ups[-1].state is FollowUpState.ACCEPTED
    assert status.follow_ups[-1].request_id is not None


async def test_a_lost_confirm_is_left_to_a_person_where_absence_is_no_proof(world: World) -> None:
    world.bounds = replace(BOUNDS, reissue_unproven=False)
    process = await world.process()
    key = await awaiting_decision(world)
    world.nova.answers.append(LoseRequest())
    process.faults.calls.clear()
    world.store.edit(key, decision="Confirm")

    status = await world.until_finished(key)

    assert (status.phase, status.reason) == (Phase.FAILED, "OutcomeUnknown")
    assert process.faults.calls.count("cloud.send") == 1


async def test_somebody_elses_confirm_is_not_taken_for_the_lost_one(world: World) -> None:
    await world.process()
    key = await awaiting_decision(world)
    world.nova.answers.append(LoseRequest())
    world.store.edit(key, decision="Confirm")
    await world.until(lambda: bool(world.status(key).follow_ups))
    world.nova.settle_by_somebody("confirmResize")

    status = await world.until_finished(key)

    assert status.phase is Phase.SUCCEEDED
    assert world.sent(key, "confirmResize") == 0
    assert status.follow_ups[-1].state is not FollowUpState.ACCEPTED


async def test_an_old_look_does_not_decide_that_a_lost_confirm_had_no_effect(world: World) -> None:
    process = await world.process()
    key = await awaiting_decision(world)
    world.nova.answers.append(LoseReply())
    process.poller.blind = True  # the cloud that lost the reply is away altogether
    world.store.edit(key, decision="Confirm")
    await asyncio.sleep(3 * BOUNDS.settled_after)
    world.store.edit(key, ttlSecondsAfterFinished=86400)  # has the object looked at again
    await asyncio.sleep(1)
    assert world.status(key).phase in (Phase.RUNNING, Phase.AWAITING_DECISION)

    process.poller.blind = False

    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED


async def test_a_newer_migration_of_somebody_else_is_never_confirmed(world: World) -> None:
    await world.process()
    key = await awaiting_decision(world)
    world.nova.foreign_migration(status="finished")
    world.store.edit(key, decision="Confirm")

    await asyncio.sleep(120)

    assert world.sent(key, "confirmResize") == 0
    assert "newer migration" in (world.status(key).message or "")


async def test_a_secret_that_leads_elsewhere_meanwhile_steers_nothing(world: World) -> None:
    await world.process()
    key = await awaiting_decision(world)
    ours = world.account
    world.vault.accounts["default", "openstack"] = Account(user_id="somebody")
    world.store.edit(key, decision="Confirm")
    await asyncio.sleep(60)
    assert world.sent(key, "confirmResize") == 0
    assert "another cloud, user or project" in (world.status(key).message or "")

    world.vault.accounts["default", "openstack"] = ours

    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED


async def test_a_follow_up_waits_for_the_process_that_holds_the_lease(world: World) -> None:
    first = await world.process()
    key = await awaiting_decision(world)
    world.leases.holder = "another"
    world.store.edit(key, decision="Confirm")
    await asyncio.sleep(60)
    assert world.nova.arrived == ["migrate"]

    world.leases.holder = "first"

    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED
    assert first.faults.calls.count("cloud.send") == 2


async def test_a_restart_does_not_leave_the_wait_for_a_decision(world: World) -> None:
    first = await world.process()
    key = await awaiting_decision(world, activeDeadlineSeconds=60)
    told = world.told(key)
    first.kill()
    await asyncio.sleep(300)

    second = await world.process("second")
    second.poller.blind = True
    await asyncio.sleep(300)
    assert world.status(key).phase is Phase.AWAITING_DECISION
    assert world.told(key) == told
    second.poller.blind = False
    world.store.edit(key, decision="Confirm")

    status = await world.until_finished(key)
    assert status.phase is Phase.SUCCEEDED, status.message


async def test_a_crash_after_the_record_of_a_confirm_never_leads_to_a_second_one(
    world: World,
) -> None:
    first = await world.process()
    key = await awaiting_decision(world)

    def die(faults: Faults) -> None:
        faults.plan("cloud.send", "after", faults.die)

    die(first.faults)
    world.store.edit(key, decision="Confirm")
    await first.killed.wait()
    second = await world.process("second")

    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED
    assert world.sent(key, "confirmResize") == 1
    assert "cloud.send" not in second.faults.calls
