"""Ends what nobody else will end; any number of sweepers may run at once."""

import asyncio

import structlog

from db import blobs
from db.engine import Database
from providers.storage import Storage

_log = structlog.get_logger()
SWEEP_SECONDS = 3.0
BATCH = 200


class Sweeper:
    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._storage = storage

    async def run(self) -> None:
        """Sweep for ever; a sweep that breaks is logged and the next one comes all the same."""
        while True:
            try:
                await self.sweep()
            except Exception:
                _log.exception("sweep broke")
            await asyncio.sleep(SWEEP_SECONDS)

    async def sweep(self) -> None:
        """Delete bytes that no version refers to."""
        async with self._database.write(None) as session:
            for key in await blobs.lock_due(session, BATCH):
                await self._storage.delete(key)
                await blobs.keep(session, key)
