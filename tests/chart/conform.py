"""A real kubeconform, which judges manifests without a cluster, as the CI of a repository does.

Its schemas are those of the local API server, and for our kinds the definitions that are shipped.
"""

import json
import os
import subprocess
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from installations import DEPLOY, Body
from local_stack.kubernetes import ControlPlane

CRDS = DEPLOY.parent / "crds"
DEFINITIONS = "definitions.json"
TEMPLATE = "{{.Group}}_{{.ResourceAPIVersion}}_{{.ResourceKind}}.json"
NO_SCHEMA = ("PodMonitor", "PrometheusRule")
"""Of the Prometheus operator, which is not here."""


class Kubeconform:
    """Runs kubeconform; `make chart` says where it is.

    Args:
        kubernetes: Whose own kinds are known.
        folder: For its schemas; empty.
    """

    def __init__(self, kubernetes: ControlPlane, folder: Path) -> None:
        self._program = os.environ["KUBECONFORM"]
        self._folder = folder
        known = json.loads(kubernetes.kubectl("get", "--raw", "/openapi/v2"))["definitions"]
        (folder / DEFINITIONS).write_text(json.dumps({"definitions": _strict(known)}))
        for name, schema in known.items():
            for of in schema.get("x-kubernetes-group-version-kind", ()):
                group = of["group"] or of["version"]  # so does it call the group that has no name
                pointer = {"$ref": f"{DEFINITIONS}#/definitions/{name}"}
                self._learn(group, of["version"], of["kind"], pointer)
        for path in CRDS.glob("*.dev.yaml"):
            spec = yaml.safe_load(path.read_text())["spec"]
            for version in spec["versions"]:
                schema = _strict(version["schema"]["openAPIV3Schema"])
                self._learn(spec["group"], version["name"], spec["names"]["kind"], schema)

    def _learn(self, group: str, version: str, kind: str, schema: Any) -> None:
        path = self._folder / f"{group}_{version}_{kind.lower()}.json"
        path.write_text(json.dumps(schema))

    def __call__(self, bodies: Sequence[Body]) -> dict[str, str]:
        """Return what is wrong with objects: its words, by kind and name."""
        done = subprocess.run(  # noqa: S603
            [
                *(self._program, "-strict", "-verbose", "-output", "json", "-skip"),
                *(",".join(NO_SCHEMA), "-schema-location", f"{self._folder}/{TEMPLATE}", "-"),
            ],
            input="\n---\n".join(json.dumps(body, default=_time) for body in bodies),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert not done.stderr, done.stderr
        judged = json.loads(done.stdout)["resources"]
        assert len(judged) == len(bodies), "every object is judged"
        return {
            f"{each['kind']}/{each['name']}": each["msg"]
            for each in judged
            if each["status"] not in ("statusValid", "statusSkipped")
        }


def _time(value: datetime) -> str:
    """Return what stood in a file: YAML takes it for more than text."""
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")


def _strict(schema: Any) -> Any:
    """Return a schema of the API server as JSON Schema has it, without any further fields."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {name: _strict(value) for name, value in schema.items()}
    if strict.get("format") == "int-or-string":
        return {"type": ["integer", "string"]}
    if isinstance(strict.get("properties"), dict) and not strict.get(
        "x-kubernetes-preserve-unknown-fields"
    ):
        strict.setdefault("additionalProperties", False)
    return strict
