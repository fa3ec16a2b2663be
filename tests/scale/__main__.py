"""Measures what the operator costs, beside what people use today: `make bench`.

Each part writes its figures as soon as it has them, and leaves those of other parts as they are, so
that a run that was broken off is gone on with by naming what is missing in `BENCH_PARTS`.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from audit import Audit
from local_stack import stack
from local_stack.commands import StackError
from local_stack.progress import Silent
from scale import machine, plot, profiling, report, settings
from scale.parts import burst, flight, foreign, latency, peers, restart, tenants
from scale.results import Results
from scale.settings import Settings, SettingsError
from scale.stage import Stage

CRDS = Path(__file__).parents[2] / "crds"
FEW, BRIEF = 100, 20.0
"""Fewer migrations than these need not fly for longer than so many seconds."""
LISTED = 10
"""From so many on the operator reads lists."""

Part = Callable[[Stage, Settings, Results], None]


def main() -> int:
    """Run the parts; 1 where a bound does not hold, 2 where nothing could be measured."""
    console = Console(width=180, highlight=False)
    begun = time.monotonic()

    def say(text: str) -> None:
        console.print(f"[{time.monotonic() - begun:5.0f} s] {text}", markup=False)

    try:
        wanted = settings.read()
        results = Results(wanted.results)
        results.machine(machine.describe())
        _run(wanted, results, say)
    except (SettingsError, StackError) as error:
        sys.stderr.write(f"bench: {error}\n")
        return 2
    if wanted.profile:
        return 0
    plot.draw(results.content, wanted.results / report.PLOT)
    broken = report.show(results.content, console)
    say(f"the figures are in {results.path.name}, the picture in {report.PLOT} beside it")
    for row in broken:
        say(f"DOES NOT HOLD: {row.what}: {row.value}, and it must be {row.bound}")
    return 1 if broken else 0


def _run(wanted: Settings, results: Results, say: Callable[[str], None]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        audit = Audit(Path(directory))
        say("starting the control plane")
        with stack.running(
            progress=Silent(), with_openstack=False, crds=[CRDS], apiserver_flags=audit.flags
        ) as running:
            stage = Stage(running.kubernetes, audit, say)
            if wanted.profile:
                size = wanted.largest(1000)
                path = profiling.run(stage, size, wanted.results)
                say(f"the profile of a burst of {size} is in {path.name}")
                return
            for name in wanted.parts:
                PARTS[name](stage, wanted, results)


def _latency(stage: Stage, _: Settings, results: Results) -> None:
    stage.say(f"latency: {latency.ACTIONS} actions, one after the other")
    results.put("latency", str(latency.ACTIONS), latency.run(stage))


def _burst(stage: Stage, wanted: Settings, results: Results) -> None:
    for size in wanted.up_to(1000):
        stage.say(f"burst: {size} instant actions")
        results.put("burst", str(size), burst.run(stage, size))


def _flight(stage: Stage, wanted: Settings, results: Results) -> None:
    for size in wanted.sizes:
        seconds = _seconds(wanted, size)
        stage.say(f"flight: {size} live migrations of {seconds:g} s")
        results.put("flight", str(size), flight.run(stage, size, seconds))


def _peers(stage: Stage, wanted: Settings, results: Results) -> None:
    for size in wanted.up_to(peers.MOST_CLIENTS):
        stage.say(f"peers: {size} times openstack server migrate --live-migration --wait")
        results.put("client", str(size), peers.client(stage, size))
    for size in wanted.up_to(1000):
        stage.say(f"peers: {size} live migrations with a kopf timer each")
        results.put("naive", str(size), peers.naive(stage, size, _seconds(wanted, size)))


def _tenants(stage: Stage, wanted: Settings, results: Results) -> None:
    size = wanted.largest(1000)
    stage.say(f"tenants: {size} live migrations of up to {tenants.TENANTS} credentials")
    results.put("tenants", str(size), tenants.run(stage, size, wanted.seconds))


def _foreign(stage: Stage, wanted: Settings, results: Results) -> None:
    sizes = [size for size in wanted.up_to(1000) if size >= LISTED]
    for size in dict.fromkeys((*sizes[:1], *sizes[-1:])):
        stage.say(f"foreign: {size} live migrations among {foreign.SERVERS} other servers")
        results.put("foreign", str(size), foreign.run(stage, size, wanted.seconds))


def _restart(stage: Stage, wanted: Settings, results: Results) -> None:
    in_flight = wanted.largest(restart.IN_FLIGHT)
    stage.say(f"restart: {in_flight} in flight, {', '.join(map(str, wanted.finished))} finished")
    for size, figures in restart.run(stage, wanted.finished, max(4, in_flight)).items():
        results.put("restart", size, figures)


def _seconds(wanted: Settings, size: int) -> float:
    return wanted.seconds if size >= FEW else min(wanted.seconds, BRIEF)


PARTS: dict[str, Part] = {
    "latency": _latency,
    "burst": _burst,
    "flight": _flight,
    "peers": _peers,
    "tenants": _tenants,
    "foreign": _foreign,
    "restart": _restart,
}


if __name__ == "__main__":
    raise SystemExit(main())
