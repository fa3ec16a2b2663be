"""Command line of the local stack: `python -m local_stack build | tool | up | down`."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from local_stack import stack, toolchain
from local_stack.commands import StackError
from local_stack.progress import Progress, for_console
from local_stack.stack import Stack
from local_stack.state import running_pid

DOWN_WITHIN = 60.0
"""Seconds that `down` waits: above the sum of what the servers are given to stop."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a background job ignores SIGINT
        signal.signal(number, signal.default_int_handler)
    console = Console()
    try:
        with for_console(console) as progress:
            options.command(options, progress)
    except KeyboardInterrupt:
        progress.note("the local stack is down")
    except StackError as error:
        Console(stderr=True).print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        return 1
    return 0


def _build(_: argparse.Namespace, progress: Progress) -> None:
    stack.build(progress)
    progress.note("everything that the local stack needs is built and cached")


def _tool(options: argparse.Namespace, progress: Progress) -> None:
    del progress  # it writes to standard output, where a shell reads the path and nothing else
    with for_console(Console(stderr=True)) as aside:
        path = toolchain.tool(options.name, aside)
    sys.stdout.write(f"{path}\n")


def _up(options: argparse.Namespace, progress: Progress) -> None:
    began = time.monotonic()
    with stack.running(
        progress=progress,
        with_kubernetes=options.kubernetes,
        with_openstack=options.openstack,
        state=options.state,
        keep=options.keep,
        crds=options.crds,
    ) as up:
        progress.note(_directions(up, time.monotonic() - began))
        up.supervisor.wait()


def _directions(up: Stack, took: float) -> str:
    """Return what to type in another terminal."""
    lines = [f"\nThe local stack is up after {took:.1f} s. In another terminal:"]
    if up.control_plane is not None:
        lines.append(f"  export KUBECONFIG={up.kubernetes.kubeconfig}")
        lines.append(f"  {up.kubernetes.tools.kubectl} get namespaces")
    if up.cloud is not None:
        lines.append(f"  export OS_CLIENT_CONFIG_FILE={up.openstack.clouds_yaml}")
    lines.append(f"Logs: {up.supervisor.logs}\nCtrl-C takes it down.")
    return "\n".join(lines)


def _down(options: argparse.Namespace, progress: Progress) -> None:
    pid = running_pid(options.state)
    if pid is None:
        progress.note(f"no local stack runs in {options.state}")
        return
    with progress.step(f"taking down the local stack in {options.state}"):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + DOWN_WITHIN
        while running_pid(options.state) is not None:
            if time.monotonic() > deadline:
                raise StackError(
                    f"the local stack in {options.state} (process {pid}) is still running after "
                    f"{DOWN_WITHIN:g} s: kill -9 {pid} ends all of it"
                )
            time.sleep(0.1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="local_stack", description=__doc__)
    commands = parser.add_subparsers(required=True)

    build = commands.add_parser("build", help="build and cache what the stack needs, then stop")
    build.set_defaults(command=_build)

    tool = commands.add_parser("tool", help="build one tool if need be, and print where it is")
    tool.set_defaults(command=_tool)
    tool.add_argument("name", metavar="NAME", help="for instance helm")

    up = commands.add_parser("up", help="bring the stack up and stay in the foreground")
    up.set_defaults(command=_up, kubernetes=True, openstack=True)
    half = up.add_mutually_exclusive_group()
    half.add_argument("--no-openstack", dest="openstack", action="store_false")
    half.add_argument("--no-kubernetes", dest="kubernetes", action="store_false")
    up.add_argument(
        "--state", type=Path, metavar="DIR", help="where to write; default: a temporary directory"
    )
    up.add_argument("--keep", action="store_true", help="do not delete that directory at the end")
    up.add_argument(
        "--crds",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="custom resource definitions to install (may be repeated)",
    )
    up.set_defaults(command=_up)

    down = commands.add_parser("down", help="take down a stack that runs in another terminal")
    down.add_argument("--state", type=Path, metavar="DIR", required=True)
    down.set_defaults(command=_down)
    return parser


if __name__ == "__main__":
    sys.exit(main())
