"""One fake cloud for each test."""

from collections.abc import AsyncIterator

import pytest

from unit.fake_cloud.client import Client, connected


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with connected() as client:
        yield client
