"""A thousand actions while processes are hurt, the cloud errs, the API server restarts, people
change their minds and another user acts on the same servers: each is sent at most once, and each
object says what the cloud shows.

`--chaos-seed` brings the dice of an earlier run back; `--chaos-actions` and the like make it short.
"""

import asyncio
import json
import secrets

import pytest

from chaos import reports
from chaos.soak import Plan, Soaked, report, soak
from local_stack.kubernetes import ControlPlane


@pytest.fixture(scope="module")
def soaked(
    kubernetes: ControlPlane,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Soaked:
    """All of it, once."""
    option = request.config.getoption
    seed = option("--chaos-seed")
    plan = Plan(
        seed=secrets.randbelow(1_000_000) if seed is None else seed,
        **{name: option(f"--chaos-{name}") for name in ("actions", "servers", "hurts", "faults")},
    )
    directory = tmp_path_factory.mktemp("soak")
    done = asyncio.run(soak(kubernetes, directory, plan))
    reports.leave(request.config, "soak", report(done))
    if done.evidence:
        (directory / "evidence.json").write_text(json.dumps(done.evidence, indent=1))
        reports.leave(request.config, "evidence", f"of each finding, beside the logs: {directory}")
    return done


pytestmark = pytest.mark.timeout(3600)


def test_enough_went_wrong(soaked: Soaked) -> None:
    plan = soaked.plan
    assert len(soaked.told) == plan.actions
    assert soaked.hurts.all >= plan.hurts
    assert sum(soaked.injected.values()) >= plan.faults


def test_nothing_is_sent_twice_nothing_is_lost_and_no_outcome_is_wrong(soaked: Soaked) -> None:
    assert not soaked.findings, "\n" + "\n".join(map(str, soaked.findings))


def test_every_process_ends_as_it_should_and_none_complains(soaked: Soaked) -> None:
    assert not soaked.disorders, "\n" + "\n".join(soaked.disorders)
