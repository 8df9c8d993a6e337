"""The leases of answers, renewed from a thread of its own, which no amount of work can starve."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import structlog

from core.errors import DomainError
from core.telemetry import describe
from db import answers
from db.engine import Database

LEASE_SECONDS = 10.0
STUCK_SECONDS = 120.0
"""A process whose event loop has not turned for so long is given up like one that died."""

logger = structlog.get_logger()


class Leases:
    """Which answers this process writes, and when the lease of each was taken last."""

    def __init__(self) -> None:
        self._renewed_at: dict[UUID, float] = {}
        self._turned_at = time.monotonic()

    def hold(self, message_id: UUID) -> None:
        """Its lease has just been taken with the database."""
        self._renewed_at[message_id] = time.monotonic()

    def release(self, message_id: UUID) -> None:
        self._renewed_at.pop(message_id, None)

    def age(self, message_id: UUID) -> float:
        """Seconds since the lease was taken last."""
        return time.monotonic() - self._renewed_at.get(message_id, float("-inf"))

    @asynccontextmanager
    async def renewed(self, database_url: str) -> AsyncIterator[None]:
        """Keep all of them until the block ends."""
        ending = threading.Event()
        work = self._keep(database_url, ending)
        thread = threading.Thread(target=asyncio.run, args=(work,), name="leases", daemon=True)
        thread.start()
        turning = asyncio.create_task(self._turn())
        try:
            yield
        finally:
            turning.cancel()
            ending.set()
            await asyncio.to_thread(thread.join)

    async def _turn(self) -> None:
        while True:
            self._turned_at = time.monotonic()
            await asyncio.sleep(1)

    async def _keep(self, database_url: str, ending: threading.Event) -> None:
        async with Database(database_url, pool_size=1) as database:
            while not await asyncio.to_thread(ending.wait, LEASE_SECONDS / 4):
                if time.monotonic() - self._turned_at > STUCK_SECONDS:
                    continue
                try:
                    await self._renew(database)
                except DomainError as error:
                    logger.warning("leases not renewed", cause=describe(error.__cause__))
                except Exception:
                    logger.exception("leases not renewed")

    async def _renew(self, database: Database) -> None:
        held = list(self._renewed_at)
        if not held:
            return
        begun = time.monotonic()
        async with asyncio.timeout(LEASE_SECONDS / 2), database.write(None) as session:
            renewed = await answers.renew_leases(session, held, LEASE_SECONDS)
        for message_id in renewed:
            if message_id in self._renewed_at:
                self._renewed_at[message_id] = begun
