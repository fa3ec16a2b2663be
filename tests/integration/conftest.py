"""What the integration tests share: one real control plane for the whole session."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local_stack import stack
from local_stack.kubernetes import ControlPlane
from local_stack.progress import Silent

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[ControlPlane]:
    """A real kube-apiserver with the custom resource definitions of this checkout."""
    with stack.running(progress=Silent(), with_openstack=False, crds=[ROOT / "crds"]) as running:
        yield running.kubernetes
