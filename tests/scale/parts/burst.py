"""Many instant actions at once, beside a bare loop of openstacksdk that asks Nova for the same.

The loop knows no Kubernetes and records nothing: it is what the same actions cost at least. It has
as many threads as the operator has for one cloud. Beside the wall time stands the processor time of
everything that takes part, since on a small machine they share the cores.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from assembled import Assembled
from fakes.cloud.remote import TESTS
from scale import tally
from scale.results import Figures
from scale.stage import Stage, busiest
from serveractions.api.kinds import BY_NAME
from serveractions.config import Config

RESET = BY_NAME["ServerStateReset"]
FINISHED = ("Succeeded", "Failed", "Cancelled")
LOOP = "scale.peers.bare_loop"


def run(stage: Stage, size: int) -> Figures:
    """Measure the loop, then the operator, on servers of their own in one cloud."""
    with stage.world("burst") as world:
        threads = Config().cloud_threads
        names = [f"reset-{number:05}" for number in range(size)]
        peer = bare_loop(world, world.cloud.boot(*names), threads)
        stage.say(f"burst of {size}: the bare loop took {peer['wall_s']:.1f} s")
        operator = world.start()
        world.until_phase(RESET, world.act(RESET, state="Active")[0], "Succeeded")
        figures = measure(stage, world, names, operator=operator.pid)
        ceiling = stage.ceiling(world.cloud)
    ratio = figures["wall_s"] / peer["wall_s"]
    return {
        **figures,
        "ratio": round(ratio, 2),
        "threads": threads,
        "peer_bare_loop": peer,
        "cloud_ceiling_per_s": ceiling,
    }


def measure(stage: Stage, world: Assembled, names: list[str], **pids: int) -> Figures:
    """Create all objects, wait until all are finished, and count."""
    servers = dict(zip(names, world.cloud.boot(*names), strict=True))
    earlier = len(world.cloud.requests())
    position, meter = stage.audit.position(), stage.meter(world, **pids)
    world.create(*(world.body(RESET, name, servers[name], state="Active") for name in names))
    stage.until_none(world, RESET, FINISHED, f"the end of {len(names)} resets")
    cpu = meter.spent()
    events, journal = list(stage.audit.since(position)), world.cloud.journal()
    begun, ended = tally.created(events, RESET.plural), tally.finished(events)
    phases = [status["phase"] for status in world.statuses(RESET).values()]
    assert set(phases) == {"Succeeded"}, phases
    wall = max(ended[name] for name in names) - min(begun[name] for name in names)
    writes, others = tally.writes(events, agent="serveractions", resource=RESET.plural)
    asked = journal["entries"][earlier:]
    return {
        "actions": len(names),
        "wall_s": round(wall, 2),
        "applied_s": round(max(begun.values()) - min(begun.values()), 2),
        "cpu_s": cpu,
        "cpu_ms_per_action": {
            name: round(seconds * 1000 / len(names), 1) for name, seconds in cpu.items()
        },
        "nova_requests_per_action": round(len(asked) / len(names), 2),
        "posts": sum(each["method"] == "POST" and each["family"] == "action" for each in asked),
        "kubernetes_writes_per_action": round(writes.total() / len(names), 2),
        "kubernetes_other_writes": others.total(),
        "kopf_writes": tally.of_kopf(events, resource=RESET.plural),
        "cloud_busiest_per_s": busiest({"entries": asked}),
    }


def bare_loop(world: Assembled, servers: list[str], threads: int) -> dict[str, Any]:
    """Run the loop as a process of its own; return what it says of itself."""
    clouds = Path(world.kubernetes.supervisor.state) / f"{world.name}-clouds.yaml"
    clouds.write_text(world.cloud.clouds_yaml())
    clouds.chmod(0o600)
    begun = time.monotonic()
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", LOOP, "--clouds", str(clouds), "--threads", str(threads)],
        input="\n".join(servers),
        env={"PYTHONPATH": str(TESTS), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures | {"with_start_s": round(time.monotonic() - begun, 2)}
