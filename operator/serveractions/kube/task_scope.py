"""Knows all tasks that a foreign library starts, and ends them, and only them.

A watch of kopf that fails leaves its siblings behind, without anybody who would end them. Some of
them swallow a first cancellation, so that `asyncio.run` would wait for them for ever: the process
would live on, blind. kopf's own cure is to cancel every task of the event loop, which would include
the one that records what Nova has just accepted. Here a task belongs to the scope whose code, or
whose tasks' code, has started it.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE = 2.0
"""Seconds between two cancellations of a task that does not end."""
TRIES = 10
"""How often a task is cancelled before it is left to itself."""

_current: ContextVar["TaskScope | None"] = ContextVar("task_scope", default=None)


class TaskScope:
    """A group of tasks, known by the context that a task inherits from the one that starts it."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` as the scope's first task and return its result."""
        _watch_task_creation()
        context = copy_context()
        context.run(_current.set, self)
        return await asyncio.create_task(work, context=context)

    async def end(self, *, first: Callable[[asyncio.Task[Any]], bool]) -> None:
        """Cancel all tasks until they have ended.

        Args:
            first: Chooses the tasks that are cancelled before the others and end some of them.
        """
        for attempt in range(TRIES):
            pending = {task for task in self._tasks if attempt or first(task)}
            for task in pending:
                task.cancel()
            if pending:
                await asyncio.wait(pending, timeout=PATIENCE)
            if not self._tasks:
                return
        names = sorted(task.get_name() for task in self._tasks)
        log.warning("tasks do not end and are left behind", extra={"tasks": names})

    def add(self, task: asyncio.Task[Any]) -> None:
        """Take a task in until it has ended."""
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Seen: the library logs it. asyncio would do so again, after the process's last words.
            task.exception()


def outside() -> Context:
    """Return a context in which no task is taken for a scope's."""
    context = copy_context()
    context.run(_current.set, None)
    return context


def _watch_task_creation() -> None:
    """Have the event loop tell scopes of their tasks. It stays so: it concerns nobody else."""
    loop = asyncio.get_running_loop()
    inner = loop.get_task_factory()
    if getattr(inner, "tells_scopes", False):
        return

    def factory(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Future[Any]:
        task = inner(loop, coro, **options) if inner else asyncio.Task(coro, loop=loop, **options)
        context: Context | None = options.get("context")
        scope = context.get(_current) if context is not None else _current.get()
        if scope is not None and isinstance(task, asyncio.Task):
            scope.add(task)
        return task

    factory.tells_scopes = True  # type: ignore[attr-defined]
    loop.set_task_factory(factory)
