"""Each shipped installation on a real API server: it is accepted, the operator does all its work
under the rights that it gives, and has no right that it does not use.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import assembled
import installations
from assembled import Installation
from audit import ALONE, OPERATOR, Audit, Write
from installations import DEPLOY, OVERLAYS, Right
from local_stack.commands import CommandError
from local_stack.kubernetes import ControlPlane

SYSTEM, OWN = "serveractions-system", "serveractions-alone"
COMPONENTS = ("network-policy", "without-ttl")
SETTINGS = {"poll-interval": "1", "poll-interval-urgent": "0.3", "sweep-interval": "1"}
PACE = {"live-migration": "1", "cold-migration": "0.6", "backup": "0.6"}


@pytest.fixture(scope="module")
def installed(kubernetes: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Both ways to grant the operator its rights, applied."""
    folder = tmp_path_factory.mktemp("installations")
    alone = installations.choose(folder / "alone", "single-namespace", namespace=OWN)
    for each in (DEPLOY / "overlays" / "cluster-wide", alone):
        kubernetes.kubectl("apply", "--server-side", "--force-conflicts", "-k", each)
    return {
        OPERATOR: Installation(DEPLOY / "overlays" / "cluster-wide", SYSTEM),
        ALONE: Installation(alone, OWN, alone=True),
    }


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("components", [(), COMPONENTS, (*COMPONENTS, "standby")], ids=str)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_api_server_knows_every_field_of_an_installation(
    kubernetes: ControlPlane, tmp_path: Path, overlay: str, components: tuple[str, ...]
) -> None:
    if overlay == "sharded":
        components = tuple(name for name in components if name != "standby")
    folder = installations.choose(tmp_path / "chosen", overlay, *components)

    said = kubernetes.kubectl(
        "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict",
        "-k", folder,
    )  # fmt: skip

    assert len(said.splitlines()) == len(installations.render(kubernetes, folder))


def test_a_field_that_the_api_server_does_not_know_is_refused(kubernetes: ControlPlane) -> None:
    (policy,) = yaml.safe_load_all((DEPLOY / "components/standby/disruption.yaml").read_text())
    policy["spec"]["maxAvailable"] = 1
    policy["metadata"]["namespace"] = "default"
    with pytest.raises(CommandError, match="maxAvailable"):
        kubernetes.kubectl(
            "create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=json.dumps(policy)
        )


@pytest.fixture(scope="module", params=[OPERATOR, ALONE], ids=["cluster-wide", "alone"])
def user(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def used(
    kubernetes: ControlPlane, audit: Audit, installed: dict[str, Any], user: str
) -> tuple[set[Right], list[str]]:
    """What an operator asks of the API server in a whole life, and what is refused to it."""
    with assembled.prepared(
        kubernetes,
        name=f"rights-{installed[user].namespace}",
        settings=SETTINGS,
        pace=PACE,
        installation=installed[user],
    ) as world:
        earlier = len(audit.requests(user=user))
        operator = world.start()
        installations.finish_the_samples(world)
        operator.stop()
        requests = audit.requests(user=user)[earlier:]
    return (
        {_right(each) for each in requests if each.resource},
        [str(each) for each in requests if each.code in (401, 403)],
    )


def test_the_operator_finishes_the_samples_and_is_refused_nothing(
    used: tuple[set[Right], list[str]],
) -> None:
    _, refused = used
    assert refused == []


def test_every_right_is_used_and_no_other_is_needed(
    kubernetes: ControlPlane,
    installed: dict[str, Any],
    user: str,
    used: tuple[set[Right], list[str]],
) -> None:
    rights, _ = used
    given = installations.granted(installations.render(kubernetes, installed[user].folder))
    assert sorted(map(str, rights - given)) == []
    assert sorted(map(str, given - rights)) == []


def _right(request: Write) -> Right:
    resource = "/".join(filter(None, (request.resource, request.subresource)))
    return Right(request.verb, request.group, resource)
