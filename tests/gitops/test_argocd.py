"""What Argo CD has and Flux has not: a health of its own for what is held, and hooks."""

from pathlib import Path

import pytest

from assembled import Assembled
from gitops.argocd import Application, Argo
from gitops.engine import Verdict
from gitops.scene import METHOD, new_name, pruned_while_it_ran, sent
from phases import LIVE

HOOK = {"argocd.argoproj.io/hook": "Sync"}


@pytest.fixture
def followed(argo: Argo, tmp_path: Path) -> Application:
    """A repository without any action, and the Application that follows it."""
    return argo.follow(tmp_path / "clone")


def test_an_action_that_a_person_holds_is_suspended_and_self_heal_puts_back_what_git_says(
    world: Assembled, followed: Application, server: str
) -> None:
    name = new_name()
    followed.repository.action(name, server, suspend=True, ttlSecondsAfterFinished=500)
    followed.until_health(followed.push("prepare it"), "Suspended")
    world.edit(LIVE, name, ttlSecondsAfterFinished=77)
    world.until(
        lambda: world.read(LIVE, name)["spec"]["ttlSecondsAfterFinished"] == 500,
        seconds=60,
        what="Git's value is put back",
    )
    assert sent(world, server) == []
    followed.repository.action(name, server, suspend=False)
    followed.until(followed.push("go"), Verdict.DONE)
    assert sent(world, server) == ["os-migrateLive"]


def test_an_action_that_is_pruned_while_it_runs_goes_on_in_nova(
    world: Assembled, followed: Application, server: str
) -> None:
    pruned_while_it_ran(world, followed, server)


def test_a_named_hook_holds_its_sync_until_nova_is_done_and_runs_again_at_the_next(
    world: Assembled, followed: Application, server: str
) -> None:
    name = new_name()
    followed.repository.action(name, server, annotations=HOOK)
    followed.push("move it at each sync")
    with world.cloud.driver.held(METHOD, [server]):
        first = followed.sync()
        world.until_phase(LIVE, name, "Running")
        assert followed.syncing(first) == "Running"
    followed.until_synced(first, "Succeeded")
    assert sent(world, server) == ["os-migrateLive"]
    followed.until_synced(followed.sync(), "Succeeded")
    assert sent(world, server) == ["os-migrateLive"] * 2


def test_a_hook_whose_action_fails_fails_its_sync(
    world: Assembled, followed: Application, server: str
) -> None:
    name = new_name()
    world.cloud.driver.fail(METHOD, "NovaException", ["out of memory"], servers=[server])
    followed.repository.action(name, server, annotations=HOOK)
    followed.push("move it at each sync")
    followed.until_synced(followed.sync(), "Failed")
    assert world.phase(LIVE, name) == "Failed"
    assert sent(world, server) == ["os-migrateLive"]
