"""Two operators race for the same objects and Leases, and one of them is stopped, cut off or robbed
at the worst moment: it must not act any more once another one may.
"""

import threading
import time
from collections.abc import Iterator

import pytest

import assembled
import lease_board
from assembled import Assembled
from fakes.proxy import Fault, Proxy
from local_stack.kubernetes import ControlPlane
from operators import Operator
from phases import BACKUP, LIVE, OWN, PASSWORD, POSTS, RESET, create_password, moves
from serveractions.api.kinds import Kind

SETTINGS = {
    "slots": "2",
    "lease-duration": "5",
    "lease-renew": "1",
    "claim-bound": "6",
    "post-deadline": "6",
    "proxy-lifetime": "2",
    "poll-interval": "1",
    "poll-interval-urgent": "0.5",
    "retry-interval": "1",
}
PACE = {"live-migration": "2", "cold-migration": "1", "backup": "1"}
OBJECTS = 100
ROBBERIES = 12
BETWEEN = 1.5
"""Seconds between two robberies."""


@pytest.fixture(scope="module")
def world(kubernetes: ControlPlane, proxy: Proxy) -> Iterator[Assembled]:
    with assembled.prepared(
        kubernetes, name="leases", settings=SETTINGS, pace=PACE, proxy=proxy
    ) as world:
        create_password(world)
        yield world


@pytest.fixture
def pair(world: Assembled) -> Iterator[tuple[Operator, Operator]]:
    """The first one holds all Leases and sees the API server through the proxy; the other waits."""
    first = world.start("first")
    second = None
    try:
        world.until(lambda: holds(world, first), seconds=60, what="the first one acts")
        second = world.start("second", direct=True)
        yield first, second
    finally:
        for operator in filter(None, (first, second)):
            operator.stop()


def holds(world: Assembled, operator: Operator) -> bool:
    """Say whether an operator holds all Leases."""
    found = lease_board.holders(world).values()
    return bool(found) and all(each.startswith(operator.name) for each in found)


def late_answer(name: str, phase: str) -> Fault:
    """Return a fault that delays the answer to the write that moves an object to a phase."""
    return Fault(on=moves(name, phase), reaches=True, truthful=True)


@pytest.mark.parametrize("woken", ["before-the-other-sends", "after-the-other-has-sent"])
def test_a_process_that_is_stopped_after_its_claim_does_not_send_when_it_wakes(
    world: Assembled, proxy: Proxy, pair: tuple[Operator, Operator], woken: str
) -> None:
    first, second = pair
    name = f"stopped-{woken}"
    (server,) = world.cloud.boot(name)
    claim = late_answer(name, "Issuing")
    claim.then = first.pause
    with proxy.having(claim):
        world.create(world.body(RESET, name, server, state="Active"))
        world.until(lambda: holds(world, second), seconds=60, what="the other takes over")
        assert world.cloud.accepted(server) == []
        if woken == "after-the-other-has-sent":
            world.until(lambda: bool(world.cloud.accepted(server)), seconds=60, what="a request")
        first.resume()
    world.until_phase(RESET, name, "Succeeded")
    status = world.status(RESET, name)
    assert status["intent"]["attempt"] == 2
    assert status["intent"]["holder"].startswith(second.name)
    assert world.cloud.accepted(server) == ["os-resetState"]


def test_a_process_that_is_cut_off_after_its_claim_does_not_send_when_it_is_back(
    world: Assembled, proxy: Proxy, pair: tuple[Operator, Operator]
) -> None:
    _, second = pair
    name = "cut-off-after-the-claim"
    (server,) = world.cloud.boot(name)
    claim = late_answer(name, "Issuing")
    claim.gate = proxy.gate()
    with proxy.having(claim):
        world.create(world.body(RESET, name, server, state="Active"))
        world.until(lambda: len(claim.hits) == 1, seconds=60, what="the claim")
        with proxy.frozen():
            claim.gate.open()
            world.until(lambda: holds(world, second), seconds=60, what="the other takes over")
            world.until_phase(RESET, name, "Succeeded")
        # Now the first one hears that its claim was written.
        again, guest = world.act(RESET, state="Active")
        world.until_phase(RESET, again, "Succeeded")
    assert world.cloud.accepted(server) == ["os-resetState"]
    assert world.cloud.accepted(guest) == ["os-resetState"]


def test_a_lease_that_is_deleted_after_the_claim_keeps_the_request_back(
    world: Assembled, proxy: Proxy, pair: tuple[Operator, Operator]
) -> None:
    first, _ = pair
    name = "deleted-lease"
    (server,) = world.cloud.boot(name)
    claim = late_answer(name, "Issuing")
    claim.gate = proxy.gate()
    lost = first.log().count("a slot is not held any more")
    with proxy.having(claim):
        world.create(world.body(RESET, name, server, state="Active"))
        world.until(lambda: len(claim.hits) == 1, seconds=60, what="the claim")
        lease_board.delete(world)
        world.until(
            lambda: first.log().count("a slot is not held any more") == lost + 2,
            seconds=60,
            what="the first one notices",
        )
        claim.gate.open()
        world.until_phase(RESET, name, "Succeeded")
    assert world.status(RESET, name)["attempts"] == 1
    assert world.cloud.accepted(server) == ["os-resetState"]


@pytest.mark.parametrize("kind", [RESET, LIVE, PASSWORD, BACKUP], ids=str)
def test_what_was_sent_by_a_process_that_is_cut_off_is_adopted_by_the_other(
    world: Assembled, proxy: Proxy, pair: tuple[Operator, Operator], kind: Kind
) -> None:
    _, second = pair
    name = f"cut-off-{kind.short}"
    (server,) = world.cloud.boot(name)
    record = late_answer(name, "Running")
    record.reaches, record.gate, record.times = False, proxy.gate(), None
    with proxy.having(record), proxy.having(_renewals()):
        world.create(world.body(kind, name, server, **OWN.get(kind, {})))
        world.until(lambda: holds(world, second), seconds=60, what="the other takes over")
        world.until_phase(kind, name, "Succeeded")
    assert world.cloud.accepted(server) == POSTS[kind]
    assert world.status(kind, name).get("attempts", 0) == 0


def test_a_race_for_objects_and_leases_ends_with_one_request_for_each(
    world: Assembled, pair: tuple[Operator, Operator]
) -> None:
    assert all(one.running for one in pair)
    kinds = list(POSTS)
    names = {f"race-{number}": kinds[number % len(kinds)] for number in range(OBJECTS)}
    servers = dict(zip(names, world.cloud.boot(*names), strict=True))
    bodies = [
        world.body(kind, name, servers[name], **OWN.get(kind, {})) for name, kind in names.items()
    ]
    robber = threading.Thread(target=_rob, args=(world,))
    robber.start()
    share = OBJECTS // ROBBERIES
    for start in range(0, OBJECTS, share):
        world.create(*bodies[start : start + share])
    robber.join()

    statuses = {}

    def ended() -> bool:
        for kind in kinds:
            statuses.update(world.statuses(kind))
        return all("completionTime" in statuses[name] for name in names)

    world.until(ended, seconds=300, what="the end of all")
    losers = {
        name: statuses[name]["message"] for name in names if statuses[name]["phase"] != "Succeeded"
    }
    assert losers == {}
    accepted = world.cloud.counts()["accepted"]
    assert {name: accepted[servers[name]] for name in names} == {
        name: dict.fromkeys(POSTS[kind], 1) for name, kind in names.items()
    }
    holders = {statuses[name]["intent"]["holder"] for name in names}
    print(f"{OBJECTS} objects were sent by {len(holders)} processes")  # noqa: T201


def _renewals() -> Fault:
    """Keep the first one from renewing its Leases: it is the only one behind the proxy."""
    return Fault(on=lambda seen: "/leases/" in seen.path, answer=503, times=None)


def _rob(world: Assembled) -> None:
    """Take the Leases away again and again, in both ways."""
    for number in range(ROBBERIES):
        (lease_board.steal if number % 2 else lease_board.delete)(world)
        until = time.monotonic() + BETWEEN
        world.until(lambda until=until: time.monotonic() > until, seconds=60, what="a moment")
