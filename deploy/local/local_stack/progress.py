"""What the person in front of the terminal sees while something slow happens.

A cold build takes minutes. Silence for that long looks like a hang, so each slow step says what it
is and how long it has been at it: a live line on a terminal, a plain line now and then in a CI log.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress as LiveLines
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

REPEAT_AFTER = 15.0
"""Seconds between two lines about the same step where there is no terminal."""


class Progress(Protocol):
    """Receives the steps; several may be open at once, from several threads."""

    def step(self, text: str) -> AbstractContextManager[object]:
        """Show `text` as being worked on until the context is left."""

    def note(self, text: str) -> None:
        """Say `text` once."""


class Silent:
    """For callers whose output belongs to somebody else, such as a test run."""

    def step(self, text: str) -> AbstractContextManager[object]:
        """Show nothing."""
        del text
        return nullcontext()

    def note(self, text: str) -> None:
        """Show nothing."""


class Lines:
    """Plain lines, for CI logs and pipes: start, a reminder every quarter of a minute, end."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def note(self, text: str) -> None:
        """Print the text."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Print the text, print it again while it lasts, and say how long it took."""
        began = time.monotonic()
        done = threading.Event()

        def remind() -> None:
            while not done.wait(REPEAT_AFTER):
                self.note(f"  {text} ... {time.monotonic() - began:.0f} s")

        reminder = threading.Thread(target=remind, name=f"progress of {text}", daemon=True)
        self.note(f"{text} ...")
        reminder.start()
        try:
            yield
        except BaseException:
            self.note(f"{text}: not finished after {time.monotonic() - began:.1f} s")
            raise
        else:
            self.note(f"{text}: {time.monotonic() - began:.1f} s")
        finally:
            done.set()
            reminder.join()


class Live:
    """A line with a spinner and a clock per open step, on a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._open = 0
        self._lines = LiveLines(
            SpinnerColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=console,
            transient=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.stop()

    def note(self, text: str) -> None:
        """Print the text above the live lines."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Keep a live line while the step lasts; then say how it ended and how long it took."""
        began = time.monotonic()
        line = self._begin(text)
        mark = "[red]✗[/]"
        try:
            yield
            mark = "[green]✓[/]"
        finally:
            took = time.monotonic() - began
            self._end(line, f"{mark} {escape(text)} [dim]{took:.1f} s[/]")

    def _begin(self, text: str) -> TaskID:
        with self._lock:
            self._open += 1
            line = self._lines.add_task(text, total=None)
            self._lines.start()
            return line

    def _end(self, line: TaskID, result: str) -> None:
        """Take the line away, and after the last one stop repainting an idle terminal."""
        with self._lock:
            self._lines.remove_task(line)
            self._console.print(result, highlight=False)
            self._open -= 1
            if self._open == 0:
                self._lines.stop()


def for_console(console: Console) -> Lines | Live:
    """Choose by what the console is connected to; use the result as a context manager."""
    return Live(console) if console.is_terminal else Lines(console)
