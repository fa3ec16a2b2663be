"""A control plane without any definition, for a chart that brings its own, and a real helm."""

from collections.abc import Iterator

import pytest

from helm import Helm
from local_stack import stack
from local_stack.kubernetes import ControlPlane
from local_stack.progress import Silent


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[ControlPlane]:
    """An empty cluster."""
    with stack.running(progress=Silent(), with_openstack=False) as running:
        yield running.kubernetes


@pytest.fixture(scope="session")
def helm() -> Helm:
    """Return a helm."""
    return Helm()
