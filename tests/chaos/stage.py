"""What all runs share, and the places where they happen.

A place is an installation of its own: a namespace with the Leases in it, a Secret, a server. So
many runs can share an API server and a cloud, and none can disturb another.
"""

import asyncio
import contextlib
import itertools
import re
import signal
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from chaos import cloud
from chaos.cloud import Cloud
from chaos.cluster import Cluster, Json, cluster, holder
from chaos.lives import PASSWORD, PASSWORD_SECRET, QUICK, SLOW, Life
from chaos.nursery import Nursery, Operator, calls_of, nursery
from fakes.mortal import Point
from local_stack.kubernetes import ControlPlane

ROOT = Path(__file__).parents[2]
SYSTEM = "serveractions-system"
SECRET, ACCOUNT = "openstack", "admin"
CREDENTIALS = {"cloudCredentialsRef": {"secretName": SECRET, "cloudName": ACCOUNT}}
"""The part of each spec that names the Secret."""
NAME = "victim"
_NUMBERS = itertools.count()
"""For names: several stages share one control plane."""
SETTINGS = {
    "slots": "1",
    "lease-duration": "4",
    "lease-renew": "1.2",
    "claim-bound": "1.5",
    "post-deadline": "2",
    "proxy-lifetime": "1",
    "poll-interval": "0.3",
    "poll-interval-urgent": "0.3",
    "progress-interval": "1",
    "retry-interval": "0.3",
    "shutdown-grace": "10",
    "probe-port": "0",
}
"""Times are short where somebody waits for them; everything else is as it is installed."""


@dataclass(frozen=True)
class Hurt:
    """What befalls a process, and where.

    Attributes:
        point: At which call.
        signal: Which one it sends itself: SIGKILL, SIGTERM or SIGSTOP.
        late: Of SIGSTOP: whether it is woken when the object is over, and not as soon as another
            process has taken over.
    """

    point: Point
    signal: signal.Signals
    late: bool = False

    @property
    def fatal(self) -> bool:
        """Whether the process dies of it."""
        return self.signal is signal.SIGKILL

    def __str__(self) -> str:
        name = self.signal.name + (", woken late" if self.late else "")
        return f"{name} {self.point}"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What all runs share."""

    cluster: Cluster
    nursery: Nursery
    quick: Cloud
    slow: Cloud
    kubeconfig: Path
    directory: Path

    async def place(self, life: Life, settings: Mapping[str, str]) -> "Place":
        """Prepare a place for one object to live its life in.

        Args:
            life: The course that is wanted.
            settings: Flags of the operator, beside those that all have.
        """
        home = self.slow if life.slow else self.quick
        name = f"{re.sub('[^a-z]+', '-', life.name)}-{next(_NUMBERS)}"
        directory = self.directory / name
        directory.mkdir()
        await furnish(self.cluster, name, clouds=await home.clouds_yaml())
        (server,) = await home.boot(name)
        return Place(
            stage=self,
            life=life,
            cloud=home,
            namespace=name,
            server=server,
            directory=directory,
            settings=settings,
        )


@dataclass(frozen=True, kw_only=True)
class Place:
    """What one run has to itself."""

    stage: Stage
    life: Life
    cloud: Cloud
    namespace: str
    server: str
    directory: Path
    settings: Mapping[str, str]

    async def create(self) -> None:
        """Create the object."""
        spec = {**CREDENTIALS, "serverRef": {"id": self.server}, **self.life.spec}
        await self.stage.cluster.create(self.namespace, self.life.kind, NAME, spec)

    async def read(self) -> Json:
        """Return the object."""
        return await self.stage.cluster.read(self.namespace, self.life.kind, NAME)

    async def edit(self, spec: Mapping[str, object]) -> None:
        """Change fields of its spec."""
        await self.stage.cluster.edit(self.namespace, self.life.kind, NAME, dict(spec))

    async def holder(self) -> str:
        """Return who holds the one Lease, empty for nobody."""
        leases = await self.stage.cluster.leases(self.namespace)
        return holder(leases[0]) if leases else ""

    @contextlib.asynccontextmanager
    async def operators(self) -> AsyncIterator["Operators"]:
        """Give what starts processes; at the end none is left, whatever happened."""
        started = Operators(self)
        try:
            yield started
        finally:
            await asyncio.gather(*(each.kill() for each in started.all))


class Operators:
    """The operator processes of one place."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.all: list[Operator] = []

    async def start(self, identity: str, hurt: Hurt | None = None) -> Operator:
        """Start a process, which may be going to be hurt."""
        place = self._place
        settings = {
            **SETTINGS,
            **place.settings,
            "kubeconfig": str(place.stage.kubeconfig),
            "namespace": place.namespace,
            "watch-namespaces": place.namespace,
        }
        operator = await place.stage.nursery.start(
            identity,
            settings,
            directory=place.directory,
            hurt=(hurt.point, hurt.signal) if hurt else None,
        )
        self.all.append(operator)
        return operator

    def calls(self, identity: str) -> Path:
        """Return where the calls of a process are noted."""
        return calls_of(self._place.directory, identity)


def install(kubernetes: ControlPlane, directory: Path) -> Path:
    """Apply what an installation consists of; return a kubeconfig with the operator's rights."""
    kubernetes.kubectl("apply", "--server-side", "--force-conflicts", "-k", ROOT / "deploy/base")
    token = kubernetes.service_account_token(SYSTEM, "serveractions")
    return kubernetes.write_kubeconfig(directory / "kubeconfig", token=token)


async def furnish(cluster: Cluster, namespace: str, *, clouds: str) -> None:
    """Make a namespace with the Secrets that objects name: of the cloud, and of a password."""
    await cluster.create_namespace(namespace)
    await cluster.create_secret(namespace, SECRET, {"clouds.yaml": clouds})
    usable = {"serveractions.dev/usable-as": "password"}
    await cluster.create_secret(namespace, PASSWORD_SECRET, {PASSWORD_SECRET: PASSWORD}, usable)


@contextlib.asynccontextmanager
async def stage(kubernetes: ControlPlane, directory: Path) -> AsyncIterator[Stage]:
    """Set up what all runs share.

    Args:
        kubernetes: A control plane with the CRDs.
        directory: Where calls and logs of the operators go.
    """
    kubeconfig = install(kubernetes, directory)
    kubernetes.kubectl("apply", "-f", Path(__file__).with_name("leases.yaml"))
    supervisor = kubernetes.supervisor
    async with (
        cluster(kubernetes) as administrator,
        aiohttp.ClientSession() as session,
        nursery(directory / "zygote.log") as operators,
    ):
        with (
            cloud.running(supervisor, session, name="quick-cloud", pace=QUICK) as quick,
            cloud.running(supervisor, session, name="slow-cloud", pace=SLOW) as slow,
        ):
            yield Stage(
                cluster=administrator,
                nursery=operators,
                quick=quick,
                slow=slow,
                kubeconfig=kubeconfig,
                directory=directory,
            )
