"""A request is adopted only by the object that sent it; its server waits until that is known."""

import asyncio

import pytest

from fakes.lost_requests import LONG, lose
from fakes.nova_answers import DeliverLater, LoseRequest
from fakes.world import BOUNDS, World
from serveractions.api.status import Phase, Reason


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
