"""From a stored file to a searchable, embedded document, one fenced step at a time."""

import asyncio
import time
from contextlib import aclosing
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from core.errors import DomainError, ErrorCode, ParseFailure
from core.language import detect_language
from core.telemetry import JOB_SECONDS, JOBS
from db import chunks, documents, jobs
from db.chunks import Chunk, Outline
from db.documents import Document, Page
from db.engine import Database
from db.jobs import Claim, LeaseLost
from providers.embedding import Embedder
from providers.parsing import Parser
from providers.storage import Storage
from services.chunking import PAGE_BREAK, chunk_pages
from services.events import Hints, document_subject, owner_subject
from services.queue import Queue

_log = structlog.get_logger()
EMBEDDING_BATCH = 16
PARSED = 0.3
"""Share of the work that is done when the last page is parsed."""
INDEXED = 0.35
RETRY_SECONDS = (1, 5, 30, 120)


class Ingestion:
    """Runs jobs. Whatever dies in the middle, the next attempt ends the same way."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        parser: Parser,
        embedder: Embedder,
        hints: Hints,
        queue: Queue,
        lease_seconds: float,
    ) -> None:
        self._database = database
        self._storage = storage
        self._parser = parser
        self._embedder = embedder
        self._hints = hints
        self._queue = queue
        self._lease_seconds = lease_seconds

    async def run_next(self, worker: str) -> bool:
        """Claim and finish one job, whoever's turn it is; False when there is none."""
        async with self._database.write(None) as session:
            claim = await jobs.claim(session, worker, self._lease_seconds)
        if claim is None:
            return False
        started = time.monotonic()
        outcome = await self._run(claim)
        JOBS.labels(outcome=outcome).inc()
        JOB_SECONDS.labels(outcome=outcome).observe(time.monotonic() - started)
        _log.info(
            "ingestion ended",
            document_id=str(claim.document_id),
            attempt=claim.attempt,
            outcome=outcome,
            seconds=round(time.monotonic() - started, 3),
        )
        return True

    async def _run(self, claim: Claim) -> str:
        if claim.exhausted:
            code = ErrorCode.INTERNAL_SERVER_ERROR
            message = "Processing did not succeed after several attempts."
            await self._fail(claim, code, message, "Try again, or upload another copy.")
            return "dead"
        work = asyncio.create_task(self._work(claim))
        heart = asyncio.create_task(self._beat(claim))
        try:
            await asyncio.wait({work, heart}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                return "superseded"
            await work
            return "ready"
        except LeaseLost:
            return "superseded"
        except asyncio.CancelledError:
            await self._hand_back(claim)
            raise
        except ParseFailure as failure:
            await self._fail(claim, failure.code, failure.message, failure.advice)
            return "failed"
        except DomainError as failure:
            return await self._retry_later(claim, failure.code, failure.message)
        except Exception:
            _log.exception("ingestion broke", document_id=str(claim.document_id))
            message = "Processing met an unexpected error."
            return await self._retry_later(claim, ErrorCode.INTERNAL_SERVER_ERROR, message)
        finally:
            work.cancel()
            heart.cancel()
            await asyncio.gather(work, heart, return_exceptions=True)

    async def _beat(self, claim: Claim) -> None:
        """Keep the lease; end when it is lost, by time-out, cancellation or deletion."""
        while True:
            await asyncio.sleep(min(1.0, self._lease_seconds / 5))
            try:
                async with self._database.write(None) as session:
                    await jobs.heartbeat(session, claim, self._lease_seconds)
            except LeaseLost:
                return

    async def _work(self, claim: Claim) -> None:
        async with self._database.read(claim.owner_id) as session:
            document = await documents.document(session, claim.document_id)
        if document is None or document.version_id != claim.version_id:
            raise LeaseLost
        if document.chunk_count is None:
            await self._make_searchable(claim, document)
        elif document.progress.status == "PENDING":
            await self._advance(claim, "PROCESSING", "EMBEDDING", INDEXED)
        await self._embed(claim)

    async def _make_searchable(self, claim: Claim, document: Document) -> None:
        async with self._database.write(claim.owner_id) as session:
            await jobs.fence(session, claim)
            await chunks.clear(session, claim.version_id)
            await documents.advance(
                session, claim.document_id, "PROCESSING", "PARSING", 0, claim.attempt
            )
        await self._hint(claim)
        pages = await self._parse(claim, document)
        language = await asyncio.to_thread(
            detect_language, PAGE_BREAK.join(page.text for page in pages[:20])[:20_000]
        )
        await self._advance(claim, "PROCESSING", "CHUNKING", PARSED)
        passages = await asyncio.to_thread(chunk_pages, document.filename, pages, language)
        outline = Outline(len(pages), language, self._parser.name)
        await self._index(claim, document, passages, outline)

    async def _parse(self, claim: Claim, document: Document) -> list[Page]:
        pages: list[Page] = []
        start = 0
        with TemporaryDirectory(prefix="lectern-") as folder:
            path = Path(folder) / "document"
            await self._download(document.storage_key, path)
            async with aclosing(self._parser.parse(path, document.media_type)) as windows:
                async for window in windows:
                    fresh = []
                    for page in window.pages:
                        fresh.append(
                            Page(page.number, start, page.text, page.width, page.height, page.words)
                        )
                        start += len(page.text) + len(PAGE_BREAK)
                    pages += fresh
                    async with self._database.write(claim.owner_id) as session:
                        await jobs.fence(session, claim)
                        await chunks.insert_pages(session, claim.version_id, fresh)
                        await documents.advance(
                            session,
                            claim.document_id,
                            "PROCESSING",
                            "PARSING",
                            PARSED * len(pages) / max(window.page_count, len(pages)),
                            claim.attempt,
                            f"{len(pages)} of {window.page_count} pages read",
                        )
                    await self._hint(claim)
        if not any(page.text.strip() for page in pages):
            raise ParseFailure(
                ErrorCode.NO_TEXT_LAYER,
                "There is no text in this document.",
                "If it is a scan, run it through text recognition (OCR) and upload it again.",
            )
        return pages

    async def _download(self, key: str, path: Path) -> None:
        with path.open("wb") as file:
            async for chunk in self._storage.read(key):
                await asyncio.to_thread(file.write, chunk)

    async def _index(
        self, claim: Claim, document: Document, passages: list[Chunk], outline: Outline
    ) -> None:
        await self._advance(claim, "PROCESSING", "INDEXING", PARSED)
        async with self._database.write(claim.owner_id) as session:
            await jobs.fence(session, claim)
            await chunks.insert_chunks(session, claim.version_id, passages, outline)
            if document.active_version_id is None:
                await chunks.activate(session, claim.document_id, claim.version_id)
            await documents.advance(
                session,
                claim.document_id,
                "SEARCHABLE",
                "EMBEDDING",
                INDEXED,
                claim.attempt,
                f"0 of {len(passages)} passages embedded",
            )
        await self._hint(claim)

    async def _embed(self, claim: Claim) -> None:
        async with self._database.write(claim.owner_id) as session:
            model_id = await chunks.model_id(
                session, self._embedder.model, self._embedder.dimensions
            )
            progress = await documents.document(session, claim.document_id)
        total = progress.chunk_count if progress and progress.chunk_count else 0
        while True:
            async with self._database.read(claim.owner_id) as session:
                batch = await chunks.unembedded(
                    session, claim.version_id, model_id, EMBEDDING_BATCH
                )
            if not batch:
                break
            vectors = await self._embedder.embed_passages([text for _, text in batch])
            async with self._database.write(claim.owner_id) as session:
                await jobs.fence(session, claim)
                ordinals = [ordinal for ordinal, _ in batch]
                await chunks.insert_vectors(session, claim.version_id, model_id, ordinals, vectors)
                done = ordinals[-1] + 1
                await documents.advance(
                    session,
                    claim.document_id,
                    "SEARCHABLE",
                    "EMBEDDING",
                    INDEXED + (1 - INDEXED) * min(done / total, 1) * 0.98,
                    claim.attempt,
                    f"{done} of {total} passages embedded",
                )
            await self._hint(claim)
        await self._publish(claim)

    async def _publish(self, claim: Claim) -> None:
        async with self._database.write(claim.owner_id) as session:
            await jobs.fence(session, claim)
            await chunks.activate(session, claim.document_id, claim.version_id)
            await chunks.retire_others(session, claim.document_id, claim.version_id)
            await documents.advance(session, claim.document_id, "READY", "DONE", 1, claim.attempt)
            await jobs.finish(session, claim)
        await self._hint(claim)

    async def _advance(self, claim: Claim, status: str, stage: str, fraction: float) -> None:
        async with self._database.write(claim.owner_id) as session:
            await jobs.fence(session, claim)
            await documents.advance(
                session, claim.document_id, status, stage, fraction, claim.attempt
            )
        await self._hint(claim)

    async def _fail(self, claim: Claim, code: ErrorCode, message: str, advice: str | None) -> None:
        """End the job for good; nothing half-made stays behind."""
        try:
            async with self._database.write(claim.owner_id) as session:
                await jobs.fence(session, claim)
                document = await documents.lock_document(session, claim.document_id)
                if document is None:
                    raise LeaseLost
                if document.active_version_id != claim.version_id:
                    await chunks.clear(session, claim.version_id)
                await documents.advance(
                    session,
                    claim.document_id,
                    "FAILED",
                    document.progress.stage,
                    document.progress.fraction,
                    claim.attempt,
                    failure=(code, message, advice),
                )
                await jobs.finish(session, claim, error=claim.last_error or message)
        except LeaseLost:
            return
        await self._hint(claim)

    async def _retry_later(self, claim: Claim, code: ErrorCode, message: str) -> str:
        delay = RETRY_SECONDS[min(claim.attempt - 1, len(RETRY_SECONDS) - 1)]
        async with self._database.write(claim.owner_id) as session:
            await jobs.requeue(session, claim, f"{code}: {message}", delay)
        return "retried"

    async def _hand_back(self, claim: Claim) -> None:
        async with self._database.write(claim.owner_id) as session:
            await jobs.hand_back(session, claim)
        await self._queue.wake([claim.version_id])

    async def _hint(self, claim: Claim) -> None:
        await self._hints.publish(document_subject(claim.document_id))
        await self._hints.publish(owner_subject(claim.owner_id))
