"""Many actions of one login are followed by two lists, whatever those lists lack."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
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
from serveractions.cloud import listing, pace, poller
from serveractions.cloud.nova import TooManyChanges
from serveractions.cloud.poller import SharedPoller
from serveractions.cloud.rounds import HORIZON, OVERLAP
from serveractions.config import Config
from serveractions.core.errors import Forbidden, NotFound
from serveractions.core.ports import Subject
from unit.cloud.openstack import IDENTITY

pytestmark = pytest.mark.timeout(10)

NOW = datetime(2026, 8, 20, tzinfo=UTC)
MANY = 8
CONFIG = Config(poll_interval=0.02, poll_interval_urgent=0.001)
MIGRATING = frozenset({Look.ACTION, Look.MIGRATIONS, Look.PROGRESS})
BACKUP = frozenset({Look.ACTION, Look.IMAGE})


class Sky:
    """A cloud with many servers; tests change them, and it notes what was asked."""

    def __init__(self, count: int = MANY) -> None:
        self.identity = IDENTITY
        self.view: str | None = None
        self.servers = {f"s{number}": busy(f"s{number}") for number in range(count)}
        self.changes = {name: migration(name) for name in self.servers}
        self.untold: set[str] = set()
        self.no_list, self.hidden = False, False
        self.now = NOW
        self.reach = timedelta.max
        """A list that reaches back further has no end."""
        self.asked: Counter[str] = Counter()
        self.since: list[datetime] = []
        self.progressed: list[str] = []
        self.hold: asyncio.Event | None = None

    def complete(self, name: str) -> None:
        self.servers[name] = replace(self.servers[name], status="ACTIVE", task_state=None)
        self.changes[name] = replace(self.changes[name], status="completed")

    async def changed_servers(
        self, since: datetime, wanted: Collection[str]
    ) -> tuple[Sequence[Server], datetime]:
        self.asked["servers"] += 1
        self.since.append(since)
        if self.no_list:
            raise Forbidden("not yours to list")
        if datetime.now(UTC) - since > self.reach:
            raise TooManyChanges("too long")
        shown = [self.servers[name] for name in wanted if name not in self.untold]
        if self.hold is not None:
            await self.hold.wait()
        return shown, self.now

    async def changed_migrations(
        self, since: datetime, wanted: Collection[str]
    ) -> Sequence[Migration]:
        self.asked["migrations"] += 1
        if self.hidden:
            raise Forbidden("not yours to list")
        return [self.changes[name] for name in wanted if name not in self.untold]

    async def images(self, image_ids: Sequence[str]) -> Sequence[Image]:
        self.asked["images"] += 1
        return [image(each) for each in image_ids]

    async def server(self, server_id: str) -> tuple[Server, datetime]:
        self.asked["look"] += 1
        self.asked[f"look {server_id}"] += 1
        return self.servers[server_id], NOW

    async def instance_action(self, server_id: str, request_id: str) -> InstanceAction | None:
        return None

    async def migrations(self, server_id: str) -> Sequence[Migration]:
        return [self.changes[server_id]]

    async def progress(self, server: Server) -> Progress | None:
        self.progressed.append(server.id)
        return Progress(percent=50)

    async def image(self, image_id: str) -> Image | None:
        self.asked["image"] += 1
        return image(image_id)

    async def backups(self, server_id: str, backup_type: str) -> Sequence[Image]:
        return []


def busy(name: str) -> Server:
    return Server(id=name, name=name, status="MIGRATING", task_state="migrating", host="one")


def migration(name: str) -> Migration:
    return Migration(
        id=1,
        uuid=f"m-{name}",
        status="running",
        type="live-migration",
        server_id=name,
        source_host="one",
        dest_host="two",
        created=NOW,
    )


def image(name: str) -> Image:
    return Image(id=name, name=name, status="active", size=1, created=NOW, properties={})


def subject(server: str, **more: Any) -> Subject:
    facts: dict[str, Any] = {
        "key": Key("ServerLiveMigration", "ns", server, f"uid-{server}"),
        "namespace": "ns",
        "credentials": CloudCredentialsRef(secret_name="s", cloud_name="c"),
        "server_id": server,
        "request_id": f"req-{server}",
        "image_id": None,
        "backup_type": None,
        "looks": MIGRATING,
    }
    return Subject(**facts | more)


class Follower:
    """A poller on a sky, and what it handed in."""

    def __init__(self, sky: Sky, config: Config) -> None:
        self.sky = sky
        self.newest: dict[str, Observation] = {}
        self.delivered: Counter[str] = Counter()
        self.poller = SharedPoller(open_cloud=self._open, deliver=self._take, config=config)

    async def _open(self, namespace: str, ref: CloudCredentialsRef) -> Sky:
        return self.sky

    def _take(self, key: Key, seen: Observation) -> None:
        self.newest[key.name] = seen
        self.delivered[key.name] += 1

    def follow_all(self, **more: Any) -> None:
        for name in self.sky.servers:
            self.poller.follow(subject(name, **more))

    async def rounds(self, count: int) -> None:
        """Wait until so many more lists were asked for, and the one before was taken in."""
        wanted = self.sky.asked["servers"] + count + 1
        await self.until(lambda: self.sky.asked["servers"] >= wanted)

    async def until(self, come: Any) -> None:
        while not come():  # noqa: ASYNC110 - what is waited for is another task's affair
            await asyncio.sleep(0.0005)


@asynccontextmanager
async def following(sky: Sky, **config: Any) -> AsyncIterator[Follower]:
    follower = Follower(sky, replace(CONFIG, **config))
    task = asyncio.create_task(follower.poller.run())
    try:
        yield follower
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    monkeypatch.setattr(poller, "PATIENCE", 4)
    monkeypatch.setattr(listing, "PROGRESS_A_SECOND", 10_000)
    yield
    assert not [one for one in caplog.records if one.levelname == "ERROR"]


async def settled(follower: Follower) -> int:
    """Follow all, wait until each was shown once, and return how many looks that took."""
    follower.follow_all()
    await follower.until(lambda: len(follower.newest) == len(follower.sky.servers))
    await follower.rounds(2)
    return follower.sky.asked["look"]


async def test_many_actions_at_work_cost_two_lists_a_round_and_no_looks() -> None:
    async with following(sky := Sky()) as follower:
        looks = await settled(follower)
        before = sky.asked["servers"] + sky.asked["migrations"]
        await follower.rounds(5)
        assert sky.asked["look"] == looks
        assert sky.asked["servers"] + sky.asked["migrations"] - before <= 2 * (5 + 2)


async def test_each_list_reaches_back_a_little_before_the_one_before() -> None:
    async with following(sky := Sky()) as follower:
        await settled(follower)
    first, second = sky.since[:2]
    assert abs(datetime.now(UTC) - HORIZON - first) < timedelta(minutes=1)
    assert second == NOW - OVERLAP


async def test_a_good_end_is_handed_in_from_the_lists() -> None:
    async with following(sky := Sky()) as follower:
        await settled(follower)
        before = sky.asked["look s3"]
        sky.complete("s3")
        await follower.until(lambda: follower.newest["s3"].server == sky.servers["s3"])
        assert sky.asked["look s3"] == before
        assert follower.newest["s3"].migrations == (sky.changes["s3"],)
        follower.poller.forget(subject("s3").key)


async def test_what_is_not_over_after_that_is_looked_at() -> None:
    async with following(sky := Sky()) as follower:
        await settled(follower)
        before = sky.asked["look s3"]
        sky.complete("s3")
        await follower.until(lambda: sky.asked["look s3"] > before)


async def test_a_bad_end_is_looked_at() -> None:
    async with following(sky := Sky()) as follower:
        await settled(follower)
        before = sky.asked["look s3"]
        sky.complete("s3")
        sky.changes["s3"] = replace(sky.changes["s3"], status="failed")
        await follower.until(lambda: sky.asked["look s3"] > before)


async def test_what_the_lists_never_show_is_looked_at_by_itself() -> None:
    sky = Sky()
    sky.untold = {"s7"}
    async with following(sky) as follower:
        follower.follow_all()
        await follower.until(lambda: "s7" in follower.newest)
        assert sky.asked["look s7"] > 0


async def test_what_the_lists_have_missed_is_found_by_the_sweep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listing, "SWEEP", 0.05)
    monkeypatch.setattr(poller, "SWEEP", 0.05)
    async with following(sky := Sky()) as follower:
        await settled(follower)
        sky.untold = {"s5"}
        sky.complete("s5")
        await follower.until(lambda: follower.newest["s5"].server == sky.servers["s5"])


async def test_a_list_that_was_asked_for_before_an_action_came_tells_nothing_of_it() -> None:
    sky = Sky()
    late = sky.servers["s7"]
    sky.servers["s7"] = replace(late, status="ACTIVE", task_state=None)
    async with following(sky) as follower:
        for name in [f"s{number}" for number in range(MANY - 1)]:
            follower.poller.follow(subject(name))
        await follower.rounds(1)
        sky.hold = asyncio.Event()
        asked = sky.asked["servers"]
        await follower.until(lambda: sky.asked["servers"] > asked)
        sky.servers["s7"] = late  # Nova has begun, and the list is on its way
        follower.poller.follow(subject("s7"))
        sky.hold.set()
        sky.hold = None
        await follower.until(lambda: "s7" in follower.newest)
        assert follower.newest["s7"].server == late


async def test_few_actions_are_looked_at_one_by_one_again() -> None:
    async with following(sky := Sky()) as follower:
        looks = await settled(follower)
        for number in range(2, MANY):
            follower.poller.forget(subject(f"s{number}").key)
        await follower.until(lambda: sky.asked["look"] > looks + 4)
        lists = sky.asked["servers"]
        await follower.until(lambda: sky.asked["look"] > looks + 10)
        assert sky.asked["servers"] == lists


async def test_after_an_end_the_next_round_comes_sooner_as_one_end_is_seldom_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[bool] = []

    def rest(config: Config, *, since: float, took: float, quick: bool) -> float:
        said.append(quick)
        return config.poll_interval

    monkeypatch.setattr(listing, "YOUNG", 0.0)
    monkeypatch.setattr(pace, "rest", rest)
    async with following(sky := Sky()) as follower:
        await settled(follower)
        said.clear()
        await follower.rounds(3)
        assert not any(said), "nothing has happened"
        sky.complete("s3")
        await follower.until(lambda: any(said))
        follower.poller.forget(subject("s3").key)
        await follower.rounds(2)
        assert not said[-1], "it is over"


@pytest.mark.parametrize(
    ("since", "took", "quick", "expected"),
    [
        (0.0, 0.0, False, 5.0),
        (1.0, 1.0, False, 4.0),
        (1.0, 1.0, True, 1.5),
        (4.0, 4.0, False, 4.0),
        (2.0, 2.0, True, 2.0),
        (9.0, 0.0, True, 0.0),
    ],
)
def test_rounds_begin_in_even_steps_and_rest_as_long_as_their_lists_took(
    since: float, took: float, quick: bool, expected: float
) -> None:
    found = pace.rest(Config(poll_interval=5.0), since=since, took=took, quick=quick)
    assert expected - 0.5 <= found <= expected + 0.5


async def test_without_the_right_to_list_servers_each_is_looked_at() -> None:
    sky = Sky()
    sky.no_list = True
    async with following(sky) as follower:
        follower.follow_all()
        await follower.until(lambda: len(follower.newest) == MANY)
        assert sky.asked["servers"] == 1


async def test_a_first_list_that_is_too_long_is_asked_for_again_with_a_short_reach() -> None:
    sky = Sky()
    sky.reach = timedelta(minutes=1)
    sky.now = datetime.now(UTC)
    async with following(sky) as follower:
        looks = await settled(follower)
        assert sky.since[1] > sky.since[0] + HORIZON / 2
        await follower.rounds(3)
        assert sky.asked["look"] == looks


async def test_lists_that_are_always_too_long_are_given_up() -> None:
    sky = Sky()
    sky.reach = timedelta()
    async with following(sky) as follower:
        follower.follow_all()
        await follower.until(lambda: len(follower.newest) == MANY)
        await follower.until(lambda: sky.asked["look"] >= 3 * MANY)
        assert sky.asked["servers"] == 2


async def test_migrations_that_may_not_be_listed_are_asked_for_once() -> None:
    sky = Sky()
    sky.hidden = True
    async with following(sky) as follower:
        await settled(follower)
        assert sky.asked["migrations"] == 1
        before = sky.asked["look s3"]
        sky.complete("s3")  # the server alone tells that it is over: not how
        await follower.until(lambda: sky.asked["look s3"] > before)


async def test_of_running_migrations_a_few_are_asked_for_their_progress_in_turn() -> None:
    async with following(sky := Sky()) as follower:
        await settled(follower)
        sky.progressed.clear()
        await follower.until(lambda: len(sky.progressed) >= 2 * MANY)
        turn = sky.progressed[: 2 * MANY]
        assert set(Counter(turn).values()) == {2}
        assert follower.newest[turn[0]].progress == Progress(percent=50)
        asked = sky.asked["servers"]
        assert len(sky.progressed) <= listing.MOST_PROGRESS * asked


async def test_the_images_of_backups_that_end_together_are_read_at_once() -> None:
    sky = Sky()
    sky.changes = {name: migration(name) for name in sky.servers}
    async with following(sky) as follower:
        for name in sky.servers:
            follower.poller.follow(subject(name, looks=BACKUP, image_id=f"i-{name}"))
        await follower.until(lambda: len(follower.newest) == MANY)
        await follower.rounds(2)
        single = sky.asked["image"]
        for name, server in sky.servers.items():
            sky.servers[name] = replace(server, status="ACTIVE", task_state=None)
        await follower.until(
            lambda: all(
                seen.image is not None and seen.server is not None and not seen.server.task_state
                for seen in follower.newest.values()
            )
        )
        assert sky.asked["images"] == 1
        assert sky.asked["image"] - single < MANY


async def test_what_a_list_tells_while_a_look_is_under_way_is_not_lost() -> None:
    sky = Sky()
    looking, go_on = asyncio.Event(), asyncio.Event()

    async def slow(server_id: str) -> Sequence[Migration]:
        if server_id == "s3" and not go_on.is_set():
            looking.set()
            await go_on.wait()
        raise NotFound

    sky.migrations = slow  # type: ignore[method-assign]
    sky.hidden = True  # the server's row is all that tells of it
    async with following(sky) as follower:
        sky.untold = {"s3"}
        follower.follow_all()
        await looking.wait()  # the look has read a server that is at work
        sky.untold = set()
        sky.complete("s3")
        await follower.rounds(1)
        go_on.set()
        await follower.until(
            lambda: "s3" in follower.newest and follower.newest["s3"].server == sky.servers["s3"]
        )
