"""Accepted actions are followed until they are forgotten, whatever the cloud does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from serveractions.actions.action import Look
from serveractions.actions.observation import (
    Image,
    InstanceAction,
    Migration,
    Observation,
    Server,
)
from serveractions.api.resource import Key
from serveractions.api.spec import CloudCredentialsRef
from serveractions.api.status import Progress
from serveractions.cloud import pace
from serveractions.cloud.look import look
from serveractions.cloud.poller import EAGER_LOOKS, UNSEEN, SharedPoller
from serveractions.config import Config
from serveractions.core.errors import CloudUnavailable, Forbidden, NotFound, SecretMissing
from serveractions.core.ports import Subject
from unit.cloud.openstack import IDENTITY

pytestmark = pytest.mark.timeout(10)

NOW = datetime(2026, 8, 20, tzinfo=UTC)
IDLE = Server(id="s", name="web-1", status="ACTIVE", vm_state="active", host="one")
BUSY = replace(IDLE, status="MIGRATING", task_state="migrating", progress=10)
ACTION = InstanceAction(
    action="live-migration", request_id="req", user_id="u", project_id="p", start_time=NOW
)
MIGRATION = Migration(
    id=1,
    uuid="m",
    status="completed",
    type="live-migration",
    server_id="s",
    source_host="one",
    dest_host="two",
    created=NOW,
)
IMAGE = Image(id="i", name="b", status="active", size=1, created=NOW, properties={})
ALL = frozenset(Look)
CONFIG = Config(poll_interval=0.02, poll_interval_urgent=0.001)


class Sky:
    """A cloud whose facts tests set; it notes what was read."""

    def __init__(self) -> None:
        self.identity = IDENTITY
        self.it: Server | Exception = IDLE
        self.hidden = False
        self.gone_image = False
        self.listed = [IMAGE]
        self.reads: list[str] = []
        self.hold: asyncio.Event | None = None
        self.asked = asyncio.Event()

    async def server(self, server_id: str) -> tuple[Server, datetime]:
        self.reads.append("server")
        self.asked.set()
        if self.hold is not None:
            await self.hold.wait()
        if isinstance(self.it, Exception):
            raise self.it
        return self.it, NOW

    async def instance_action(self, server_id: str, request_id: str) -> InstanceAction | None:
        self.reads.append("action")
        return ACTION

    async def migrations(self, server_id: str) -> Sequence[Migration]:
        self.reads.append("migrations")
        if self.hidden:
            raise Forbidden
        return [MIGRATION]

    async def progress(self, server: Server) -> Progress | None:
        self.reads.append("progress")
        if self.hidden:
            raise Forbidden
        return Progress(percent=server.progress)

    async def image(self, image_id: str) -> Image | None:
        self.reads.append("image")
        return None if self.gone_image else IMAGE

    async def backups(self, server_id: str, backup_type: str) -> Sequence[Image]:
        self.reads.append("backups")
        return self.listed


def subject(name: str = "a", *, of: str = "s", **more: Any) -> Subject:
    facts: dict[str, Any] = {
        "key": Key("ServerLiveMigration", "ns", name, f"uid-{name}"),
        "namespace": "ns",
        "credentials": CloudCredentialsRef(secret_name=of, cloud_name="c"),
        "server_id": "s",
        "request_id": "req",
        "image_id": "i",
        "backup_type": "daily",
        "looks": ALL,
    }
    return Subject(**facts | more)


class Follower:
    """A poller and what it delivered."""

    def __init__(self, open_cloud: Callable[..., Any], config: Config = CONFIG) -> None:
        self.seen: asyncio.Queue[tuple[Key, Observation]] = asyncio.Queue()
        self.poller = SharedPoller(
            open_cloud=open_cloud,
            deliver=lambda key, observation: self.seen.put_nowait((key, observation)),
            config=config,
        )

    async def next(self) -> Observation:
        return (await self.seen.get())[1]


@asynccontextmanager
async def following(open_cloud: Callable[..., Any], **config: Any) -> AsyncIterator[Follower]:
    follower = Follower(open_cloud, replace(CONFIG, **config))
    task = asyncio.create_task(follower.poller.run())
    try:
        yield follower
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def opening(*skies: Sky) -> Callable[..., Any]:
    by_secret = dict(zip("stuv", skies, strict=False))

    async def open_cloud(namespace: str, ref: CloudCredentialsRef) -> Sky:
        return by_secret[ref.secret_name]

    return open_cloud


async def test_an_idle_server_is_seen_with_everything_that_judges_its_action() -> None:
    seen = (await look(sky := Sky(), subject(), last=None)).observation
    assert (seen.server, seen.action, seen.migrations) == (IDLE, ACTION, (MIGRATION,))
    assert (seen.image, seen.image_gone, seen.backups) == (IMAGE, False, ("i",))
    assert sky.reads[0] == "server"  # whatever is read later is at least as new


async def test_only_what_the_subject_names_is_read() -> None:
    sky = Sky()
    await look(sky, subject(looks=frozenset({Look.ACTION})), last=None)
    assert sky.reads == ["server", "action"]


async def test_while_nova_is_at_work_the_last_facts_stand_in() -> None:
    sky = Sky()
    first = (await look(sky, subject(), last=None)).observation
    sky.reads.clear()
    sky.it = BUSY
    looked = await look(sky, subject(), last=first)
    assert sky.reads == ["server", "progress"]
    assert not looked.full
    assert looked.observation.server is BUSY
    assert looked.observation.migrations == first.migrations


async def test_an_end_is_never_judged_by_facts_from_before_it() -> None:
    sky = Sky()
    last = Observation(server=BUSY, nova_time=NOW)
    looked = await look(sky, subject(), last=last)
    assert looked.full
    assert looked.observation.migrations == (MIGRATION,)


async def test_what_the_policy_hides_is_none() -> None:
    sky = Sky()
    sky.hidden, sky.it = True, BUSY
    seen = (await look(sky, subject(), last=None)).observation
    assert (seen.migrations, seen.progress) == (None, None)


async def test_a_deleted_server_is_none_and_its_records_remain() -> None:
    sky = Sky()
    sky.it = NotFound()
    seen = (await look(sky, subject(), last=None)).observation
    assert (seen.server, seen.migrations) == (None, (MIGRATION,))


async def test_a_server_of_a_cell_that_is_down_is_all_that_is_read() -> None:
    sky = Sky()
    sky.it = replace(IDLE, partial=True)
    looked = await look(sky, subject(), last=None)
    assert sky.reads == ["server"]
    assert looked.observation.server is sky.it


async def test_an_image_that_is_gone_is_told_apart_from_one_not_looked_for() -> None:
    sky = Sky()
    sky.gone_image = True
    assert (await look(sky, subject(), last=None)).observation.image_gone
    assert not (await look(sky, subject(image_id=None), last=None)).observation.image_gone


async def test_an_image_of_which_nova_told_no_id_is_found_by_its_mark() -> None:
    sky, ours, others = Sky(), {"serveractions.uid": "uid-a"}, {"serveractions.uid": "uid-b"}
    found, orphan = replace(IMAGE, id="found", properties=ours), replace(IMAGE, properties=ours)
    sky.listed = [replace(IMAGE, properties=others), found, orphan]
    seen = (await look(sky, subject(image_id=None), last=None)).observation
    assert seen.image == found
    sky.listed = [replace(IMAGE, properties=others)]
    assert (await look(sky, subject(image_id=None), last=None)).observation.image is None


async def test_an_action_is_looked_at_again_and_again() -> None:
    async with following(opening(Sky())) as follower:
        follower.poller.follow(subject())
        for _ in range(5):
            assert (await follower.next()).server == IDLE


async def test_quiet_grows_until_something_changes() -> None:
    sky = Sky()
    async with following(opening(sky)) as follower:
        follower.poller.follow(subject())
        quiet = [(await follower.next()).quiet_seconds for _ in range(4)]
        assert quiet[0] == 0
        assert quiet == sorted(quiet)
        assert quiet[-1] > 0
        sky.it = replace(IDLE, host="two")
        while (await follower.next()).server == IDLE:
            pass
        follower.poller.forget(subject().key)
    changed = follower.poller
    assert changed.heartbeat > 0


async def test_nothing_is_delivered_after_forget() -> None:
    sky = Sky()
    sky.hold = asyncio.Event()
    async with following(opening(sky)) as follower:
        follower.poller.follow(subject())
        await sky.asked.wait()
        follower.poller.forget(subject().key)
        sky.hold.set()
        follower.poller.follow(subject("b"))
        key, _ = await follower.seen.get()
        assert key.name == "b"


async def test_an_answer_to_what_is_not_asked_any_more_is_dropped() -> None:
    sky = Sky()
    sky.hold = asyncio.Event()
    async with following(opening(sky)) as follower:
        follower.poller.follow(subject(looks=frozenset()))
        await sky.asked.wait()
        follower.poller.follow(subject())
        sky.hold.set()
        assert (await follower.next()).action == ACTION


async def test_following_again_without_a_change_asks_for_nothing() -> None:
    sky = Sky()
    async with following(opening(sky), poll_interval=60, poll_interval_urgent=60) as follower:
        follower.poller.follow(subject())
        await follower.next()
        reads = len(sky.reads)
        follower.poller.follow(subject())
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(sky.reads) == reads


async def test_what_has_become_urgent_is_looked_at_at_once() -> None:
    async with following(opening(Sky()), poll_interval=60, poll_interval_urgent=60) as follower:
        follower.poller.follow(subject(urgent=False))
        await follower.next()
        follower.poller.follow(subject(urgent=True))
        await follower.next()


async def test_no_fault_ends_the_following(caplog: pytest.LogCaptureFixture) -> None:
    sky = Sky()
    faults = [
        CloudUnavailable("503"),
        SecretMissing("not there"),
        Forbidden("the server is hidden"),
        CloudUnavailable("503"),
    ]

    async def open_cloud(namespace: str, ref: CloudCredentialsRef) -> Sky:
        if faults:
            raise faults.pop()
        return sky

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pace, "MAX_PAUSE", 0.01)
        async with following(open_cloud) as follower:
            follower.poller.follow(subject())
            assert (await follower.next()).server == IDLE
    warnings = [one for one in caplog.records if one.levelname == "WARNING"]
    assert len(warnings) == 1  # said once, not at each attempt


async def test_a_dead_cloud_delays_no_other() -> None:
    dead, alive = Sky(), Sky()
    dead.hold = asyncio.Event()
    async with following(opening(dead, alive), cloud_threads=4) as follower:
        for number in range(20):
            follower.poller.follow(subject(f"dead-{number}", of="s"))
        follower.poller.follow(subject("alive", of="t"))
        for _ in range(3):
            key, _ = await follower.seen.get()
            assert key.name == "alive"
        assert len(dead.reads) == 2  # half of the threads: the others are for what is to be sent


async def test_a_secret_that_leads_elsewhere_says_nothing_about_the_server() -> None:
    sky = Sky()
    sky.it = NotFound()
    async with following(opening(sky, Sky())) as follower:
        follower.poller.follow(subject("moved", endpoint="https://other", project_id="p"))
        follower.poller.follow(subject("there", endpoint="https://nova", project_id="p"))
        for _ in range(3):
            key, _ = await follower.seen.get()
            assert key.name == "there"


async def test_a_defect_in_one_look_is_logged_and_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken, whole = Sky(), Sky()
    broken.it = RuntimeError("a defect")
    async with following(opening(broken, whole)) as follower:
        follower.poller.follow(subject("broken", of="s"))
        follower.poller.follow(subject("whole", of="t"))
        for _ in range(3):
            await follower.next()
    assert any(one.levelname == "ERROR" for one in caplog.records)


async def test_the_heartbeat_goes_on_without_work() -> None:
    async with following(opening()) as follower:
        first = follower.poller.heartbeat
        await asyncio.sleep(0)
        follower.poller.follow(subject())
        async with asyncio.timeout(5):
            while follower.poller.heartbeat <= first:  # noqa: ASYNC110 - a heartbeat is no event
                await asyncio.sleep(0)


def seen(quiet: float, server: Server | None = IDLE) -> Observation:
    return Observation(server=server, nova_time=NOW, quiet_seconds=quiet)


def test_a_young_action_is_looked_at_more_often_than_an_old_one() -> None:
    config = Config()
    gaps = [pace.interval(config, looks=n, last=seen(0), urgent=False) for n in range(6)]
    assert gaps == [1.0, 2.0, 4.0, 5.0, 5.0, 5.0]
    assert pace.interval(config, looks=99, last=seen(0), urgent=True) == 1.0
    assert len(gaps) == EAGER_LOOKS


def test_what_waits_for_a_person_is_looked_at_less_and_less_but_not_never() -> None:
    config = Config()
    gaps = [pace.interval(config, looks=99, last=seen(q), urgent=False) for q in (60, 180, 1e6)]
    assert gaps == [5.0, 15.0, 30.0]
    assert pace.interval(config, looks=99, last=seen(1e6, BUSY), urgent=False) == 5.0


def test_pauses_grow_and_heed_the_cloud() -> None:
    config = Config()
    assert 4 < pace.pause(config, failures=1, asked=None) < 6
    assert 50 < pace.pause(config, failures=99, asked=None) < 70
    assert pace.pause(config, failures=1, asked=300.0) >= 300.0


class Hands:
    """A clock that the test moves, beside the event loop's own pace."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_a_cloud_that_fails_is_unseen_and_not_stuck_and_one_that_answers_neither() -> None:
    sky, hands, seen = Sky(), Hands(), asyncio.Event()
    poller = SharedPoller(
        open_cloud=opening(sky), deliver=lambda *_: seen.set(), config=CONFIG, clock=hands
    )
    assert (poller.unseen(), poller.stuck()) == (0.0, 0.0)
    running = asyncio.create_task(poller.run())
    try:
        poller.follow(subject())
        await seen.wait()
        hands.now += 100.0
        assert (poller.unseen(), poller.stuck()) == (100.0, 100.0)
        sky.it, sky.asked = CloudUnavailable("503", retry_after=30.0), asyncio.Event()
        poller.follow(subject(looks=frozenset()))
        await sky.asked.wait()
        while poller.stuck():  # noqa: ASYNC110 - nobody is told when a look has failed
            await asyncio.sleep(0)
        assert poller.unseen() == 100.0
        hands.now += 20.0
        assert (poller.unseen(), poller.stuck()) == (120.0, 0.0), "it is left alone on purpose"
        hands.now += 50.0
        assert poller.stuck() >= 30.0
        poller.forget(subject().key)
        assert (poller.unseen(), poller.stuck()) == (0.0, 0.0)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_is_followed_anew_is_not_unseen_since_its_cloud_was_last_looked_at() -> None:
    sky, hands, seen = Sky(), Hands(), asyncio.Event()
    poller = SharedPoller(
        open_cloud=opening(sky), deliver=lambda *_: seen.set(), config=CONFIG, clock=hands
    )
    running = asyncio.create_task(poller.run())
    try:
        poller.follow(subject("a"))
        await seen.wait()
        poller.forget(subject("a").key)
        hands.now += 3600.0
        poller.follow(subject("b"))
        assert poller.unseen() == 0.0
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_an_outage_is_told_once_when_it_lasts_and_over_when_the_cloud_is_seen() -> None:
    sky, hands, told = Sky(), Hands(), []
    seen: asyncio.Queue[Observation] = asyncio.Queue()
    poller = SharedPoller(
        open_cloud=opening(sky),
        deliver=lambda _, observation: seen.put_nowait(observation),
        unseen=lambda key, why: told.append((key.name, why)),
        config=CONFIG,
        clock=hands,
    )
    running = asyncio.create_task(poller.run())

    async def fail(after: float) -> None:
        """Have the cloud fail once more."""
        hands.now += after
        tried = poller.stuck()
        poller.follow(subject(request_id=f"req-{hands.now}"))
        while tried and poller.stuck() == tried:  # noqa: ASYNC110 - nobody is told of a failure
            await asyncio.sleep(0)

    try:
        poller.follow(subject())
        await seen.get()
        sky.it = CloudUnavailable("503")
        await fail(UNSEEN / 2)
        assert told == []
        await fail(UNSEEN / 2)
        await fail(UNSEEN)
        assert told == [("a", "503")]
        sky.it = BUSY
        hands.now += UNSEEN
        poller.follow(subject(request_id="another"))
        while (await seen.get()).server != BUSY:
            pass
        sky.it = CloudUnavailable("504")
        await fail(UNSEEN)
        assert told == [("a", "503"), ("a", "504")]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
