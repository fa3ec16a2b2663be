"""Each shipped installation on a real API server: it is accepted, the operator does all its work
under the rights that it gives, and has no right that it does not use.
"""

import json
import time
from contextlib import ExitStack
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
from phases import LIVE, PHASES, create_password, held
from serveractions.api.kinds import KINDS

SYSTEM, OWN, KEEPS = "serveractions-system", "serveractions-alone", "serveractions-keeps"
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


def test_an_upgrade_with_actions_in_flight_brings_each_to_its_end_and_sends_none_again(
    kubernetes: ControlPlane, installed: dict[str, Any]
) -> None:
    installation = installed[OPERATOR]
    with assembled.prepared(
        kubernetes, name="upgrade", settings=SETTINGS, pace=PACE, installation=installation
    ) as world:
        create_password(world)
        old = world.start("old")
        installations.make_older(kubernetes, LIVE)
        with ExitStack() as stack:
            flying = {
                phase: stack.enter_context(held(world, phase))
                for phase in PHASES
                if phase != "Issuing"
            }
            with held(world, "Issuing") as flying["Issuing"]:
                kubernetes.kubectl(
                    "apply", "--server-side", "--force-conflicts", "-k", installation.folder
                )
                assert installations.short_names(kubernetes, LIVE) == [LIVE.short]
                old.leave()
                world.until(
                    lambda: "what was sent is recorded, nothing new is sent" in old.log(),
                    seconds=10,
                    what="the old one is told to stop",
                )
            assert old.ended(seconds=60) == 0
            world.start("new")
        for each in flying.values():
            world.until_phase(each.kind, each.name, "Succeeded", seconds=60)
        sent = {phase: world.cloud.accepted(each.server) for phase, each in flying.items()}
    assert sent == {phase: PHASES[phase].posts for phase in flying}


def _right(request: Write) -> Right:
    resource = "/".join(filter(None, (request.resource, request.subresource)))
    return Right(request.verb, request.group, resource)


@pytest.fixture(scope="module")
def keeps(
    kubernetes: ControlPlane, installed: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """An operator that deletes nothing: its user."""
    del installed  # the definitions
    folder = tmp_path_factory.mktemp("keeps")
    installations.choose(folder, "single-namespace", "without-ttl", namespace=KEEPS)
    kubernetes.kubectl("apply", "--server-side", "--force-conflicts", "-k", folder)
    return f"system:serviceaccount:{KEEPS}:serveractions"


def can(
    kubernetes: ControlPlane, user: str, verb: str, resource: str, namespace: str | None = None
) -> bool:
    """Ask the API server what `kubectl auth can-i` asks, for one namespace or for all of them."""
    name, _, group = resource.partition(".")
    plural, _, subresource = name.partition("/")
    asked = {
        "verb": verb,
        "group": "*" if plural == "*" else group,
        "resource": plural,
        "subresource": subresource,
        "namespace": namespace or "",
    }
    groups = ["system:serviceaccounts", "system:authenticated"]
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "groups": groups, "resourceAttributes": asked},
    }
    said = kubernetes.kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(review))
    return json.loads(said)["status"]["allowed"] is True


def until_it_can(kubernetes: ControlPlane, user: str, namespace: str) -> None:
    """The API server takes up new roles some moments after they were stored."""
    deadline = time.monotonic() + 20
    while not can(kubernetes, user, "list", KINDS_NAMED[0], namespace):
        assert time.monotonic() < deadline, f"{user} was given nothing"


KINDS_NAMED = [f"{kind.plural}.serveractions.dev" for kind in KINDS]


@pytest.mark.usefixtures("installed")
def test_the_operator_may_read_a_secret_by_name_and_list_none(kubernetes: ControlPlane) -> None:
    until_it_can(kubernetes, OPERATOR, "default")
    assert can(kubernetes, OPERATOR, "get", "secrets")
    for verb in ("list", "watch", "create", "update", "patch", "delete"):
        assert not can(kubernetes, OPERATOR, verb, "secrets"), verb
        assert not can(kubernetes, OPERATOR, verb, "secrets", SYSTEM), verb


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("resource", KINDS_NAMED)
def test_the_operator_may_not_make_or_replace_an_action(
    kubernetes: ControlPlane, resource: str
) -> None:
    until_it_can(kubernetes, OPERATOR, "default")
    assert can(kubernetes, OPERATOR, "watch", resource)
    for verb in ("create", "update", "deletecollection"):
        assert not can(kubernetes, OPERATOR, verb, resource, "default"), verb


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("get", "pods"),
        ("create", "deployments.apps"),
        ("list", "namespaces"),
        ("get", "configmaps"),
        ("create", "pods/exec"),
        ("create", "serviceaccounts/token"),
        ("impersonate", "users"),
        ("bind", "clusterroles.rbac.authorization.k8s.io"),
        ("patch", "customresourcedefinitions.apiextensions.k8s.io"),
        ("patch", "validatingadmissionpolicies.admissionregistration.k8s.io"),
        ("delete", "leases.coordination.k8s.io"),
        ("*", "*"),
    ],
)
def test_the_operator_may_touch_nothing_else(
    kubernetes: ControlPlane, verb: str, resource: str
) -> None:
    until_it_can(kubernetes, OPERATOR, "default")
    assert not can(kubernetes, OPERATOR, verb, resource, SYSTEM)


@pytest.mark.usefixtures("installed")
def test_an_operator_of_one_namespace_has_no_right_in_another(kubernetes: ControlPlane) -> None:
    until_it_can(kubernetes, ALONE, OWN)
    assert can(kubernetes, ALONE, "get", "secrets", OWN)
    for verb, resource in (("get", "secrets"), ("list", KINDS_NAMED[0]), ("patch", KINDS_NAMED[0])):
        assert not can(kubernetes, ALONE, verb, resource, "default"), resource
        assert not can(kubernetes, ALONE, verb, resource), resource


@pytest.mark.parametrize("resource", KINDS_NAMED)
def test_only_with_a_time_to_live_the_operator_may_delete(
    kubernetes: ControlPlane, keeps: str, resource: str
) -> None:
    until_it_can(kubernetes, keeps, KEEPS)
    until_it_can(kubernetes, OPERATOR, "default")
    assert can(kubernetes, OPERATOR, "delete", resource, "default")
    assert can(kubernetes, keeps, "patch", resource, KEEPS)
    assert not can(kubernetes, keeps, "delete", resource, KEEPS)


@pytest.fixture(params=OVERLAYS)
def pod(kubernetes: ControlPlane, request: pytest.FixtureRequest) -> dict[str, Any]:
    """A pod as an overlay's workload would make it, in the namespace that allows little."""
    bodies = installations.render(kubernetes, DEPLOY / "overlays" / request.param)
    template = installations.workload(bodies)["spec"]["template"]
    name = {"name": "restricted", "namespace": SYSTEM}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": template["metadata"] | name,
        "spec": template["spec"],
    }


@pytest.mark.usefixtures("installed")
def test_restricted_pod_security_takes_the_pod_and_none_that_asks_for_more(
    kubernetes: ControlPlane, pod: dict[str, Any]
) -> None:
    dry = ("create", "--dry-run=server", "--validate=strict", "-f", "-")
    assert "created" in kubernetes.kubectl(*dry, stdin=json.dumps(pod))
    (container,) = pod["spec"]["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    for change in (
        {"allowPrivilegeEscalation": True},
        {"capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]}},
        {"runAsNonRoot": False},
    ):
        more = dict(container, securityContext=container["securityContext"] | change)
        bad = dict(pod, spec=pod["spec"] | {"containers": [more]})
        with pytest.raises(CommandError, match="violates PodSecurity"):
            kubernetes.kubectl(*dry, stdin=json.dumps(bad))


@pytest.mark.parametrize("components", [(), ("standby",), COMPONENTS], ids=str)
def test_only_a_standby_has_a_disruption_budget(
    kubernetes: ControlPlane, tmp_path: Path, components: tuple[str, ...]
) -> None:
    bodies = installations.render(
        kubernetes, installations.choose(tmp_path / "chosen", "cluster-wide", *components)
    )
    budgets = installations.of_kind(bodies, "PodDisruptionBudget")
    replicas = installations.workload(bodies)["spec"]["replicas"]
    assert (len(budgets), replicas) == ((1, 2) if "standby" in components else (0, 1))


def test_the_network_policy_is_for_the_operators_pods_and_their_own_port(
    kubernetes: ControlPlane, tmp_path: Path
) -> None:
    folder = installations.choose(tmp_path / "chosen", "cluster-wide", "network-policy")
    bodies = installations.render(kubernetes, folder)
    (policy,) = installations.of_kind(bodies, "NetworkPolicy")
    template = installations.workload(bodies)["spec"]["template"]
    wanted = policy["spec"]["podSelector"]["matchLabels"]
    assert wanted
    assert wanted.items() <= template["metadata"]["labels"].items()
    (container,) = template["spec"]["containers"]
    open_to_all = [port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]]
    assert open_to_all == [port["name"] for port in container["ports"]]
    assert set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}
