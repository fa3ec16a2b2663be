"""Argo CD, with what is shipped for it: an action from Git runs once, and its health is the truth.

Each test commits to a repository of its own, which is like the example in deploy/gitops/argocd.
"""

from pathlib import Path

import pytest

from assembled import Assembled
from gitops.argocd import Argo, Followed
from gitops.scene import METHOD, let_it_look, message, new_name, sent, until_gone
from phases import LIVE


@pytest.fixture
def followed(argo: Argo, tmp_path: Path) -> Followed:
    """A repository without any action, and the Application that follows it."""
    return argo.follow(tmp_path / "clone")


def test_an_application_is_healthy_when_nova_has_done_its_action_and_never_before(
    world: Assembled, followed: Followed, server: str
) -> None:
    name = new_name()
    followed.repository.action(name, server)
    with world.cloud.driver.held(METHOD, [server]), followed.watched() as said:
        revision = followed.push("move it")
        world.until_phase(LIVE, name, "Running")
        followed.until(revision, "Progressing")
        let_it_look(world)
        followed.refresh()
    of_it = [each for each in said if each.revision == revision and each.sync == "Synced"]
    assert {each.health for each in of_it} == {"Progressing"}
    followed.until(revision, "Healthy")
    assert world.phase(LIVE, name) == "Succeeded"
    assert world.cloud.accepted(server) == ["os-migrateLive"]


def test_an_action_that_fails_makes_its_application_degraded(
    world: Assembled, followed: Followed, server: str
) -> None:
    name = new_name()
    world.cloud.driver.fail(METHOD, "NovaException", ["out of memory"], servers=[server])
    followed.repository.action(name, server)
    followed.until(followed.push("move it"), "Degraded")
    assert world.phase(LIVE, name) == "Failed"
    assert sent(world, server) == ["os-migrateLive"]


def test_an_action_that_a_person_holds_is_suspended_and_self_heal_puts_back_what_git_says(
    world: Assembled, followed: Followed, server: str
) -> None:
    name = new_name()
    followed.repository.action(name, server, suspend=True, ttlSecondsAfterFinished=500)
    revision = followed.push("prepare it")
    followed.until(revision, "Suspended")
    world.edit(LIVE, name, ttlSecondsAfterFinished=77)
    world.until(
        lambda: world.read(LIVE, name)["spec"]["ttlSecondsAfterFinished"] == 500,
        seconds=60,
        what="Git's value is put back",
    )
    assert sent(world, server) == []
    followed.repository.action(name, server, suspend=False)
    followed.until(followed.push("go"), "Healthy")
    assert sent(world, server) == ["os-migrateLive"]


def test_what_is_synced_again_is_not_sent_again(
    world: Assembled, argo: Argo, followed: Followed, server: str
) -> None:
    name = new_name()
    followed.repository.action(name, server)
    followed.until(followed.push("move it"), "Healthy")
    for _ in range(2):
        followed.sync()
    with argo.restarted():
        pass
    followed.sync()
    (followed.repository.clone / "actions" / "README").write_text("Nothing of an action.\n")
    followed.until(followed.push("another commit"), "Healthy")
    assert sent(world, server) == ["os-migrateLive"]
    assert world.phase(LIVE, name) == "Succeeded"


def test_a_finished_action_stays_in_spite_of_its_ttl_as_argo_would_run_it_again(
    world: Assembled, followed: Followed, server: str
) -> None:
    name = new_name()
    followed.repository.action(name, server, ttlSecondsAfterFinished=1)
    revision = followed.push("move it")
    followed.until(revision, "Healthy")
    world.until(
        lambda: "Argo CD tracks this object" in message(world, name),
        seconds=90,
        what="the message says why it is kept",
    )
    followed.refresh()
    followed.until(revision, "Healthy")
    assert sent(world, server) == ["os-migrateLive"]


def test_an_action_runs_again_under_a_new_name_and_the_old_one_is_pruned(
    world: Assembled, followed: Followed, server: str
) -> None:
    first, second = new_name(), new_name()
    followed.repository.action(first, server)
    followed.until(followed.push("move it"), "Healthy")
    followed.repository.remove(first)
    followed.repository.action(second, server)
    followed.until(followed.push("move it again"), "Healthy")
    until_gone(world, first)
    assert world.phase(LIVE, second) == "Succeeded"
    assert sent(world, server) == ["os-migrateLive"] * 2
