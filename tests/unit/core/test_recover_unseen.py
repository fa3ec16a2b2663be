"""What cannot be seen is waited for: not to see a request is no proof that it was not accepted."""

import asyncio
from dataclasses import replace

import pytest

from fakes.lost_requests import LONG, RECORDED, lose
from fakes.nova_answers import LoseReply, LoseRequest
from fakes.ports import Account
from fakes.world import BOUNDS, World
from serveractions.api.status import Phase, Reason
from serveractions.core.errors import CloudUnavailable, NotFound


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
