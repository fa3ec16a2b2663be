"""Fixtures for tests on a real control plane: one for a whole session, and its own account of who
wrote what.

A conftest takes them by importing their names.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

import reasons_given
import secrecy
from audit import Audit
from local_stack import stack
from local_stack.kubernetes import ControlPlane
from local_stack.progress import Silent

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def audit(tmp_path_factory: pytest.TempPathFactory) -> Audit:
    """The audit log of the control plane."""
    return Audit(tmp_path_factory.mktemp("audit"))


@pytest.fixture(scope="session")
def kubernetes(audit: Audit) -> Iterator[ControlPlane]:
    """A real kube-apiserver with the custom resource definitions of this checkout."""
    with stack.running(
        progress=Silent(),
        with_openstack=False,
        crds=[ROOT / "crds"],
        apiserver_flags=audit.flags,
    ) as running:
        yield running.kubernetes
        secrecy.check(running.kubernetes, audit)
        reasons_given.check(audit)
