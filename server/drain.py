"""Draining: how a process leaves while others take over, without breaking an answer.

From the signal on `/readyz` says so and no question is accepted, while the listener stays open for
whoever has not heard of it yet. Idle streams are sent away in slices, so that their clients do not
arrive elsewhere all at once; streams that carry an answer stay until it is written.
"""

import asyncio
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

import structlog

SLICES = 10
POLL_SECONDS = 0.1
LEAVE_SECONDS = 2
"""How long streams that were told to leave may take to say goodbye."""

logger = structlog.get_logger()


class Stream(Protocol):
    """A long-lived connection: a websocket or an event stream."""

    @property
    def carries_answer(self) -> bool: ...

    def leave(self) -> None:
        """End the stream, so that the client connects elsewhere."""


class Drain:
    """The streams of this process, and their orderly end."""

    def __init__(self, seconds: float, shutdown_seconds: float) -> None:
        self._seconds = seconds
        self._shutdown_seconds = shutdown_seconds
        self._streams: set[Stream] = set()
        self._cut_short = asyncio.Event()
        self.begun = False

    @contextmanager
    def hold(self, stream: Stream) -> Iterator[None]:
        self._streams.add(stream)
        try:
            yield
        finally:
            self._streams.discard(stream)

    def cut_short(self) -> None:
        """Stop draining at once, whatever is being written."""
        self._cut_short.set()

    async def run(self, answers: Callable[[], int]) -> None:
        """Return when the streams have gone and no more `answers` are written, or time is up."""
        self.begun = True
        logger.info("draining", streams=len(self._streams), answers=answers())
        for remaining in range(SLICES, 0, -1):
            idle = [stream for stream in self._streams if not stream.carries_answer]
            self._leave(idle[: math.ceil(len(idle) / remaining)])
            await self._pause(self._seconds / SLICES)
        try:
            async with asyncio.timeout(self._shutdown_seconds):
                while (answers() or self._streams) and not self._cut_short.is_set():
                    self._leave([s for s in self._streams if not s.carries_answer])
                    await self._pause(POLL_SECONDS)
        except TimeoutError:
            logger.warning("draining took too long", answers=answers())
        self._leave(list(self._streams))
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                while self._streams:  # noqa: ASYNC110
                    await asyncio.sleep(POLL_SECONDS)

    def _leave(self, streams: list[Stream]) -> None:
        for stream in streams:
            stream.leave()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._cut_short.wait()
