"""A request of which no answer came is adopted when Nova's records show it, sent again when they
prove that it was not accepted, and left to a person when nobody can tell.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from fakes.lost_requests import LONG, RECORDED, conditions, lose
from fakes.nova_answers import Answer, DeliverLater, LoseReply, LoseRequest, Refuse
from fakes.nova_records import SERVER_ID
from fakes.world import BOUNDS, World
from serveractions.api.status import ConditionStatus, Phase
from serveractions.core.errors import CloudUnavailable


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
