"""One operator for all plays, and all plays that were chosen, begun at once."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import cast

import pytest

import assembled
from integration.cloud.scene import PACE, SETTINGS, Play, Plays, Scene
from local_stack.kubernetes import ControlPlane


@pytest.fixture(scope="package")
def plays(kubernetes: ControlPlane, request: pytest.FixtureRequest) -> Iterator[Plays]:
    chosen = [
        cast("Play", item.callspec.params["play"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and "plays" in item.fixturenames
    ]
    with (
        assembled.running(kubernetes, name="cloud", settings=SETTINGS, pace=PACE) as world,
        ExitStack() as others,
    ):
        begun = Plays(Scene(world, world.cloud, assembled.SECRET, others), chosen)
        yield begun
        begun.close()
