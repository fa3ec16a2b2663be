"""Argo CD and Flux, each with what is shipped for it: an action from Git runs once, and what the
engine says of it is the truth.

Each test commits to a repository of its own, which is like the example of its engine.
"""

import secrets
from pathlib import Path

import pytest

from assembled import Assembled
from gitops.engine import Engine, Followed, Verdict
from gitops.scene import METHOD, let_it_look, message, new_name, running, sent, until_gone
from phases import LIVE


@pytest.fixture
def followed(engine: Engine, tmp_path: Path) -> Followed:
    """A repository without any action, and what follows it."""
    return engine.follow(tmp_path / "clone")


def test_a_commit_is_healthy_when_nova_has_done_its_action_and_never_before(
    world: Assembled, followed: Followed, server: str
) -> None:
    name = new_name()
    followed.repository.action(name, server)
    with world.cloud.driver.held(METHOD, [server]), followed.watched() as versions:
        revision = followed.push("move it")
        world.until_phase(LIVE, name, "Running")
        followed.until_waiting(revision)
        let_it_look(world)
        followed.until_waiting(revision)
    assert {followed.verdict(each, revision) for each in versions} == {Verdict.WAITS}
    followed.until(revision, Verdict.DONE)
    assert world.phase(LIVE, name) == "Succeeded"
    assert world.cloud.accepted(server) == ["os-migrateLive"]


def test_a_commit_whose_action_fails_fails(
    world: Assembled, followed: Followed, server: str
) -> None:
    name = new_name()
    world.cloud.driver.fail(METHOD, "NovaException", ["out of memory"], servers=[server])
    followed.repository.action(name, server)
    followed.until(followed.push("move it"), Verdict.FAILED)
    assert world.phase(LIVE, name) == "Failed"
    assert sent(world, server) == ["os-migrateLive"]


def test_what_is_applied_again_is_not_sent_again(
    world: Assembled, engine: Engine, followed: Followed, server: str
) -> None:
    name = new_name()
    followed.repository.action(name, server)
    followed.until(followed.push("move it"), Verdict.DONE)
    for _ in range(3):
        followed.again()
    engine.restart()
    followed.again()
    (followed.repository.clone / "actions" / ".gitkeep").write_text("nothing of an action\n")
    followed.until(followed.push("another commit"), Verdict.DONE)
    assert sent(world, server) == ["os-migrateLive"]
    assert world.phase(LIVE, name) == "Succeeded"


def test_what_git_says_is_put_back_in_a_running_action_and_in_a_finished_one_and_nothing_is_sent(
    world: Assembled, followed: Followed, server: str
) -> None:
    def drift() -> None:
        world.edit(LIVE, name, suspend=True, ttlSecondsAfterFinished=77)

    def put_back() -> bool:
        spec = world.read(LIVE, name)["spec"]
        return (spec["suspend"], spec["ttlSecondsAfterFinished"]) == (False, 500)

    def until_put_back() -> None:
        followed.heal()
        world.until(put_back, seconds=60, what="what Git says is put back")
        followed.until(revision, Verdict.DONE)

    git = {"suspend": False, "ttlSecondsAfterFinished": 500}
    with running(world, followed, server, **git) as (name, revision):
        drift()
        let_it_look(world)
    followed.until(revision, Verdict.DONE)
    until_put_back()
    drift()
    until_put_back()
    assert world.phase(LIVE, name) == "Succeeded"
    assert sent(world, server) == ["os-migrateLive"]


def test_a_finished_action_stays_in_spite_of_its_ttl_as_it_would_be_applied_again(
    world: Assembled, engine: Engine, followed: Followed, server: str
) -> None:
    name = new_name()
    followed.repository.action(name, server, ttlSecondsAfterFinished=1)
    revision = followed.push("move it")
    followed.until(revision, Verdict.DONE)
    world.until(
        lambda: f"{engine.title} tracks this object" in message(world, name),
        seconds=90,
        what="the message says why it is kept",
    )
    followed.again()
    followed.until(revision, Verdict.DONE)
    assert world.phase(LIVE, name) == "Succeeded"
    assert sent(world, server) == ["os-migrateLive"]


def test_an_action_runs_again_under_a_new_name_and_the_old_one_is_pruned(
    world: Assembled, followed: Followed, server: str
) -> None:
    first, second = new_name(), new_name()
    followed.repository.action(first, server)
    followed.until(followed.push("move it"), Verdict.DONE)
    followed.repository.remove(first)
    followed.repository.action(second, server)
    followed.until(followed.push("move it again"), Verdict.DONE)
    until_gone(world, first)
    assert world.phase(LIVE, second) == "Succeeded"
    assert sent(world, server) == ["os-migrateLive"] * 2


def test_a_change_of_a_fixed_field_is_refused_and_nothing_is_sent(
    world: Assembled, followed: Followed, server: str
) -> None:
    name = new_name()
    followed.repository.action(name, server)
    followed.until(followed.push("move it"), Verdict.DONE)
    (other,) = world.cloud.boot(f"web-{secrets.token_hex(4)}")
    followed.repository.action(name, other)
    said = followed.until_refused(followed.push("the other one, too"))
    assert name in said
    assert "is fixed once the object exists" in said
    assert sent(world, other) == []
    assert sent(world, server) == ["os-migrateLive"]
