"""The custom resource definitions are not those of this release, or go away: what the operator
knows is not lost, and what it cannot read it leaves alone.

Each test puts the definitions back as they were.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from administrator import MERGE_PATCH
from assembled import Assembled
from local_stack.kubernetes import ControlPlane
from serveractions.api.kinds import BY_NAME, Kind

CRDS = Path(__file__).parents[3] / "crds"
INJECTION, LIVE = BY_NAME["ServerNetworkInjection"], BY_NAME["ServerLiveMigration"]
RESET = BY_NAME["ServerStateReset"]
STATUS = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties"


@contextmanager
def another_release(kubernetes: ControlPlane, kind: Kind, *patch: dict[str, Any]) -> Iterator[None]:
    """Change a definition until the context is left."""
    kubernetes.kubectl("patch", "crd", kind.crd_name, "--type=json", "-p", json.dumps(patch))
    try:
        yield
    finally:
        kubernetes.install_crds([CRDS])


def ponders(world: Assembled, name: str) -> bool:
    """Put an object into a phase of another release, if the API server already takes it."""
    path = f"{world.path(RESET, name)}/status"
    change = {"status": {"phase": "Pondering"}}
    return world.session.patch(path, json=change, headers=MERGE_PATCH, timeout=30).ok


def test_a_record_that_the_schema_refuses_is_written_once_it_is_mended(
    world: Assembled, kubernetes: ControlPlane
) -> None:
    short = {"op": "replace", "path": f"{STATUS}/requestId/maxLength", "value": 8}
    with another_release(kubernetes, LIVE, short):
        name, server = world.act(LIVE)
        refused = f"written yet object=ServerLiveMigration {world.namespace}/{name}"
        world.until(
            lambda: refused in world.operator.log(), seconds=30, what="the record is refused"
        )
        assert world.phase(LIVE, name) == "Issuing"
        assert world.cloud.accepted(server) == ["os-migrateLive"]
    world.until_phase(LIVE, name, "Succeeded")
    assert world.status(LIVE, name).get("attempts", 0) == 0
    assert world.cloud.accepted(server) == ["os-migrateLive"]


def test_a_claim_that_the_schema_does_not_know_is_not_sent_until_it_is_mended(
    world: Assembled, kubernetes: ControlPlane
) -> None:
    unknown = {"op": "remove", "path": f"{STATUS}/intent/properties/knownRequestIds"}
    with another_release(kubernetes, RESET, unknown):
        name, server = world.act(RESET, state="Active")
        world.until(
            lambda: world.reason(RESET, name) == "TransientError",
            seconds=30,
            what="the object says so",
        )
        assert "knownRequestIds" in world.status(RESET, name)["message"]
        assert world.cloud.accepted(server) == []
    world.until_phase(RESET, name, "Succeeded")
    assert world.cloud.accepted(server) == ["os-resetState"]


def test_an_object_that_cannot_be_read_is_left_alone_and_keeps_no_other_from_its_turn(
    world: Assembled, kubernetes: ControlPlane
) -> None:
    name, server = world.act(RESET, state="Active", suspend=True)
    world.until_phase(RESET, name, "Suspended")
    newer = {"op": "add", "path": f"{STATUS}/phase/enum/-", "value": "Pondering"}
    with another_release(kubernetes, RESET, newer):
        world.until(lambda: ponders(world, name), seconds=20, what="the new schema is in force")
        unreadable = f"{RESET} {world.namespace}/{name} cannot be read"
        world.until(lambda: unreadable in world.operator.log(), seconds=20, what="it is logged")
        world.create(world.body(RESET, f"{name}-2", server, state="Active"))
        world.until_phase(RESET, f"{name}-2", "Succeeded")
        assert world.phase(RESET, name) == "Pondering"
        world.patch(RESET, name, {"status": {"phase": "Pending"}}, subresource="status")
    world.edit(RESET, name, suspend=False)
    world.until_phase(RESET, name, "Succeeded")
    assert world.cloud.accepted(server) == ["os-resetState", "os-resetState"]


def test_without_its_definitions_the_operator_ends_and_says_what_to_do(
    world: Assembled, kubernetes: ControlPlane
) -> None:
    watching = world.operator
    name, server = world.act(LIVE)
    world.until_phase(LIVE, name, "Running")
    kubernetes.kubectl("delete", "crd", INJECTION.crd_name)
    try:
        assert watching.ended(seconds=60) == 2
        assert "install the custom resource definitions first" in watching.log().splitlines()[-1]
        starting = world.start(wait=False)
        assert starting.ended(seconds=60) == 2
        last = starting.log().splitlines()[-1]
        assert f"not served by this cluster: {INJECTION.plural}" in last
    finally:
        kubernetes.install_crds([CRDS])
        world.start()
    world.until_phase(LIVE, name, "Succeeded")
    assert world.cloud.accepted(server) == ["os-migrateLive"]
