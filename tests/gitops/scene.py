"""What the tests of both engines do: name an action, see what was sent, ask a program."""

import secrets

import requests

from assembled import Assembled
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


def answers(url: str) -> bool:
    """Say whether a program is ready."""
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy of the user's must not see loopback
            return session.get(url, timeout=2).ok
    except requests.RequestException:
        return False
