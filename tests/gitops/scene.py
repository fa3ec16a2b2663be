"""What the tests of both engines do: name an action, see what was sent, ask a program."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from assembled import Assembled
from gitops.engine import Followed, Verdict
from phases import LIVE

METHOD = "live_migration"
LOOKS = 10
"""How often the operator asks the cloud until a test believes that nothing comes of it."""


def new_name() -> str:
    """Return a name that no other action has."""
    return f"move-{secrets.token_hex(4)}"


def sent(world: Assembled, server: str) -> list[str]:
    """Return the actions that were sent for a server, whatever came of them."""
    asked = world.cloud.requests()
    return [
        each["action"]
        for each in asked
        if each["family"] == "action" and each["server_id"] == server
    ]


def let_it_look(world: Assembled) -> None:
    """Wait until the operator has looked at the cloud a few more times."""

    def looks() -> int:
        return sum(1 for each in world.cloud.requests() if each["method"] == "GET")

    before = looks()
    world.until(lambda: looks() >= before + LOOKS, seconds=60, what="the operator looks")


def message(world: Assembled, name: str) -> str:
    """Return what an object says."""
    return str(world.status(LIVE, name).get("message", ""))


def until_gone(world: Assembled, name: str) -> None:
    """Wait until an object is deleted."""
    world.until(lambda: not world.read(LIVE, name), seconds=60, what=f"{name} is gone")


@contextmanager
def running(
    world: Assembled, followed: Followed, server: str, **spec: Any
) -> Iterator[tuple[str, str]]:
    """Have an action from Git run until the context is left; give its name and revision."""
    name = new_name()
    followed.repository.action(name, server, **spec)
    with world.cloud.driver.held(METHOD, [server]):
        revision = followed.push("move it")
        world.until_phase(LIVE, name, "Running")
        followed.until_waiting(revision)
        yield name, revision


def pruned_while_it_ran(world: Assembled, followed: Followed, server: str) -> None:
    """Remove the manifest of a running action; show that the object goes and Nova goes on."""
    with running(world, followed, server) as (name, _):
        followed.repository.remove(name)
        followed.until(followed.push("not wanted any more"), Verdict.DONE)
        until_gone(world, name)
        assert _migrations(world, server) == ["running"]
    world.until(
        lambda: _migrations(world, server) == ["completed"],
        seconds=60,
        what="Nova has moved the server",
    )
    assert sent(world, server) == ["os-migrateLive"]


def _migrations(world: Assembled, server: str) -> list[str]:
    """Return how each of a server's migrations stands in Nova."""
    known = world.cloud.ledger()["migrations"]
    return [each["status"] for each in known if each["server_id"] == server]


def answers(url: str) -> bool:
    """Say whether a program is ready."""
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy of the user's must not see loopback
            return session.get(url, timeout=2).ok
    except requests.RequestException:
        return False
