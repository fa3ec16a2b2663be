"""What these tests share: one operator that sees the API server through a proxy, with short times.

The times are short so that a wait is over soon. What is promised does not depend on them: they are
compared with each other, and each keeps its distance to the others.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import assembled
from assembled import Assembled
from fakes.proxy import Proxy
from kube_world import new_namespace
from local_stack.kubernetes import ControlPlane
from phases import create_password
from side_by_side import Running, SideBySide, running

HERE = Path(__file__).parent
SETTINGS = {
    "slots": "2",
    "lease-duration": "6",
    "lease-renew": "1.5",
    "claim-bound": "15",
    "post-deadline": "30",
    "proxy-lifetime": "2",
    "read-timeout": "10",
    "poll-interval": "1",
    "poll-interval-urgent": "0.5",
    "retry-interval": "1",
    "progress-interval": "2",
    "sweep-interval": "1",
}
PACE = {"live-migration": "1", "cold-migration": "0.5", "backup": "0.5", "confirm": "0.2"}


@pytest.fixture(scope="package")
def proxy(kubernetes: ControlPlane) -> Iterator[Proxy]:
    with assembled.behind_a_proxy(kubernetes) as proxy:
        yield proxy


@pytest.fixture(scope="package")
def doomed(kubernetes: ControlPlane) -> str:
    """A namespace that will be deleted."""
    return new_namespace(kubernetes)


@pytest.fixture(scope="package")
def world(kubernetes: ControlPlane, proxy: Proxy, doomed: str) -> Iterator[Assembled]:
    """One operator, behind the proxy."""
    with assembled.prepared(
        kubernetes,
        name="faults",
        settings=SETTINGS,
        pace=PACE,
        proxy=proxy,
        namespaces=[doomed],
    ) as world:
        create_password(world)
        world.start()
        yield world


@pytest.fixture(scope="package")
def side_by_side(request: pytest.FixtureRequest, world: Assembled) -> Iterator[Running]:
    """The results of all tests here that run side by side; the first that asks starts them.

    Those that take the API server or the definitions away come before them or after them.
    """
    work: dict[str, Callable[[Assembled], None]] = {}
    items = [item for item in request.session.items if item.path.parent == HERE]
    for module in dict.fromkeys(item.getparent(pytest.Module).obj for item in items):
        together: SideBySide = getattr(module, "TOGETHER", SideBySide())
        work |= together.chosen({item.name for item in items})
    with running(world, work) as results:
        yield results
