"""A control plane without any definition, for a chart that brings its own, and a real helm."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chart.values import Write
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


@pytest.fixture
def values(tmp_path: Path) -> Write:
    """Return what writes values into a file."""
    return Write(tmp_path / "values.yaml")
