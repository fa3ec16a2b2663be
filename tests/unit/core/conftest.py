"""All tests of the core run on virtual time, in a world of their own."""

from fakes.fixtures import pytest_asyncio_loop_factories, world

__all__ = ["pytest_asyncio_loop_factories", "world"]
