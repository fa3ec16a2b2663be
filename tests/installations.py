"""The installations that are shipped, as kubectl renders them: for tests of what is in them."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from assembled import Assembled
from local_stack.kubernetes import ControlPlane
from serveractions.api.kinds import BY_NAME, GROUP, KINDS, Kind

DEPLOY = Path(__file__).parents[1] / "deploy"
SAMPLES = [
    yaml.safe_load((DEPLOY / "samples" / f"{kind.singular}.yaml").read_text()) for kind in KINDS
]
OVERLAYS = ("cluster-wide", "single-namespace", "sharded")
ROLES = ("ClusterRole", "Role")

Body = dict[str, Any]


@dataclass(frozen=True, order=True)
class Right:
    """One verb on one resource."""

    verb: str
    group: str
    resource: str
    """With its subresource, after a slash."""

    def __str__(self) -> str:
        return f"{self.verb} {self.group}/{self.resource}"


def choose(
    folder: Path,
    overlay: str,
    *components: str,
    namespace: str = "serveractions-system",
) -> Path:
    """Write the kustomization of somebody who chose an overlay, components and a namespace."""
    folder.mkdir(parents=True, exist_ok=True)
    chosen = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": namespace,
        "resources": [_relative(DEPLOY / "overlays" / overlay, folder)],
        "components": [_relative(DEPLOY / "components" / name, folder) for name in components],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(chosen))
    return folder


def render(kubernetes: ControlPlane, folder: Path) -> list[Body]:
    """Return what `kubectl apply -k` would send."""
    return list(yaml.safe_load_all(kubernetes.kubectl("kustomize", folder)))


def of_kind(bodies: Sequence[Body], *kinds: str) -> list[Body]:
    """Return the objects of some kinds."""
    return [body for body in bodies if body["kind"] in kinds]


def workload(bodies: Sequence[Body]) -> Body:
    """Return the one object that makes the operator's pods."""
    (found,) = of_kind(bodies, "Deployment", "StatefulSet")
    return found


def variables(bodies: Sequence[Body]) -> dict[str, Any]:
    """Return the operator's variables: a value, or where it comes from."""
    (container,) = workload(bodies)["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}


def granted(bodies: Sequence[Body]) -> set[Right]:
    """Return every right of the roles in an installation."""
    return {right for role in of_kind(bodies, *ROLES) for right in _rights(role)}


def finish_the_samples(world: Assembled) -> None:
    """Apply one object of each kind, edit it before Nova has answered, so that its operator has to
    read it anew, wait for the ends, and have the objects deleted.
    """
    names = {sample["kind"]: sample["metadata"]["name"] for sample in SAMPLES}
    world.cloud.boot(*names.values())
    label = {"serveractions.dev/usable-as": "password"}
    world.create_secret("demo-password", {"password": "a-new-one"}, label=label)
    held = world.cloud.fault("late-reply", {"family": "action"}, seconds=None, times=None)
    world.kubernetes.kubectl("apply", "-n", world.namespace, "-k", DEPLOY / "samples")
    for kind, name in names.items():
        world.until_phase(BY_NAME[kind], name, "Issuing", seconds=60)
        world.edit(BY_NAME[kind], name, ttlSecondsAfterFinished=3600)
    world.cloud.release(held)
    world.cloud.take_back(held)
    for kind, name in names.items():
        world.until_phase(BY_NAME[kind], name, "Succeeded", "Failed", seconds=60)
    phases = {kind: world.phase(BY_NAME[kind], name) for kind, name in names.items()}
    # Nova 23 removed that action.
    assert [kind for kind in phases if phases[kind] == "Failed"] == ["ServerNetworkReset"], phases
    for kind, name in names.items():
        world.edit(BY_NAME[kind], name, ttlSecondsAfterFinished=0)
    world.until(
        lambda: not any(world.read(BY_NAME[kind], name) for kind, name in names.items()),
        seconds=30,
        what="the end of what has a time to live",
    )


def make_older(kubernetes: ControlPlane, kind: Kind) -> None:
    """Change a definition as if another release had brought it."""
    change = [{"op": "replace", "path": "/spec/names/shortNames", "value": ["old"]}]
    kubernetes.kubectl("patch", "crd", _definition(kind), "--type=json", "-p", json.dumps(change))
    assert short_names(kubernetes, kind) == ["old"]


def short_names(kubernetes: ControlPlane, kind: Kind) -> list[str]:
    """Return the short names of a kind, as its definition in the cluster has them."""
    body = json.loads(kubernetes.kubectl("get", "crd", _definition(kind), "-o", "json"))
    names: list[str] = body["spec"]["names"]["shortNames"]
    return names


def _definition(kind: Kind) -> str:
    return f"{kind.plural}.{GROUP}"


def _rights(role: Body) -> Iterator[Right]:
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                yield from (Right(verb, group, resource) for verb in rule["verbs"])


def _relative(path: Path, folder: Path) -> str:
    return os.path.relpath(path, folder.resolve())
