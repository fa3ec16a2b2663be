"""The Secret of an action changes, goes or is spoiled while the action is in flight: it is followed
on as soon as the Secret leads to the same cloud again, and never with credentials of another.
"""

import json
import secrets
from typing import Any

from administrator import SECRET
from assembled import Assembled
from serveractions.api.kinds import BY_NAME
from side_by_side import SideBySide

COLD, RESET = BY_NAME["ServerMigration"], BY_NAME["ServerStateReset"]
TOGETHER = SideBySide()

DAMAGES = ["deleted", "without-the-key", "no-yaml", "wrong-password", "nowhere"]


def clouds(world: Assembled) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(world.cloud.clouds_yaml())["clouds"]
    return found


def damage(world: Assembled, name: str, how: str) -> None:
    """Spoil a Secret."""
    cloud = clouds(world)["admin"]
    match how:
        case "deleted":
            world.delete_secret(name)
            return
        case "without-the-key":
            world.delete_secret(name)
            world.create_secret(name, {"clouds.yml": "{}"})
            return
        case "no-yaml":
            text = "clouds: ["
        case "wrong-password":
            cloud["auth"]["password"] = "wrong"
            text = json.dumps({"clouds": {"admin": cloud}})
        case "nowhere":
            cloud["auth"]["auth_url"] = "http://127.0.0.1:1/v3"
            text = json.dumps({"clouds": {"admin": cloud}})
    world.change_secret(name, {"clouds.yaml": text})


def mend(world: Assembled, name: str, how: str) -> None:
    """Make a Secret good again."""
    good = {"clouds.yaml": world.cloud.clouds_yaml()}
    if how == "deleted":
        world.create_secret(name, good)
    else:
        world.change_secret(name, good)


@TOGETHER.each("how", DAMAGES)
def test_a_migration_whose_secret_is_spoiled_waits_for_a_good_one(
    world: Assembled, how: str
) -> None:
    secret = f"own-{secrets.token_hex(4)}"
    world.create_secret(secret, {"clouds.yaml": world.cloud.clouds_yaml()})
    name, server = world.act(
        COLD,
        confirmation="Manual",
        secret=secret,
    )
    world.until_phase(COLD, name, "AwaitingDecision")
    damage(world, secret, how)
    world.until(
        lambda: f"secret={secret}" in world.operator.log(),
        seconds=60,
        what="the operator finds it damaged",
    )
    world.edit(COLD, name, decision="Confirm")
    world.until(
        lambda: "confirmResize waits" in world.status(COLD, name)["message"],
        seconds=30,
        what="it says what it waits for",
    )
    status = world.status(COLD, name)
    assert status["phase"] in ("Running", "AwaitingDecision"), status
    assert world.cloud.accepted(server) == ["migrate"]

    mend(world, secret, how)
    world.until_phase(COLD, name, "Succeeded")
    assert world.cloud.accepted(server) == ["migrate", "confirmResize"]


@TOGETHER.test
def test_another_user_of_the_same_project_follows_what_was_sent(world: Assembled) -> None:
    secret = f"own-{secrets.token_hex(4)}"
    world.create_secret(secret, {"clouds.yaml": world.cloud.clouds_yaml()})
    name, server = world.act(
        BY_NAME["ServerLiveMigration"],
        secret=secret,
    )
    kind = BY_NAME["ServerLiveMigration"]
    world.until_phase(kind, name, "Running")
    manager = clouds(world)["manager"]
    world.change_secret(secret, {"clouds.yaml": json.dumps({"clouds": {"admin": manager}})})
    world.until_phase(kind, name, "Succeeded")
    assert world.cloud.accepted(server) == ["os-migrateLive"]


@TOGETHER.test
def test_an_action_waits_for_a_secret_that_comes_late(world: Assembled) -> None:
    secret = f"late-{secrets.token_hex(4)}"
    name, server = world.act(
        RESET,
        state="Active",
        secret=secret,
    )
    world.until(
        lambda: world.reason(RESET, name) == "WaitingForSecret", seconds=10, what="it says so"
    )
    # It holds up no other object on its server meanwhile.
    world.create(world.body(RESET, f"{name}-2", server, state="Active"))
    world.until_phase(RESET, f"{name}-2", "Succeeded")
    world.create_secret(secret, {"clouds.yaml": world.cloud.clouds_yaml()})
    world.until_phase(RESET, name, "Succeeded")
    assert world.cloud.accepted(server) == ["os-resetState", "os-resetState"]


@TOGETHER.test
def test_a_secret_that_is_wrong_before_anything_was_sent_is_an_end(world: Assembled) -> None:
    secret = f"own-{secrets.token_hex(4)}"
    world.create_secret(secret, {"clouds.yaml": "clouds: {admin: {auth: {}}}"})
    name, server = world.act(
        RESET,
        state="Active",
        secret=secret,
    )
    world.until_phase(RESET, name, "Failed")
    assert world.reason(RESET, name) == "InvalidConfiguration"
    world.change_secret(secret, {"clouds.yaml": world.cloud.clouds_yaml()})
    assert world.read(RESET, name)["spec"]["cloudCredentialsRef"]["secretName"] != SECRET
    assert world.cloud.accepted(server) == []
