"""Duties of a process that come round again and again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from core.errors import DatabaseUnavailable
from core.telemetry import describe

logger = structlog.get_logger()


async def repeat(duty: Callable[[], Awaitable[None]], pause_seconds: float) -> None:
    """Do a duty for ever; when it breaks, the log says so and its next turn comes all the same."""
    while True:
        try:
            await duty()
        except DatabaseUnavailable as error:
            logger.warning(
                "duty postponed", duty=duty.__qualname__, cause=describe(error.__cause__)
            )
        except Exception:
            logger.exception("duty broke", duty=duty.__qualname__)
        await asyncio.sleep(pause_seconds)


@asynccontextmanager
async def in_background(
    duty: Callable[[], Awaitable[None]], pause_seconds: float
) -> AsyncIterator[None]:
    """Repeat a duty while the block runs."""
    task = asyncio.create_task(repeat(duty, pause_seconds))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
