"""Flux, with what is shipped for it: an action from Git runs once, and Flux tells its true end.

Each test commits to a repository of its own, which is like the example in deploy/gitops/flux.
"""

import secrets
from pathlib import Path

import pytest

from assembled import Assembled
from gitops.flux import Flux, Followed
from gitops.scene import METHOD, let_it_look, message, new_name, sent, until_gone
from phases import LIVE


@pytest.fixture
def followed(flux: Flux, tmp_path: Path) -> Followed:
    """A repository without any action, and the Kustomization that follows it."""
    return flux.follow(tmp_path / "clone")


def test_a_commit_is_ready_when_nova_has_done_its_action_and_never_before(
    world: Assembled, followed: Followed, server: str
) -> None:
    name = new_name()
    followed.repository.action(name, server)
    with world.cloud.driver.held(METHOD, [server]):
        revision = followed.push("move it")
        with followed.watched(revision) as said:
            world.until_phase(LIVE, name, "Running")
            followed.until_checking()
            let_it_look(world)
            early = [one for one in said if one.status != "Unknown"]
    assert said, "the Kustomization was watched"
    assert early == []
    followed.until(revision, "True")
    assert world.phase(LIVE, name) == "Succeeded"
    assert world.cloud.accepted(server) == ["os-migrateLive"]


def test_a_commit_whose_action_fails_fails_and_flux_names_the_object(
    world: Assembled, followed: Followed, server: str
) -> None:
    name = new_name()
    world.cloud.driver.fail(METHOD, "NovaException", ["out of memory"], servers=[server])
    followed.repository.action(name, server)
    said = followed.until(followed.push("move it"), "False")
    assert said.reason == "HealthCheckFailed"
    assert f"{LIVE.name}/{world.namespace}/{name}" in said.message
    assert world.phase(LIVE, name) == "Failed"
    assert sent(world, server) == ["os-migrateLive"]


def test_what_is_applied_again_is_not_sent_again(
    world: Assembled, flux: Flux, followed: Followed, server: str
) -> None:
    name = new_name()
    followed.repository.action(name, server)
    followed.until(followed.push("move it"), "True")
    for _ in range(3):
        followed.reconcile()
    with flux.restarted():
        followed.reconcile()
    (followed.repository.clone / "NOTES").write_text("nothing of an action\n")
    followed.until(followed.push("another commit"), "True")
    assert sent(world, server) == ["os-migrateLive"]
    assert world.phase(LIVE, name) == "Succeeded"


def test_a_finished_action_stays_in_spite_of_its_ttl_as_flux_would_run_it_again(
    world: Assembled, followed: Followed, server: str
) -> None:
    name = new_name()
    followed.repository.action(name, server, ttlSecondsAfterFinished=1)
    followed.until(followed.push("move it"), "True")
    world.until(
        lambda: "Flux tracks this object" in message(world, name),
        seconds=90,
        what="the message says why it is kept",
    )
    followed.reconcile()
    assert world.phase(LIVE, name) == "Succeeded"
    assert sent(world, server) == ["os-migrateLive"]


def test_an_action_runs_again_under_a_new_name_and_the_old_one_is_pruned(
    world: Assembled, followed: Followed, server: str
) -> None:
    first, second = new_name(), new_name()
    followed.repository.action(first, server)
    followed.until(followed.push("move it"), "True")
    followed.repository.remove(first)
    followed.repository.action(second, server)
    followed.until(followed.push("move it again"), "True")
    until_gone(world, first)
    assert world.phase(LIVE, second) == "Succeeded"
    assert sent(world, server) == ["os-migrateLive"] * 2


def test_a_change_of_a_fixed_field_is_refused_and_nothing_is_sent(
    world: Assembled, followed: Followed, server: str
) -> None:
    name = new_name()
    followed.repository.action(name, server)
    followed.until(followed.push("move it"), "True")
    (other,) = world.cloud.boot(f"web-{secrets.token_hex(4)}")
    followed.repository.action(name, other)
    said = followed.until(followed.push("the other one, too"), "False")
    assert name in said.message
    assert "is fixed once the object exists" in said.message
    assert sent(world, other) == []
    assert sent(world, server) == ["os-migrateLive"]


def test_a_removal_is_heeded_at_once_where_flux_is_told_to_give_up_waiting(
    world: Assembled, flux: Flux, followed: Followed, server: str
) -> None:
    name = new_name()
    followed.repository.action(name, server)
    again = flux.restarted("CancelHealthCheckOnNewRevision")
    with again, world.cloud.driver.held(METHOD, [server]):
        followed.push("move it")
        world.until_phase(LIVE, name, "Running")
        followed.until_checking()
        followed.repository.remove(name)
        followed.until(followed.push("not wanted any more"), "True")
        until_gone(world, name)
    assert sent(world, server) == ["os-migrateLive"]
