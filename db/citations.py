"""Passages that an answer was given, its citations, and its steps of searching further."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import text

from db.engine import ReadSession, Row, WriteSession
from db.retrieval import Hit


@dataclass(frozen=True, slots=True)
class Citation:
    """`start` and `end` count characters in the answer, `page_*` in the text of the page.

    It outlives its document with its number, the file's name and the page, but without words.
    """

    position: int
    """Place among the answer's citations, from 0."""
    index: int
    start: int
    end: int
    document_id: UUID
    version_id: UUID
    page_number: int
    page_start: int
    page_end: int
    quote: str
    verified: bool
    filename: str

    def without_words(self) -> "Citation":
        """The citation as it stands once the version that it cites is gone."""
        return replace(self, quote="", verified=False)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the answerer's search for more passages."""

    tool: str
    subject: str


# What a passage points to may be deleted at any moment: then it is left out.
_INSERT_PASSAGE = text("""
    INSERT INTO answer_passages (owner_id, message_id, rank, version_id, ordinal, lexical_rank,
      lexical_score, semantic_rank, similarity, score)
    SELECT :owner_id, :message_id, :rank, version_id, ordinal, CAST(:lexical_rank AS int),
      CAST(:lexical_score AS real), CAST(:semantic_rank AS int), CAST(:similarity AS real), :score
    FROM chunks
    WHERE owner_id = :owner_id AND version_id = :version_id AND ordinal = :ordinal FOR KEY SHARE
    ON CONFLICT DO NOTHING
    """)
_PASSAGES = text("""
    SELECT p.message_id, v.document_id, d.filename, p.version_id, p.ordinal, c.start,
      c.first_page, c.last_page, c.context, c.text, p.lexical_rank, p.lexical_score,
      p.semantic_rank, p.similarity, p.score
    FROM answer_passages p
    JOIN chunks c ON c.owner_id = p.owner_id AND c.version_id = p.version_id
      AND c.ordinal = p.ordinal
    JOIN document_versions v ON v.owner_id = p.owner_id AND v.id = p.version_id
    JOIN documents d ON d.owner_id = v.owner_id AND d.id = v.document_id
    WHERE p.owner_id = :owner_id AND p.message_id = ANY(:message_ids)
    ORDER BY p.message_id, p.rank
    """)
_INSERT_CITATION = text("""
    INSERT INTO citations (owner_id, message_id, position, index, start, "end", document_id,
      version_id, page_number, page_start, page_end, quote, verified, filename)
    VALUES (:owner_id, :message_id, :position, :index, :start, :end, :document_id, :version_id,
      :page_number, :page_start, :page_end,
      coalesce((
        SELECT CAST(:quote AS text) FROM document_versions
        WHERE owner_id = :owner_id AND id = :version_id FOR KEY SHARE), ''),
      :verified, :filename)
    ON CONFLICT DO NOTHING
    """)
_CITATIONS = text("""
    SELECT c.message_id, c.position, c.index, c.start, c."end", c.document_id, c.version_id,
      c.page_number, c.page_start, c.page_end,
      CASE WHEN v.id IS NULL THEN '' ELSE c.quote END AS quote,
      c.verified AND v.id IS NOT NULL AS verified, coalesce(d.filename, c.filename) AS filename
    FROM citations c
    LEFT JOIN document_versions v ON v.owner_id = c.owner_id AND v.id = c.version_id
    LEFT JOIN documents d ON d.owner_id = v.owner_id AND d.id = v.document_id
    WHERE c.owner_id = :owner_id AND c.message_id = ANY(:message_ids)
    ORDER BY c.message_id, c.position
    """)
_STEPS = text("""
    SELECT message_id, payload->'step'->>'tool' AS tool, payload->'step'->>'subject' AS subject
    FROM answer_events
    WHERE owner_id = :owner_id AND message_id = ANY(:message_ids)
      AND kind = 'SOURCES' AND payload->>'step' IS NOT NULL
    ORDER BY message_id, sequence
    """)


async def insert_passages(
    session: WriteSession, message_id: UUID, hits: Sequence[Hit], first_rank: int
) -> None:
    await session.run_many(
        _INSERT_PASSAGE,
        [
            {
                "owner_id": session.owner_id,
                "message_id": message_id,
                "rank": rank,
                "version_id": hit.version_id,
                "ordinal": hit.ordinal,
                "lexical_rank": hit.lexical_rank,
                "lexical_score": hit.lexical_score,
                "semantic_rank": hit.semantic_rank,
                "similarity": hit.similarity,
                "score": hit.score,
            }
            for rank, hit in enumerate(hits, start=first_rank)
        ],
    )


async def passages(session: ReadSession, message_ids: Sequence[UUID]) -> dict[UUID, list[Hit]]:
    """The passages that each answer was given, by message, best first."""
    rows = await session.all(_PASSAGES, owner_id=session.owner_id, message_ids=list(message_ids))
    return _by_message(rows, Hit)


async def citations(
    session: ReadSession, message_ids: Sequence[UUID]
) -> dict[UUID, list[Citation]]:
    rows = await session.all(_CITATIONS, owner_id=session.owner_id, message_ids=list(message_ids))
    return _by_message(rows, Citation)


async def steps(session: ReadSession, message_ids: Sequence[UUID]) -> dict[UUID, list[Step]]:
    rows = await session.all(_STEPS, owner_id=session.owner_id, message_ids=list(message_ids))
    return _by_message(rows, Step)


async def insert_citations(
    session: WriteSession, message_id: UUID, cited: Sequence[Citation]
) -> None:
    """Insert citations; those of a lost commit may be among them again."""
    await session.run_many(
        _INSERT_CITATION,
        [
            {"owner_id": session.owner_id, "message_id": message_id, **asdict(citation)}
            for citation in cited
        ],
    )


def _by_message(rows: Sequence[Row], make: Any) -> dict[UUID, list[Any]]:
    grouped: dict[UUID, list[Any]] = {}
    for row in rows:
        fields = dict(row)
        grouped.setdefault(fields.pop("message_id"), []).append(make(**fields))
    return grouped
