"""What a process takes on: when it has more to do than it can, the heaviest is refused first.

Measured are how late the event loop comes round and how many wait for a connection to the
database. Questions go first, which are the most work, then searches; whatever reads or writes a few
rows goes on.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from core.errors import Overloaded
from core.telemetry import LOOP_LAG, OVERLOADED

MEASURE_SECONDS = 0.1
SHARE = 0.1
"""Of each measurement in the moving average of the lag."""
MOST_WAITING = 16
"""Answers that may wait for their turn to look for passages."""
QUESTIONS, SEARCHES = 1.0, 2.0
"""How loaded a process may be, as a share of what its loop and its connections bear."""


class Lane:
    """So many at a time, and how many wait for their turn."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.waiting = 0
        self._free = asyncio.Semaphore(width)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self._free.release()


class Admission:
    def __init__(
        self, lag_seconds: float, connections: int, connections_waited_for: Callable[[], int]
    ) -> None:
        """`lag_seconds`: the lag of the loop that counts as full load, as does one who waits for
        each of the `connections`."""
        self.lag = 0.0
        self._lag_seconds = lag_seconds
        self._connections = connections
        self._connections_waited_for = connections_waited_for
        self._searches = Lane(max(1, connections * 2 // 5))

    @property
    def load(self) -> float:
        """1 is full."""
        waiting = self._connections_waited_for() / self._connections
        return max(self.lag / self._lag_seconds, waiting)

    @asynccontextmanager
    async def measured(self) -> AsyncIterator[None]:
        """Measure while the block runs."""
        task = asyncio.create_task(self._measure())
        LOOP_LAG.set_function(lambda: self.lag)
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def admit_question(self, waiting: int) -> None:
        """Raises `Overloaded`; `waiting` answers have not begun to look for passages."""
        if self.load >= QUESTIONS or waiting >= MOST_WAITING:
            raise _refused("question")

    @asynccontextmanager
    async def searching(self) -> AsyncIterator[None]:
        """Raises `Overloaded`. Some connections are always left to others."""
        if self.load >= SEARCHES or self._searches.waiting >= 2 * self._searches.width:
            raise _refused("search")
        async with self._searches.turn():
            yield

    def observe(self, lag: float) -> None:
        """One measurement; what is late once is no load yet."""
        self.lag += SHARE * (lag - self.lag)

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + MEASURE_SECONDS
            await asyncio.sleep(MEASURE_SECONDS)
            self.observe(loop.time() - due)


def _refused(what: str) -> Overloaded:
    OVERLOADED.labels(what).inc()
    return Overloaded("The server has too much to do just now; try again in a moment.", 2)
