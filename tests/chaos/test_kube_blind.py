"""A path to the API server on which nothing moves any more, an API server that answers everybody
with 503, and answers that never come: with the settings that an installation has.

How long it takes until the operator sees again is printed.
"""

import time
from collections.abc import Callable, Iterator

import pytest

import assembled
from assembled import Assembled
from fakes.proxy import Fault, Proxy, Seen
from local_stack.kubernetes import ControlPlane
from phases import LIVE, OWN, PASSWORD, RESET, create_password, moves
from serveractions.api.kinds import KINDS

SETTINGS = {"poll-interval": "2", "poll-interval-urgent": "0.5", "retry-interval": "1"}
PACE = {"live-migration": "600", "password": "3"}

BLIND = 70
"""Seconds after which kopf gives a watch up on which no bookmark came."""
MARGIN = 20
"""More seconds: for the new watch, and for a machine that is busy."""
CLIENT = 30
"""Seconds that a request to the API server may take."""
OUTAGE = 60


@pytest.fixture(scope="module")
def world(kubernetes: ControlPlane, proxy: Proxy) -> Iterator[Assembled]:
    with assembled.prepared(
        kubernetes, name="blind", settings=SETTINGS, pace=PACE, proxy=proxy
    ) as world:
        create_password(world)
        world.start()
        yield world


@pytest.fixture(autouse=True)
def watching(world: Assembled, proxy: Proxy) -> None:
    world.until(lambda: proxy.watches() == len(KINDS), seconds=60, what="all kinds are watched")


def lives(world: Assembled) -> bool:
    """Say whether the kubelet would let the operator live."""
    status, text = world.operator.probe("livez")
    assert status == 200, text
    return True


@pytest.mark.parametrize("watches_only", [True, False], ids=["watches", "all-connections"])
def test_a_silently_dead_watch_is_given_up_after_a_while_and_nothing_is_missed(
    world: Assembled, proxy: Proxy, watches_only: bool
) -> None:
    running, moving = world.act(LIVE)
    world.until_phase(LIVE, running, "Running")
    assert proxy.forget_connections(watches_only=watches_only) >= len(KINDS)
    began = time.monotonic()
    world.edit(LIVE, running, cancel=True)
    name, server = world.act(RESET, state="Active")
    gone, _ = world.act(RESET, state="Active", suspend=True)
    world.delete(RESET, gone)

    world.until(
        lambda: lives(world) and world.phase(RESET, name) == "Succeeded",
        seconds=BLIND + MARGIN,
        what="a new object is seen",
    )
    print(f"a new object was seen after {time.monotonic() - began:.0f} s")  # noqa: T201
    world.until_phase(LIVE, running, "Cancelled", seconds=MARGIN)
    print(f"a cancel was seen after {time.monotonic() - began:.0f} s")  # noqa: T201
    assert world.cloud.accepted(server) == ["os-resetState"]
    assert world.cloud.accepted(moving) == ["os-migrateLive", "abort"]


def test_a_frozen_path_costs_the_leases_and_nothing_else(world: Assembled, proxy: Proxy) -> None:
    running, moving = world.act(LIVE)
    world.until_phase(LIVE, running, "Running")
    issuing, guest = world.act(PASSWORD, **OWN[PASSWORD])
    world.until(lambda: bool(world.cloud.accepted(guest)), seconds=20, what="the request")
    lost = world.operator.log().count("a slot is not held any more")
    with proxy.frozen():
        world.edit(LIVE, running, cancel=True)
        name, server = world.act(RESET, state="Active")
        world.until(
            lambda: (
                lives(world)
                and world.operator.log().count("a slot is not held any more") == lost + 8
            ),
            seconds=OUTAGE + MARGIN,
            what="all Leases run out",
        )
        assert world.cloud.accepted(server) == []
        assert world.cloud.accepted(moving) == ["os-migrateLive"]
    began = time.monotonic()
    world.until_phase(RESET, name, "Succeeded", seconds=CLIENT + BLIND + MARGIN)
    print(f"acting again after {time.monotonic() - began:.0f} s")  # noqa: T201
    world.until_phase(LIVE, running, "Cancelled", seconds=BLIND + MARGIN)
    world.until_phase(PASSWORD, issuing, "Succeeded", seconds=CLIENT + MARGIN)
    assert [world.cloud.accepted(each) for each in (server, moving, guest)] == [
        ["os-resetState"],
        ["os-migrateLive", "abort"],
        ["changePassword"],
    ]


def test_an_api_server_that_answers_503_for_a_minute_ends_nothing(
    world: Assembled, proxy: Proxy
) -> None:
    running, moving = world.act(LIVE)
    world.until_phase(LIVE, running, "Running")
    issuing, guest = world.act(PASSWORD, **OWN[PASSWORD])
    world.until(lambda: bool(world.cloud.accepted(guest)), seconds=20, what="the request")
    refusals = Fault(on=lambda _: True, answer=503, times=None)
    with proxy.having(refusals):
        proxy.cut(watches_only=True)
        until = time.monotonic() + OUTAGE
        world.until(
            lambda: lives(world) and time.monotonic() > until,
            seconds=OUTAGE + MARGIN,
            what="a minute is over",
        )
    assert len(refusals.hits) > len(KINDS)
    world.until_phase(PASSWORD, issuing, "Succeeded", seconds=CLIENT + MARGIN)
    world.cloud.complete_live_migrations()
    world.until_phase(LIVE, running, "Succeeded", seconds=CLIENT + MARGIN)
    assert world.cloud.accepted(guest) == ["changePassword"]
    assert world.cloud.accepted(moving) == ["os-migrateLive"]


def test_an_answer_that_never_comes_costs_half_a_minute(world: Assembled, proxy: Proxy) -> None:
    cases = {
        f"silent-{write.lower()}-{'done' if reaches else 'lost'}": (write, reaches)
        for write in ("mark", "Issuing", "Running", "Succeeded")
        for reaches in (False, True)
    }
    servers = dict(zip(cases, world.cloud.boot(*cases), strict=True))
    silences = {
        name: proxy.add(Fault(on=_is_write(name, write), reaches=reaches, gate=proxy.gate()))
        for name, (write, reaches) in cases.items()
    }
    world.create(*(world.body(RESET, name, servers[name], state="Active") for name in cases))
    world.until(
        lambda: {each["phase"] for each in world.statuses(RESET).values()} == {"Succeeded"},
        seconds=CLIENT + MARGIN,
        what="the end of all actions",
    )
    for name, silence in silences.items():
        assert len(silence.hits) == 1, name
        assert world.cloud.accepted(servers[name]) == ["os-resetState"], name


def _is_write(name: str, write: str) -> Callable[[Seen], bool]:
    """Choose the mark of an object, or the write of its status that moves it to a phase."""
    if write != "mark":
        return moves(name, write)
    return lambda seen: seen.method == "PATCH" and f"/{name}?" in seen.path


@pytest.mark.parametrize("answer", [401, 403, 404, 410, 429, 500, 503, None])
def test_watches_that_are_refused_for_a_while_come_back(
    world: Assembled, proxy: Proxy, answer: int | None
) -> None:
    operator = world.operator
    refused = Fault(on=lambda seen: "watch=true" in seen.path, answer=answer, times=5)
    with proxy.having(refused):
        assert proxy.cut(watches_only=True) == len(KINDS)
        world.until(lambda: len(refused.hits) == 5, seconds=60, what="the watches come again")
    name, server = world.act(RESET, state="Active")
    world.until_phase(RESET, name, "Succeeded")
    assert world.cloud.accepted(server) == ["os-resetState"]
    assert operator.running, "it is the same process"
