"""After acceptance: what Nova shows reaches the status, at a measured pace, until the true end."""

import asyncio
from itertools import pairwise

import pytest

from fakes.nova_answers import SpoilBody
from fakes.nova_records import SERVER_ID
from fakes.world import PROGRESS, World
from serveractions.api.status import Phase
from serveractions.core.errors import ApiUnavailable


async def test_progress_is_written_at_intervals_and_not_with_each_look(world: World) -> None:
    world.nova.live_seconds = 100.0
    times: list[float] = []
    await world.process(
        prepare=lambda faults: faults.plan(
            "objects.write_status",
            "before",
            lambda: times.append(world.clock.boottime()),
            skip=2,
            times=1000,
        )
    )
    key = world.create("ServerLiveMigration")
    status = await world.until_finished(key)

    progress = times[:-1]  # the last is the end
    assert 8 <= len(progress) <= 11
    assert all(later - earlier >= PROGRESS for earlier, later in pairwise(progress))
    assert status.migration is not None
    assert status.migration.status == "completed"


async def test_nothing_is_written_while_nothing_moves(world: World) -> None:
    process = await world.process()
    key = world.create("ServerMigration", confirmation="Manual")
    await world.until_phase(key, Phase.AWAITING_DECISION)
    before = len(world.store.writes)

    await asyncio.sleep(100)

    assert len(world.store.writes) == before
    assert process.faults.calls.count("poller.follow") > 90


async def test_a_foreseeable_action_costs_four_writes(world: World) -> None:
    await world.process()
    key = world.create("ServerStateReset")
    await world.until_finished(key)

    assert [write.what for write in world.store.writes] == ["mark", "status", "status", "status"]


async def test_a_backup_whose_answer_told_no_image_is_followed_by_the_mark_on_its_image(
    world: World,
) -> None:
    orphan = world.nova.leave_orphan(uid="somebody-else")
    await world.process()
    world.nova.answers.append(SpoilBody())
    key = world.create("ServerBackup")
    status = await world.until_finished(key)

    assert status.phase is Phase.SUCCEEDED
    assert status.image is not None
    assert status.image.status == "active"
    assert status.image.id != orphan


async def test_the_server_before_and_after_is_shown(world: World) -> None:
    await world.process()
    key = world.create("ServerLiveMigration")
    status = await world.until_finished(key)

    assert status.server is not None
    assert (status.server.source_host, status.server.host) == ("compute-1", "compute-2")
    assert status.migration is not None
    assert status.migration.dest_host == "compute-2"


async def test_an_action_that_fails_in_nova_fails_with_novas_words(world: World) -> None:
    world.nova.doomed = "No valid host was found. There are not enough hosts available."
    await world.process()
    key = world.create("ServerMigration")

    status = await world.until_finished(key)

    assert (status.phase, status.reason) == (Phase.FAILED, "NoValidHost")
    assert "not enough hosts" in (status.message or "")


async def test_a_cloud_that_is_away_never_ends_an_action(world: World) -> None:
    process = await world.process()
    key = world.create("ServerLiveMigration")
    await world.until_phase(key, Phase.RUNNING)
    process.poller.blind = True
    await asyncio.sleep(3600)
    assert world.status(key).phase is Phase.RUNNING

    process.poller.blind = False

    assert (await world.until_finished(key, within=30)).phase is Phase.SUCCEEDED


async def test_an_end_that_cannot_be_written_is_written_later(world: World) -> None:
    await world.process(
        prepare=lambda faults: faults.plan(
            "objects.write_status", "before", ApiUnavailable("away"), skip=2, times=10
        )
    )
    key = world.create("ServerBackup")

    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED


async def test_an_end_that_loses_against_an_edit_is_judged_again(world: World) -> None:
    key = world.create("ServerStateReset")
    await world.process(
        prepare=lambda faults: faults.plan(
            "objects.write_status",
            "before",
            lambda: world.store.edit(key, ttlSecondsAfterFinished=9),
            skip=2,
        )
    )

    status = await world.until_finished(key)

    assert (status.phase, status.observed_generation) == (Phase.SUCCEEDED, 2)


async def test_a_finished_object_is_forgotten_and_its_server_is_free(world: World) -> None:
    process = await world.process()
    key = world.create("ServerBackup")
    await world.until_finished(key)
    await asyncio.sleep(1)

    assert process.poller.following == {}
    assert process.poller.forgotten == [key]
    assert len(process.engine.inbox) == 0
    assert list(process.engine.order.holders(SERVER_ID)) == []
    assert process.engine.order.server_of(key) is None


async def test_another_process_follows_on_without_sending_anything(world: World) -> None:
    first = await world.process()
    key = world.create("ServerLiveMigration")
    await world.until_phase(key, Phase.RUNNING)
    first.kill()

    second = await world.process("second")
    status = await world.until_finished(key)

    assert status.phase is Phase.SUCCEEDED
    assert world.sent(key) == 1
    assert "cloud.send" not in second.faults.calls
    subject = second.poller.follows[0]
    assert (subject.request_id, subject.server_id) == (status.request_id, SERVER_ID)


async def test_a_waiting_object_stays_behind_an_action_that_an_earlier_process_began(
    world: World,
) -> None:
    first = await world.process()
    key = world.create("ServerLiveMigration")
    await world.until_phase(key, Phase.RUNNING)
    first.kill()
    reset = world.create("ServerBackup", "a-backup")
    world.machine.task = None  # Nova itself would take it

    await world.process("second", poll=None)

    status = await world.until_reason(reset, "ServerBusy")
    assert "ServerLiveMigration default/one" in (status.message or "")


@pytest.mark.parametrize("kind", ["ServerBackup", "ServerMigration", "ServerLiveMigration"])
async def test_the_poller_is_told_all_that_it_needs(world: World, kind: str) -> None:
    process = await world.process()
    key = world.create(kind)
    status = await world.until_phase(key, Phase.RUNNING)
    await asyncio.sleep(2)

    subject = process.poller.following[key]
    assert (subject.namespace, subject.server_id) == ("default", SERVER_ID)
    assert subject.request_id == status.request_id
    assert (subject.endpoint, subject.project_id) == (world.account.endpoint, "operator-project")
    assert (subject.image_id is not None, subject.backup_type) == (
        (True, "daily") if kind == "ServerBackup" else (False, None)
    )


async def test_an_end_that_the_watch_tells_before_its_write_is_answered_is_forgotten_too(
    world: World,
) -> None:
    process = await world.process(
        prepare=lambda faults: faults.plan(
            "objects.write_status", "after", lambda: asyncio.sleep(5), skip=2
        )
    )
    key = world.create("ServerStateReset")

    assert (await world.until_finished(key)).phase is Phase.SUCCEEDED
    await asyncio.sleep(30)

    assert len(process.engine.inbox) == 0
    assert process.poller.following == {}


async def test_an_end_is_told_before_the_lease_of_a_dead_process_has_expired(world: World) -> None:
    first = await world.process()
    key = world.create("ServerLiveMigration")
    await world.until_phase(key, Phase.RUNNING)
    await first.bury()
    world.leases.renewing = False

    second = await world.process("second")
    world.leases.holder = "first"
    status = await world.until_finished(key)

    assert status.phase is Phase.SUCCEEDED
    assert world.leases.holder == "first"
    assert second.faults.calls.count("cloud.send") == 0


async def test_what_another_living_process_follows_is_not_followed_twice(world: World) -> None:
    await world.process()
    key = world.create("ServerMigration", confirmation="Manual")
    await world.until_phase(key, Phase.AWAITING_DECISION)
    second = await world.process("second")
    world.leases.holder = "first"
    before = second.faults.calls.count("poller.follow")
    await asyncio.sleep(60)
    assert second.faults.calls.count("poller.follow") == before


async def test_without_the_lease_nothing_is_sent_for_what_is_followed(world: World) -> None:
    await world.process()
    key = world.create("ServerMigration", confirmation="Manual")
    await world.until_phase(key, Phase.AWAITING_DECISION)
    world.leases.holder, world.leases.renewing = "another", False
    world.store.edit(key, decision="Confirm")
    await asyncio.sleep(60)

    assert world.sent(key, "confirmResize") == 0
    assert "waits for the operator process" in (world.status(key).message or "")


class TestNotSeen:
    async def test_an_action_says_that_it_cannot_be_looked_at_and_no_longer_when_it_can(
        self, world: World
    ) -> None:
        world.nova.live_seconds = 300.0
        process = await world.process()
        key = world.create("ServerLiveMigration")
        await world.until_phase(key, Phase.RUNNING)
        await asyncio.sleep(30)
        process.poller.blind = True
        process.engine.inbox.unseen(key, "Nova answered 503")

        await world.until(lambda: "cannot be looked at: Nova" in (world.status(key).message or ""))
        status = world.status(key)
        assert (status.phase, status.reason) == (Phase.RUNNING, "Progressing")
        assert world.told(key).count("CloudNotSeen") == 1
        process.engine.inbox.unseen(key, "Nova answered 504")
        await world.until(lambda: (world.status(key).message or "").endswith("Nova answered 504"))
        assert (world.status(key).message or "").count("cannot be looked at") == 1
        assert world.told(key).count("CloudNotSeen") == 1

        process.poller.blind = False
        await world.until(lambda: "looked at" not in (world.status(key).message or ""))
        assert (await world.until_finished(key)).phase is Phase.SUCCEEDED
        assert world.sent(key) == 1

    async def test_a_process_that_has_not_looked_yet_says_so_too(self, world: World) -> None:
        world.nova.live_seconds = 300.0
        first = await world.process()
        key = world.create("ServerLiveMigration")
        await world.until_phase(key, Phase.RUNNING)
        first.kill()
        second = await world.process("second", poll=None)
        for why in ("503", "504"):
            await asyncio.sleep(2 * PROGRESS)
            second.engine.inbox.unseen(key, why)
            await world.until(lambda why=why: (world.status(key).message or "").endswith(why))
        assert (world.status(key).message or "").count("cannot be looked at") == 1
