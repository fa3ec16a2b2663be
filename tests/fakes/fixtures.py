"""Fixtures for tests that run the core on virtual time, each in a world of its own.

A conftest takes them by importing their names.
"""

from collections.abc import AsyncIterator, Callable

import pytest

from fakes.virtual_time import VirtualLoop
from fakes.world import World, a_world


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], VirtualLoop]]:
    return {"virtual": VirtualLoop}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as made:
        yield made
