"""One control plane with the CRDs of the engines, an operator and a fake cloud for all of it."""

import secrets
from collections.abc import Iterator

import pytest

import assembled
from assembled import Assembled
from control_plane import audit, kubernetes
from gitops.argocd import Argo, programs
from gitops.engine import Engine
from gitops.flux import Flux, controller
from local_stack.kubernetes import ControlPlane

__all__ = ["audit", "kubernetes"]


@pytest.fixture(scope="session")
def world(kubernetes: ControlPlane) -> Iterator[Assembled]:
    """The operator, quick to look, and a cloud whose migrations end when a test says so."""
    settings = {
        "poll-interval": "1",
        "poll-interval-urgent": "0.5",
        "retry-interval": "1",
        "sweep-interval": "2",  # what is changed in a finished object is observed then
    }
    with assembled.running(kubernetes, name="gitops", settings=settings) as world:
        yield world


@pytest.fixture(scope="session")
def flux(world: Assembled) -> Iterator[Flux]:
    """Flux's kustomize-controller beside it."""
    with controller(world) as flux:
        yield flux


@pytest.fixture(scope="session")
def argo(world: Assembled) -> Iterator[Argo]:
    """Argo CD beside it."""
    with programs(world) as argo:
        yield argo


@pytest.fixture(params=["argo", "flux"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """One after the other."""
    found: Engine = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def server(world: Assembled) -> str:
    """A server that nothing was done to."""
    (made,) = world.cloud.boot(f"web-{secrets.token_hex(4)}")
    return made
