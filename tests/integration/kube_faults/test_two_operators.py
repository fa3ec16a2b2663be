"""Two operators at once, and Leases that are lost in the middle of an action: one acts, and it acts
once.
"""

import time

import lease_board
from assembled import Assembled
from fakes.proxy import Fault, Proxy
from phases import PHASES, RESET, Held, held, moves

TAKE_OVER = 10.0
"""Seconds after a proper stop within which another process acts, as the front page says."""


def test_a_lease_that_is_stolen_after_the_claim_keeps_the_request_back(
    world: Assembled, proxy: Proxy
) -> None:
    name = "stolen-lease"
    (server,) = world.cloud.boot(name)
    late = Fault(on=moves(name, "Issuing"), reaches=True, truthful=True, gate=proxy.gate())
    lost = world.operator.log().count("a slot is not held any more")
    with proxy.having(late):
        world.create(world.body(RESET, name, server, state="Active"))
        world.until(lambda: len(late.hits) == 1, seconds=60, what="the claim")
        lease_board.steal(world)
        world.until(
            lambda: world.operator.log().count("a slot is not held any more") == lost + 2,
            seconds=60,
            what="the operator notices",
        )
        late.gate.open()
        world.until_phase(RESET, name, "Pending")
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
