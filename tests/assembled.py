"""The assembled operator as a process, on a real kube-apiserver, against the fake cloud.

Three processes, as in an installation: what is measured at one is not the work of another. The
operator runs with the rights that deploy/base gives it.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import operators
import secrecy
from administrator import SECRET, Administrator, log_in
from fakes.cloud import remote
from fakes.cloud.remote import FakeCloud
from fakes.proxy import Proxy
from kube_world import new_namespace
from local_stack.kubernetes import ControlPlane
from local_stack.supervisor import Process, Supervisor
from operators import Memory, Operator
from serveractions.api.kinds import Kind

__all__ = [
    "SECRET",
    "Assembled",
    "FakeCloud",
    "Installation",
    "Memory",
    "Operator",
    "behind_a_proxy",
    "prepared",
    "running",
]

ROOT = Path(__file__).parents[1]
SYSTEM = "serveractions-system"
USER = f"system:serviceaccount:{SYSTEM}:serveractions"


@dataclass(frozen=True)
class Installation:
    """What is applied, and where the operator is then."""

    folder: Path | None = ROOT / "deploy/base"
    """None for what is there already."""
    namespace: str = SYSTEM
    alone: bool = False
    """Whether it serves nothing but its own namespace."""


BASE = Installation()


@dataclass(frozen=True)
class Assembled(Administrator):
    """All of it, and a namespace with a Secret that leads to the fake cloud."""

    cloud: FakeCloud
    name: str
    settings: Mapping[str, str]
    token: str
    """Of the operators' service account."""
    operators: list[Operator]
    """In the order of their start, those that ended included."""
    proxy: Proxy | None = None
    """Before the API server; operators go through it where there is one."""

    @property
    def operator(self) -> Operator:
        """The newest one."""
        return self.operators[-1]

    @property
    def neighbours(self) -> list[Administrator]:
        """The other namespaces that the operators serve."""
        served = self.settings["watch-namespaces"].split(",")
        return [self.in_namespace(each) for each in served if each != self.namespace]

    @contextmanager
    def another_cloud(self, name: str, pace: Mapping[str, str]) -> Iterator[FakeCloud]:
        """Run one more fake cloud; the Secret that leads to it is called like it."""
        supervisor = self.kubernetes.supervisor
        with _process(supervisor, remote.process(supervisor, name, pace)) as process:
            cloud = remote.of(process)
            self.create_secret(name, {"clouds.yaml": cloud.clouds_yaml()})
            yield cloud

    def act(self, kind: Kind, *, by: Administrator | None = None, **spec: Any) -> tuple[str, str]:
        """Create an object for a new server; return its name and the server's id.

        Args:
            kind: Of the object.
            by: Who creates it, for another namespace.
            spec: Its own fields.
        """
        name = f"{kind.short}-{secrets.token_hex(4)}"
        (server,) = self.cloud.boot(name)
        author = by or self
        author.create(author.body(kind, name, server, **spec))
        return name, server

    def start(
        self,
        name: str = "operator",
        *,
        direct: bool = False,
        settings: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> Operator:
        """Start one more operator, or one in the place of another that has ended.

        Args:
            name: Two that run at once need two.
            direct: Not through the proxy.
            settings: Added to what all of this world have.
            wait: Return only when it is ready.
        """
        operator = operators.start(
            self.kubernetes,
            name=f"{self.name}-{name}",
            token=self.token,
            server=self.proxy.url if self.proxy and not direct else None,
            settings={**self.settings, **(settings or {})},
            wait=wait,
        )
        self.operators.append(operator)
        return operator


@contextmanager
def running(
    kubernetes: ControlPlane,
    *,
    name: str,
    settings: Mapping[str, str] | None = None,
    pace: Mapping[str, str] | None = None,
) -> Iterator[Assembled]:
    """Start the fake cloud and an operator; see `prepared`."""
    with prepared(kubernetes, name=name, settings=settings, pace=pace) as world:
        world.start()
        yield world


@contextmanager
def prepared(
    kubernetes: ControlPlane,
    *,
    name: str,
    settings: Mapping[str, str] | None = None,
    pace: Mapping[str, str] | None = None,
    proxy: Proxy | None = None,
    namespaces: Sequence[str] = (),
    installation: Installation = BASE,
) -> Iterator[Assembled]:
    """Start the fake cloud; at the end, each operator that still runs must stop in good order.

    Args:
        kubernetes: A control plane with the CRDs.
        name: Of the processes' logs.
        settings: The operators' flags.
        pace: The fake's flags.
        proxy: Before the API server.
        namespaces: Served beside the world's own.
        installation: Whose rights the operators have.
    """
    supervisor = kubernetes.supervisor
    if installation.folder is not None:
        kubernetes.kubectl("apply", "--server-side", "--force-conflicts", "-k", installation.folder)
    system = installation.namespace
    # An operator that another test killed holds its Leases on, and this one would wait for them.
    kubernetes.kubectl("delete", "leases", "--all", "--namespace", system)
    namespace = system if installation.alone else new_namespace(kubernetes)
    with (
        _process(supervisor, remote.process(supervisor, f"{name}-cloud", pace or {})) as cloud,
        log_in(kubernetes) as session,
    ):
        fake = remote.of(cloud)
        world = Assembled(
            kubernetes,
            namespace,
            session,
            cloud=fake,
            name=name,
            # Other tests leave unfinished objects behind, in namespaces of their own.
            settings={
                "namespace": system,
                "watch-namespaces": ",".join((namespace, *namespaces)),
                **(settings or {}),
            },
            token=kubernetes.service_account_token(system, "serveractions"),
            operators=[],
            proxy=proxy,
        )
        for each in (namespace, *namespaces):
            world.in_namespace(each).create_secret(SECRET, {"clouds.yaml": fake.clouds_yaml()})
        try:
            yield world
            for operator in _running(world):
                secrecy.keep_metrics(supervisor.logs, operator.name, operator.probes)
                operator.stop()
        finally:
            for operator in _running(world):
                operator.kill()


def _running(world: Assembled) -> list[Operator]:
    """Return each operator that runs; one that took another's place has its name, and is one."""
    return [one for one in {one.name: one for one in world.operators}.values() if one.running]


@contextmanager
def behind_a_proxy(kubernetes: ControlPlane) -> Iterator[Proxy]:
    """Put a proxy before the API server, which shows the same certificate."""
    certificate = kubernetes.authority
    proxy = Proxy(
        kubernetes.server,
        authority=certificate,
        certificate=(certificate, certificate.with_suffix(".key")),
    )
    with proxy.running():
        yield proxy


@contextmanager
def _process(supervisor: Supervisor, process: Process) -> Iterator[Process]:
    supervisor.start(process)
    try:
        yield process
    finally:
        supervisor.stop(process.name)
