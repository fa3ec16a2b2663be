"""Tests that run side by side: what each of them waits for passes at the same time.

Most of such a test is waiting for other processes. Each runs in a thread of its own, begun by the
first that is asked for its result, and acts on servers and objects of its own.
"""

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

T = TypeVar("T")

Running = dict[str, "Future[Any]"]
"""The results, by the names that `SideBySide` gives what it runs."""


class SideBySide:
    """The tests of one module; decorates them, and has them run.

    A decorated test takes the world that they share, and at most one parameter.
    """

    def __init__(self) -> None:
        self._work: dict[str, Callable[[Any], Any]] = {}
        self._shared: set[str] = set()

    def shared(self, work: Callable[[Any], T]) -> Callable[[Running], T]:
        """Have something run beside the tests, for several of them; return what waits for it."""
        name = _name(work)
        self._work[name] = work
        self._shared.add(name)
        return lambda side_by_side: side_by_side[name].result()

    def test(self, work: Callable[[Any], None]) -> Callable[..., None]:
        """Have a test run beside the others."""
        name = _name(work)
        self._work[name] = work

        def collect(side_by_side: Running) -> None:
            side_by_side[name].result()

        return _named(collect, work)

    def each(self, argument: str, values: Sequence[str]) -> Callable[..., Callable[..., None]]:
        """Have a test run once for each value, beside the others."""

        def decorate(work: Callable[[Any, str], None]) -> Callable[..., None]:
            for value in values:
                self._work[_name(work, value)] = lambda world, value=value: work(world, value)

            def collect(side_by_side: Running, **parameters: str) -> None:
                side_by_side[_name(work, parameters[argument])].result()

            return pytest.mark.parametrize(argument, values)(_named(collect, work, argument))

        return decorate

    def chosen(self, names: Collection[str]) -> dict[str, Callable[[Any], Any]]:
        """Return what is to be run of the tests that pytest has chosen, by its names for them."""
        return {
            name: work
            for name, work in self._work.items()
            if name in self._shared or name.split("::")[1] in names
        }


@contextmanager
def running(world: Any, work: Mapping[str, Callable[[Any], None]]) -> Iterator[Running]:
    """Run tests; at the end all of them have ended."""
    with ThreadPoolExecutor(max_workers=max(1, len(work))) as pool:
        yield {name: pool.submit(each, world) for name, each in work.items()}


def _name(work: Callable[..., None], value: str | None = None) -> str:
    return f"{work.__module__}::{work.__name__}" + (f"[{value}]" if value is not None else "")


def _named(
    collect: Callable[..., None], work: Callable[..., None], *arguments: str
) -> Callable[..., None]:
    """Give what pytest collects the name of the test, and the fixtures that it takes."""
    collect.__name__ = work.__name__
    collect.__doc__ = work.__doc__
    collect.__module__ = work.__module__
    parameters = ("side_by_side", *arguments)
    collect.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in parameters]
    )
    return collect
