"""Before anything is sent: why an object waits, why it ends, and when it is its turn."""

import asyncio
from typing import Any

import pytest

from fakes.nova_records import Machine
from fakes.ports import Account
from fakes.world import World
from serveractions.api.model import rfc3339
from serveractions.api.status import ConditionStatus, Phase
from serveractions.core import marks
from serveractions.core.errors import (
    CloudUnavailable,
    Forbidden,
    InvalidCredentials,
    UnsupportedCloud,
)
from serveractions.core.ports import Mark

OTHER_ID = "77c2b9b0-0d1c-4a9d-93b5-1a2f1e0d4c22"


def nothing_reached_nova(world: World) -> bool:
    return world.nova.arrived == []


async def test_a_restored_copy_never_runs_and_stays_a_copy(world: World) -> None:
    await world.process()
    original = world.create("ServerStateReset")
    await world.until_finished(original)
    taken_up = world.resource(original).annotations

    copy = world.create("ServerStateReset", "copy", annotations=taken_up)
    status = await world.until_finished(copy)

    assert (status.phase, status.reason) == (Phase.FAILED, "RestoredCopy")
    assert "Remove this annotation" in (status.message or "")
    assert world.sent(copy) == 0
    assert world.resource(copy).annotations == taken_up


async def test_a_copy_of_an_object_that_ended_unsent_does_not_run_either(world: World) -> None:
    await world.process()
    original = world.create("ServerBackup", cancel=True)
    await world.until_finished(original)

    copy = world.create("ServerBackup", "copy", annotations=world.resource(original).annotations)

    assert (await world.until_finished(copy)).reason == "RestoredCopy"
    assert nothing_reached_nova(world)


async def test_a_mark_that_cannot_be_read_counts_as_a_copy(world: World) -> None:
    await world.process()
    key = world.create("ServerBackup", annotations={marks.ANNOTATION: "{"})

    assert (await world.until_finished(key)).reason == "RestoredCopy"
    assert nothing_reached_nova(world)


async def test_a_status_that_was_lost_after_the_claim_never_leads_to_a_second_request(
    world: World,
) -> None:
    await world.process()
    key = world.create("ServerMigration")
    await world.until_phase(key, Phase.RUNNING)

    world.store.lose_status(key)
    status = await world.until_finished(key)

    assert status.phase is Phase.SUCCEEDED
    assert world.sent(key) == 1


async def test_what_is_cancelled_before_it_is_sent_never_is(world: World) -> None:
    await world.process()
    key = world.create("ServerMigration", cancel=True)

    status = await world.until_finished(key)

    assert (status.phase, status.reason) == (Phase.CANCELLED, "Cancelled")
    assert nothing_reached_nova(world)
    marked = marks.read(world.resource(key).annotations, key.uid)
    assert marked.mark == Mark(uid=key.uid, ended=True)


async def test_a_cancel_at_the_moment_of_the_claim_wins_and_nothing_is_sent(world: World) -> None:
    key = world.create("ServerMigration")
    await world.process(
        prepare=lambda faults: faults.plan(
            "objects.write_status", "before", lambda: world.store.edit(key, cancel=True)
        )
    )

    status = await world.until_finished(key)

    assert status.phase is Phase.CANCELLED
    assert nothing_reached_nova(world)


async def test_nothing_is_sent_after_not_after(world: World) -> None:
    moment = world.clock.now()
    key = world.create("ServerMigration", notAfter=rfc3339(moment))
    await asyncio.sleep(2)
    await world.process()

    status = await world.until_finished(key)

    assert (status.phase, status.reason) == (Phase.FAILED, "Expired")
    assert "notAfter" in (status.message or "")
    assert nothing_reached_nova(world)


async def test_nothing_is_sent_after_the_starting_deadline(world: World) -> None:
    del world.vault.accounts["default", "openstack"]
    await world.process()
    key = world.create("ServerMigration", startingDeadlineSeconds=60)
    await world.until_reason(key, "WaitingForSecret")

    status = await world.until_finished(key, within=65)

    assert (status.phase, status.reason) == (Phase.FAILED, "Expired")
    assert "startingDeadlineSeconds" in (status.message or "")


async def test_a_connection_that_stands_too_late_for_not_after_is_not_used(world: World) -> None:
    world.account.connecting = 10.0
    key = world.create("ServerMigration", startingDeadlineSeconds=5)
    await world.process()

    status = await world.until_finished(key)

    assert status.reason == "Expired"
    assert nothing_reached_nova(world)


async def test_a_missing_secret_is_waited_for_and_then_it_goes_on(world: World) -> None:
    account = world.vault.accounts.pop(("default", "openstack"))
    await world.process()
    key = world.create("ServerBackup")
    status = await world.until_reason(key, "WaitingForSecret")
    assert status.phase is Phase.PENDING
    assert nothing_reached_nova(world)

    world.vault.accounts["default", "openstack"] = account

    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED


async def test_a_missing_password_is_waited_for_and_lets_others_pass(world: World) -> None:
    world.vault.passwords.clear()
    await world.process()
    key = world.create("ServerPasswordChange")
    await world.until_reason(key, "WaitingForSecret")

    other = world.create("ServerBackup", "other")
    assert (await world.until_finished(other)).phase is Phase.SUCCEEDED
    world.vault.passwords["default", "web-1-password", "password"] = "new"

    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED
    assert world.machine.password == "new"


ENDS: dict[str, tuple[Exception, str]] = {
    "InvalidCredentials": (InvalidCredentials("no cloud admin"), "InvalidConfiguration"),
    "UnsupportedCloud": (UnsupportedCloud("too old"), "InvalidConfiguration"),
    "Forbidden": (Forbidden("rule os_compute_api:servers:show"), "PolicyForbids"),
}


@pytest.mark.parametrize("cause", ENDS)
async def test_what_only_a_person_can_mend_ends_the_object(world: World, cause: str) -> None:
    problem, reason = ENDS[cause]
    world.account.problem = problem
    await world.process()
    key = world.create("ServerMigration")

    status = await world.until_finished(key)

    assert (status.phase, status.reason, status.message) == (Phase.FAILED, reason, str(problem))
    assert nothing_reached_nova(world)


async def test_a_nova_that_is_too_old_for_the_action_ends_the_object(world: World) -> None:
    world.account.newest = "2.60"
    await world.process()
    key = world.create("ServerMigration")

    assert (await world.until_finished(key)).reason == "InvalidConfiguration"
    assert nothing_reached_nova(world)


async def test_an_unknown_server_ends_the_object(world: World) -> None:
    await world.process()
    key = world.create("ServerMigration", serverRef={"id": OTHER_ID})

    assert (await world.until_finished(key)).reason == "ServerNotFound"


async def test_an_ambiguous_name_ends_the_object(world: World) -> None:
    world.nova.add(Machine(id=OTHER_ID, name="web-1"))
    await world.process()
    key = world.create("ServerMigration", serverRef={"name": "web-1"})

    assert (await world.until_finished(key)).reason == "AmbiguousServerName"
    assert nothing_reached_nova(world)


async def test_a_name_is_resolved_once_and_then_its_id_stays(world: World) -> None:
    world.machine.task = "rebooting"
    await world.process()
    key = world.create("ServerMigration", serverRef={"name": "web-1"})
    await world.until_reason(key, "ServerBusy")

    world.nova.add(Machine(id=OTHER_ID, name="web-1"))  # ambiguous by now
    world.machine.task = None

    status = await world.until_finished(key)
    assert status.phase is Phase.SUCCEEDED
    assert {each.server_id for each in world.nova.accepted} == {world.machine.id}


async def test_a_cloud_that_is_away_is_waited_for(world: World) -> None:
    await world.process()
    world.account.unreadable = CloudUnavailable("503", retry_after=40)
    key = world.create("ServerMigration")
    await world.until_reason(key, "TransientError")
    looked = world.clock.boottime()

    world.account.unreadable = None
    await world.until_phase(key, Phase.RUNNING)

    assert world.clock.boottime() - looked >= 39, "Nova's own Retry-After counts"


async def test_a_busy_server_is_waited_for(world: World) -> None:
    world.machine.task = "rebooting"
    await world.process()
    key = world.create("ServerMigration")
    status = await world.until_reason(key, "ServerBusy")
    assert "rebooting" in (status.message or "")

    world.machine.task = None

    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED


async def test_a_wait_grows_but_not_for_ever(world: World) -> None:
    world.machine.task = "rebooting"
    process = await world.process()
    world.create("ServerMigration")
    await asyncio.sleep(600)
    early = process.faults.calls.count("cloud.find_server")

    await asyncio.sleep(600)

    assert process.faults.calls.count("cloud.find_server") - early == 600 / 30


async def test_a_suspended_object_shows_what_would_happen_and_goes_on_when_released(
    world: World,
) -> None:
    await world.process()
    key = world.create("ServerMigration", suspend=True)
    status = await world.until_phase(key, Phase.SUSPENDED)
    assert "would be sent now" in (status.message or "")

    world.machine.be("SHELVED", "shelved")
    await asyncio.sleep(31)
    assert "vm_state shelved" in (world.status(key).message or "")
    world.machine.be("ACTIVE", "active", "rebooting")
    await asyncio.sleep(31)
    assert "would wait (ServerBusy)" in (world.status(key).message or "")
    world.machine.be("ACTIVE", "active")
    assert nothing_reached_nova(world)

    world.store.edit(key, suspend=False)

    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED
    assert world.sent(key) == 1


async def test_a_suspended_object_shows_a_refusal_and_does_not_end(world: World) -> None:
    world.machine.volume_backed = True
    await world.process()
    key = world.create("ServerBackup", suspend=True)

    status = await world.until_phase(key, Phase.SUSPENDED)
    assert "would fail (NotSupported)" in (status.message or "")

    world.store.edit(key, suspend=None)
    assert (await world.until_finished(key)).reason == "NotSupported"


async def test_a_suspended_object_keeps_nobody_waiting(world: World) -> None:
    await world.process()
    held = world.create("ServerMigration", "held", suspend=True)
    await world.until_phase(held, Phase.SUSPENDED)

    key = world.create("ServerBackup")

    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED


async def test_one_action_is_in_flight_per_server_and_the_older_object_is_first(
    world: World,
) -> None:
    await world.process()
    running = world.create("ServerMigration", "running")
    await world.until_phase(running, Phase.RUNNING)
    younger = world.create("ServerBackup", "a-younger")
    await asyncio.sleep(2)
    status = await world.until_reason(younger, "ServerBusy")
    assert "ServerMigration default/running" in (status.message or "")
    youngest = world.create("ServerBackup", "youngest")
    await world.until_reason(youngest, "ServerBusy")

    ended = (await world.until_finished(running)).completion_time
    assert ended is not None
    first = await world.until_finished(younger)
    second = await world.until_finished(youngest)

    assert [each.name for each in world.nova.accepted] == [
        "migrate",
        "confirmResize",
        "createBackup",
        "createBackup",
    ]
    assert first.issued_time is not None
    assert first.completion_time is not None
    assert second.issued_time is not None
    assert (first.issued_time - ended).total_seconds() <= 1, "it is woken, not only looked at again"
    assert second.issued_time >= first.completion_time


async def test_objects_of_one_second_go_by_their_names(world: World) -> None:
    world.machine.task = "rebooting"
    await world.process()
    keys = [world.create("ServerBackup", name) for name in ("c", "a", "b")]
    for key in keys:
        await world.until_reason(key, "ServerBusy")
    world.machine.task = None

    statuses = [await world.until_finished(key) for key in keys]

    times: list[Any] = [status.issued_time for status in statuses]
    assert times[1] < times[2] < times[0]


async def test_objects_of_two_servers_do_not_wait_for_each_other(world: World) -> None:
    world.nova.add(Machine(id=OTHER_ID, name="web-2"))
    await world.process()
    one = world.create("ServerMigration", "one")
    other = world.create("ServerMigration", "other", serverRef={"id": OTHER_ID})
    await world.until_phase(one, Phase.RUNNING)
    assert world.status(other).phase in (Phase.ISSUING, Phase.RUNNING)


async def test_a_state_reset_goes_beside_a_running_action_and_both_say_so(world: World) -> None:
    await world.process()
    stuck = world.create("ServerLiveMigration", "stuck")
    await world.until_phase(stuck, Phase.RUNNING)
    reset = world.create("ServerStateReset", "cure")

    status = await world.until_finished(reset)
    await asyncio.sleep(3)

    assert status.phase is Phase.SUCCEEDED
    assert status.beside == (str(stuck),)
    assert "stuck" in (status.message or "")
    assert world.status(stuck).beside == (str(reset),)
    assert "cure" in (world.status(stuck).message or "")


async def test_a_state_reset_waits_for_another_state_reset(world: World) -> None:
    process = await world.process(poll=None)
    first = world.create("ServerStateReset", "first")
    await world.until_phase(first, Phase.RUNNING)
    second = world.create("ServerStateReset", "second", state="Error")
    await world.until_reason(second, "ServerBusy")

    process.poller.look(first)
    await world.until_phase(second, Phase.RUNNING)
    process.poller.look(second)

    assert (await world.until_finished(second)).phase is Phase.SUCCEEDED


async def test_without_the_lease_nothing_is_sent_nor_written(world: World) -> None:
    await world.process()
    world.leases.holder = "another"
    by_id = world.create("ServerMigration", "by-id")
    by_name = world.create("ServerMigration", "by-name", serverRef={"name": "web-1"})

    await asyncio.sleep(120)

    assert world.nova.arrived == []
    assert world.store.writes == []
    assert not world.status(by_id).start_time
    assert not world.status(by_name).start_time

    world.leases.holder = "first"
    assert (await world.until_finished(by_id)).phase is Phase.SUCCEEDED
    assert (await world.until_finished(by_name)).phase is Phase.SUCCEEDED


async def test_a_lease_that_ends_during_the_claim_lets_nothing_out(world: World) -> None:
    key = world.create("ServerMigration")

    def lose_lease() -> None:
        world.leases.until = world.clock.boottime()

    process = await world.process(
        prepare=lambda faults: faults.plan("objects.write_status", "after", lose_lease)
    )
    await asyncio.sleep(1)

    status = world.status(key)
    assert nothing_reached_nova(world)
    assert (status.phase, status.attempts) == (Phase.PENDING, 1)
    world.leases.until = float("inf")
    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED
    assert process.faults.calls.count("cloud.send") == 3, "refused, the action, its confirmation"


async def test_an_object_under_deletion_is_not_begun(world: World) -> None:
    key = world.create("ServerMigration")
    world.store.begin_deletion(key)
    await world.process()

    await asyncio.sleep(30)

    assert world.store.writes == []
    assert nothing_reached_nova(world)


async def test_credentials_of_another_user_stand_in_the_same_queue(world: World) -> None:
    world.vault.accounts["default", "member"] = Account(user_id="member")
    await world.process()
    running = world.create("ServerMigration", "running")
    await world.until_phase(running, Phase.RUNNING)

    key = world.create(
        "ServerBackup", cloudCredentialsRef={"secretName": "member", "cloudName": "mine"}
    )

    assert "running" in ((await world.until_reason(key, "ServerBusy")).message or "")


async def test_every_status_says_which_spec_it_is_about(world: World) -> None:
    world.machine.task = "rebooting"
    await world.process()
    key = world.create("ServerMigration")
    await world.until_reason(key, "ServerBusy")

    world.store.edit(key, ttlSecondsAfterFinished=5)
    await asyncio.sleep(1)

    status = world.status(key)
    assert status.observed_generation == 2
    assert {each.observed_generation for each in status.conditions} == {2}
    issued = [each.status for each in status.conditions if each.type == "Issued"]
    assert issued == [ConditionStatus.FALSE]
