"""Two operators at once, and Leases that are lost in the middle of an action: one acts, and it acts
once.
"""

import time

import pytest

import lease_board
from assembled import Assembled
from fakes.proxy import Fault, Proxy, Seen
from phases import PHASES, RESET, Held, held

TAKE_OVER = 10.0
"""Seconds after a proper stop within which another process acts, as the front page says."""


def claim_of(name: str) -> Fault:
    """Return a fault that delays the answer to a claim."""

    def is_it(seen: Seen) -> bool:
        is_status = seen.method == "PATCH" and f"/{name}/status?" in seen.path
        return is_status and seen.json["status"].get("phase") == "Issuing"

    return Fault(on=is_it, reaches=True, truthful=True)


@pytest.mark.parametrize("how", ["stolen", "deleted"])
def test_a_lease_that_is_lost_after_the_claim_keeps_the_request_back(
    world: Assembled, proxy: Proxy, how: str
) -> None:
    name = f"lost-lease-{how}"
    (server,) = world.cloud.boot(name)
    fault = claim_of(name)
    fault.gate = proxy.gate()
    lost = world.operator.log().count("a slot is not held any more")
    with proxy.having(fault):
        world.create(world.body(RESET, name, server, state="Active"))
        world.until(lambda: len(fault.hits) == 1, seconds=30, what="the claim")
        {"stolen": lease_board.steal, "deleted": lease_board.delete}[how](world)
        world.until(
            lambda: world.operator.log().count("a slot is not held any more") == lost + 2,
            seconds=20,
            what="the operator notices",
        )
        fault.gate.open()
        world.until(
            lambda: world.phase(RESET, name) == "Pending", seconds=20, what="the claim is closed"
        )
    assert world.cloud.accepted(server) == []
    world.until_phase(RESET, name, "Succeeded")
    assert world.status(RESET, name)["attempts"] == 1
    assert world.cloud.accepted(server) == ["os-resetState"]


def test_a_rolling_restart_with_both_alive_loses_nothing_and_repeats_nothing(
    world: Assembled,
) -> None:
    old, new = world.operator, world.start("newer")
    with (
        held(world, "Running") as running,
        held(world, "AwaitingDecision") as waiting,
        held(world, "Suspended") as suspended,
    ):
        with held(world, "Issuing") as issuing:
            old.leave()
        assert old.ended(seconds=60) == 0
        assert world.phase(issuing.kind, issuing.name) in ("Running", "Succeeded"), "it is recorded"
        begun = time.monotonic()
        name, server = world.act(RESET, state="Active")
        world.until(lambda: bool(world.cloud.accepted(server)), seconds=60, what="the new one acts")
        assert time.monotonic() - begun < TAKE_OVER
    for one in (running, waiting, suspended, issuing, Held(RESET, name, server)):
        world.until_phase(one.kind, one.name, "Succeeded")
    for phase, one in {
        "Running": running,
        "AwaitingDecision": waiting,
        "Suspended": suspended,
        "Issuing": issuing,
    }.items():
        assert world.cloud.accepted(one.server) == PHASES[phase].posts
    assert world.cloud.accepted(server) == ["os-resetState"]
    assert all(each.startswith(new.name) for each in lease_board.holders(world).values())
