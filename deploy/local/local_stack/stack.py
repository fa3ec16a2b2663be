"""Both halves of the local world, brought up side by side and taken down together."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_stack import commands, kubernetes, openstack, toolchain
from local_stack.commands import StackError
from local_stack.kubernetes import ControlPlane
from local_stack.openstack import OpenStack
from local_stack.openstack_config import Settings
from local_stack.progress import Progress
from local_stack.supervisor import Supervisor

ABANDON_EVERY = 0.1
"""Seconds between two attempts to end what the other half is doing after one has failed."""


@dataclass(frozen=True, kw_only=True)
class Stack:
    """What is running: one half may have been left out."""

    supervisor: Supervisor
    control_plane: ControlPlane | None
    cloud: OpenStack | None

    @property
    def kubernetes(self) -> ControlPlane:
        """The Kubernetes half."""
        if self.control_plane is None:
            raise StackError("this stack was brought up without Kubernetes")
        return self.control_plane

    @property
    def openstack(self) -> OpenStack:
        """The OpenStack half."""
        if self.cloud is None:
            raise StackError("this stack was brought up without OpenStack")
        return self.cloud


def build(progress: Progress) -> None:
    """Make sure that everything the halves need is built or installed, and cached."""
    with ThreadPoolExecutor() as pool:
        _all_or_none(
            [
                pool.submit(toolchain.prepare, progress),
                pool.submit(openstack.prepare, progress),
            ],
            abandon=commands.end_all,
        )


@contextmanager
def running(
    *,
    progress: Progress,
    with_kubernetes: bool = True,
    with_openstack: bool = True,
    state: Path | None = None,
    keep: bool = False,
    crds: Sequence[Path] = (),
    apiserver_flags: Sequence[str] = (),
    settings: Settings | None = None,
) -> Iterator[Stack]:
    """Bring the stack up, and take it down when the context is left.

    Args:
        progress: Told what is being done.
        with_kubernetes: Whether to start the Kubernetes half.
        with_openstack: Whether to start the OpenStack half.
        state: Where everything is written; a temporary directory when not given.
        keep: Leave that directory behind at the end.
        crds: Files or directories of custom resource definitions to install.
        apiserver_flags: Added to the API server's own.
        settings: What the cloud should do differently from its defaults.

    Raises:
        StackError: A build failed or a server did not come up; nothing is left running.
    """
    with Supervisor(progress=progress, state=state, keep=keep) as supervisor:

        def start_kubernetes() -> ControlPlane:
            tools = toolchain.prepare(progress)
            return kubernetes.start(
                supervisor, tools, progress=progress, crds=crds, apiserver_flags=apiserver_flags
            )

        def start_openstack() -> OpenStack:
            tools = openstack.prepare(progress)
            return openstack.start(supervisor, tools, progress=progress, settings=settings)

        def abandon() -> None:
            supervisor.stop_all()
            commands.end_all()

        with ThreadPoolExecutor() as pool:
            plane = pool.submit(start_kubernetes) if with_kubernetes else None
            cloud = pool.submit(start_openstack) if with_openstack else None
            _all_or_none([half for half in (plane, cloud) if half is not None], abandon=abandon)
        yield Stack(
            supervisor=supervisor,
            control_plane=plane.result() if plane else None,
            cloud=cloud.result() if cloud else None,
        )


def _all_or_none(futures: Sequence[Future[Any]], *, abandon: Callable[[], None]) -> None:
    """Wait for all; on the first failure or an interrupt, abandon the others and raise it."""
    try:
        for future in as_completed(futures):
            future.result()
    except BaseException:
        while wait(futures, timeout=ABANDON_EVERY).not_done:
            abandon()  # again and again: a thread may have been between two commands
        raise
