"""The operator under pyinstrument, in a burst of instant actions."""

from dataclasses import replace
from pathlib import Path

from assembled import SYSTEM, Assembled
from local_stack import operator_process
from operators import Operator
from scale.parts import burst
from scale.stage import Stage

FILE = "profile.txt"


def run(stage: Stage, size: int, directory: Path) -> Path:
    """Write the profile of one burst; return where it is."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / FILE
    with stage.world("profile") as world:
        operator = _start(world, path.resolve())
        world.until_phase(burst.RESET, world.act(burst.RESET, state="Active")[0], "Succeeded")
        names = [f"reset-{number:05}" for number in range(size)]
        burst.measure(stage, world, names, operator=operator.pid)
    # The command line names files of this machine.
    lines = [line for line in path.read_text().splitlines() if not line.startswith("Program:")]
    path.write_text("\n".join(lines).strip() + "\n")
    return path


def _start(world: Assembled, path: Path) -> Operator:
    plane = world.kubernetes
    supervisor, name = plane.supervisor, f"{world.name}-operator"
    kubeconfig = plane.write_kubeconfig(
        supervisor.state / f"{name}.kubeconfig",
        token=plane.service_account_token(SYSTEM, "serveractions"),
    )
    flags = {"kubeconfig": str(kubeconfig), **world.settings}
    process = operator_process.process(supervisor, plane, name=name, flags=flags)
    words = list(process.argv)
    place = words.index("-m")
    words[place:place] = ["-m", "pyinstrument", "-r", "text", "-o", str(path), "-i", "0.002"]
    process = replace(process, argv=words, env={**process.env, "COLUMNS": "160"})
    supervisor.start(process)
    operator = Operator(supervisor, process, supervisor.pid(name))
    world.operators.append(operator)
    return operator
