"""From a stored file to a searchable, embedded document, one fenced step at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from core.blocks import ReadingWarning, merge_warnings, summary
from core.errors import ErrorCode, ParseFailure, ProviderUnavailable
from core.language import detect_languages
from core.states import DocumentStatus, IngestionStage
from db import chunks, documents, jobs, progress, purges, vectors
from db.chunks import SLICE_CHUNKS, Chunk, Outline
from db.documents import Document, Page
from db.engine import WriteSession
from db.jobs import LeaseLost
from providers.embedding import Embedder, Vectors
from providers.parsing import PageWindow, Parser
from providers.storage import Storage
from services.ingestion.attempt import Attempt
from services.ingestion.chunking import PAGE_BREAK, chunk_pages
from services.ingestion.overview import make_overview

EMBEDDING_BATCH = 64
"""Passages in a batch; texts of like length share the embedder's own, smaller batches."""
BATCHES_IN_FLIGHT = 2
EMBEDDING_SECONDS = 180
"""Time-out of one batch, with waiting for other documents' batches and loading the model."""
READ_AHEAD = 256
"""Number of passages that are read from the database at once to be embedded."""
PARSED = 0.3
"""Share of the work that is done when the last page is parsed."""
INDEXED = 0.35

Batch = list[tuple[int, str]]
"""Ordinals of passages and their texts to embed."""


class Pipeline:
    """The steps of ingestion; after each of them another attempt can go on or begin anew."""

    def __init__(
        self,
        storage: Storage,
        parser: Parser,
        embedder: Embedder,
        max_attempts: int,
        max_versions: int,
    ) -> None:
        self._storage = storage
        self._parser = parser
        self._embedder = embedder
        self._max_attempts = max_attempts
        self._max_versions = max_versions

    async def run(self, attempt: Attempt) -> str:
        """Ingest a document. Raises `LeaseLost`, and domain errors for what did not work."""
        claim = attempt.claim
        async with attempt.database.read(claim.owner_id) as session:
            document = await documents.document(session, claim.document_id)
        if document is None or document.version_id != claim.version_id:
            raise LeaseLost
        if document.chunk_count is None:
            await self._make_searchable(attempt, document)
        else:
            async with attempt.fenced() as session:
                await _show(session, document)
                await attempt.advance(
                    session, DocumentStatus.SEARCHABLE, IngestionStage.EMBEDDING, INDEXED
                )
        await self._embed(attempt)
        async with attempt.fenced() as session:
            await chunks.activate(session, claim.document_id, claim.version_id)
            await documents.forget_versions(session, claim.document_id, self._max_versions)
            await purges.request_retired(session, claim.document_id, claim.version_id)
            await progress.forget(session, claim.document_id)
            read = await documents.document(session, claim.document_id)
            doubts = summary(read.warnings) if read else None
            await attempt.advance(session, DocumentStatus.READY, IngestionStage.DONE, 1, doubts)
            await jobs.finish(session, claim)
        return "ready"

    async def _make_searchable(self, attempt: Attempt, document: Document) -> None:
        async with attempt.fenced() as session:
            await attempt.advance(session, DocumentStatus.PROCESSING, IngestionStage.PARSING, 0)
        await attempt.clear()
        pages, warnings = await self._parse(attempt, document)
        async with attempt.fenced() as session:
            await attempt.advance(
                session, DocumentStatus.PROCESSING, IngestionStage.CHUNKING, PARSED
            )
        texts = [page.text for page in pages]
        languages, of_pages = await asyncio.to_thread(detect_languages, texts)
        language = languages[0] if languages else None
        passages = await asyncio.to_thread(chunk_pages, document.filename, pages, of_pages)
        overview = await asyncio.to_thread(make_overview, document.filename, pages, language)
        outline = Outline(
            page_count=len(pages),
            chunk_count=len(passages),
            lexeme_count=sum(passage.length for passage in passages),
            languages=languages,
            page_languages=of_pages,
            parser=self._parser.name,
            warnings=warnings,
            overview=overview,
        )
        await self._index(attempt, document, passages, outline)

    async def _parse(
        self, attempt: Attempt, document: Document
    ) -> tuple[list[Page], list[ReadingWarning]]:
        """Parse and store the pages; those returned lack their words, which only citations need."""
        pages: list[Page] = []
        warnings: list[ReadingWarning] = []
        start = 0
        async with (
            self._file(document.storage_key) as path,
            aclosing(self._parser.parse(path, document.media_type)) as windows,
        ):
            async for window in windows:
                fresh = []
                warnings += window.warnings
                for page in window.pages:
                    fresh.append(
                        Page(
                            page.number,
                            start,
                            page.text,
                            page.width,
                            page.height,
                            page.words,
                            page.blocks,
                        )
                    )
                    start += len(page.text) + len(PAGE_BREAK)
                pages += [replace(page, words=[]) for page in fresh]
                async with attempt.fenced() as session:
                    await chunks.insert_pages(session, attempt.claim.version_id, fresh)
                    fraction = PARSED * len(pages) / max(window.page_count, len(pages))
                    message = _pages_read(len(pages), window)
                    await attempt.advance(
                        session,
                        DocumentStatus.PROCESSING,
                        IngestionStage.PARSING,
                        fraction,
                        message,
                    )
        if not any(page.text.strip() for page in pages):
            raise ParseFailure(
                ErrorCode.NO_TEXT_LAYER,
                "There is no text in this document.",
                "If it is a scan, run it through text recognition (OCR) and upload it again.",
            )
        return pages, merge_warnings(warnings)

    @asynccontextmanager
    async def _file(self, key: str) -> AsyncIterator[Path]:
        """The path of the file while the block runs: in the store itself, or of a copy."""
        if stored := self._storage.local_path(key):
            if not stored.exists():
                raise ProviderUnavailable(
                    ErrorCode.STORAGE_UNAVAILABLE, "The file store lacks the file."
                )
            yield stored
            return
        with TemporaryDirectory() as folder:
            path = Path(folder) / "document"
            with path.open("wb") as file:
                async for chunk in self._storage.read(key):
                    await asyncio.to_thread(file.write, chunk)
            yield path

    async def _index(
        self, attempt: Attempt, document: Document, passages: list[Chunk], outline: Outline
    ) -> None:
        version_id = attempt.claim.version_id
        async with attempt.fenced() as session:
            await attempt.advance(
                session, DocumentStatus.PROCESSING, IngestionStage.INDEXING, PARSED
            )
        for start in range(0, len(passages), SLICE_CHUNKS):
            async with attempt.fenced() as session:
                part = passages[start : start + SLICE_CHUNKS]
                await chunks.insert_chunks(session, version_id, part)
        async with attempt.fenced() as session:
            await chunks.describe(session, version_id, outline)
            await _show(session, document)
            await jobs.renew_attempts(session, attempt.claim, self._max_attempts)
            message = f"0 of {len(passages)} passages embedded"
            await attempt.advance(
                session, DocumentStatus.SEARCHABLE, IngestionStage.EMBEDDING, INDEXED, message
            )

    async def _embed(self, attempt: Attempt) -> None:
        """Embed all passages, with several batches in flight so that the embedder never idles."""
        claim = attempt.claim
        async with attempt.database.write(claim.owner_id) as session:
            model_id = await vectors.model_id(
                session, self._embedder.model, self._embedder.dimensions
            )
            total = await chunks.count(session, claim.version_id)
        running: list[asyncio.Task[None]] = []
        try:
            async for batch in self._unembedded(attempt, model_id):
                if len(running) == BATCHES_IN_FLIGHT:
                    await running.pop(0)
                before = running[-1] if running else None
                embedding = self._embed_batch(attempt, model_id, batch, total, before)
                running.append(asyncio.create_task(embedding))
            while running:
                await running.pop(0)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _unembedded(self, attempt: Attempt, model_id: int) -> AsyncIterator[Batch]:
        claim = attempt.claim
        first = 0
        while True:
            async with attempt.database.read(claim.owner_id) as session:
                ahead = await vectors.unembedded(
                    session, claim.version_id, model_id, first, READ_AHEAD
                )
            if not ahead:
                return
            for start in range(0, len(ahead), EMBEDDING_BATCH):
                yield ahead[start : start + EMBEDDING_BATCH]
            first = ahead[-1][0] + 1

    async def _embed_batch(
        self,
        attempt: Attempt,
        model_id: int,
        batch: Batch,
        total: int,
        before: asyncio.Task[None] | None,
    ) -> None:
        """Embed a batch, and write it after the batch `before`, so that progress only grows."""
        claim = attempt.claim
        embeddings = await self._vectors([text for _, text in batch])
        if before is not None:
            await before
        ordinals = [ordinal for ordinal, _ in batch]
        done = ordinals[-1] + 1
        async with attempt.fenced() as session:
            await vectors.insert_vectors(session, claim.version_id, model_id, ordinals, embeddings)
            await jobs.renew_attempts(session, claim, self._max_attempts)
            stage = IngestionStage.EMBEDDING if done < total else IngestionStage.PUBLISHING
            fraction = INDEXED + (0.99 - INDEXED) * done / total
            message = f"{done} of {total} passages embedded"
            await attempt.advance(session, DocumentStatus.SEARCHABLE, stage, fraction, message)

    async def _vectors(self, texts: list[str]) -> Vectors:
        try:
            async with asyncio.timeout(EMBEDDING_SECONDS):
                return await self._embedder.embed_passages(texts)
        except TimeoutError as error:
            raise ProviderUnavailable(
                ErrorCode.EMBEDDER_UNAVAILABLE, "Embedding takes too long."
            ) from error


async def _show(session: WriteSession, document: Document) -> None:
    """Let searches find what is there so far, unless an older version still serves them."""
    if document.active_version_id is None:
        await chunks.activate(session, document.id, document.version_id)


def _pages_read(count: int, window: PageWindow) -> str:
    message = f"{count} of {window.page_count} pages read"
    return f"{window.notice} {message}" if window.notice else message
