"""One attempt at one document: what it may write, as long as it holds the lease."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.states import DocumentStatus, IngestionStage
from db import chunks, jobs, progress
from db.engine import Database, WriteSession
from db.jobs import Claim
from services.hints import Hints


class Attempt:
    def __init__(self, database: Database, hints: Hints, claim: Claim) -> None:
        self.database = database
        self.claim = claim
        self.failure: progress.Failure | None = None
        """Why the document ended FAILED, once it did."""
        self._hints = hints

    @asynccontextmanager
    async def fenced(self) -> AsyncIterator[WriteSession]:
        """A transaction that only the holder of the lease can have. Raises `LeaseLost`."""
        async with self.database.write(self.claim.owner_id) as session:
            await jobs.fence(session, self.claim)
            yield session

    async def advance(
        self,
        session: WriteSession,
        status: DocumentStatus,
        stage: IngestionStage,
        fraction: float,
        message: str | None = None,
        failure: progress.Failure | None = None,
    ) -> None:
        """Write the next snapshot, and tell whoever watches once it is committed."""
        await progress.advance(
            session,
            self.claim.document_id,
            status,
            stage,
            fraction,
            self.claim.attempt,
            message,
            failure,
        )
        self.failure = failure
        self._hints.document_changed(session, self.claim.document_id)

    async def clear(self) -> None:
        """Delete what was made of the version so far."""
        cleared = False
        while not cleared:
            async with self.fenced() as session:
                cleared = await chunks.clear_slice(session, self.claim.version_id)
