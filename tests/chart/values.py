"""Values for the chart, what it makes of them, and what kustomize makes the same objects of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from helm import Helm
from installations import DEPLOY, Body

CHART = DEPLOY / "chart"
SYSTEM, RELEASE = "serveractions-system", "serveractions"
ALL = {"deleteFinished": False, "networkPolicy": {"enabled": True}}
SAME: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    ("cluster-wide", (), {}),
    ("single-namespace", (), {"onlyOwnNamespace": True}),
    ("sharded", (), {"shards": 2}),
    ("cluster-wide", ("standby",), {"standby": True}),
    ("cluster-wide", ("without-ttl", "network-policy"), ALL),
    ("single-namespace", ("without-ttl", "network-policy"), {"onlyOwnNamespace": True} | ALL),
    ("sharded", ("without-ttl", "network-policy"), {"shards": 2} | ALL),
]
MONITORED = ("cluster-wide", ("monitoring",), {"monitoring": {"enabled": True}})
"""The local API server does not know the Prometheus operator's kinds."""


class Write:
    """Writes values into a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, values: Mapping[str, Any]) -> Path:
        self._path.write_text(yaml.safe_dump(dict(values)))
        return self._path


def rendered(helm: Helm, path: Path, *words: str, namespace: str = SYSTEM) -> list[Body]:
    text = helm("template", RELEASE, CHART, "--namespace", namespace, "--values", path, *words)
    return [body for body in yaml.safe_load_all(text) if body]
