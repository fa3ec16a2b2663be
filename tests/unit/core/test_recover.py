"""A request of which no answer came: adopted when Nova's records show it, sent again when they
prove that it was not accepted, and left to a person when nobody can tell.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from fakes.nova_model import (
    SERVER_ID,
    Answer,
    DeliverLater,
    LoseReply,
    LoseRequest,
    Refuse,
)
from fakes.ports import Account
from fakes.world import BOUNDS, OWN, World
from serveractions.api.resource import Key
from serveractions.api.status import ConditionStatus, Phase, Reason, Status
from serveractions.core.errors import CloudUnavailable, NotFound

UNRECORDED = ("ServerNetworkInjection", "ServerNetworkReset")
RECORDED = [kind for kind in OWN if kind not in UNRECORDED]
LONG = 10_000.0


def conditions(status: Status) -> dict[str, ConditionStatus]:
    return {each.type: each.status for each in status.conditions}


async def lose(world: World, answer: Answer, kind: str = "ServerMigration", **spec: object) -> Key:
    """Have an object's first request meet an answer that tells nothing."""
    world.nova.answers.append(answer)
    key = world.create(kind, **spec)
    await world.until_reason(key, Reason.RECOVERING)
    return key


class TestAdopting:
    @pytest.mark.parametrize("kind", RECORDED)
    async def test_a_request_whose_reply_was_lost_is_adopted_at_once_and_followed_to_its_end(
        self, world: World, kind: str
    ) -> None:
        process = await world.process()
        world.nova.answers.append(LoseReply())
        key = world.create(kind)
        begin = world.clock.boottime()

        status = await world.until_phase(key, Phase.RUNNING, Phase.SUCCEEDED)
        assert world.clock.boottime() - begin < 5
        assert status.request_id == world.nova.records[0].request_id

        status = await world.until_finished(key)
        assert (status.phase, status.reason) == (Phase.SUCCEEDED, "Succeeded"), status.message
        assert world.nova.arrived.count(process.world.resource(key).kind.action) == 1
        assert conditions(status)["Issued"] is ConditionStatus.TRUE

    @pytest.mark.parametrize("kind", RECORDED)
    async def test_a_request_of_a_process_that_was_killed_is_adopted_by_the_next(
        self, world: World, kind: str
    ) -> None:
        first = await world.process(
            prepare=lambda faults: faults.plan("cloud.send", "after", faults.die)
        )
        key = world.create(kind)
        await first.killed.wait()
        await world.process("second")
        begin = world.clock.boottime()

        status = await world.until_finished(key)

        assert status.phase is Phase.SUCCEEDED, status.message
        assert world.sent(key) == 1
        assert world.clock.boottime() - begin >= BOUNDS.settled_after, "the first may live"

    async def test_the_image_of_an_adopted_backup_is_known(self, world: World) -> None:
        await world.process()
        key = await lose(world, LoseReply(), "ServerBackup")

        status = await world.until_finished(key)

        assert status.image is not None
        assert status.image.id in world.nova.images

    async def test_the_time_of_acceptance_is_that_of_novas_record(self, world: World) -> None:
        first = await world.process(
            prepare=lambda faults: faults.plan("cloud.send", "after", faults.die)
        )
        key = world.create("ServerLiveMigration", activeDeadlineSeconds=3600)
        await first.killed.wait()
        accepted = world.clock.now()
        await asyncio.sleep(900)
        await world.process("second")

        status = await world.until_finished(key)

        assert status.issued_time is not None
        assert abs(status.issued_time - accepted) < timedelta(seconds=2)

    @pytest.mark.parametrize("minutes", [-10, 10])
    async def test_clocks_that_differ_do_not_matter(self, world: World, minutes: int) -> None:
        world.nova.ahead = timedelta(minutes=minutes)
        world.store.ahead = timedelta(minutes=-minutes)
        await world.process()
        key = await lose(world, LoseReply())

        status = await world.until_finished(key)

        assert status.phase is Phase.SUCCEEDED, status.message
        assert status.issued_time is not None
        assert abs(status.issued_time - world.clock.now()) < timedelta(minutes=2)

    async def test_a_request_that_a_proxy_delivers_late_is_adopted(self, world: World) -> None:
        await world.process()
        key = await lose(world, DeliverLater(BOUNDS.proxy_lifetime - 1))

        assert (await world.until_finished(key)).phase is Phase.SUCCEEDED
        assert world.sent(key) == 1

    async def test_a_password_that_was_not_set_after_all_is_told(self, world: World) -> None:
        await world.process()
        key = await lose(world, LoseReply(), "ServerPasswordChange")
        world.nova.records[0].events["compute_set_admin_password"] = "Error"

        status = await world.until_finished(key)

        assert (status.phase, status.reason) == (Phase.FAILED, "ActionFailed")


class TestProvingThatItWasNotSent:
    @pytest.mark.parametrize(
        "answer", [LoseRequest(), Refuse(500), Refuse(502), Refuse(503), Refuse(504), Refuse(200)]
    )
    async def test_what_nova_does_not_show_in_time_is_sent_again(
        self, world: World, answer: Answer
    ) -> None:
        await world.process()
        key = await lose(world, answer)
        begin = world.clock.boottime()

        status = await world.until_phase(key, Phase.PENDING, within=LONG)
        assert BOUNDS.proven_after - 2 <= world.clock.boottime() - begin <= BOUNDS.proven_after + 40
        assert (status.attempts, status.reason) == (1, "TransientError")
        assert conditions(status)["Issued"] is ConditionStatus.FALSE

        assert (await world.until_finished(key)).phase is Phase.SUCCEEDED
        assert world.sent(key) == 1

    async def test_another_process_waits_as_long_from_when_it_first_saw_the_attempt(
        self, world: World
    ) -> None:
        first = await world.process(
            prepare=lambda faults: faults.plan("cloud.send", "before", faults.perish)
        )
        key = world.create("ServerMigration")
        await first.killed.wait()
        await asyncio.sleep(3 * BOUNDS.proven_after)
        await world.process("second")
        begin = world.clock.boottime()

        await world.until_phase(key, Phase.PENDING, within=LONG)

        assert world.clock.boottime() - begin >= BOUNDS.proven_after
        assert (await world.until_finished(key)).phase is Phase.SUCCEEDED
        assert world.sent(key) == 1

    async def test_a_nova_that_was_away_may_still_have_the_request_in_a_queue(
        self, world: World
    ) -> None:
        await world.process()
        key = await lose(world, DeliverLater(430))
        world.account.unreadable = CloudUnavailable("503")
        await asyncio.sleep(400)
        world.account.unreadable = None  # it is back, and has not got to the request yet

        status = await world.until_finished(key)

        assert status.phase is Phase.SUCCEEDED
        assert world.sent(key) == 1

    async def test_an_installation_may_leave_all_unproven_requests_to_people(
        self, world: World
    ) -> None:
        world.bounds = replace(BOUNDS, reissue_unproven=False)
        await world.process()
        key = await lose(world, LoseRequest())

        status = await world.until_finished(key, within=LONG)

        assert (status.phase, status.reason) == (Phase.FAILED, "OutcomeUnknown")
        assert world.nova.arrived == []

    async def test_a_cancel_is_taken_up_once_it_is_proven_that_nothing_was_sent(
        self, world: World
    ) -> None:
        await world.process()
        key = await lose(world, LoseRequest())
        world.store.edit(key, cancel=True)

        status = await world.until_finished(key, within=LONG)

        assert (status.phase, world.sent(key)) == (Phase.CANCELLED, 0)

    async def test_an_action_that_nova_has_removed_cannot_have_been_accepted(
        self, world: World
    ) -> None:
        await world.process()
        key = await lose(world, Refuse(502), "ServerNetworkReset")

        assert (await world.until_finished(key, within=LONG)).reason == "ActionRemoved"

    async def test_the_image_that_a_refused_backup_left_is_deleted_before_the_next_try(
        self, world: World
    ) -> None:
        await world.process()
        key = await lose(world, LoseRequest(), "ServerBackup")
        orphan = world.nova.leave_orphan(uid=key.uid)

        status = await world.until_finished(key, within=LONG)

        assert status.phase is Phase.SUCCEEDED, status.message
        assert orphan not in world.nova.images
        assert status.image is not None
        assert status.image.id in world.nova.images


class TestLeavingItToAPerson:
    @pytest.mark.parametrize(
        ("kind", "release"),
        [
            ("ServerNetworkInjection", 34),
            ("ServerNetworkReset", 22),
            ("ServerStateReset", 22),
        ],
    )
    async def test_what_nova_never_records_ends_at_once_and_is_not_sent_again(
        self, world: World, kind: str, release: int
    ) -> None:
        world.nova.release = release
        await world.process()
        world.nova.answers.append(LoseReply())
        key = world.create(kind)
        begin = world.clock.boottime()

        status = await world.until_finished(key)

        assert (status.phase, status.reason) == (Phase.FAILED, "OutcomeUnknown")
        assert world.clock.boottime() - begin < 5
        assert conditions(status)["Issued"] is ConditionStatus.UNKNOWN
        assert conditions(status)["Succeeded"] is ConditionStatus.UNKNOWN
        assert f"openstack server event list {SERVER_ID}" in (status.message or "")
        assert len(world.nova.arrived) == 1

    async def test_several_records_that_could_be_it_are_named_and_none_is_taken(
        self, world: World
    ) -> None:
        first = await world.process(
            prepare=lambda faults: faults.plan("cloud.send", "after", faults.die)
        )
        key = world.create("ServerPasswordChange")
        await first.killed.wait()
        person = world.nova.somebody_asks("changePassword", user_id=world.account.user_id)
        await world.process("second")

        status = await world.until_finished(key, within=LONG)

        assert (status.phase, status.reason) == (Phase.FAILED, "OutcomeUnknown")
        candidates = {each.request_id for each in world.nova.records}
        assert person in candidates
        assert set(status.candidate_request_ids) == candidates
        assert all(each in (status.message or "") for each in candidates)

    async def test_the_server_is_free_for_others_after_an_unknown_outcome(
        self, world: World
    ) -> None:
        world.nova.answers.append(LoseReply())
        await world.process()
        first = world.create("ServerNetworkInjection", "first")
        await world.until_finished(first)

        second = world.create("ServerBackup", "second")

        assert (await world.until_finished(second)).phase is Phase.SUCCEEDED

    async def test_a_server_that_is_gone_without_any_record_leaves_the_outcome_unknown(
        self, world: World
    ) -> None:
        await world.process()
        key = await lose(world, LoseRequest())
        del world.nova.machines[SERVER_ID]

        status = await world.until_finished(key)

        assert status.reason == "OutcomeUnknown"
        assert "the server is gone" in (status.message or "")

    async def test_a_server_that_was_deleted_still_tells_of_the_request(self, world: World) -> None:
        first = await world.process(
            prepare=lambda faults: faults.plan("cloud.send", "after", faults.die)
        )
        key = world.create("ServerMigration")
        await first.killed.wait()
        del world.nova.machines[SERVER_ID]
        await world.process("second")

        status = await world.until_finished(key)

        assert (status.phase, status.reason) == (Phase.FAILED, "ServerGone")
        assert status.request_id == world.nova.records[0].request_id


class TestNotSeeingIsNotAbsence:
    def blind(self, world: World, how: str) -> None:
        account = world.account
        match how:
            case "Nova is away":
                account.unreadable = CloudUnavailable("Nova answered 503")
            case "its policy hides the records":
                account.sees_actions = False
            case "the Secret leads to another user":
                account.user_id = "somebody"
            case "the Secret leads to another cloud":
                account.endpoint = "https://elsewhere.example/v2.1"
            case "the Secret is gone":
                del world.vault.accounts["default", "openstack"]
            case "its cell is down":
                world.machine.cell_down = True

    CAUSES = (
        "Nova is away",
        "its policy hides the records",
        "the Secret leads to another user",
        "the Secret leads to another cloud",
        "the Secret is gone",
        "its cell is down",
    )

    @pytest.mark.parametrize("how", CAUSES)
    async def test_it_is_waited_for_and_then_adopted(self, world: World, how: str) -> None:
        await world.process()
        before = replace(world.account)
        key = await lose(world, LoseReply())
        self.blind(world, how)
        await asyncio.sleep(4 * BOUNDS.proven_after)
        status = world.status(key)
        assert (status.phase, status.reason) == (Phase.ISSUING, Reason.RECOVERING), status.message

        world.vault.accounts["default", "openstack"] = before
        world.machine.cell_down = False

        assert (await world.until_finished(key)).phase is Phase.SUCCEEDED
        assert world.sent(key) == 1

    @pytest.mark.parametrize("how", CAUSES)
    async def test_it_is_waited_for_no_longer_than_the_configuration_says(
        self, world: World, how: str
    ) -> None:
        await world.process()
        key = await lose(world, LoseReply())
        self.blind(world, how)
        begin = world.clock.boottime()

        status = await world.until_finished(key, within=2 * BOUNDS.recovery_deadline)

        assert (status.phase, status.reason) == (Phase.FAILED, "OutcomeUnknown")
        waited = world.clock.boottime() - begin
        assert BOUNDS.recovery_deadline - 5 <= waited <= BOUNDS.recovery_deadline + 40

    async def test_a_cancel_ends_the_wait(self, world: World) -> None:
        await world.process()
        key = await lose(world, LoseReply())
        self.blind(world, "Nova is away")
        await asyncio.sleep(100)
        world.store.edit(key, cancel=True)

        status = await world.until_finished(key, within=60)

        assert (status.phase, status.reason) == (Phase.FAILED, "OutcomeUnknown")
        assert "cancelled" in (status.message or "")

    async def test_a_cloud_that_is_away_is_not_hammered(self, world: World) -> None:
        process = await world.process()
        await lose(world, LoseReply())
        self.blind(world, "Nova is away")
        process.faults.calls.clear()

        await asyncio.sleep(600)

        assert process.faults.calls.count("cloud.instance_actions") <= 30
        assert process.faults.calls.count("objects.write_status") <= 3

    async def test_a_server_that_answers_404_in_a_foreign_cloud_says_nothing(
        self, world: World
    ) -> None:
        process = await world.process()
        key = await lose(world, LoseRequest())
        world.vault.accounts["default", "openstack"] = Account(
            endpoint="https://elsewhere.example/v2.1", unreadable=NotFound("no such server")
        )
        await asyncio.sleep(3 * BOUNDS.proven_after)

        assert world.status(key).phase is Phase.ISSUING
        assert process.faults.calls.count("cloud.send") == 1


class TestOwnership:
    async def test_another_users_action_at_the_same_moment_is_never_adopted(
        self, world: World
    ) -> None:
        await world.process(
            prepare=lambda faults: faults.plan(
                "cloud.send",
                "after",
                lambda: world.nova.somebody_asks("changePassword", user_id="somebody"),
            )
        )
        world.nova.answers.append(LoseRequest())
        key = world.create("ServerPasswordChange")

        status = await world.until_finished(key, within=LONG)

        assert status.phase is Phase.SUCCEEDED
        assert world.sent(key) == 1
        (strange,) = [each for each in world.nova.records if each.user_id == "somebody"]
        assert status.request_id != strange.request_id

    @pytest.mark.parametrize("deleted", [False, True])
    async def test_a_request_that_another_object_owns_is_never_adopted(
        self, world: World, *, deleted: bool
    ) -> None:
        # Its intent knew the neighbour's request, but is lost: the mark alone is left.
        await world.process()
        neighbour = world.create("ServerStateReset", "neighbour")
        await world.until_finished(neighbour)
        key = world.create("ServerStateReset", "ours")
        world.nova.answers.append(LoseRequest())
        await world.until_reason(key, Reason.RECOVERING)
        if deleted:
            world.store.remove(neighbour)
        world.store.lose_status(key)

        status = await world.until_finished(key, within=LONG)

        assert status.phase is Phase.SUCCEEDED, status.message
        assert world.sent(key) == 1, "it was sent again, once"
        owned = {each.request_id for each in world.nova.records}
        assert len(owned) == 2

    async def test_the_candidates_of_an_unknown_outcome_are_taken_by_nobody(
        self, world: World
    ) -> None:
        first = await world.process(
            prepare=lambda faults: faults.plan("cloud.send", "after", faults.die)
        )
        lost = world.create("ServerPasswordChange", "lost")
        other = world.create("ServerPasswordChange", "other")
        await first.killed.wait()
        world.nova.somebody_asks("changePassword", user_id=world.account.user_id)
        await world.process("second")
        assert (await world.until_finished(lost, within=LONG)).reason == "OutcomeUnknown"

        status = await world.until_finished(other, within=LONG)

        assert status.reason == "OutcomeUnknown", "one of them may be its own"
        assert world.sent(other) == 0


class TestHoldingTheServer:
    async def test_others_wait_while_it_is_not_known_what_became_of_a_request(
        self, world: World
    ) -> None:
        await world.process()
        key = await lose(world, LoseRequest())
        other = world.create("ServerBackup", "other")

        status = await world.until_reason(other, "ServerBusy")
        assert str(key) in (status.message or "")

        issued = (await world.until_finished(other, within=LONG)).issued_time
        ended = world.status(key).completion_time
        assert issued is not None
        assert ended is not None
        assert issued >= ended

    async def test_a_deleted_objects_request_that_may_be_under_way_holds_the_server_back(
        self, world: World
    ) -> None:
        await world.process()
        key = await lose(world, LoseRequest())
        world.store.remove(key)
        begin = world.clock.boottime()
        other = world.create("ServerMigration", "other")

        status = await world.until_finished(other, within=LONG)

        assert status.phase is Phase.SUCCEEDED, status.message
        assert world.clock.boottime() - begin >= BOUNDS.proven_after - 5

    async def test_a_deleted_objects_request_that_arrives_late_is_nobody_elses(
        self, world: World
    ) -> None:
        await world.process()
        key = await lose(world, DeliverLater(100))
        world.store.remove(key)
        other = world.create("ServerMigration", "other")

        status = await world.until_finished(other, within=LONG)

        assert status.reason == "OutcomeUnknown"
        assert world.nova.arrived == ["migrate"]

    async def test_a_deleted_object_whose_answer_came_holds_nobody_back(self, world: World) -> None:
        await world.process(
            prepare=lambda faults: faults.plan(
                "cloud.send", "after", lambda: world.store.remove(key)
            )
        )
        key = world.create("ServerStateReset")
        await asyncio.sleep(5)
        begin = world.clock.boottime()
        other = world.create("ServerBackup", "other")

        await world.until_phase(other, Phase.RUNNING)

        assert world.clock.boottime() - begin < 5


class TestALostStatus:
    @pytest.mark.parametrize("kind", RECORDED)
    async def test_a_status_that_is_wiped_in_any_phase_leads_to_the_same_end(
        self, world: World, kind: str
    ) -> None:
        await world.process()
        key = world.create(kind)
        first = await world.until_finished(key)

        world.store.lose_status(key)
        assert world.status(key).phase is Phase.PENDING
        second = await world.until_finished(key, within=LONG)

        assert (second.phase, second.request_id) == (first.phase, first.request_id)
        assert world.sent(key) == 1

    async def test_a_live_migration_whose_status_was_lost_still_knows_where_it_came_from(
        self, world: World
    ) -> None:
        first = await world.process()
        key = world.create("ServerLiveMigration")
        await world.until_phase(key, Phase.RUNNING)
        first.kill()
        world.store.lose_status(key)
        await world.process("second")

        status = await world.until_finished(key, within=LONG)

        assert status.phase is Phase.SUCCEEDED, status.message
        assert status.server is not None
        assert (status.server.source_host, status.server.host) == ("compute-1", "compute-2")

    async def test_a_status_that_is_wiped_while_the_request_is_under_way_gets_its_record(
        self, world: World
    ) -> None:
        await world.process(
            prepare=lambda faults: faults.plan(
                "cloud.send", "after", lambda: world.store.lose_status(key)
            )
        )
        key = world.create("ServerMigration")

        status = await world.until_phase(key, Phase.RUNNING)
        assert status.request_id == world.nova.records[0].request_id
        assert status.intent is not None
        assert (await world.until_finished(key)).phase is Phase.SUCCEEDED

    async def test_a_new_process_holds_the_server_of_a_lost_claim_at_once(
        self, world: World
    ) -> None:
        first = await world.process()
        key = world.create("ServerLiveMigration")
        await world.until_phase(key, Phase.RUNNING)
        first.kill()
        world.store.lose_status(key)
        other = world.create("ServerBackup", "other")
        await world.process("second")

        await world.until_phase(key, Phase.ISSUING, within=5)
        await world.until(lambda: str(key) in (world.status(other).message or ""), within=10)

    async def test_a_mark_that_does_not_say_where_is_waited_for_and_then_left_to_a_person(
        self, world: World
    ) -> None:
        key = world.create("ServerMigration")
        world.store.annotate(
            key, **{"serveractions.dev/claimed": f'{{"uid": "{key.uid}", "attempt": 1}}'}
        )
        await world.process()
        status = await world.until_reason(key, Reason.RECOVERING)
        assert status.phase is Phase.PENDING

        status = await world.until_finished(key, within=LONG)

        assert status.reason == "OutcomeUnknown"
        assert world.nova.arrived == []

    async def test_an_object_that_ended_unsent_does_not_run_when_its_status_is_lost(
        self, world: World
    ) -> None:
        await world.process()
        key = world.create("ServerMigration", cancel=True)
        await world.until_finished(key)
        world.store.edit(key, cancel=False)

        world.store.lose_status(key)
        status = await world.until_finished(key)

        assert (status.phase, status.reason) == (Phase.FAILED, "RestoredCopy")
        assert world.nova.arrived == []

    async def test_a_copy_that_brought_its_status_along_is_not_followed(self, world: World) -> None:
        await world.process()
        key = world.create("ServerLiveMigration")
        original = await world.until_phase(key, Phase.RUNNING)
        copy = world.create(
            "ServerLiveMigration", "copy", annotations=dict(world.resource(key).annotations)
        )
        world.store.write_status(world.resource(copy), original)

        status = await world.until_finished(copy)

        assert (status.phase, status.reason) == (Phase.FAILED, "RestoredCopy")
        assert (await world.until_finished(key)).phase is Phase.SUCCEEDED
