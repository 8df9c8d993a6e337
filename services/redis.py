"""The one door to Redis, which may be lost at any time: that costs latency, never data."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import structlog
from redis.asyncio import ConnectionPool as ConnectionPool
from redis.asyncio import Redis as Redis
from redis.exceptions import RedisError

from core.telemetry import describe

T = TypeVar("T")

logger = structlog.get_logger()
BEST_EFFORT_SECONDS = 0.5
"""What a Redis that hangs may cost whoever needs it, each time."""
LOST = (RedisError, OSError)
"""What a Redis that is away raises; a time-out is an `OSError`."""


async def best_effort(work: Awaitable[T], *, without: str) -> T | None:
    """What `work` returns; None without Redis, of which the log says `without`."""
    try:
        async with asyncio.timeout(BEST_EFFORT_SECONDS):
            return await work
    except LOST as error:
        logger.warning(without, error=describe(error))
        return None
