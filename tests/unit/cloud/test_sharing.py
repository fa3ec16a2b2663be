"""Groups that see the same lists share what one of them reads, and lose nothing by it."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from serveractions.actions.action import Look
from serveractions.actions.observation import Image, Migration, Observation, Server
from serveractions.api.resource import Key
from serveractions.api.spec import CloudCredentialsRef
from serveractions.cloud.asking import CredentialsRefused
from serveractions.cloud.followed import Followed, Group
from serveractions.cloud.rounds import HORIZON, OVERLAP, Changes, Lists
from serveractions.cloud.sharing import STRAGGLER, Sharing
from serveractions.core.errors import CloudUnavailable, Forbidden, WaitError
from serveractions.core.ports import Subject
from unit.cloud.openstack import IDENTITY

NOW = datetime.now(UTC)
FRESH = 2.5
AT_ONCE = 3


class Cloud:
    """Lists; it notes who asked for what."""

    def __init__(self) -> None:
        self.now = NOW
        self.asked: list[tuple[str, datetime, frozenset[str]]] = []
        self.refused: dict[str, WaitError | Forbidden] = {}
        self.unchanged: set[str] = set()
        self.hold: asyncio.Event | None = None


class Reader:
    """The lists as one set of credentials has them."""

    def __init__(self, cloud: Cloud, name: str, view: str | None) -> None:
        self.cloud, self.name, self.view = cloud, name, view
        self.identity = IDENTITY

    async def changed_servers(
        self, since: datetime, wanted: Collection[str]
    ) -> tuple[Sequence[Server], datetime]:
        self.cloud.asked.append((self.name, since, frozenset(wanted)))
        if self.cloud.hold is not None:
            await self.cloud.hold.wait()
        if self.name in self.cloud.refused:
            raise self.cloud.refused[self.name]
        rows = [
            Server(id=each, name=each, status="ACTIVE", task_state=None)
            for each in set(wanted) - self.cloud.unchanged
        ]
        return rows, self.cloud.now

    async def changed_migrations(
        self, since: datetime, wanted: Collection[str]
    ) -> Sequence[Migration]:
        return []

    async def images(self, image_ids: Sequence[str]) -> Sequence[Image]:
        return []


class World:
    """Groups on one cloud, and a clock that the test turns."""

    def __init__(self) -> None:
        self.cloud = Cloud()
        self.time = 1000.0
        self.sharing = Sharing(lambda: self.time, at_once=AT_ONCE)
        self.groups: dict[str, tuple[Group, Reader]] = {}

    def add(self, name: str, *servers: str, view: str | None = "all") -> Group:
        group = Group(("ns", name, "c"))
        for server in servers:
            self.join(group, server)
        self.groups[name] = group, Reader(self.cloud, name, view)
        return group

    def join(self, group: Group, server: str, sent: datetime | None = NOW) -> None:
        one = Followed(subject(server, sent), group, due=0.0, joined=0.0)
        group.listable[one.subject.key] = one

    async def round(self, name: str, *, later: float = 0.0) -> Changes:
        self.time += later
        self.cloud.now += timedelta(seconds=later)
        group, reader = self.groups[name]
        sight: Lists = reader  # type: ignore[assignment] - what a round does not read is left out
        return await self.sharing.read(sight, group, fresh=FRESH)

    async def all_known(self) -> None:
        """Have each group read its first lists."""
        for name in self.groups:
            await self.round(name, later=FRESH + 1)
        self.time += FRESH + 1
        self.cloud.asked.clear()

    def readers(self) -> list[str]:
        return [name for name, _, _ in self.cloud.asked]


def subject(server: str, sent: datetime | None) -> Subject:
    return Subject(
        key=Key("ServerLiveMigration", "ns", server, f"uid-{server}"),
        namespace="ns",
        credentials=CloudCredentialsRef(secret_name="s", cloud_name="c"),
        server_id=server,
        request_id=f"req-{server}",
        image_id=None,
        backup_type=None,
        looks=frozenset({Look.MIGRATIONS}),
        sent=sent,
    )


@pytest.fixture
def world() -> World:
    return World()


def shown(changes: Changes, servers: Iterable[str]) -> bool:
    return set(servers) <= set(changes.servers)


async def test_one_reads_for_all_who_see_the_same(world: World) -> None:
    for name in "abc":
        world.add(name, f"s-{name}")
    await world.all_known()
    seen = [await world.round(name, later=0.5) for name in "abc"]
    assert world.readers() == ["a"]
    assert all(shown(changes, [f"s-{name}"]) for changes, name in zip(seen, "abc", strict=True))


async def test_who_comes_later_first_asks_itself_for_what_it_may_see(world: World) -> None:
    for name in "ab":
        world.add(name, f"s-{name}")
    await world.round("a")
    await world.round("a", later=FRESH + 1)
    world.cloud.asked.clear()
    await world.round("b", later=0.1)
    ((name, since, wanted),) = world.cloud.asked
    assert (name, wanted) == ("b", frozenset())
    assert datetime.now(UTC) - since < timedelta(seconds=5), "next to nothing is in it"
    assert shown(await world.round("a", later=FRESH + 1), ["s-a", "s-b"]), "it reads for b, too"
    assert shown(await world.round("b", later=0.1), ["s-b"])
    assert world.readers() == ["b", "a"]


async def test_who_may_not_list_is_found_out_by_its_own_request(world: World) -> None:
    for name in "ab":
        world.add(name, f"s-{name}")
    await world.round("a")
    world.cloud.refused["b"] = Forbidden("not yours to list")
    with pytest.raises(Forbidden):
        await world.round("b")
    assert world.readers() == ["a", "b"]


async def test_those_whose_servers_were_read_are_told_and_do_not_ask_again(world: World) -> None:
    a, b, c = (world.add(name, f"s-{name}") for name in "abc")
    await world.all_known()
    for group in (a, b, c):
        group.wake.clear()
        group.told = False
    world.cloud.unchanged = {"s-c"}
    await world.round("a")
    assert [group.told for group in (a, b, c)] == [False, True, False]
    assert [group.wake.is_set() for group in (a, b, c)] == [False, True, False]
    await world.round("b")
    assert (b.told, b.wake.is_set()) == (False, False)
    assert world.readers() == ["a"]


async def test_who_sees_other_lists_or_is_not_known_to_see_the_same_reads_alone(
    world: World,
) -> None:
    world.add("a", "s-a")
    world.add("b", "s-b", view="project")
    world.add("c", "s-c", view=None)
    world.add("d", "s-d").migrations_hidden = True
    await world.all_known()
    for name in "abcd":
        await world.round(name)
    assert world.readers() == ["a", "b", "c", "d"]
    assert [set(wanted) for _, _, wanted in world.cloud.asked] == [{f"s-{x}"} for x in "abcd"]


async def test_the_next_round_of_the_same_group_reads_anew(world: World) -> None:
    world.add("a", "s-a")
    world.add("b", "s-b")
    await world.all_known()
    for name in "aabb":
        await world.round(name, later=0.1)
    assert world.readers() == ["a", "a", "b"]


async def test_what_was_read_too_long_ago_is_read_anew(world: World) -> None:
    world.add("a", "s-a")
    world.add("b", "s-b")
    await world.all_known()
    await world.round("a")
    await world.round("b", later=FRESH + 0.1)
    assert world.readers() == ["a", "b"]


async def test_an_action_that_has_come_since_has_no_round_of_its_own_and_is_in_the_next_one(
    world: World,
) -> None:
    world.add("a", "s-a")
    latecomer = world.add("b", "s-b")
    await world.all_known()
    await world.round("a")
    world.join(latecomer, "new")
    assert not shown(await world.round("b", later=0.1), ["new"])
    assert shown(await world.round("a", later=0.1), ["new"])
    assert shown(await world.round("b", later=0.1), ["s-b", "new"])
    assert world.readers() == ["a", "a"]


async def test_a_reading_reaches_back_to_the_last_round_of_each(world: World) -> None:
    world.add("a", "s-a")
    world.add("b", "s-b")
    await world.all_known()
    await world.round("b")
    await world.round("b", later=FRESH + 1)
    world.cloud.asked.clear()
    missed = world.groups["a"][0].since
    await world.round("b", later=20)
    ((_, since, _),) = world.cloud.asked
    assert since == missed
    await world.round("a", later=0.1)
    assert world.readers() == ["b"]


async def test_who_has_missed_much_reads_alone(world: World) -> None:
    world.add("a", "s-a")
    world.add("b", "s-b")
    await world.all_known()
    world.time += 2 * STRAGGLER.total_seconds()
    group = world.groups["b"][0]
    group.since = world.cloud.now + 2 * STRAGGLER - OVERLAP
    world.cloud.now += 2 * STRAGGLER
    await world.round("b")
    await world.round("a", later=0.1)
    assert world.readers() == ["b", "a"]
    (_, others, _), (_, own, _) = world.cloud.asked
    assert own < others


async def test_who_asks_while_one_reads_waits_for_that(world: World) -> None:
    world.add("a", "s-a")
    world.add("b", "s-b")
    await world.all_known()
    world.cloud.hold = asyncio.Event()
    rounds = [asyncio.create_task(world.round(name)) for name in "ab"]
    await asyncio.sleep(0.01)
    world.cloud.hold.set()
    await asyncio.gather(*rounds)
    assert world.readers() == ["a"]


async def test_a_cloud_that_does_not_answer_one_is_not_asked_by_all_who_wait(world: World) -> None:
    world.add("a", "s-a")
    world.add("b", "s-b")
    await world.all_known()
    world.cloud.hold = asyncio.Event()
    world.cloud.refused["a"] = CloudUnavailable("it did not answer in time")
    rounds = [asyncio.create_task(world.round(name)) for name in "ab"]
    await asyncio.sleep(0.01)
    world.cloud.hold.set()
    ends = await asyncio.gather(*rounds, return_exceptions=True)
    assert [type(end) for end in ends] == [CloudUnavailable, CloudUnavailable]
    assert world.readers() == ["a"]


@pytest.mark.parametrize("refusal", [Forbidden("not yours"), CredentialsRefused("nobody")])
async def test_credentials_that_may_not_read_any_more_are_no_harm_to_others(
    world: World, refusal: WaitError | Forbidden
) -> None:
    world.add("a", "s-a")
    world.add("b", "s-b")
    await world.all_known()
    world.cloud.hold = asyncio.Event()
    world.cloud.refused["a"] = refusal
    rounds = [asyncio.create_task(world.round(name)) for name in "ab"]
    await asyncio.sleep(0.01)
    world.cloud.hold.set()
    ends = await asyncio.gather(*rounds, return_exceptions=True)
    assert ends[0] is refusal
    assert isinstance(ends[1], Changes)
    assert world.readers() == ["a", "b"]


async def test_the_servers_of_a_group_that_has_left_are_not_read_for_it(world: World) -> None:
    world.add("a", "s-a")
    world.add("b", "s-b")
    await world.all_known()
    for name in "ab":
        await world.round(name)
    world.sharing.leave(world.groups["a"][0])
    world.cloud.asked.clear()
    await world.round("b", later=FRESH + 1)
    ((_, _, wanted),) = world.cloud.asked
    assert wanted == {"s-b"}


async def test_a_first_list_reaches_back_to_when_the_oldest_action_was_sent_or_looked_at(
    world: World,
) -> None:
    group = world.add("a")
    now = datetime.now(UTC)
    for minutes in (1, 3, 9):
        world.join(group, f"s-{minutes}", sent=now - timedelta(minutes=minutes))
    oldest = list(group.listable.values())[-1]
    oldest.last = Observation(server=None, nova_time=now - timedelta(minutes=2))
    await world.round("a")
    assert world.cloud.asked[0][1] == now - timedelta(minutes=3) - OVERLAP


@pytest.mark.parametrize("sent", [None, datetime(2020, 1, 1, tzinfo=UTC)])
async def test_a_first_list_reaches_back_so_far_and_no_further(
    world: World, sent: datetime | None
) -> None:
    world.join(world.add("a"), "s-a", sent=sent)
    await world.round("a")
    reach = datetime.now(UTC) - world.cloud.asked[0][1] - HORIZON - OVERLAP
    assert abs(reach) < timedelta(seconds=5)


async def test_a_few_read_the_lists_of_a_cloud_at_the_same_time_and_the_others_wait(
    world: World,
) -> None:
    names = "abcdefg"
    for name in names:
        world.add(name, f"s-{name}", view=name)
    world.cloud.hold = asyncio.Event()
    rounds = [asyncio.create_task(world.round(name)) for name in names]
    await asyncio.sleep(0.01)
    assert world.readers() == ["a", "b", "c"]
    world.cloud.hold.set()
    await asyncio.gather(*rounds)
    assert world.readers() == list(names)


async def test_who_waited_for_a_turn_takes_what_was_read_meanwhile(world: World) -> None:
    for name in "abc":
        world.add(name, view=name)
    for name in "xy":
        world.add(name, f"s-{name}")
    await world.all_known()
    world.cloud.hold = asyncio.Event()
    rounds = [asyncio.create_task(world.round(name)) for name in "abcxy"]
    await asyncio.sleep(0.01)
    world.cloud.hold.set()
    await asyncio.gather(*rounds)
    assert world.readers() == ["a", "b", "c", "x"]
