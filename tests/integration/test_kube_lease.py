"""Leases on a real API server: what is stored, and processes that race for the same slots."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest

from kube_world import new_namespace, until
from local_stack.kubernetes import ControlPlane
from serveractions.clock import SystemClock
from serveractions.kube.client import Api
from serveractions.kube.lease import SlotLeases
from serveractions.kube.lease_record import KubeLeases

DURATION = 2.0
RENEW = 0.4
SLOTS = 4

Process = Callable[[str], SlotLeases]


@pytest.fixture
def namespace(kubernetes: ControlPlane) -> str:
    return new_namespace(kubernetes)


@pytest.fixture
async def process(kubernetes: ControlPlane, namespace: str) -> AsyncIterator[Process]:
    """Make processes, each with connections of its own."""
    apis = [await Api.connect(str(kubernetes.kubeconfig)) for _ in range(3)]
    free = list(apis)

    async def on_gain(_: frozenset[int]) -> None: ...

    def make(name: str) -> SlotLeases:
        return SlotLeases(
            store=KubeLeases(api=free.pop(), namespace=namespace, seconds=1),
            clock=SystemClock(),
            on_gain=on_gain,
            on_set_back=lambda: None,
            identity=name,
            slots=SLOTS,
            duration=DURATION,
            renew=RENEW,
        )

    yield make
    for api in apis:
        await api.close()


async def test_what_is_stored_is_what_other_tools_expect(
    kubernetes: ControlPlane, namespace: str, process: Process
) -> None:
    leases = process("pod-1")
    await leases.round()
    text = kubernetes.kubectl("get", "lease", "serveractions-slot-3", "-n", namespace, "-o", "json")
    spec = json.loads(text)["spec"]
    assert spec["holderIdentity"] == leases.identity
    assert spec["holderIdentity"].startswith("pod-1_")
    assert spec["leaseDurationSeconds"] == 2
    assert spec["leaseTransitions"] == 0
    assert spec["acquireTime"] == spec["renewTime"]


async def test_of_three_racing_processes_no_two_ever_hold_the_same_slot(process: Process) -> None:
    racers = [process(f"pod-{number}") for number in range(3)]
    tasks = [asyncio.create_task(racer.run()) for racer in racers]

    def held_once() -> bool:
        slots = [slot for racer in racers for slot in racer.held]
        assert len(slots) == len(set(slots))
        return len(slots) == SLOTS

    await until(held_once)
    # The one with the most is killed: its slots are taken over only when its time is over.
    victim = max(racers, key=lambda racer: len(racer.held))
    tasks[racers.index(victim)].cancel()
    await until(lambda: held_once() and not victim.held)
    survivors = [racer for racer in racers if racer is not victim]
    # The others stop in order: nobody waits for their slots.
    for racer in survivors:
        await racer.release()
        assert not racer.held
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_released_slots_are_taken_within_one_renewal(process: Process) -> None:
    first, second = process("pod-1"), process("pod-2")
    running = [asyncio.create_task(first.run())]
    await until(lambda: len(first.held) == SLOTS)
    running.append(asyncio.create_task(second.run()))
    await first.release()
    await until(lambda: len(second.held) == SLOTS, seconds=DURATION)
    await second.release()
    await asyncio.gather(*running)


async def test_a_holder_outlives_a_short_outage_of_the_api_server(
    kubernetes: ControlPlane, process: Process
) -> None:
    leases = process("pod-1")
    running = asyncio.create_task(leases.run())
    await until(lambda: len(leases.held) == SLOTS)
    await asyncio.to_thread(kubernetes.stop_apiserver)
    await until(lambda: not leases.held)  # it knows by itself, with nobody to tell it
    await asyncio.to_thread(kubernetes.start_apiserver)
    await until(lambda: len(leases.held) == SLOTS)
    await leases.release()
    await running
