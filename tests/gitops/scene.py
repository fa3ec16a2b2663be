"""What the tests of both engines do: name an action, see what was sent, ask a program."""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests

from assembled import Assembled
from gitops.engine import SYNC_WITHIN, Followed, Verdict
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


def pruned_while_it_ran(world: Assembled, followed: Followed, server: str) -> None:
    """Remove the manifest of a running action; show that the object goes and Nova goes on."""
    name = new_name()
    followed.repository.action(name, server)
    with world.cloud.driver.held(METHOD, [server]):
        revision = followed.push("move it")
        world.until_phase(LIVE, name, "Running")
        followed.until_waiting(revision)
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


def until_said(
    world: Assembled, done: Callable[[], bool], *, what: str, of: Callable[[], dict[str, Any]]
) -> None:
    """Wait for what an object of an engine says; where it never does, show what it says instead.

    Args:
        world: Where.
        done: Whether it says so.
        what: In words.
        of: Reads the object.
    """
    try:
        world.until(done, seconds=SYNC_WITHIN, what=what)
    except AssertionError as error:
        raise AssertionError(f"{error}; it says {of().get('status')}") from None


@contextmanager
def collected(
    world: Assembled, url: str, name: str, verdict: Callable[[dict[str, Any]], Verdict]
) -> Iterator[list[Verdict]]:
    """Collect what an object says, in each of its versions, until the context is left.

    Args:
        world: Where.
        url: Of its kind in its namespace.
        name: Of the object.
        verdict: Reads it out of a version.
    """
    parameters = {"watch": "1", "fieldSelector": f"metadata.name={name}"}
    said = list[Verdict]()
    with world.session.get(url, params=parameters, stream=True, timeout=(30, 600)) as stream:
        lines = stream.iter_lines()
        said.append(verdict(json.loads(next(lines))["object"]))
        yield said
        now = world.session.get(f"{url}/{name}", timeout=30).json()
        for line in lines:
            body = json.loads(line)["object"]
            said.append(verdict(body))
            if body["metadata"]["resourceVersion"] == now["metadata"]["resourceVersion"]:
                break
