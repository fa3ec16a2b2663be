"""The operator of this checkout as one more process of the local stack.

The demo and the end-to-end tests run it the way an installation does: as a process of its own that
is told by flags, reached through its probes and stopped by SIGTERM.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import requests

from local_stack.kubernetes import ControlPlane
from local_stack.supervisor import Process, Supervisor

SOURCES = Path(__file__).resolve().parents[3] / "operator"
NAMESPACE = "serveractions-system"
PROBE_WITHIN = 2.0
"""Seconds for one look at a probe."""


def install_namespace(kubernetes: ControlPlane, namespace: str = NAMESPACE) -> None:
    """Make the namespace in which the operator keeps its Leases."""
    kubernetes.kubectl("create", "namespace", namespace)


def process(
    supervisor: Supervisor,
    kubernetes: ControlPlane,
    *,
    name: str = "operator",
    flags: Mapping[str, str] | None = None,
) -> Process:
    """Return the operator, ready to be started.

    Args:
        supervisor: Chooses its port and its log.
        kubernetes: The cluster to serve.
        name: Of the process and its log; two operators need two names.
        flags: Settings by the name of their flag without the dashes, e.g. `{"poll-interval": "1"}`.
    """
    port = supervisor.ports.take()
    settings = {
        "kubeconfig": str(kubernetes.kubeconfig),
        "identity": name,
        "probe-port": str(port),
        "log-level": "debug",  # what a library prints there counts: tests search it for secrets
        **(flags or {}),
    }
    return Process(
        name=name,
        argv=[
            sys.executable,
            "-m",
            "serveractions",
            *(part for flag, value in settings.items() for part in (f"--{flag}", value)),
        ],
        log=supervisor.logs / f"{name}.log",
        env={"PYTHONPATH": str(SOURCES), "PYTHONUNBUFFERED": "1"},
        ready=lambda: _answers(f"http://127.0.0.1:{port}/readyz"),
        awaited="to hold its Leases",
        grace=90.0,
    )


def probes(operator: Process) -> str:
    """Return where a process that `process` described serves its probes and metrics."""
    return f"http://127.0.0.1:{operator.argv[operator.argv.index('--probe-port') + 1]}"


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=PROBE_WITHIN).ok
    except requests.RequestException:
        return False
