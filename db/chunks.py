"""What ingestion makes of a version: pages, chunks with their postings, and vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector
from sqlalchemy import text

from db.documents import Page
from db.engine import ReadSession, WriteSession

SLICE_CHUNKS = 256
"""How many passages one transaction writes or deletes, and one row of `postings` speaks of: a
second's work at most."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of a version; `start` counts characters from the beginning of the document."""

    ordinal: int
    start: int
    first_page: int
    last_page: int
    context: str
    """Title and headings above the passage: searched and embedded, never quoted."""
    text: str
    terms: dict[str, int]
    """Frequency of each term of context and text."""

    @property
    def length(self) -> int:
        """Terms in all."""
        return sum(self.terms.values())


@dataclass(frozen=True, slots=True)
class Outline:
    """What is known of a version once it is searchable."""

    page_count: int
    chunk_count: int
    lexeme_count: int
    language: str | None
    parser: str


_CLEAR_PAGES = text("DELETE FROM pages WHERE owner_id = :owner_id AND version_id = :version_id")
_CLEAR_CHUNKS = text(
    "DELETE FROM chunks WHERE owner_id = :owner_id AND version_id = :version_id AND ordinal IN ("
    "  SELECT ordinal FROM chunks WHERE owner_id = :owner_id AND version_id = :version_id"
    "  ORDER BY ordinal LIMIT :limit)"
)
_FORGET = text(
    "UPDATE document_versions SET page_count = NULL, chunk_count = NULL, lexeme_count = NULL,"
    " language = NULL, parser = NULL WHERE owner_id = :owner_id AND id = :version_id"
)
_INSERT_PAGE = text(
    "INSERT INTO pages (owner_id, version_id, number, start, text, width, height, words)"
    " VALUES (:owner_id, :version_id, :number, :start, :text, :width, :height, :words)"
)
_INSERT_CHUNK = text(
    "INSERT INTO chunks (owner_id, version_id, ordinal, start, first_page, last_page, context,"
    " text) VALUES (:owner_id, :version_id, :ordinal, :start, :first_page, :last_page, :context,"
    " :text)"
)
_INSERT_POSTINGS = text(
    "INSERT INTO postings (owner_id, version_id, first, term, entries)"
    " SELECT CAST(:owner_id AS uuid), CAST(:version_id AS uuid), CAST(:first AS int), term,"
    "  array_agg(entry ORDER BY entry)"
    " FROM unnest(CAST(:terms AS text[]), CAST(:entries AS int[])) AS t (term, entry)"
    " GROUP BY term ORDER BY term"
)
_DESCRIBE = text(
    "UPDATE document_versions SET page_count = :page_count, chunk_count = :chunk_count,"
    " lexeme_count = :lexeme_count, language = :language, parser = :parser"
    " WHERE owner_id = :owner_id AND id = :version_id"
)
_COUNT = text(
    "SELECT count(*) AS n FROM chunks WHERE owner_id = :owner_id AND version_id = :version_id"
)
_MODEL_ID = text("SELECT id FROM embedding_models WHERE name = :name AND dimensions = :dimensions")
_INSERT_MODEL = text(
    "INSERT INTO embedding_models (name, dimensions) VALUES (:name, :dimensions)"
    " ON CONFLICT DO NOTHING"
)
_UNEMBEDDED = text(
    "SELECT c.ordinal, c.context, c.text FROM chunks c"
    " WHERE c.owner_id = :owner_id AND c.version_id = :version_id AND c.ordinal >= :first"
    " AND NOT EXISTS ("
    "  SELECT 1 FROM chunk_vectors v WHERE v.owner_id = c.owner_id AND v.model_id = :model_id"
    "  AND v.version_id = c.version_id AND v.ordinal = c.ordinal)"
    " ORDER BY c.ordinal LIMIT :limit"
)
_INSERT_VECTORS = text(
    "INSERT INTO chunk_vectors (owner_id, model_id, version_id, ordinal, embedding)"
    " SELECT CAST(:owner_id AS uuid), CAST(:model_id AS smallint), CAST(:version_id AS uuid), *"
    " FROM unnest(CAST(:ordinals AS int[]), CAST(:embeddings AS halfvec[]))"
    " ON CONFLICT DO NOTHING"
)
_ACTIVATE = text(
    "UPDATE documents SET active_version_id = :version_id"
    " WHERE owner_id = :owner_id AND id = :document_id"
)


async def clear_slice(session: WriteSession, version_id: UUID) -> bool:
    """Forget at most `SLICE_CHUNKS` passages of an earlier attempt; whether that was all."""
    cleared = await session.run(
        _CLEAR_CHUNKS, owner_id=session.owner_id, version_id=version_id, limit=SLICE_CHUNKS
    )
    if cleared == SLICE_CHUNKS:
        return False
    for statement in (_CLEAR_PAGES, _FORGET):
        await session.run(statement, owner_id=session.owner_id, version_id=version_id)
    return True


async def insert_pages(session: WriteSession, version_id: UUID, pages: Sequence[Page]) -> None:
    await session.run_many(
        _INSERT_PAGE,
        [
            {
                "owner_id": session.owner_id,
                "version_id": version_id,
                "number": page.number,
                "start": page.start,
                "text": page.text,
                "width": page.width,
                "height": page.height,
                "words": page.words,
            }
            for page in pages
        ],
    )


async def insert_chunks(session: WriteSession, version_id: UUID, chunks: Sequence[Chunk]) -> None:
    """At most `SLICE_CHUNKS` passages, from a multiple of that on, with their postings.

    No search sees them before the version is active.
    """
    owner_id = session.owner_id
    await session.run_many(
        _INSERT_CHUNK,
        [
            {
                "owner_id": owner_id,
                "version_id": version_id,
                "ordinal": chunk.ordinal,
                "start": chunk.start,
                "first_page": chunk.first_page,
                "last_page": chunk.last_page,
                "context": chunk.context,
                "text": chunk.text,
            }
            for chunk in chunks
        ],
    )
    await session.run(
        _INSERT_POSTINGS,
        owner_id=owner_id,
        version_id=version_id,
        first=chunks[0].ordinal,
        terms=[term for chunk in chunks for term in chunk.terms],
        entries=[
            (chunk.ordinal - chunks[0].ordinal) << 23
            | min(frequency, 0x7F) << 16
            | min(chunk.length, 0xFFFF)
            for chunk in chunks
            for frequency in chunk.terms.values()
        ],
    )


async def describe(session: WriteSession, version_id: UUID, outline: Outline) -> None:
    """All passages of the version are there."""
    await session.run(
        _DESCRIBE,
        owner_id=session.owner_id,
        version_id=version_id,
        page_count=outline.page_count,
        chunk_count=outline.chunk_count,
        lexeme_count=outline.lexeme_count,
        language=outline.language,
        parser=outline.parser,
    )


async def count(session: ReadSession, version_id: UUID) -> int:
    row = await session.one(_COUNT, owner_id=session.owner_id, version_id=version_id)
    return int(row["n"])


async def model_id(session: WriteSession, name: str, dimensions: int) -> int:
    """The key of a model's vectors, made on first use."""
    await session.run(_INSERT_MODEL, name=name, dimensions=dimensions)
    row = await session.one(_MODEL_ID, name=name, dimensions=dimensions)
    return int(row["id"])


async def unembedded(
    session: ReadSession, version_id: UUID, model_id: int, first: int, limit: int
) -> list[tuple[int, str]]:
    """Ordinal and text to embed of chunks without a vector of that model, from ordinal `first`."""
    rows = await session.all(
        _UNEMBEDDED,
        owner_id=session.owner_id,
        version_id=version_id,
        model_id=model_id,
        first=first,
        limit=limit,
    )
    return [(row["ordinal"], f"{row['context']}\n{row['text']}".strip()) for row in rows]


async def insert_vectors(
    session: WriteSession,
    version_id: UUID,
    model_id: int,
    ordinals: Sequence[int],
    embeddings: NDArray[np.float32],
) -> None:
    """`embeddings` has shape (len(ordinals), dimensions)."""
    await session.run(
        _INSERT_VECTORS,
        owner_id=session.owner_id,
        version_id=version_id,
        model_id=model_id,
        ordinals=list(ordinals),
        embeddings=[HalfVector(embedding) for embedding in embeddings],
    )


async def activate(session: WriteSession, document_id: UUID, version_id: UUID | None) -> None:
    """From the commit on, searches find this version; None: nothing of the document."""
    await session.run(
        _ACTIVATE, owner_id=session.owner_id, document_id=document_id, version_id=version_id
    )
