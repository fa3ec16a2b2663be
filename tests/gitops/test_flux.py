"""What Flux has and Argo CD has not: it names the object that failed, and it waits for health
before it heeds the next commit, unless it is told otherwise.
"""

from pathlib import Path

import pytest

from assembled import Assembled
from gitops.engine import Verdict
from gitops.flux import Flux, Kustomization
from gitops.scene import METHOD, new_name, pruned_while_it_ran
from phases import LIVE


@pytest.fixture
def followed(flux: Flux, tmp_path: Path) -> Kustomization:
    """A repository without any action, and the Kustomization that follows it."""
    return flux.follow(tmp_path / "clone")


def test_flux_names_the_object_whose_action_failed(
    world: Assembled, followed: Kustomization, server: str
) -> None:
    name = new_name()
    world.cloud.driver.fail(METHOD, "NovaException", ["out of memory"], servers=[server])
    followed.repository.action(name, server)
    said = followed.until_ready(followed.push("move it"), Verdict.FAILED)
    assert said.reason == "HealthCheckFailed"
    assert f"{LIVE.name}/{world.namespace}/{name}" in said.message


def test_a_removal_is_heeded_at_once_where_flux_is_told_to_give_up_waiting(
    world: Assembled, flux: Flux, followed: Kustomization, server: str
) -> None:
    with flux.with_feature("CancelHealthCheckOnNewRevision"):
        pruned_while_it_ran(world, followed, server)
