"""The benchmark itself, with few actions: what it counts is what was done, and it does not rot."""

import pytest

from audit import Audit
from local_stack.kubernetes import ControlPlane
from scale.parts import burst, flight
from scale.stage import Stage

FEW = 10


@pytest.fixture(scope="module")
def stage(kubernetes: ControlPlane, audit: Audit) -> Stage:
    return Stage(kubernetes, audit, say=lambda _: None)


def test_a_burst_is_measured_beside_the_bare_loop(stage: Stage) -> None:
    found = burst.run(stage, FEW)
    assert found["posts"] == FEW
    assert found["kubernetes_writes_per_action"] == 4
    assert found["kopf_writes"] == 0
    assert found["wall_s"] > 0
    assert found["peer_bare_loop"]["wall_s"] > 0
    assert found["cpu_s"]["operator"] > 0
    assert found["cloud_busiest_per_s"] < found["cloud_ceiling_per_s"]


def test_migrations_in_flight_are_followed_and_counted(stage: Stage) -> None:
    found = flight.run(stage, FEW, 1.0)
    assert found["actions"] == FEW
    assert found["posts_per_action"] == 1
    assert found["reads_per_action"] > 0
    assert sum(found["requests"].values()) == round(found["reads_per_action"] * FEW)
    assert found["kubernetes_writes_per_action"] <= 4
    assert 0 < found["lag_p50_s"] <= found["lag_p99_s"]
    assert found["memory_in_flight_mib"] >= found["memory_idle_mib"] > 0
