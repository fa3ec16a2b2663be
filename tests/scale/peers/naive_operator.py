"""The operator that one would write in an afternoon: kopf, a handler and a timer for each object.

It is what the figures are compared with: idiomatic kopf, and openstacksdk in its threads. It sends
again after a crash, and takes ACTIVE for success.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

import kopf
import openstack
import yaml

GROUP, VERSION, PLURAL = "naive.example.org", "v1", "naivemigrations"
INTERVAL = 5.0
"""Seconds between two looks at a server, as often as the other operator looks at most."""

_compute: Any = None


@kopf.on.startup()
def log_in(settings: kopf.OperatorSettings, **_: Any) -> None:
    """Connect once: one connection serves all threads."""
    global _compute  # noqa: PLW0603 - a module of handlers has no other place
    settings.posting.enabled = False
    settings.execution.max_workers = 8
    clouds = yaml.safe_load(Path(os.environ["CLOUDS"]).read_text())
    _compute = openstack.connection.Connection(**clouds["clouds"]["admin"]).compute


@kopf.on.create(GROUP, VERSION, PLURAL)
def migrate(spec: kopf.Spec, patch: kopf.Patch, **_: Any) -> None:
    """Send the request."""
    _compute.live_migrate_server(spec["server"], host=None, block_migration="auto")
    patch.status["phase"] = "Running"


def _running(status: kopf.Status, **_: Any) -> bool:
    return status.get("phase") == "Running"


@kopf.timer(GROUP, VERSION, PLURAL, interval=INTERVAL, when=_running)
def follow(spec: kopf.Spec, patch: kopf.Patch, **_: Any) -> None:
    """Look whether it is over."""
    server = _compute.get_server(spec["server"])
    if server.status != "MIGRATING":
        patch.status["phase"] = "Succeeded" if server.status == "ACTIVE" else "Failed"


if __name__ == "__main__":
    kopf.configure()  # the log, by which it is known that it has begun
    asyncio.run(kopf.operator(standalone=True, namespaces=[os.environ["NAMESPACE"]]))
