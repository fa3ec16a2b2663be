"""What has to be there before the samples: servers, Secrets, and something to mend."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local_stack.kubernetes import ControlPlane
from local_stack.progress import Progress
from local_stack.servers import ServerFactory

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "deploy" / "samples"
CRDS = ROOT / "crds"
PASSWORD_LABEL = "serveractions.dev/usable-as"  # noqa: S105 - the name of a label


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One manifest of deploy/samples.

    Attributes:
        kind: In lower case, as kubectl takes it.
        server: The name of the server that it acts on.
    """

    path: Path
    kind: str
    name: str
    server: str


def samples() -> list[Sample]:
    """Return the samples in the order in which they are applied."""
    found = []
    for path in sorted(SAMPLES.glob("server*.yaml")):
        manifest = yaml.safe_load(path.read_text())
        found.append(
            Sample(
                path=path,
                kind=manifest["kind"].lower(),
                name=manifest["metadata"]["name"],
                server=manifest["spec"]["serverRef"]["name"],
            )
        )
    return found


def set_up(
    kubernetes: ControlPlane, servers: ServerFactory, clouds_yaml: Path, progress: Progress
) -> Mapping[str, dict[str, Any]]:
    """Boot the servers and make the Secrets; return the servers by name, as they are before.

    The server that a ServerStateReset is for is put into ERROR first, so that there is something to
    mend.
    """
    names = sorted({sample.server for sample in samples()})
    with progress.step(f"booting {len(names)} servers on Nova's fake hypervisors"):
        ids = servers.create_many(names)
    broken = next(each.server for each in samples() if each.kind == "serverstatereset")
    with progress.step(f"putting {broken} into ERROR, for ServerStateReset to mend"):
        _reset_state(servers, ids[names.index(broken)], "error")
    with progress.step("making the Secrets"):
        _secret(kubernetes, "openstack", {"clouds.yaml": clouds_yaml.read_text()})
        _secret(
            kubernetes,
            "demo-password",
            {"password": "a-demo-is-no-place-for-secrets"},
            {PASSWORD_LABEL: "password"},
        )
    return {name: servers.get(server) for name, server in zip(names, ids, strict=True)}


def _reset_state(servers: ServerFactory, server: str, state: str) -> None:
    body = {"os-resetState": {"state": state}}
    servers.connection.compute.post(f"/servers/{server}/action", json=body)
    servers.wait_for(server, "ERROR")


def _secret(
    kubernetes: ControlPlane,
    name: str,
    data: Mapping[str, str],
    labels: Mapping[str, str] | None = None,
) -> None:
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": dict(labels or {})},
        "stringData": dict(data),
    }
    kubernetes.kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
