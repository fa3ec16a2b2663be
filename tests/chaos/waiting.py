"""Waiting for what other processes do: nothing raises an event here, so it is looked at."""

import asyncio
from collections.abc import Awaitable, Callable

POLL = 0.4
"""Seconds between two looks: many wait at once, and each look is a request."""


async def until(
    condition: Callable[[], Awaitable[bool]], *, within: float | None = None, every: float = POLL
) -> None:
    """Wait until something is so.

    Args:
        condition: Looks.
        within: Seconds, None for however long it takes.
        every: Seconds between two looks.

    Raises:
        TimeoutError: It did not come about.
    """
    async with asyncio.timeout(within):
        while not await condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(every)
