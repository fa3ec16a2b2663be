"""The assembled operator as a process, on a real kube-apiserver, against the fake cloud.

Three processes, as in an installation: what is measured at one is not the work of another. The
operator runs with the rights that deploy/base gives it.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

import secrecy
from fakes.cloud import remote
from fakes.cloud.remote import FakeCloud
from kube_world import new_namespace
from local_stack import operator_process
from local_stack.kubernetes import ControlPlane
from local_stack.supervisor import Process, Supervisor
from serveractions.api.kinds import API_VERSION, BY_NAME, GROUP, VERSION, Kind

ROOT = Path(__file__).parents[1]
SYSTEM = "serveractions-system"
USER = f"system:serviceaccount:{SYSTEM}:serveractions"
SECRET = "openstack"
CLOUD = "admin"
AT_ONCE = 8
POLL = 0.2


@dataclass(frozen=True)
class Operator:
    """The operator as a process."""

    pid: int
    probes: str

    def metrics(self) -> str:
        """Return what Prometheus would read."""
        return requests.get(f"{self.probes}/metrics", timeout=30).text

    def memory(self) -> "Memory":
        """Return what the kernel says of the process's memory."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return Memory(*(int(fields[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM")))

    def scheduled(self) -> tuple[int, int]:
        """Return how long the event loop's thread has run, and waited for a processor, in ns."""
        ran, waited, _ = Path(f"/proc/{self.pid}/task/{self.pid}/schedstat").read_text().split()
        return int(ran), int(waited)


@dataclass(frozen=True)
class Memory:
    """Resident memory in MiB: now, and the most that there ever was."""

    now: float
    peak: float


@dataclass(frozen=True)
class Assembled:
    """All of it, and a namespace with a Secret that leads to the fake cloud."""

    kubernetes: ControlPlane
    cloud: FakeCloud
    operator: Operator
    namespace: str
    session: requests.Session
    """Of the cluster's administrator."""

    def create(self, *bodies: Mapping[str, Any]) -> None:
        """Create objects in the namespace, a few at a time as several users would."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for answer in pool.map(self._create, bodies):
                assert answer.status_code == requests.codes.created, answer.text

    @contextmanager
    def another_cloud(self, name: str, pace: Mapping[str, str]) -> Iterator[FakeCloud]:
        """Run one more fake cloud; the Secret that leads to it is called like it."""
        supervisor = self.kubernetes.supervisor
        with _process(supervisor, remote.process(supervisor, name, pace)) as process:
            cloud = remote.of(process)
            _create_secret(self.kubernetes, self.namespace, name, cloud.clouds_yaml())
            yield cloud

    def body(
        self, kind: Kind, name: str, server: str, *, secret: str = SECRET, **spec: Any
    ) -> dict[str, Any]:
        """Return an object for a server of the cloud that a Secret leads to."""
        own = {
            "cloudCredentialsRef": {"secretName": secret, "cloudName": CLOUD},
            "serverRef": {"id": server},
        }
        return {
            "apiVersion": API_VERSION,
            "kind": kind.name,
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": own | spec,
        }

    def statuses(self, kind: Kind) -> dict[str, dict[str, Any]]:
        """Return the statuses of all objects of a kind, by name."""
        answer = self.session.get(self._path(kind.plural), timeout=30)
        answer.raise_for_status()
        items = answer.json()["items"]
        return {item["metadata"]["name"]: item.get("status", {}) for item in items}

    def _create(self, body: Mapping[str, Any]) -> requests.Response:
        plural = BY_NAME[body["kind"]].plural
        return self.session.post(self._path(plural), json=body, timeout=30)

    def _path(self, plural: str) -> str:
        place = f"apis/{GROUP}/{VERSION}/namespaces/{self.namespace}/{plural}"
        return f"{self.kubernetes.server}/{place}"

    def until(self, condition: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Wait until `condition` holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            self.kubernetes.supervisor.check()
            assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
            time.sleep(POLL)


@contextmanager
def running(
    kubernetes: ControlPlane,
    *,
    name: str,
    settings: Mapping[str, str] | None = None,
    pace: Mapping[str, str] | None = None,
) -> Iterator[Assembled]:
    """Start the fake cloud and the operator; at the end the operator must stop in good order.

    Args:
        kubernetes: A control plane with the CRDs.
        name: Of the processes' logs.
        settings: The operator's flags.
        pace: The fake's flags.
    """
    supervisor = kubernetes.supervisor
    kubernetes.kubectl("apply", "--server-side", "--force-conflicts", "-k", ROOT / "deploy/base")
    namespace = new_namespace(kubernetes)
    kubeconfig = kubernetes.write_kubeconfig(
        supervisor.state / f"{name}.kubeconfig",
        token=kubernetes.service_account_token(SYSTEM, "serveractions"),
    )
    with _process(supervisor, remote.process(supervisor, f"{name}-cloud", pace or {})) as cloud:
        fake = remote.of(cloud)
        _create_secret(kubernetes, namespace, SECRET, fake.clouds_yaml())
        operator = operator_process.process(
            supervisor,
            kubernetes,
            name=f"{name}-operator",
            # Other tests leave unfinished objects behind, in namespaces of their own.
            flags={
                "kubeconfig": str(kubeconfig),
                "watch-namespaces": namespace,
                **(settings or {}),
            },
        )
        with _process(supervisor, operator):
            pid = supervisor.pid(operator.name)
            probes = operator_process.probes(operator)
            with requests.Session() as session:
                session.trust_env = False
                session.verify = str(kubernetes.authority)
                session.headers["Authorization"] = f"Bearer {kubernetes.credentials.admin_token}"
                yield Assembled(kubernetes, fake, Operator(pid, probes), namespace, session)
            secrecy.keep_metrics(supervisor.logs, operator.name, probes)
            _stop_in_good_order(pid, operator)


@contextmanager
def _process(supervisor: Supervisor, process: Process) -> Iterator[Process]:
    supervisor.start(process)
    try:
        yield process
    finally:
        supervisor.stop(process.name)


def _create_secret(kubernetes: ControlPlane, namespace: str, name: str, clouds_yaml: str) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "stringData": {"clouds.yaml": clouds_yaml},
    }
    kubernetes.kubectl("create", "-f", "-", stdin=json.dumps(secret))


def _stop_in_good_order(pid: int, process: Process) -> None:
    """End the operator as a kubelet does; it has to leave by itself, with 0."""
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + process.grace
    # WNOWAIT: the supervisor, whose child it is, must be able to see how it ended, too.
    while (seen := os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is None:
        assert time.monotonic() < deadline, f"still running {process.grace:g} s after SIGTERM"
        time.sleep(POLL)
    ended = (seen.si_code, seen.si_status)
    assert ended == (os.CLD_EXITED, 0), f"ended with {ended} after SIGTERM: see {process.log}"
