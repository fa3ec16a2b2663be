"""The Helm chart: the same objects as kustomize makes, no value that means nothing, and an operator
that works under what `helm install` has put there.
"""

import json
from pathlib import Path
from typing import Any

import pytest

import assembled
import installations
from assembled import Installation
from chart.values import CHART, MONITORED, RELEASE, SAME, SYSTEM, Write, rendered
from helm import Helm, HelmError
from installations import Body
from local_stack.kubernetes import ControlPlane
from phases import BACKUP
from serveractions.config import Config
from serveractions.operate import load

OWN = "serveractions-chart"


def by_name(bodies: list[Body]) -> dict[tuple[str, str], Body]:
    return {(body["kind"], body["metadata"]["name"]): body for body in bodies}


def without_namespace(body: Body) -> Body:
    """Return an object of the whole cluster as such: kustomize does not know all of their kinds."""
    if body["kind"].startswith("ValidatingAdmission"):
        del body["metadata"]["namespace"]
    return body


def without_policy(body: Body) -> Body:
    """Return a definition without the word to Helm that it stays."""
    annotations = body["metadata"].get("annotations", {})
    if annotations.pop("helm.sh/resource-policy", None) == "keep" and not annotations:
        del body["metadata"]["annotations"]
    return body


@pytest.mark.parametrize("same", [*SAME, MONITORED], ids=str)
def test_chart_and_overlay_are_the_same_objects(
    kubernetes: ControlPlane,
    helm: Helm,
    values: Write,
    tmp_path: Path,
    same: tuple[str, tuple[str, ...], dict[str, Any]],
) -> None:
    overlay, components, chosen = same
    folder = installations.choose(tmp_path / "chosen", overlay, *components)
    found = installations.render(kubernetes, folder)
    wanted = by_name([without_namespace(body) for body in found])
    del wanted["Namespace", SYSTEM]  # helm install --create-namespace

    made = by_name([without_policy(body) for body in rendered(helm, values(chosen))])

    assert sorted(made) == sorted(wanted)
    for name, body in wanted.items():
        assert made[name] == body


def test_what_prometheus_selects_by_is_on_what_it_shall_select(helm: Helm, values: Write) -> None:
    labels = {"release": "prometheus"}
    chosen = values({"monitoring": {"enabled": True, "labels": labels}})
    made = by_name(rendered(helm, chosen, namespace="elsewhere"))
    for kind in ("PodMonitor", "PrometheusRule"):
        metadata = made[kind, RELEASE]["metadata"]
        assert metadata["labels"] == {"app.kubernetes.io/name": RELEASE} | labels
        assert metadata["namespace"] == "elsewhere"


@pytest.mark.parametrize("chosen", [chosen for _, _, chosen in SAME], ids=str)
def test_the_api_server_knows_every_field_that_the_chart_renders(
    kubernetes: ControlPlane, helm: Helm, values: Write, chosen: dict[str, Any]
) -> None:
    bodies = rendered(helm, values(chosen), namespace="default")
    items = {"apiVersion": "v1", "kind": "List", "items": bodies}
    said = kubernetes.kubectl(
        "apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-",
        stdin=json.dumps(items),
    )  # fmt: skip
    assert len(said.splitlines()) == len(bodies)


@pytest.mark.parametrize(
    ("chosen", "named"),
    [
        ({"replicas": 2}, "replicas"),
        ({"shards": 1}, "/shards"),
        ({"shards": 9}, "/shards"),
        ({"watchNamespaces": ["Team_A"]}, "/watchNamespaces"),
        ({"limits": {"actionsInFlight": -1}}, "/limits/actionsInFlight"),
        ({"settings": {"poll-interval": 10}}, "/settings/poll-interval"),
        ({"networkPolicy": {"egressPorts": [0]}}, "/networkPolicy/egressPorts"),
        ({"image": {"repository": ""}}, "/image/repository"),
        ({"monitoring": {"labels": {"release": 1}}}, "/monitoring/labels/release"),
        ({"shards": 2, "standby": True}, "shards stand in for one another"),
        ({"onlyOwnNamespace": True, "watchNamespaces": ["a"]}, "leave watchNamespaces empty"),
    ],
    ids=str,
)
def test_a_value_that_means_nothing_is_refused_by_name(
    helm: Helm, values: Write, chosen: dict[str, Any], named: str
) -> None:
    with pytest.raises(HelmError, match=named):
        rendered(helm, values(chosen))


def test_a_kubernetes_that_is_too_old_is_refused(helm: Helm, values: Write) -> None:
    with pytest.raises(HelmError, match=r"1\.31"):
        rendered(helm, values({}), "--kube-version", "1.30.4")


def test_limits_and_settings_are_what_the_operator_reads(helm: Helm, values: Write) -> None:
    limits = {
        "actionsPerSecond": 0.5,
        "actionsInFlight": 50,
        "liveMigrationsPerSource": 2,
        "liveMigrationsPerDestination": 3,
    }
    chosen = {"limits": limits, "settings": {"poll-interval": "10", "allow-insecure-tls": "true"}}

    config = load(environment(rendered(helm, values(chosen))), {})

    assert (config.actions_per_second, config.actions_in_flight) == (0.5, 50)
    assert config.live_migrations_per_source == 2
    assert config.live_migrations_per_destination == 3
    assert (config.poll_interval, config.allow_insecure_tls) == (10.0, True)


def test_without_values_the_operator_has_its_own_defaults(helm: Helm, values: Write) -> None:
    config = load(environment(rendered(helm, values({}))), {})
    changed = {
        name
        for name in Config.__dataclass_fields__
        if getattr(config, name) != getattr(Config(), name)
    }
    assert changed <= {"namespace", "identity", "probe_address", "probe_port"}


def environment(bodies: list[Body]) -> dict[str, str]:
    """Return the variables of the operator's container, as a kubelet would set them."""
    return {
        name: value if isinstance(value, str) else "10.0.0.7"
        for name, value in installations.variables(bodies).items()
    }


def test_only_the_chosen_namespaces_are_served(helm: Helm, values: Write) -> None:
    bodies = rendered(helm, values({"watchNamespaces": ["team-a", "team-b"]}))
    assert installations.of_kind(bodies, "ClusterRoleBinding") == []
    bound = {
        body["metadata"]["namespace"]
        for body in installations.of_kind(bodies, "RoleBinding")
        if body["roleRef"]["kind"] == "ClusterRole"
    }
    assert bound == {"team-a", "team-b"}
    assert installations.variables(bodies)["SERVERACTIONS_WATCH_NAMESPACES"] == "team-a,team-b"


def test_an_operator_works_under_what_helm_has_installed_and_outlives_nothing(
    kubernetes: ControlPlane, helm: Helm, values: Write
) -> None:
    options = ("--namespace", OWN, "--values", values({"onlyOwnNamespace": True}))
    admin = kubernetes.kubeconfig
    helm("install", RELEASE, CHART, "--create-namespace", *options, kubeconfig=admin)
    settings = {"poll-interval": "1", "poll-interval-urgent": "0.3", "sweep-interval": "1"}
    pace = {"live-migration": "1", "cold-migration": "0.6", "backup": "0.6"}
    with assembled.prepared(
        kubernetes,
        name="chart",
        settings=settings,
        pace=pace,
        installation=Installation(folder=None, namespace=OWN, alone=True),
    ) as world:
        world.start()
        installations.finish_the_samples(world)

    # An older release's definition is brought up to date, which Helm does not do for crds/.
    installations.make_older(kubernetes, BACKUP)
    helm("upgrade", RELEASE, CHART, "--force-conflicts", *options, kubeconfig=admin)
    assert installations.short_names(kubernetes, BACKUP) == ["sbk"]

    helm("uninstall", RELEASE, "--namespace", OWN, kubeconfig=admin)
    assert installations.short_names(kubernetes, BACKUP), "the definition stays"
    left = kubernetes.kubectl("get", "deployments,roles,serviceaccounts", "-n", OWN, "-o", "name")
    assert left.split() == ["serviceaccount/default"]
