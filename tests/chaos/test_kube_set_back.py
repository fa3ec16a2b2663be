"""etcd is set back to a snapshot from before the claims, as by restoring a backup of a cluster:
what Nova has on record is not sent a second time, and a person is told.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

import assembled
from assembled import Assembled
from local_stack import stack
from local_stack.kubernetes import ControlPlane
from local_stack.progress import Silent
from phases import OWN, POSTS, RESET, create_password

CRDS = Path(__file__).parents[2] / "crds"
SETTINGS = {"poll-interval": "1", "poll-interval-urgent": "0.5", "retry-interval": "1"}
PACE = {"live-migration": "1", "cold-migration": "0.6", "backup": "0.6"}


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    """A control plane that nobody else uses: its history is going to be rewritten."""
    with stack.running(progress=Silent(), with_openstack=False, crds=[CRDS]) as running:
        yield running.kubernetes


@pytest.fixture
def world(plane: ControlPlane) -> Iterator[Assembled]:
    with assembled.prepared(plane, name="set-back", settings=SETTINGS, pace=PACE) as world:
        create_password(world)
        yield world


@pytest.mark.parametrize("operator", ["restarted", "alive"])
def test_what_was_sent_before_etcd_was_set_back_is_not_sent_again(
    world: Assembled, plane: ControlPlane, tmp_path: Path, operator: str
) -> None:
    world.start("before")
    # Not injectNetworkInfo: Nova keeps no record of it, so it would be sent again.
    names = {f"{kind.short}-1": kind for kind in POSTS}
    servers = dict(zip(names, world.cloud.boot(*names), strict=True))
    for name, kind in names.items():
        own = OWN.get(kind, {})
        world.create(world.body(kind, name, servers[name], suspend=True, **own))
        world.until_phase(kind, name, "Suspended")
    plane.snapshot(tmp_path / "snapshot")

    for name, kind in names.items():
        world.edit(kind, name, suspend=False)
    for name, kind in names.items():
        world.until_phase(kind, name, "Succeeded")
    if operator == "restarted":
        world.operator.stop()
    else:
        world.operator.supervisor.expect_end(world.operator.name)
    plane.restore(tmp_path / "snapshot")
    assert {world.phase(kind, name) for name, kind in names.items()} == {"Suspended"}
    if operator == "alive":  # its watches would wait in silence for versions that were there before
        assert world.operator.ended(seconds=120) == 1
        assert "etcd was set back" in world.operator.log().splitlines()[-1]
    world.start("after")  # as Kubernetes does

    for name, kind in names.items():
        world.edit(kind, name, suspend=False)
    for name, kind in names.items():
        world.until_phase(kind, name, "Failed", "Succeeded", "Cancelled", seconds=240)
        assert world.reason(kind, name) == "OutcomeUnknown", world.status(kind, name)["message"]
    # Whatever is new is served as ever.
    again, guest = world.act(RESET, state="Active")
    world.until_phase(RESET, again, "Succeeded")
    assert {name: world.cloud.accepted(servers[name]) for name in names} == {
        name: POSTS[kind] for name, kind in names.items()
    }
    assert world.cloud.accepted(guest) == ["os-resetState"]
