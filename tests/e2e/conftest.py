"""The stack and the operator, once for the session, and the cases that run on them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import reasons_given
import secrecy
from audit import Audit
from e2e.runner import Runner
from e2e.world import World
from local_stack import operator_process, stack
from local_stack.progress import Silent

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A real Kubernetes, a real Nova and the operator; at the end it must stop in good order, and
    nothing that it wrote may hold a secret.
    """
    audit = Audit(tmp_path_factory.mktemp("audit"))
    with stack.running(
        progress=Silent(), crds=[ROOT / "crds"], apiserver_flags=audit.flags
    ) as running:
        operator_process.install_namespace(running.kubernetes)
        made = World(running)
        try:
            made.start_operator()
            yield made
            made.stop_operator()
            secrecy.check(running.kubernetes, audit, passwords=running.openstack.passwords)
            reasons_given.check(audit)
        finally:
            if request.session.testsfailed:
                kept = tmp_path_factory.mktemp("e2e") / "logs"
                shutil.copytree(running.supervisor.logs, kept)
                print(f"\nall logs: {kept}")  # noqa: T201 - the stack's own copy goes with it


@pytest.fixture(scope="session")
def runner(world: World, request: pytest.FixtureRequest) -> Iterator[Runner]:
    """All cases that were chosen, started at once."""
    chosen = [
        str(item.callspec.params["case"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and "runner" in item.fixturenames
    ]
    made = Runner(world, chosen)
    yield made
    made.close()
