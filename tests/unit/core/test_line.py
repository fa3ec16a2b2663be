"""The line of those that wait for a place, apart from the rest."""

import random
from datetime import timedelta

from fakes.kube_store import Store
from fakes.ports import START
from fakes.world import manifest
from serveractions.api.resource import Key, Resource
from serveractions.api.status import Intent, Phase
from serveractions.core.line import Line
from serveractions.core.rooms import Blocked, Limits, Room, Rooms, Scope, describe

NOVA = ("https://nova.example/v2.1", "RegionOne")
CLOUD = Room(Scope.CLOUD, NOVA)


class Cast:
    """Live migrations of any age, and a line in which they stand."""

    def __init__(self, limits: Limits) -> None:
        self._age = 0.0
        self._store = Store(lambda: START + timedelta(seconds=self._age))
        self.woken: list[str] = []
        self.line = Line(limits, wake=lambda key: self.woken.append(key.name))

    def make(self, name: str, *, at: float = 0) -> Resource:
        self._age = at
        return self._store.get(
            self._store.create("ServerLiveMigration", name, manifest("ServerLiveMigration"))
        )

    def fly(self, resource: Resource, phase: Phase = Phase.ISSUING, host: str = "a") -> None:
        """Note it as in flight, as its claim says."""
        intent = Intent(
            attempt=1,
            holder="somebody",
            action="os-migrateLive",
            server_id="server",
            region=NOVA[1],
            endpoint=NOVA[0],
            user_id="user",
            project_id="project",
            microversion="2.65",
            nova_time=START,
            source_host=host,
        )
        changes = {"phase": phase, "intent": intent}
        self.line.note(resource.with_status(resource.status.model_copy(update=changes)))


def rooms(host: str = "a") -> Rooms:
    return CLOUD, Room(Scope.SOURCE, NOVA, host)


async def test_two_cannot_both_take_the_last_place() -> None:
    cast = Cast(Limits(in_flight=1))
    assert cast.line.take(cast.make("one"), rooms()) is None
    assert cast.line.take(cast.make("two"), rooms()) == Blocked(
        describe(Limits(in_flight=1), CLOUD, full=True), 0
    )
    assert cast.woken == []


async def test_a_place_that_was_not_used_goes_to_the_oldest_and_wakes_it_alone() -> None:
    cast = Cast(Limits(in_flight=1))
    one, young, old = cast.make("one"), cast.make("young", at=2), cast.make("old", at=1)
    for each in (one, young, old):
        cast.line.take(each, rooms())
    cast.line.settle(one.key)
    assert cast.woken == ["old"]
    assert cast.line.take(old, rooms()) is None
    assert cast.line.blocked(young.key) is not None


async def test_an_older_newcomer_goes_before_those_that_wait() -> None:
    cast = Cast(Limits(in_flight=1))
    one, young = cast.make("one"), cast.make("young", at=2)
    cast.line.take(one, rooms())
    cast.line.take(young, rooms())
    newcomer = cast.make("newcomer", at=1)
    blocked = cast.line.take(newcomer, rooms())
    assert blocked is not None
    assert blocked.before == 0
    cast.line.leave(one.key)
    assert cast.woken == ["newcomer"]


async def test_of_several_processes_each_takes_its_part_of_what_is_free() -> None:
    taken = []
    for _ in range(3):  # none of them sees what the others are about to claim
        cast = Cast(Limits(in_flight=12, processes=3))
        taken.append(sum(cast.line.take(cast.make(f"m-{n}"), rooms()) is None for n in range(12)))
    assert taken == [4, 4, 4]


async def test_the_last_places_can_still_be_had_by_each_of_several_processes() -> None:
    cast = Cast(Limits(in_flight=2, processes=3))
    assert cast.line.take(cast.make("one"), rooms()) is None
    assert cast.line.take(cast.make("two"), rooms()) is not None


async def test_what_other_processes_claim_takes_places_and_gives_them_back() -> None:
    cast = Cast(Limits(in_flight=1))
    foreign, ours = cast.make("foreign"), cast.make("ours")
    cast.fly(foreign)
    assert cast.line.take(ours, rooms()) is not None
    cast.line.note(foreign)  # it was not accepted, and waits again
    assert cast.woken == ["ours"]


async def test_a_claim_of_another_process_counts_towards_the_rate() -> None:
    cast = Cast(Limits(per_second=0.1))
    cast.fly(cast.make("foreign"))
    blocked = cast.line.take(cast.make("ours"), rooms())
    assert blocked is not None
    assert "0.1 actions a second" in blocked.limit


async def test_what_ran_before_the_process_began_does_not_count_towards_the_rate() -> None:
    cast = Cast(Limits(per_second=0.1))
    for number in range(5):
        cast.fly(cast.make(f"running-{number}"), Phase.RUNNING)
    assert cast.line.take(cast.make("ours"), rooms()) is None


async def test_random_lives_never_exceed_a_limit_and_leave_nothing_behind() -> None:
    chance = random.Random(7)  # noqa: S311 - the same play each time
    limits = Limits(in_flight=5, per_source=2)
    cast = Cast(limits)
    line = cast.line
    known: dict[Key, tuple[Resource, str]] = {}
    placed: set[Key] = set()
    flying: set[Key] = set()
    for step in range(3000):
        deed = chance.randrange(5)
        if deed <= 1:
            host = chance.choice("abcd")
            resource = cast.make(f"m-{step}", at=chance.random() * 1000)
            known[resource.key] = (resource, host)
            line.take(resource, rooms(host))
        elif deed == 2 and placed:
            key = chance.choice(sorted(placed))
            cast.fly(known[key][0], host=known[key][1])
            flying.add(key)
        elif deed == 3 and flying | placed:
            key = chance.choice(sorted(flying | placed))
            line.leave(key)
            flying.discard(key)
            del known[key]
        elif known:
            line.step_out(chance.choice(sorted(known)))
        placed = {key for key in known if line.has_place(key)}
        hosts = [known[key][1] for key in placed | flying]
        assert len(hosts) <= limits.in_flight
        assert all(hosts.count(host) <= limits.per_source for host in "abcd")
    for key in list(known):
        line.leave(key)
    tables = (line._flights, line._places, line._flying, line._given, line._standing)
    assert (*tables, line._lines, line._lanes) == ({},) * 7


def test_a_place_is_news_when_it_is_near_or_a_third_nearer() -> None:
    def told(before: int) -> str:
        return Blocked("the limit", before).message

    assert not Blocked("the limit", 3).news_after(told(3))
    assert Blocked("the limit", 3).news_after(told(4))
    assert not Blocked("the limit", 80).news_after(told(100))
    assert Blocked("the limit", 60).news_after(told(100))
    assert Blocked("the limit", 160).news_after(told(100))
    assert Blocked("another limit", 100).news_after(told(100))
    assert Blocked("the limit", 100).news_after("waits for something else")
