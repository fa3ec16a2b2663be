"""How much is in flight at once, on a real API server and the fake cloud."""

from collections.abc import Iterator

import pytest

import assembled
from assembled import Assembled
from fakes.proxy import Fault, Proxy
from local_stack.kubernetes import ControlPlane
from phases import LIVE, OWN, RESET, moves

LIMIT = 2
SETTINGS = {
    "actions-in-flight": str(LIMIT),
    "slots": "1",
    "lease-duration": "3",
    "lease-renew": "1",
    "claim-bound": "2",
    "post-deadline": "3",
    "proxy-lifetime": "1",
    "poll-interval": "1",
    "poll-interval-urgent": "0.5",
    "retry-interval": "1",
    "progress-interval": "1",
}
PACE = {"live-migration": "0.5"}


@pytest.fixture(scope="module")
def proxy(kubernetes: ControlPlane) -> Iterator[Proxy]:
    with assembled.behind_a_proxy(kubernetes) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def world(kubernetes: ControlPlane, proxy: Proxy) -> Iterator[Assembled]:
    with assembled.prepared(
        kubernetes, name="limits", settings=SETTINGS, pace=PACE, proxy=proxy
    ) as world:
        world.start()
        yield world


def until_waiting(world: Assembled, *names: str) -> None:
    """Wait until these have no place."""
    world.until(
        lambda: all(world.reason(LIVE, name) == "LimitReached" for name in names),
        seconds=30,
        what=f"{names} wait for a place",
    )


def sent(world: Assembled, servers: dict[str, str]) -> dict[str, int]:
    """Return how often Nova accepted the action of each."""
    return {name: len(world.cloud.accepted(server)) for name, server in servers.items()}


def test_the_rest_waits_says_for_what_and_goes_when_a_place_is_free(world: Assembled) -> None:
    names = [f"line-{number}" for number in range(5)]
    servers = dict(zip(names, world.cloud.boot(*names), strict=True))
    with world.cloud.driver.held("live_migration", list(servers.values())):
        first, rest = names[:LIMIT], names[LIMIT:]
        for name in first:
            world.create(world.body(LIVE, name, servers[name]))
            world.until_phase(LIVE, name, "Running")
        for before, name in enumerate(rest):
            world.create(world.body(LIVE, name, servers[name]))
            until_waiting(world, name)
            assert world.status(LIVE, name)["message"] == (
                f"waits for a place, {before} before it: the limit is 2 actions in flight in this"
                " cloud (--actions-in-flight)"
            )
        (server,) = world.cloud.boot("reset")
        world.create(world.body(RESET, "reset", server, **OWN[RESET]))
        world.until_phase(RESET, "reset", "Succeeded", seconds=10)
        assert sent(world, servers) == dict.fromkeys(first, 1) | dict.fromkeys(rest, 0)
    for name in names:
        world.until_phase(LIVE, name, "Succeeded")
    assert sent(world, servers) == dict.fromkeys(names, 1)
    issued = [world.status(LIVE, name)["intent"]["novaTime"] for name in rest]
    assert issued == sorted(issued)


def test_a_new_process_counts_what_was_claimed_and_not_sent_by_the_one_that_was_killed(
    world: Assembled, proxy: Proxy
) -> None:
    names = ["running", "claimed", "waiting"]
    servers = dict(zip(names, world.cloud.boot(*names), strict=True))
    claim = Fault(on=moves("claimed", "Issuing"), reaches=True, truthful=True, gate=proxy.gate())
    claim.then = world.operator.kill  # the claim stands, and nothing was sent
    with world.cloud.driver.held("live_migration", [servers["running"]]):
        world.create(world.body(LIVE, "running", servers["running"]))
        world.until_phase(LIVE, "running", "Running")
        with proxy.having(claim):
            world.create(world.body(LIVE, "claimed", servers["claimed"]))
            world.until(lambda: not world.operator.running, seconds=30, what="the death")
            claim.gate.open()
        assert world.phase(LIVE, "claimed") == "Issuing"
        assert sent(world, servers) == {"running": 1, "claimed": 0, "waiting": 0}
        world.create(world.body(LIVE, "waiting", servers["waiting"]))
        world.start("next")
        until_waiting(world, "waiting")
        assert world.phase(LIVE, "claimed") == "Issuing", "nobody knows yet that nothing was sent"
        for name in ("claimed", "waiting"):
            world.until_phase(LIVE, name, "Succeeded")
    world.until_phase(LIVE, "running", "Succeeded")
    assert sent(world, servers) == dict.fromkeys(names, 1)
    assert world.status(LIVE, "claimed")["attempts"] == 1
