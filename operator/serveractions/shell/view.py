"""What a run shows of its objects while it goes on: a bar on a terminal, else a line per change."""

from types import TracebackType
from typing import Protocol, Self, TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from serveractions.api.resource import Key, Resource


class View(Protocol):
    """Shows objects as they change, from `with` to its end."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def show(self, resource: Resource) -> None:
        """Show an object as it is now."""
        ...


def line(resource: Resource) -> str:
    """Return one line about an object."""
    status = resource.status
    said = f"{resource.key}: {status.phase} ({status.reason})"
    return f"{said}: {status.message}" if status.message else said


class Lines:
    """A line for each change of what is said; progress alone makes none."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._said: dict[Key, tuple[str, str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._out.flush()

    def show(self, resource: Resource) -> None:
        """Show an object as it is now."""
        said = (str(resource.status.phase), str(resource.status.reason))
        if self._said.get(resource.key) != said:
            self._said[resource.key] = said
            self._out.write(line(resource) + "\n")
            self._out.flush()


class Bars:
    """A bar for each object; it pulses while Nova gives no number."""

    def __init__(self, out: TextIO) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[said]}"),
            TimeElapsedColumn(),
            console=Console(file=out),
        )
        self._tasks: dict[Key, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, resource: Resource) -> None:
        """Show an object as it is now."""
        status = resource.status
        said = f"{status.phase} ({status.reason})"
        task = self._tasks.get(resource.key)
        if task is None:
            name = escape(str(resource.key))
            task = self._tasks[resource.key] = self._progress.add_task(name, total=None, said=said)
        percent = status.progress.percent if status.progress else None
        if status.phase.finished:
            self._progress.update(task, total=100, completed=100, said=said)
        elif percent is not None and status.phase.in_flight:
            self._progress.update(task, total=100, completed=percent, said=said)
        else:
            self._progress.update(task, total=None, said=said)
