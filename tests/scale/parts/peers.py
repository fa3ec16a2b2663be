"""What people use today, on the same cloud: the openstack client, and a plain kopf operator."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from assembled import Assembled
from fakes.cloud.remote import TESTS
from local_stack.supervisor import Process
from scale.flying import Flight, Watcher, counted
from scale.results import Figures
from scale.stage import PATIENCE, Stage

HERE = Path(__file__).parents[1]
PLURAL, GROUP, VERSION = "naivemigrations", "naive.example.org", "v1"
MOST_CLIENTS = 10
"""Each is a process of its own with a second of processor time."""
CLIENT_SECONDS = 20.0
"""Of a migration for the client."""


def client(stage: Stage, size: int) -> Figures:
    """Run `openstack server migrate --live-migration --wait` for each server, side by side."""
    with stage.world("client", migration=CLIENT_SECONDS) as world:
        names = [f"move-{number:03}" for number in range(size)]
        servers = world.cloud.boot(*names)
        earlier, cpu, resident = len(world.cloud.requests()), 0.0, 0.0
        for process in [_openstack(world, server) for server in servers]:
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            assert process.returncode == 0, f"the openstack client ended with {status}"
            cpu += used.ru_utime + used.ru_stime
            resident = max(resident, used.ru_maxrss / 1024)
        asked = world.cloud.requests()[earlier:]
    return {
        "actions": size,
        "migration_s": CLIENT_SECONDS,
        "nova_requests_per_action": round(
            sum(each["family"] != "identity" for each in asked) / size, 2
        ),
        "cpu_ms_per_action": round(cpu * 1000 / size),
        "memory_mib_each": round(resident, 1),
    }


def _openstack(world: Assembled, server: str) -> subprocess.Popen[bytes]:
    clouds = world.kubernetes.supervisor.state / f"{world.name}-clouds.yaml"
    clouds.write_text(world.cloud.clouds_yaml())
    clouds.chmod(0o600)
    program = Path(sys.executable).parent / "openstack"
    words = ("server", "migrate", "--live-migration", "--wait", server)
    return subprocess.Popen(  # noqa: S603
        [program, "--os-cloud", "admin", *words],
        env={
            "OS_CLIENT_CONFIG_FILE": str(clouds),
            "HOME": str(world.kubernetes.supervisor.state),
            "PATH": os.defpath,
        },
        stdout=subprocess.DEVNULL,
    )


def naive(stage: Stage, size: int, seconds: float) -> Figures:
    """Have the naive operator move so many servers."""
    with stage.world("naive", migration=seconds) as world:
        plane = world.kubernetes
        plane.kubectl("apply", "-f", HERE / "peers" / "naive.yaml")
        plane.kubectl(
            "wait", "--for=condition=Established", f"crd/{PLURAL}.{GROUP}", "--timeout=30s"
        )
        names = [f"move-{number:05}" for number in range(size)]
        servers = world.cloud.boot(*names)
        flights = [Flight(*pair) for pair in zip(names, servers, strict=True)]
        supervisor = plane.supervisor
        process = _naive_operator(world)
        supervisor.start(process)
        pid = supervisor.pid(process.name)
        try:
            earlier, position = len(world.cloud.requests()), stage.audit.position()
            meter = stage.meter(world, operator=pid)
            with Watcher(pid) as memory:
                _create(world, flights)
                _until_over(stage, world, len(flights))
            figures = counted(
                stage,
                world,
                flights,
                earlier=earlier,
                position=position,
                meter=meter,
                agent="kopf",
                resource=PLURAL,
            )
        finally:
            supervisor.kill(process.name)
            _let_go(world, names)
    return figures | {"memory_in_flight_mib": round(memory.most, 1), "migration_s": seconds}


def _naive_operator(world: Assembled) -> Process:
    supervisor = world.kubernetes.supervisor
    clouds = supervisor.state / "naive-clouds.yaml"
    clouds.write_text(world.cloud.clouds_yaml())
    clouds.chmod(0o600)
    log = supervisor.logs / "naive-operator.log"
    return Process(
        name="naive-operator",
        argv=[sys.executable, "-m", "scale.peers.naive_operator"],
        log=log,
        env={
            "PYTHONPATH": str(TESTS),
            "KUBECONFIG": str(world.kubernetes.kubeconfig),
            "CLOUDS": str(clouds),
            "NAMESPACE": world.namespace,
        },
        ready=lambda: "Initial authentication has finished" in log.read_text(),
        grace=20.0,
    )


def _collection(world: Assembled) -> str:
    place = f"apis/{GROUP}/{VERSION}/namespaces/{world.namespace}/{PLURAL}"
    return f"{world.kubernetes.server}/{place}"


def _create(world: Assembled, flights: list[Flight]) -> None:
    for each in flights:
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "NaiveMigration",
            "metadata": {"name": each.name},
            "spec": {"server": each.server},
        }
        answer = world.session.post(_collection(world), json=body, timeout=30)
        answer.raise_for_status()


def _until_over(stage: Stage, world: Assembled, count: int) -> None:
    query: dict[str, Any] = {"fieldSelector": "status.phase=Succeeded"}

    def over() -> bool:
        answer = world.session.get(_collection(world), params=query, timeout=30)
        answer.raise_for_status()
        return len(answer.json()["items"]) == count

    world.until(over, seconds=PATIENCE, what=f"the end of {count} migrations of the naive operator")
    stage.say(f"the naive operator has followed {count}")


def _let_go(world: Assembled, names: list[str]) -> None:
    """Take kopf's finalizers away: nobody else would, and the namespace could never go."""
    for name in names:
        world.session.patch(
            f"{_collection(world)}/{name}",
            json={"metadata": {"finalizers": None}},
            headers={"Content-Type": "application/merge-patch+json"},
            timeout=30,
        )
        world.session.delete(f"{_collection(world)}/{name}", timeout=30)
