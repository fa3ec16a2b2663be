"""A process may be killed, told to end, or stopped and woken later, at any call: whatever it was,
Nova has the action exactly once, and the object comes to its true end.

The calls are those of a run that goes well. The process is hurt before the first and after each of
them, and another one, with a name of its own, goes on from what is stored once it has the Lease.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest

from fakes.faults import Faults, Point
from fakes.world import LEASE_DURATION, Process, World, a_world
from serveractions.api.resource import Key
from serveractions.api.status import Phase, Status


@dataclass(frozen=True)
class Life:
    """A course that an object can take.

    Attributes:
        kind: Of the object.
        spec: Beside the smallest one.
        follow_up: What is sent after the action.
        steer: What a person does meanwhile.
        truths: The ends that are true.
        recorded: Whether Nova keeps a record of the action: without one, nobody can know.
        release, doomed: Of Nova, see there.
    """

    name: str
    kind: str
    spec: dict[str, Any]
    follow_up: str | None = None
    steer: Callable[[World, Key], Coroutine[Any, Any, None]] | None = None
    truths: frozenset[Phase] = frozenset({Phase.SUCCEEDED})
    recorded: bool = True
    release: int = 34
    doomed: str | None = None


async def _cancel(world: World, key: Key) -> None:
    """Cancel the live migration once it runs: not on time, since each crash moves that."""
    await world.until(lambda: bool(world.nova.moves) and world.nova.moves[0].status == "running")
    world.store.edit(key, cancel=True)


async def _revert(world: World, key: Key) -> None:
    await world.until_phase(key, Phase.AWAITING_DECISION, Phase.FAILED)
    if world.status(key).phase is Phase.AWAITING_DECISION:
        world.store.edit(key, decision="Revert")


LIVES = (
    Life("backup", "ServerBackup", {}),
    Life("migration", "ServerMigration", {}, "confirmResize"),
    Life("live migration", "ServerLiveMigration", {}),
    Life("state reset", "ServerStateReset", {}),
    Life("password change", "ServerPasswordChange", {}),
    Life("network reset", "ServerNetworkReset", {}, release=22, recorded=False),
    Life("network injection", "ServerNetworkInjection", {}, recorded=False),
    Life("state reset of an old Nova", "ServerStateReset", {}, release=22, recorded=False),
    Life(
        "reverted migration",
        "ServerMigration",
        {"confirmation": "Manual"},
        "revertResize",
        _revert,
        frozenset({Phase.CANCELLED}),
    ),
    Life(
        "aborted live migration",
        "ServerLiveMigration",
        {},
        "abort",
        _cancel,
        frozenset({Phase.CANCELLED}),
    ),
    Life(
        "live migration aborted by its deadline",
        "ServerLiveMigration",
        {"onDeadline": "Abort", "activeDeadlineSeconds": 5},
        "abort",
        truths=frozenset({Phase.FAILED}),
    ),
    Life(
        "forced live migration",
        "ServerLiveMigration",
        {"onDeadline": "ForceComplete", "activeDeadlineSeconds": 5},
        "force_complete",
    ),
    Life("refused", "ServerNetworkReset", {}, truths=frozenset({Phase.FAILED})),
    Life("cancelled before", "ServerBackup", {"cancel": True}, truths=frozenset({Phase.CANCELLED})),
    Life(
        "no valid host",
        "ServerMigration",
        {},
        truths=frozenset({Phase.FAILED}),
        doomed="No valid host was found",
    ),
)


class Hurt(StrEnum):
    """What happens to the first process."""

    KILLED = "killed"
    TERMINATED = "terminated"
    WOKEN_SOON = "stopped, and woken while another one waits"
    WOKEN_LATE = "stopped, and woken when all is over"


WOKEN_AFTER = 40.0
"""Seconds after the next process began: it does not believe yet that nothing is under way."""


@dataclass(frozen=True)
class Run:
    """What a run came to."""

    calls: tuple[str, ...]
    status: Status
    actions: int
    follow_ups: int


async def _live(life: Life, hurt: Hurt | None = None, point: Point | None = None) -> Run:
    async with a_world() as world:
        world.nova.release = life.release
        world.nova.doomed = life.doomed
        world.nova.live_seconds = 400.0 if life.follow_up in _STOPPING else 20.0
        key = world.create(life.kind, **life.spec)
        person = asyncio.create_task(life.steer(world, key)) if life.steer else None
        reached = asyncio.Event()

        def happen(faults: Faults) -> None:
            reached.set()
            if hurt is Hurt.KILLED:
                faults.die()
            elif hurt is not Hurt.TERMINATED:
                faults.freeze()

        # In a task: it may be stopped while it starts.
        starting = asyncio.create_task(world.process("first", hurt_at=point, hurt=happen, poll=4.0))
        await asyncio.sleep(0)
        first = world.processes[0]
        if hurt is None:
            await world.until_finished(key, within=2000)
            await asyncio.sleep(5)
        else:
            async with asyncio.timeout(900):
                await reached.wait()
            await _another_goes_on(world, key, hurt, first)
        starting.cancel()
        if person is not None:
            person.cancel()
        resource = world.resource(key)
        return Run(
            calls=tuple(first.faults.calls),
            status=resource.status,
            actions=world.sent(key),
            follow_ups=world.sent(key, life.follow_up) if life.follow_up else 0,
        )


_STOPPING = ("abort", "force_complete")


async def _another_goes_on(world: World, key: Key, hurt: Hurt, first: Process) -> None:
    match hurt:
        case Hurt.KILLED:
            await first.bury()
        case Hurt.TERMINATED:
            await first.stop()
            await first.bury()
    await asyncio.sleep(LEASE_DURATION + 1)
    await world.process("second", poll=4.0)
    if hurt is Hurt.WOKEN_SOON:
        await asyncio.sleep(WOKEN_AFTER)
        first.faults.thaw()
    await world.until_finished(key, within=3000)
    if hurt is Hurt.WOKEN_LATE:
        first.faults.thaw()
    await asyncio.sleep(300)  # whatever somebody still had in mind has happened by now


def _points(calls: tuple[str, ...]) -> list[Point]:
    """Return where a process can be hurt.

    Before a call is after the one before it: between two calls a process touches nothing.
    """
    after = [Point(number, call, "after") for number, call in enumerate(calls)]
    return [Point(0, calls[0], "before"), *after]


@pytest.mark.parametrize("hurt", Hurt)
@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.name)
async def test_nothing_is_sent_twice_and_nothing_is_lost_wherever_a_process_is_hurt(
    life: Life, hurt: Hurt
) -> None:
    good = await _live(life)
    assert good.status.phase in life.truths, good.status.message
    calls = good.calls

    wrong = []
    for point in _points(calls):
        run = await _live(life, hurt, point)
        problem = _problem(life, calls, point, run)
        if problem:
            wrong.append(f"{point}: {problem} ({run.status.message})")
    assert not wrong, "\n" + "\n".join(wrong)


def _problem(life: Life, calls: tuple[str, ...], point: Point, run: Run) -> str | None:
    if run.actions > 1:
        return f"the action was accepted {run.actions} times"
    if run.follow_ups > 1:
        return f"{life.follow_up} was accepted {run.follow_ups} times"
    status = run.status
    if status.reason == "OutcomeUnknown":
        may_be = not life.recorded and _between_mark_and_record(calls, point)
        return None if may_be else "somebody could know"
    if status.phase is Phase.SUCCEEDED and run.actions != 1:
        return "it succeeded and was never sent"
    return None if status.phase in life.truths else f"it ends as {status.phase}, {status.reason}"


def _between_mark_and_record(calls: tuple[str, ...], point: Point) -> bool:
    """Say whether the process was hurt between the mark and the first status after the request."""
    mark, send = calls.index("objects.mark"), calls.index("cloud.send")
    record = next(n for n in range(send, len(calls)) if calls[n] == "objects.write_status")
    return mark <= point.number <= record and (point.number, point.when) != (record, "after")
