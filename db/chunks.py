"""What ingestion makes of a version: pages, and chunks with their postings."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from core.blocks import ReadingWarning, dump_blocks, dump_warnings
from core.overview import Overview, dump_overview
from db import postings
from db.documents import Page
from db.engine import ReadSession, WriteSession

SLICE_CHUNKS = postings.ROW_CHUNKS
"""Number of passages that one transaction writes or deletes, a second's work at most."""


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
        """Number of terms, repetitions included."""
        return sum(self.terms.values())


@dataclass(frozen=True, slots=True)
class Outline:
    """What is known of a version once it is searchable."""

    page_count: int
    chunk_count: int
    lexeme_count: int
    languages: Sequence[str]
    """ISO 639-1, that of most of the text first."""
    page_languages: Sequence[str | None]
    parser: str
    warnings: Sequence[ReadingWarning] = ()
    overview: Overview | None = None


_CLEAR_PAGES = text("DELETE FROM pages WHERE owner_id = :owner_id AND version_id = :version_id")
_CLEAR_CHUNKS = text("""
    DELETE FROM chunks WHERE owner_id = :owner_id AND version_id = :version_id AND ordinal IN (
      SELECT ordinal FROM chunks WHERE owner_id = :owner_id AND version_id = :version_id
      ORDER BY ordinal LIMIT :limit)
    """)
_CLEAR_OUTLINE = text("""
    UPDATE document_versions SET page_count = NULL, chunk_count = NULL, lexeme_count = NULL,
      language = NULL, languages = '{}', parser = NULL, warnings = '[]', overview = NULL
    WHERE owner_id = :owner_id AND id = :version_id
    """)
_INSERT_PAGE = text("""
    INSERT INTO pages (owner_id, version_id, number, start, text, width, height, words, blocks)
    VALUES (:owner_id, :version_id, :number, :start, :text, :width, :height, :words, :blocks)
    """)
_INSERT_CHUNK = text("""
    INSERT INTO chunks (owner_id, version_id, ordinal, start, first_page, last_page, context, text)
    VALUES (:owner_id, :version_id, :ordinal, :start, :first_page, :last_page, :context, :text)
    """)
_DESCRIBE = text("""
    UPDATE document_versions SET page_count = :page_count, chunk_count = :chunk_count,
      lexeme_count = :lexeme_count, language = :language, languages = :languages, parser = :parser,
      warnings = :warnings, overview = :overview
    WHERE owner_id = :owner_id AND id = :version_id
    """)
_SET_PAGE_LANGUAGES = text("""
    UPDATE pages p SET language = t.language
    FROM unnest(CAST(:languages AS text[])) WITH ORDINALITY AS t (language, number)
    WHERE p.owner_id = :owner_id AND p.version_id = :version_id AND p.number = t.number
    """)
_COUNT = text(
    "SELECT count(*) AS n FROM chunks WHERE owner_id = :owner_id AND version_id = :version_id"
)
_ACTIVATE = text("""
    UPDATE documents SET active_version_id = :version_id
    WHERE owner_id = :owner_id AND id = :document_id
    """)


async def clear_slice(session: WriteSession, version_id: UUID) -> bool:
    """Forget at most `SLICE_CHUNKS` passages of an earlier attempt; whether that was all."""
    cleared = await session.run(
        _CLEAR_CHUNKS, owner_id=session.owner_id, version_id=version_id, limit=SLICE_CHUNKS
    )
    if cleared == SLICE_CHUNKS:
        return False
    for statement in (_CLEAR_PAGES, _CLEAR_OUTLINE):
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
                "blocks": dump_blocks(page.blocks),
            }
            for page in pages
        ],
    )


async def insert_chunks(session: WriteSession, version_id: UUID, chunks: Sequence[Chunk]) -> None:
    """Insert at most `SLICE_CHUNKS` passages, from a multiple of that on, with their postings.

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
    terms = [chunk.terms for chunk in chunks]
    await postings.insert(session, version_id, chunks[0].ordinal, terms)


async def describe(session: WriteSession, version_id: UUID, outline: Outline) -> None:
    """Write what is known of a version, once all its passages are there."""
    await session.run(
        _SET_PAGE_LANGUAGES,
        owner_id=session.owner_id,
        version_id=version_id,
        languages=list(outline.page_languages),
    )
    await session.run(
        _DESCRIBE,
        owner_id=session.owner_id,
        version_id=version_id,
        **{name: getattr(outline, name) for name in Outline.__slots__}
        | {
            "language": outline.languages[0] if outline.languages else None,
            "warnings": dump_warnings(outline.warnings),
            "overview": None if outline.overview is None else dump_overview(outline.overview),
        },
    )


async def count(session: ReadSession, version_id: UUID) -> int:
    row = await session.one(_COUNT, owner_id=session.owner_id, version_id=version_id)
    return int(row["n"])


async def activate(session: WriteSession, document_id: UUID, version_id: UUID | None) -> None:
    """Let searches find this version after the commit, or nothing of the document for None."""
    await session.run(
        _ACTIVATE, owner_id=session.owner_id, document_id=document_id, version_id=version_id
    )
