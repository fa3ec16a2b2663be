"""What kinds need and send, and objects that stay in a phase for as long as a test wants to do
something to them there.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from administrator import Administrator
from assembled import Assembled
from fakes.proxy import Seen
from serveractions.api.kinds import BY_NAME, Kind

LIVE, COLD = BY_NAME["ServerLiveMigration"], BY_NAME["ServerMigration"]
RESET, PASSWORD = BY_NAME["ServerStateReset"], BY_NAME["ServerPasswordChange"]
BACKUP = BY_NAME["ServerBackup"]
OWN: dict[Kind, dict[str, Any]] = {
    RESET: {"state": "Active"},
    PASSWORD: {"passwordSecretRef": {"name": "password", "key": "password"}},
    BACKUP: {"backupType": "daily", "rotation": 2},
}
"""What kinds cannot do without; see `create_password` for the Secret."""
POSTS: dict[Kind, list[str]] = {
    RESET: ["os-resetState"],
    PASSWORD: ["changePassword"],
    LIVE: ["os-migrateLive"],
    COLD: ["migrate", "confirmResize"],
    BACKUP: ["createBackup"],
}
"""What Nova accepts of the kinds of which it keeps records, where nothing goes wrong."""


class Phase(NamedTuple):
    """How an object comes to stay in a phase, and what Nova accepts of it in the end."""

    kind: Kind
    spec: dict[str, Any]
    posts: list[str]


PHASES = {
    "Suspended": Phase(RESET, {"suspend": True}, ["os-resetState"]),
    "Issuing": Phase(PASSWORD, {}, ["changePassword"]),
    "Running": Phase(LIVE, {}, ["os-migrateLive"]),
    "AwaitingDecision": Phase(COLD, {"confirmation": "Manual"}, ["migrate", "confirmResize"]),
    "Succeeded": Phase(RESET, {}, ["os-resetState"]),
}


def create_password(world: Assembled) -> None:
    """Create the Secret that password changes name."""
    usable = {"serveractions.dev/usable-as": "password"}
    world.create_secret("password", {"password": "a-new-password"}, label=usable)


class Held(NamedTuple):
    """An object in a phase."""

    kind: Kind
    name: str
    server: str


@contextmanager
def held(
    world: Assembled, phase: str, *, by: Administrator | None = None, go_on: bool = True
) -> Iterator[Held]:
    """Create an object for a new server and hold it in a phase until the context is left.

    Args:
        world: Where.
        phase: One of `PHASES`.
        by: Who creates it, for another namespace.
        go_on: Give it then what it needs to come to a good end.
    """
    kind, spec, _ = PHASES[phase]
    author = by or world
    name = f"{kind.short}-{secrets.token_hex(4)}"
    (server,) = world.cloud.boot(name)
    with _nova_waits(world, phase, server):
        author.create(author.body(kind, name, server, **OWN.get(kind, {}), **spec))
        author.until_phase(kind, name, phase)
        if phase == "Issuing":
            world.until(
                lambda: bool(world.cloud.accepted(server)), seconds=60, what="the request arrives"
            )
        yield Held(kind, name, server)
    if go_on and phase == "Suspended":
        author.edit(kind, name, suspend=False)
    if go_on and phase == "AwaitingDecision":
        author.edit(kind, name, decision="Confirm")


def moves(name: str, phase: str) -> Callable[[Seen], bool]:
    """Choose the write that moves the status of an object to a phase, as a proxy sees it."""

    def is_it(seen: Seen) -> bool:
        is_status = seen.method == "PATCH" and f"/{name}/status?" in seen.path
        return is_status and seen.json["status"].get("phase") == phase

    return is_it


@contextmanager
def _nova_waits(world: Assembled, phase: str, server: str) -> Iterator[None]:
    """Have Nova not answer, or not come to an end."""
    match phase:
        case "Issuing":
            match = {"server_id": server, "method": "POST"}
            late = world.cloud.fault("late-reply", match, seconds=None)
            try:
                yield
            finally:
                world.cloud.release(late)
        case "Running":
            with world.cloud.driver.held("live_migration", [server]):
                yield
        case _:
            yield
