"""A scope ends what was started in it, whoever holds it, and nothing else."""

import asyncio
import gc
from typing import Any

import pytest

from serveractions.kube import task_scope
from serveractions.kube.task_scope import TaskScope, outside


async def forever() -> None:
    await asyncio.Event().wait()


def nobody(_: asyncio.Task[Any]) -> bool:
    return False


async def test_tasks_of_tasks_are_ended_and_foreign_ones_are_not() -> None:
    started: list[asyncio.Task[None]] = []

    async def parent() -> None:
        started.append(asyncio.create_task(forever()))

    async def work() -> str:
        started.append(asyncio.create_task(parent()))
        await asyncio.sleep(0)
        return "done"

    scope = TaskScope()
    older = asyncio.create_task(forever())
    assert await scope.run(work()) == "done"
    younger = asyncio.create_task(forever())
    await scope.end(first=nobody)
    assert len(started) == 2
    assert all(task.done() for task in started)
    assert not older.done()
    assert not younger.done()
    older.cancel()
    younger.cancel()


async def test_a_task_that_swallows_a_cancellation_is_cancelled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(task_scope, "PATIENCE", 0.01)
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while swallowed < 3:
            try:
                await forever()
            except asyncio.CancelledError:
                swallowed += 1

    async def work() -> asyncio.Task[None]:
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0)
        return task

    scope = TaskScope()
    task = await scope.run(work())
    await scope.end(first=nobody)
    assert task.done()
    assert swallowed == 3


async def test_the_first_ones_are_ended_before_the_others_are_touched() -> None:
    order: list[str] = []

    async def noted(name: str) -> None:
        try:
            await forever()
        finally:
            order.append(name)

    async def work() -> None:
        for name in ("late", "early"):
            asyncio.create_task(noted(name), name=name)  # noqa: RUF006 - the scope holds it
        await asyncio.sleep(0)

    scope = TaskScope()
    await scope.run(work())
    await scope.end(first=lambda task: task.get_name() == "early")
    assert order == ["early", "late"]


async def test_what_is_started_outside_is_not_the_scopes() -> None:
    context = outside()
    started: list[asyncio.Task[None]] = []

    def start() -> None:
        started.append(asyncio.create_task(forever()))

    async def work() -> None:
        context.run(start)

    scope = TaskScope()
    await scope.run(work())
    await scope.end(first=nobody)
    assert not started[0].done()
    started[0].cancel()


async def test_two_scopes_do_not_end_each_others_tasks() -> None:
    async def work() -> asyncio.Task[None]:
        return asyncio.create_task(forever())

    one, other = TaskScope(), TaskScope()
    ones, others = await one.run(work()), await other.run(work())
    await one.end(first=nobody)
    assert ones.done()
    assert not others.done()
    await other.end(first=nobody)
    assert others.done()


async def test_the_error_of_a_task_that_nobody_waits_for_is_not_told_by_asyncio(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail() -> None:
        raise ValueError

    async def work() -> None:
        asyncio.create_task(fail())  # noqa: RUF006 - nobody keeps it: that is the point
        await asyncio.sleep(0)

    scope = TaskScope()
    await scope.run(work())
    await scope.end(first=nobody)
    gc.collect()
    assert "never retrieved" not in caplog.text
