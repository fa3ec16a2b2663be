"""The installations that are shipped, as kubectl renders them: for tests of what is in them."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local_stack.kubernetes import ControlPlane

DEPLOY = Path(__file__).parents[1] / "deploy"
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


def _rights(role: Body) -> Iterator[Right]:
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                yield from (Right(verb, group, resource) for verb in rule["verbs"])


def _relative(path: Path, folder: Path) -> str:
    return os.path.relpath(path, folder.resolve())
