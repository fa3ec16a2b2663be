"""The API server goes away, comes back, refuses and cuts off: nothing is sent twice, nothing is
lost, and the operator goes on by itself.
"""

import pytest

from assembled import Assembled
from fakes.proxy import Fault, Proxy
from local_stack.kubernetes import ControlPlane
from phases import PHASES, RESET, held
from serveractions.api.kinds import KINDS

WATCHES = 2 * len(KINDS)
"""Of two namespaces."""


def test_an_outage_longer_than_the_leases_loses_no_action_in_flight(
    world: Assembled, kubernetes: ControlPlane
) -> None:
    operator = world.operator
    with held(world, "Running") as running, held(world, "AwaitingDecision") as waiting:
        with held(world, "Issuing") as issuing:
            lost = operator.log().count("a slot is not held any more")
            kubernetes.stop_apiserver()
        # What Nova answers now cannot be written down yet.
        try:
            world.until(
                lambda: operator.log().count("a slot is not held any more") == lost + 2,
                seconds=60,
                what="both Leases run out",
            )
            assert operator.probe("livez") == (200, "ok\n")
        finally:
            kubernetes.start_apiserver()
    for phase, one in {
        "Running": running,
        "AwaitingDecision": waiting,
        "Issuing": issuing,
    }.items():
        world.until_phase(one.kind, one.name, "Succeeded")
        assert world.cloud.accepted(one.server) == PHASES[phase].posts
        assert world.status(one.kind, one.name).get("attempts", 0) == 0


@pytest.mark.parametrize("answer", [401, 503])
def test_watches_that_are_refused_for_a_while_come_back(
    world: Assembled, proxy: Proxy, answer: int | None
) -> None:
    operator = world.operator
    world.until(lambda: proxy.watches() == WATCHES, seconds=60, what="all kinds are watched")
    refused = Fault(on=lambda seen: "watch=true" in seen.path, answer=answer, times=3)
    with proxy.having(refused):
        assert proxy.cut(watches_only=True) == WATCHES
        world.until(lambda: len(refused.hits) == 3, seconds=60, what="the watches come again")
    name, server = world.act(RESET, state="Active")
    world.until_phase(RESET, name, "Succeeded")
    assert world.cloud.accepted(server) == ["os-resetState"]
    assert operator.running, "it is the same process"
