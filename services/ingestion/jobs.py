"""Ingestion jobs: claims, leases, and how each attempt ends."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from core.errors import DatabaseUnavailable, DomainError, ErrorCode, ParseFailure
from core.states import DocumentStatus
from core.telemetry import JOB_SECONDS, JOBS, describe
from db import chunks, documents, jobs
from db.engine import Database
from db.jobs import Claim, LeaseLost
from db.progress import Failure
from services.hints import Hints
from services.ingestion.attempt import Attempt
from services.ingestion.pipeline import Pipeline
from services.queue import Queue

logger = structlog.get_logger()
RETRY_SECONDS = (1, 10, 60, 300)
SETTLE_PAUSE_SECONDS = 0.5
TRY_AGAIN = "The fault is not the document's: retry it in a while."


class Ingestion:
    """Runs ingestion jobs; after a crash in the middle, the next attempt gives the same result."""

    def __init__(
        self,
        database: Database,
        hints: Hints,
        queue: Queue,
        pipeline: Pipeline,
        lease_seconds: float,
    ) -> None:
        self._database = database
        self._hints = hints
        self._queue = queue
        self._pipeline = pipeline
        self._lease_seconds = lease_seconds

    async def run_next(self, worker: str) -> bool:
        """Claim the next job and finish it; False when there is none."""
        async with self._database.write(None) as session:
            claim = await jobs.claim(session, worker, self._lease_seconds)
        if claim is None:
            return False
        started = time.monotonic()
        attempt = Attempt(self._database, self._hints, claim)
        outcome = await self._run(attempt)
        JOBS.labels(outcome=outcome).inc()
        JOB_SECONDS.labels(outcome=outcome).observe(time.monotonic() - started)
        reason = {"code": attempt.failure.code} if attempt.failure else {}
        logger.info(
            "ingestion ended",
            document_id=str(claim.document_id),
            attempt=claim.attempt,
            outcome=outcome,
            seconds=round(time.monotonic() - started, 3),
            **reason,
        )
        return True

    async def _run(self, attempt: Attempt) -> str:
        """Run an attempt; its outcome, as metrics call it."""
        give_up = attempt.claim.exhausted
        work = asyncio.create_task(_give_up(attempt) if give_up else self._pipeline.run(attempt))
        heart = asyncio.create_task(self._beat(attempt.claim))
        try:
            await asyncio.wait({work, heart}, return_when=asyncio.FIRST_COMPLETED)
            return await (work if work.done() else heart)
        except LeaseLost:
            return "superseded"
        except asyncio.CancelledError:
            await self._settle(attempt, self._hand_back)
            raise
        except ParseFailure as error:
            failure = Failure(error.code, error.message, error.advice)
            return await self._settle(attempt, lambda attempt: _fail(attempt, failure))
        except DomainError as error:
            logger.warning("attempt interrupted", code=error.code, cause=describe(error.__cause__))
            failure = Failure(error.code, error.message, TRY_AGAIN)
            return await self._settle(attempt, lambda attempt: _retry_later(attempt, failure))
        except Exception:
            logger.exception("attempt broke", document_id=str(attempt.claim.document_id))
            message = "Processing met an unexpected error."
            failure = Failure(ErrorCode.INTERNAL_SERVER_ERROR, message, TRY_AGAIN)
            return await self._settle(attempt, lambda attempt: _retry_later(attempt, failure))
        finally:
            work.cancel()
            heart.cancel()
            await asyncio.gather(work, heart, return_exceptions=True)

    async def _beat(self, claim: Claim) -> str:
        """Keep the lease until it is lost, by time-out, cancellation or deletion."""
        while True:
            await asyncio.sleep(min(1.0, self._lease_seconds / 5))
            try:
                async with self._database.write(None) as session:
                    await jobs.heartbeat(session, claim, self._lease_seconds)
            except DatabaseUnavailable:
                continue  # whether the lease outlives this is for the database to say

    async def _settle(
        self, attempt: Attempt, write_outcome: Callable[[Attempt], Awaitable[str]]
    ) -> str:
        """Write how an attempt ended; a database that is away is asked again for a while."""
        deadline = time.monotonic() + self._lease_seconds
        while True:
            try:
                return await write_outcome(attempt)
            except LeaseLost:
                return "superseded"
            except DatabaseUnavailable:
                if time.monotonic() > deadline:
                    return "lost"  # the lease runs out, and another attempt follows
                await asyncio.sleep(SETTLE_PAUSE_SECONDS)

    async def _hand_back(self, attempt: Attempt) -> str:
        async with self._database.write(None) as session:
            await jobs.hand_back(session, attempt.claim)
            self._queue.wake(session, attempt.claim.version_id)
        return "handed back"


async def _give_up(attempt: Attempt) -> str:
    message = "Processing did not succeed after several attempts."
    return await _fail(attempt, Failure(ErrorCode.INTERNAL_SERVER_ERROR, message, TRY_AGAIN))


async def _fail(attempt: Attempt, failure: Failure) -> str:
    """End the job for good; nothing half-made stays behind."""
    claim = attempt.claim
    async with attempt.fenced() as session:
        document = await documents.document(session, claim.document_id)
        if document is None:
            raise LeaseLost
        if document.active_version_id == claim.version_id:
            await chunks.activate(session, claim.document_id, None)
    await attempt.clear()
    async with attempt.fenced() as session:
        snapshot = document.progress
        await attempt.advance(
            session, DocumentStatus.FAILED, snapshot.stage, snapshot.fraction, failure=failure
        )
        await jobs.finish(session, claim, error=f"{failure.code}: {failure.message}")
    return "failed"


async def _retry_later(attempt: Attempt, failure: Failure) -> str:
    """Queue another attempt after a delay that grows, or fail if there were enough."""
    claim = attempt.claim
    delay = RETRY_SECONDS[min(claim.attempt, len(RETRY_SECONDS)) - 1]
    async with attempt.fenced() as session:
        document = await documents.document(session, claim.document_id)
        error = f"{failure.code}: {failure.message}"
        if document is not None and await jobs.requeue(session, claim, error, delay):
            snapshot = document.progress
            message = f"{failure.message} Another attempt follows by itself."
            await attempt.advance(
                session, snapshot.status, snapshot.stage, snapshot.fraction, message
            )
            return "retried"
    return await _fail(attempt, failure)
