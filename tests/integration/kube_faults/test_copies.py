"""Objects that are not what they seem: namesakes, restored copies, objects that are on their way
out. Each object sends its action once at most, and none sends another one's.
"""

from typing import Any

from administrator import Administrator
from assembled import Assembled
from phases import COLD, LIVE, PHASES, RESET, held
from serveractions.api.kinds import Kind
from side_by_side import SideBySide

FOREIGN = "example.com/somebody-else"
TOGETHER = SideBySide()


def as_backed_up(body: dict[str, Any], *, name: str = "", marked: bool = True) -> dict[str, Any]:
    """Return an object as a backup keeps it: what the API server gives is left out."""
    kept = ("namespace", "name", *(["annotations"] if marked else []))
    metadata = {key: value for key, value in body["metadata"].items() if key in kept}
    return {**body, "metadata": {**metadata, "name": name or metadata["name"]}}


def restore_status(world: Administrator, kind: Kind, backup: dict[str, Any]) -> None:
    """Put a status back, as a restore with statuses does."""
    world.patch(
        kind, backup["metadata"]["name"], {"status": backup["status"]}, subresource="status"
    )


@TOGETHER.each("phase", ["Issuing", "Running"])
def test_a_namesake_made_anew_in_flight_is_an_object_of_its_own(
    world: Assembled, phase: str
) -> None:
    with held(world, phase) as (kind, name, server):
        first = world.read(kind, name)
        world.delete(kind, name)
        world.create(as_backed_up(first, marked=False))
    world.until_phase(kind, name, "Succeeded")
    second = world.read(kind, name)
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    assert second["status"]["requestId"] != first["status"].get("requestId")
    assert world.cloud.accepted(server) == 2 * PHASES[phase].posts
    world.until(
        lambda: "LeftRunning" in [reason for reason, _ in world.events(name)],
        seconds=30,
        what="an Event says what goes on",
    )


@TOGETHER.each("status", ["without-its-status", "with-its-status"])
def test_a_restored_copy_with_the_mark_does_not_run(world: Assembled, status: str) -> None:
    name, server = world.act(COLD, confirmation="Manual")
    world.until_phase(COLD, name, "AwaitingDecision")
    backup = as_backed_up(world.read(COLD, name), name=f"{name}-copy")
    world.create(backup)
    if status == "with-its-status":
        restore_status(world, COLD, backup)
    world.until_phase(COLD, f"{name}-copy", "Failed")
    assert world.reason(COLD, f"{name}-copy") == "RestoredCopy"
    world.edit(COLD, name, decision="Revert")
    world.until_phase(COLD, name, "Cancelled")
    assert world.cloud.accepted(server) == ["migrate", "revertResize"]


@TOGETHER.test
def test_an_object_that_is_restored_in_place_of_its_original_does_not_run(
    world: Assembled,
) -> None:
    name, server = world.act(RESET, state="Active")
    world.until_phase(RESET, name, "Succeeded")
    backup = as_backed_up(world.read(RESET, name))
    world.delete(RESET, name)
    world.create(backup)
    world.until_phase(RESET, name, "Failed")
    assert world.reason(RESET, name) == "RestoredCopy"
    assert world.cloud.accepted(server) == ["os-resetState"]


@TOGETHER.test
def test_a_copy_without_the_mark_is_a_new_object_and_runs_once(world: Assembled) -> None:
    name, server = world.act(RESET, state="Active")
    world.until_phase(RESET, name, "Succeeded")
    backup = as_backed_up(world.read(RESET, name), marked=False)
    world.delete(RESET, name)
    world.create(backup)
    world.until_phase(RESET, name, "Succeeded")
    assert world.cloud.accepted(server) == ["os-resetState", "os-resetState"]


@TOGETHER.each("phase", ["Running", "AwaitingDecision"])
def test_somebody_elses_finalizer_keeps_an_object_and_it_is_followed_to_its_end(
    world: Assembled, phase: str
) -> None:
    with held(world, phase) as (kind, name, server):
        world.patch(kind, name, {"metadata": {"finalizers": [FOREIGN]}})
        world.delete(kind, name)
        assert world.read(kind, name)["metadata"]["deletionTimestamp"]
    world.until_phase(kind, name, "Succeeded")
    world.patch(kind, name, {"metadata": {"finalizers": None}})
    world.until(lambda: not world.read(kind, name), seconds=30, what="the object goes")
    assert world.cloud.accepted(server) == PHASES[phase].posts


@TOGETHER.test
def test_what_somebody_elses_finalizer_keeps_is_not_sent_and_holds_up_nobody(
    world: Assembled,
) -> None:
    with held(world, "Suspended") as (kind, name, server):
        world.patch(kind, name, {"metadata": {"finalizers": [FOREIGN]}})
        world.delete(kind, name)
    world.create(world.body(kind, f"{name}-2", server, state="Active"))
    world.until_phase(kind, f"{name}-2", "Succeeded")
    assert world.phase(kind, name) == "Suspended"
    world.patch(kind, name, {"metadata": {"finalizers": None}})
    world.until(lambda: not world.read(kind, name), seconds=30, what="the object goes")
    assert world.cloud.accepted(server) == ["os-resetState"]


@TOGETHER.test
def test_a_namespace_may_go_with_actions_in_flight(world: Assembled) -> None:
    (tenant,) = world.neighbours
    doomed = tenant.namespace
    with (
        held(world, "Running", by=tenant, go_on=False) as (_, running, moving),
        held(world, "Suspended", by=tenant, go_on=False) as (_, _, guest),
    ):
        world.kubernetes.kubectl("delete", "namespace", doomed, "--wait=false")
        world.until(lambda: not tenant.read(LIVE, running), seconds=60, what="the objects go")
        world.until(
            lambda: (
                not world.kubernetes.kubectl(
                    "get", "namespace", doomed, "--ignore-not-found", "-o", "name"
                )
            ),
            seconds=60,
            what="the namespace goes",
        )
        assert world.cloud.accepted(moving) == ["os-migrateLive"]
        assert world.cloud.accepted(guest) == []
    # The operator is none the worse for it: a neighbour's action on the same server goes on.
    world.create(world.body(RESET, f"{running}-after", moving, state="Active"))
    world.until_phase(RESET, f"{running}-after", "Succeeded")
