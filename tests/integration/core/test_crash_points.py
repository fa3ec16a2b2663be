"""A process may die at any call: whatever it was, Nova has the action at most once, and the object
comes to its true end or says that nobody can know.

The calls are those of a run that goes well. The process is ended before the first and after each of
them, and another one, with a name of its own, goes on from what is stored once it has the Lease.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from fakes.faults import Point
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
        release, doomed: Of Nova, see there.
    """

    name: str
    kind: str
    spec: dict[str, Any]
    follow_up: str | None = None
    steer: Callable[[World, Key], Coroutine[Any, Any, None]] | None = None
    truths: frozenset[Phase] = frozenset({Phase.SUCCEEDED})
    release: int = 22
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
    Life("network reset", "ServerNetworkReset", {}),
    Life("network injection", "ServerNetworkInjection", {}),
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
    Life("refused", "ServerNetworkReset", {}, truths=frozenset({Phase.FAILED}), release=34),
    Life("cancelled before", "ServerBackup", {"cancel": True}, truths=frozenset({Phase.CANCELLED})),
    Life(
        "no valid host",
        "ServerMigration",
        {},
        truths=frozenset({Phase.FAILED}),
        doomed="No valid host was found",
    ),
)


@dataclass(frozen=True)
class Run:
    """What a run came to."""

    calls: tuple[str, ...]
    status: Status
    actions: int
    follow_ups: int


async def _live(life: Life, kill_at: Point | None) -> Run:
    async with a_world() as world:
        world.nova.release = life.release
        world.nova.doomed = life.doomed
        world.nova.live_seconds = 200.0 if life.follow_up == "abort" else 20.0
        key = world.create(life.kind, **life.spec)
        person = asyncio.create_task(life.steer(world, key)) if life.steer else None
        first = await world.process("first", kill_at=kill_at, poll=4.0)
        if kill_at is None:
            await world.until_finished(key)
            await asyncio.sleep(5)
        else:
            await _first_dies_then_the_next_goes_on(world, first)
            await world.until_finished(key, within=2000)
        if person is not None:
            person.cancel()
        resource = world.resource(key)
        return Run(
            calls=tuple(first.faults.calls),
            status=resource.status,
            actions=world.sent(key),
            follow_ups=world.sent(key, life.follow_up) if life.follow_up else 0,
        )


async def _first_dies_then_the_next_goes_on(world: World, first: Process) -> None:
    async with asyncio.timeout(900):
        await first.killed.wait()
    await first.bury()
    await asyncio.sleep(LEASE_DURATION + 1)
    await world.process("second", poll=4.0)


def _points(calls: tuple[str, ...]) -> list[Point]:
    """Return where a process can die.

    Before a call is after the one before it: between two calls a process touches nothing.
    """
    after = [Point(number, call, "after") for number, call in enumerate(calls)]
    return [Point(0, calls[0], "before"), *after]


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.name)
async def test_a_crash_at_any_call_sends_nothing_twice_and_tells_no_lie(life: Life) -> None:
    good = await _live(life, None)
    assert good.status.phase in life.truths, good.status.message
    calls = good.calls

    wrong = []
    for point in _points(calls):
        run = await _live(life, point)
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
        return None if _nobody_can_know(calls, point) else "somebody could know"
    if status.phase is Phase.SUCCEEDED and run.actions != 1:
        return "it succeeded and was never sent"
    abort_was_lost = life.follow_up == "abort" and run.follow_ups == 0
    if status.phase is Phase.SUCCEEDED and abort_was_lost and _nobody_can_know(calls, point):
        return None  # not sent again, since it may have been: the migration came to its end
    return None if status.phase in life.truths else f"it ends as {status.phase}, {status.reason}"


def _nobody_can_know(calls: tuple[str, ...], point: Point) -> bool:
    """Say whether the process died between a mark and the record, or in the middle of a follow-up.

    The mark is the first of all; the record is the first status written after the request.
    """
    sends = [number for number, call in enumerate(calls) if call == "cloud.send"]
    for send in sends:
        begin = max(n for n in range(send) if calls[n] in ("objects.mark", "objects.write_status"))
        if "objects.mark" in calls and send == sends[0]:
            begin = calls.index("objects.mark")
        end = next(n for n in range(send, len(calls)) if calls[n] == "objects.write_status")
        after_begin = point.number > begin or (point.number == begin and point.when == "after")
        before_end = point.number < end or (point.number == end and point.when == "before")
        if after_begin and before_end:
            return True
    return False
