"""Finished objects: their time to live, and specs that change after the end."""

import asyncio
from typing import Any

import pytest

from fakes.faults import Faults
from fakes.ports import FakeObjects
from fakes.world import World
from serveractions.api.limits import MESSAGE
from serveractions.api.resource import Key
from serveractions.core.errors import ApiUnavailable
from serveractions.core.sweep import Sweep

TRACKED = {"argocd.argoproj.io/tracking-id": "app:serveractions.dev/ServerBackup:default/one"}


async def finished(world: World, name: str = "one", **spec: Any) -> Key:
    key = world.create("ServerBackup", name, cancel=True, **spec)
    if not world.processes:
        await world.process(poll=None)
    await world.until_finished(key)
    return key


def a_sweep(world: World, faults: Faults | None = None) -> Sweep:
    return Sweep(objects=FakeObjects(world.store, faults or Faults()), clock=world.clock)


def names(world: World) -> set[str]:
    return {resource.name for resource in world.store.all()}


async def test_an_object_is_deleted_when_its_time_to_live_has_passed_and_not_before(
    world: World,
) -> None:
    await finished(world, ttlSecondsAfterFinished=100)
    await asyncio.sleep(90)
    await a_sweep(world).run_once()
    assert names(world) == {"one"}

    await asyncio.sleep(11)
    await a_sweep(world).run_once()

    assert names(world) == set()


async def test_an_object_without_a_time_to_live_is_kept(world: World) -> None:
    await finished(world)
    await asyncio.sleep(10**6)
    before = len(world.store.writes)

    await a_sweep(world).run_once()

    assert names(world) == {"one"}
    assert len(world.store.writes) == before


async def test_an_operator_that_may_delete_nothing_keeps_the_object_and_says_so_once(
    world: World,
) -> None:
    key = await finished(world, ttlSecondsAfterFinished=0)
    await asyncio.sleep(1)
    sweep = Sweep(
        objects=FakeObjects(world.store, Faults()), clock=world.clock, delete_finished=False
    )

    await sweep.run_once()

    told = world.store.get(key).status.message or ""
    assert told.endswith(
        "; ttlSecondsAfterFinished is ignored: this operator is told to delete nothing "
        "(delete_finished)"
    )
    writes = len(world.store.writes)
    await sweep.run_once()
    assert len(world.store.writes) == writes
    assert names(world) == {"one"}


async def test_unfinished_objects_are_left_alone(world: World) -> None:
    world.create("ServerBackup", ttlSecondsAfterFinished=0, suspend=True)

    await a_sweep(world).run_once()

    assert names(world) == {"one"}
    assert world.store.writes == []


@pytest.mark.parametrize(
    "tracked",
    [
        {"annotations": TRACKED},
        {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}},
        {"labels": {"helm.toolkit.fluxcd.io/name": "apps"}},
        {"annotations": {"meta.helm.sh/release-name": "apps"}},
    ],
    ids=["Argo CD", "Flux", "Flux Helm", "Helm"],
)
async def test_what_a_gitops_tool_tracks_is_kept_and_says_why_once(
    world: World, tracked: dict[str, Any]
) -> None:
    key = await finished(world, ttlSecondsAfterFinished=1, **tracked)
    await asyncio.sleep(5)
    await a_sweep(world).run_once()
    message = world.status(key).message or ""
    assert "ttlSecondsAfterFinished is ignored" in message
    assert "run the action again" in message
    writes = len(world.store.writes)

    await a_sweep(world).run_once()

    assert len(world.store.writes) == writes
    assert world.status(key).phase == "Cancelled"


async def test_the_note_fits_onto_the_longest_message_and_is_written_once(world: World) -> None:
    key = await finished(world, ttlSecondsAfterFinished=1, annotations=TRACKED)
    resource = world.resource(key)
    long = resource.status.model_copy(update={"message": "x" * MESSAGE})
    world.store.write_status(resource, long)
    await asyncio.sleep(5)
    for _ in range(3):
        await a_sweep(world).run_once()
    writes = len(world.store.writes)

    await a_sweep(world).run_once()

    assert len(world.store.writes) == writes
    assert (world.status(key).message or "").endswith("run the action again")


async def test_a_spec_that_changes_after_the_end_is_acknowledged_and_changes_nothing_else(
    world: World,
) -> None:
    key = await finished(world)
    before = world.status(key)
    world.store.edit(key, cancel=False)

    await a_sweep(world).run_once()

    after = world.status(key)
    assert after.observed_generation == 2
    assert {each.observed_generation for each in after.conditions} == {2}
    undone = {"observed_generation": 1, "conditions": before.conditions}
    assert after.model_copy(update=undone) == before
    assert world.nova.arrived == []


async def test_a_time_to_live_that_is_set_after_the_end_counts_from_the_end(world: World) -> None:
    key = await finished(world)
    await asyncio.sleep(100)
    world.store.edit(key, ttlSecondsAfterFinished=50)

    await a_sweep(world).run_once()

    assert names(world) == set()


async def test_one_objects_fault_does_not_keep_the_others(world: World) -> None:
    for name in ("one", "two", "three"):
        await finished(world, name, ttlSecondsAfterFinished=1)
    await asyncio.sleep(5)
    faults = Faults()
    faults.plan("objects.delete", "before", ApiUnavailable("away"))

    await a_sweep(world, faults).run_once()

    assert names(world) == {"one"}


async def test_an_object_that_changes_under_the_sweep_is_left_for_the_next(world: World) -> None:
    key = await finished(world, ttlSecondsAfterFinished=1)
    await asyncio.sleep(5)
    faults = Faults()
    faults.plan("objects.delete", "before", lambda: world.store.edit(key, reason="kept after all"))
    await a_sweep(world, faults).run_once()
    assert names(world) == {"one"}

    await a_sweep(world).run_once()
    assert names(world) == set()


async def test_a_list_that_fails_does_not_end_the_sweep(world: World) -> None:
    faults = Faults()
    faults.plan("objects.finished", "before", ApiUnavailable("away"))

    await a_sweep(world, faults).run_once()


async def test_the_engine_sweeps_now_and_then(world: World) -> None:
    await finished(world, ttlSecondsAfterFinished=1)
    task = asyncio.create_task(world.processes[0].engine.sweep())
    await asyncio.sleep(130)
    task.cancel()

    assert names(world) == set()
