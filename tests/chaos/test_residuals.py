"""What the promise excepts is shown as it is; where a guard against it is promised, it holds."""

import asyncio
from pathlib import Path

import pytest

from chaos import reports, residuals
from chaos.residuals import RESIDUALS, Residual, Tried, accepted, sent
from chaos.stage import SETTINGS, stage
from chaos.victim import Run
from local_stack.kubernetes import ControlPlane

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def tried(
    kubernetes: ControlPlane,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Tried:
    """Every exception, with each life that it concerns."""
    done = asyncio.run(_try(kubernetes, tmp_path_factory.mktemp("residuals")))
    reports.leave(request.config, "what the promise excepts", residuals.report(done))
    return done


async def _try(kubernetes: ControlPlane, directory: Path) -> Tried:
    async with stage(kubernetes, directory) as made:
        return await residuals.try_all(made)


def recorded(runs: list[Run]) -> list[Run]:
    return [each for each in runs if each.life.kind != "ServerNetworkInjection"]


@pytest.mark.parametrize("residual", RESIDUALS, ids=lambda residual: residual.name)
def test_every_object_comes_to_an_end(tried: Tried, residual: Residual) -> None:
    assert tried[residual]
    assert all(each.told.status.get("completionTime") for each in tried[residual])


def test_what_a_proxy_sends_twice_was_sent_once_by_the_operator(tried: Tried) -> None:
    assert {sent(each) for each in tried[residuals.SENT_TWICE]} == {1}


def test_a_request_is_sent_again_only_when_the_promised_time_is_over(tried: Tried) -> None:
    wait = sum(float(SETTINGS[name]) for name in ("claim-bound", "post-deadline", "proxy-lifetime"))
    for each in recorded(tried[residuals.DELIVERED_LATE]):
        first, again = (one for one in each.account.sent if one.action == each.life.action)
        assert again.at - first.at >= wait - float(SETTINGS["claim-bound"])


def test_without_reissuing_nothing_is_ever_accepted_twice(tried: Tried) -> None:
    for each in tried[residuals.NOT_REISSUED]:
        assert (sent(each), accepted(each)) == (1, 1)
        assert each.told.unknown


def test_a_process_that_is_woken_behind_its_last_check_sends(tried: Tried) -> None:
    assert all(accepted(each) >= 1 for each in tried[residuals.WOKEN_LATE])


def test_nobody_knows_of_an_injection_that_was_marked_or_claimed_and_then_interrupted(
    tried: Tried,
) -> None:
    (marked,), (claimed,) = tried[residuals.NEVER_CLAIMED], tried[residuals.NEVER_RECORDED]
    assert marked.told.unknown
    assert claimed.told.unknown
    assert accepted(marked) == accepted(claimed) == 0
