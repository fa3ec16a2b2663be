"""`make demo`: brings the world up, applies the samples, shows them change, proves the outcome.

Exit code 0 only if every action ended as it should and Nova's own API says so too.
"""

import argparse
import contextlib
import signal
import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from demo import scene
from demo.proofs import EXPECTED, Case, Proof, prove
from demo.watching import until_finished
from local_stack import operator_process, stack
from local_stack.commands import StackError
from local_stack.progress import Progress, for_console
from local_stack.servers import ServerFactory
from local_stack.stack import Stack

LIVE_MIGRATION_TAKES = 6.0
"""Seconds: long enough to see the memory being copied."""


def main() -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything up at the end")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # a background job ignores SIGINT
        signal.signal(number, signal.default_int_handler)
    console = Console()
    console.print(
        "starting Kubernetes and OpenStack on this machine; then one object of each kind is applied"
        " and the outcomes are checked with Nova's own API",
        highlight=False,
        soft_wrap=True,
    )
    try:
        with (
            for_console(console) as progress,
            stack.running(progress=progress, crds=[scene.CRDS]) as world,
        ):
            return _play(world, progress, console, keep=options.keep)
    except KeyboardInterrupt:
        console.print("the demo was interrupted; everything is down")
        return 130
    except StackError as error:
        Console(stderr=True).print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        return 1


def _play(world: Stack, progress: Progress, console: Console, *, keep: bool) -> int:
    kubernetes, openstack = world.kubernetes, world.openstack
    operator_process.install_namespace(kubernetes)
    world.supervisor.start(operator_process.process(world.supervisor, kubernetes))
    servers = ServerFactory(openstack.clouds_yaml)
    before = scene.set_up(kubernetes, servers, openstack.clouds_yaml, progress)
    openstack.control.delay("live_migration", LIVE_MIGRATION_TAKES)
    samples = scene.samples()
    for sample in samples:
        console.print(f"$ kubectl apply -f deploy/samples/{sample.path.name}", highlight=False)
        kubernetes.kubectl("apply", "-f", sample.path)
    try:
        objects = until_finished(kubernetes, samples, console)
    except StackError as error:
        raise StackError(f"{error} ({world.supervisor.logs / 'operator.log'})") from error
    server_of = {body["kind"]: body["spec"]["serverRef"]["name"] for body in objects.values()}
    proofs = [
        prove(kind, Case(body=objects[kind], before=before[server_of[kind]], cloud=servers))
        for kind in EXPECTED
    ]
    _show(proofs, console)
    if keep:
        _stay(world, console)
    if all(proof.holds for proof in proofs):
        console.print("every action ended as it should, and Nova's own API agrees")
        return 0
    console.print(f"NOT every action ended as it should: see {world.supervisor.logs}")
    return 1


def _show(proofs: list[Proof], console: Console) -> None:
    if not console.is_terminal:  # no table: a log is narrow, and is searched by lines
        console.print("what Nova and Glance themselves show:")
        for proof in proofs:
            word = "holds" if proof.holds else "FAILS"
            line = f"  {proof.kind:<23} {word}  {proof.shows}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        return
    table = Table("kind", "", "what Nova and Glance show", expand=True)
    for proof in proofs:
        mark = Text("holds", "green") if proof.holds else Text("FAILS", "bold red")
        table.add_row(proof.kind, mark, proof.shows)
    console.print(table)


def _stay(world: Stack, console: Console) -> None:
    """Leave everything up for a person to play with, until Ctrl-C."""
    kubectl = world.kubernetes.tools.kubectl
    console.print(
        "\nEverything stays up. In another terminal:\n"
        f"  export KUBECONFIG={world.kubernetes.kubeconfig}\n"
        f"  export OS_CLIENT_CONFIG_FILE={world.openstack.clouds_yaml} OS_CLOUD=admin\n"
        f"  {kubectl} get serveractions -o wide\n"
        f"Logs: {world.supervisor.logs}\nCtrl-C takes it down.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    with contextlib.suppress(KeyboardInterrupt):  # it is how a person says "enough", and no failure
        world.supervisor.wait()


if __name__ == "__main__":
    sys.exit(main())
