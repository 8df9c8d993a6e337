"""Deletion of files and rows that nobody can reach any more."""

import structlog

from core.errors import ProviderUnavailable
from core.telemetry import describe
from db import blobs, purges
from db.engine import Database
from providers.storage import Storage

logger = structlog.get_logger()
SWEEP_SECONDS = 3.0
POSTPONED_SECONDS = 60
"""How long a file that the store did not delete waits for the next try."""


class Sweeper:
    def __init__(self, database: Database, storage: Storage) -> None:
        self._database = database
        self._storage = storage

    async def sweep(self) -> None:
        """Delete all that is due; any number of sweepers may do so at once."""
        while await self._delete_blob():
            pass
        while await self._purge_slice():
            pass

    async def _delete_blob(self) -> bool:
        async with self._database.write(None) as session:
            key = await blobs.lock_due(session)
            if key is None:
                return False
            try:
                await self._storage.delete(key)
            except ProviderUnavailable as error:
                logger.warning("file not deleted", key=key, cause=describe(error.__cause__))
                await blobs.postpone(session, key, POSTPONED_SECONDS)
            else:
                await blobs.keep(session, key)
        return True

    async def _purge_slice(self) -> bool:
        async with self._database.write(None) as session:
            purge = await purges.lock_next(session)
            if purge is None:
                return False
            await session.act_for(purge.owner_id)
            await purges.delete_slice(session, purge)
        return True
