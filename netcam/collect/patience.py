"""Time that a device gets for its answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

TICK = 0.25
"""Seconds that pass at once at most: a moment in which this process did not run, however long, takes no more of a device's time."""


@asynccontextmanager
async def patience(seconds: float) -> AsyncIterator[None]:
    """As asyncio.timeout, except that time in which this process could not listen does not count. Raises TimeoutError.

    On a busy sensor, or while a database writes to a slow disk, an answer that came in time would else be met by a limit that has passed
    with it, and a camera counted as one that does not answer.
    """
    loop = asyncio.get_running_loop()
    limit, left = asyncio.timeout(None), seconds
    waiting: asyncio.TimerHandle

    def passed(tick: float) -> None:
        nonlocal left, waiting
        left -= tick
        if left <= 0:
            limit.reschedule(loop.time())  # in the loop's next turn: what was heard meanwhile comes first
        else:
            waiting = loop.call_later(min(TICK, left), passed, min(TICK, left))

    waiting = loop.call_later(min(TICK, left), passed, min(TICK, left))
    try:
        async with limit:
            yield
    finally:
        waiting.cancel()
