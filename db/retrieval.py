"""Hybrid search in one statement: BM25 over postings, exact cosine over vectors, fused by rank.

BM25 after Robertson and Zaragoza (2009) with k1 = 1.2 and b = 0.75; idf and average length are
those of the searched documents, counted in the same statement, so they are right after every
upload and deletion. The legs are fused by reciprocal rank (Cormack et al. 2009).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector
from sqlalchemy import text

from db.engine import ReadSession


@dataclass(frozen=True, slots=True)
class Scope:
    """Which of the owner's documents are searched; None means no bound."""

    document_ids: Sequence[UUID] | None = None
    uploaded_from: datetime | None = None
    uploaded_until: datetime | None = None
    first_page: int | None = None
    last_page: int | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that at least one leg found, with the trace of how."""

    document_id: UUID
    filename: str
    version_id: UUID
    ordinal: int
    start: int
    first_page: int
    last_page: int
    context: str
    text: str
    lexical_rank: int | None
    lexical_score: float | None
    semantic_rank: int | None
    similarity: float | None
    """Cosine, for every hit that has a vector."""
    score: float


_LIVE = """
live AS MATERIALIZED (
  SELECT d.id AS document_id, d.filename, v.id AS version_id, v.chunk_count, v.lexeme_count
  FROM documents d
  JOIN document_versions v ON v.owner_id = d.owner_id AND v.id = d.active_version_id
  WHERE d.owner_id = :owner_id
    AND (CAST(:document_ids AS uuid[]) IS NULL OR d.id = ANY(:document_ids))
    AND (CAST(:uploaded_from AS timestamptz) IS NULL OR d.created_at >= :uploaded_from)
    AND (CAST(:uploaded_until AS timestamptz) IS NULL OR d.created_at < :uploaded_until))"""

_ON_PAGES = """
  AND (CAST(:first_page AS int) IS NULL AND CAST(:last_page AS int) IS NULL OR EXISTS (
    SELECT 1 FROM chunks c WHERE c.owner_id = :owner_id AND c.version_id = {leg}.version_id
      AND c.ordinal = {leg}.ordinal AND c.last_page >= coalesce(:first_page, 0)
      AND c.first_page <= coalesce(:last_page, 2147483647)))"""

_SEARCH = text(
    f"""WITH {_LIVE},
    totals AS (
      SELECT greatest(sum(chunk_count), 1) AS chunks,
        greatest(sum(lexeme_count) / greatest(sum(chunk_count), 1), 1) AS mean_length
      FROM live),
    postings_found AS MATERIALIZED (
      SELECT p.term, p.version_id, p.ordinal,
        p.frequency * 2.2 / (p.frequency + 0.3 + 0.9 * p.length
          / (SELECT CAST(mean_length AS float8) FROM totals)) AS weight
      FROM postings p JOIN live USING (version_id)
      WHERE p.owner_id = :owner_id AND p.term = ANY(CAST(:terms AS text[]))
      {_ON_PAGES.format(leg="p")}),
    terms AS (
      SELECT term, ln(1 + ((SELECT CAST(chunks AS float8) FROM totals) - count(*) + 0.5)
        / (count(*) + 0.5)) AS idf
      FROM postings_found GROUP BY term),
    lexical AS (
      SELECT version_id, ordinal, score,
        row_number() OVER (ORDER BY score DESC, version_id, ordinal) AS place
      FROM (
        SELECT version_id, ordinal, sum(idf * weight) AS score
        FROM postings_found JOIN terms USING (term) GROUP BY version_id, ordinal
        ORDER BY score DESC, version_id, ordinal LIMIT :candidates) AS best),
    question AS MATERIALIZED (SELECT CAST(:embedding AS halfvec) AS embedding),
    semantic AS (
      SELECT version_id, ordinal, similarity,
        row_number() OVER (ORDER BY similarity DESC, version_id, ordinal) AS place
      FROM (
        SELECT v.version_id, v.ordinal,
          1 - (v.embedding <=> (SELECT embedding FROM question)) AS similarity
        FROM chunk_vectors v JOIN live USING (version_id)
        WHERE v.owner_id = :owner_id AND v.model_id = :model_id
          AND CAST(:embedding AS halfvec) IS NOT NULL
          {_ON_PAGES.format(leg="v")}
        ORDER BY similarity DESC, version_id, ordinal LIMIT :candidates) AS nearest),
    fused AS (
      SELECT version_id, ordinal, l.place AS lexical_rank, l.score AS lexical_score,
        s.place AS semantic_rank, s.similarity,
        coalesce(CAST(:lexical_weight AS float8) / (CAST(:damping AS float8) + l.place), 0)
          + coalesce(CAST(:semantic_weight AS float8) / (CAST(:damping AS float8) + s.place), 0)
          AS score
      FROM lexical l FULL JOIN semantic s USING (version_id, ordinal)
      ORDER BY score DESC, version_id, ordinal LIMIT :limit)
    SELECT live.document_id, live.filename, f.version_id, f.ordinal, c.start, c.first_page,
      c.last_page, c.context, c.text, f.lexical_rank, f.lexical_score, f.semantic_rank,
      coalesce(f.similarity, 1 - (v.embedding <=> (SELECT embedding FROM question))) AS similarity,
      f.score
    FROM fused f JOIN live USING (version_id)
    JOIN chunks c ON c.owner_id = :owner_id AND c.version_id = f.version_id
      AND c.ordinal = f.ordinal
    LEFT JOIN chunk_vectors v ON v.owner_id = :owner_id AND v.model_id = :model_id
      AND v.version_id = f.version_id AND v.ordinal = f.ordinal
    ORDER BY f.score DESC, f.version_id, f.ordinal"""
)
_LANGUAGES = text(
    "SELECT DISTINCT v.language FROM documents d"
    " JOIN document_versions v ON v.owner_id = d.owner_id AND v.id = d.active_version_id"
    " WHERE d.owner_id = :owner_id AND v.language IS NOT NULL"
)
_MODEL = text("SELECT id FROM embedding_models WHERE name = :name AND dimensions = :dimensions")


_PASSAGES_ON_PAGES = text(
    f"""WITH {_LIVE}
    SELECT live.document_id, live.filename, c.version_id, c.ordinal, c.start, c.first_page,
      c.last_page, c.context, c.text, CAST(NULL AS int) AS lexical_rank,
      CAST(NULL AS real) AS lexical_score, CAST(NULL AS int) AS semantic_rank,
      CAST(NULL AS real) AS similarity, CAST(0 AS float8) AS score
    FROM live JOIN chunks c ON c.owner_id = :owner_id AND c.version_id = live.version_id
    WHERE live.filename = :title AND c.last_page >= :first AND c.first_page <= :last
    ORDER BY c.version_id, c.ordinal LIMIT :limit"""
)
_TITLES = text(f"WITH {_LIVE} SELECT filename FROM live ORDER BY version_id DESC LIMIT :limit")


async def languages(session: ReadSession) -> list[str]:
    """Languages of the owner's searchable documents."""
    return [row["language"] for row in await session.all(_LANGUAGES, owner_id=session.owner_id)]


async def model_id(session: ReadSession, name: str, dimensions: int) -> int | None:
    """None: nothing has been embedded with that model yet."""
    row = await session.first(_MODEL, name=name, dimensions=dimensions)
    return row["id"] if row else None


async def search(
    session: ReadSession,
    terms: Sequence[str],
    embedding: NDArray[np.float32] | None,
    model_id: int | None,
    scope: Scope,
    limit: int,
    *,
    candidates: int,
    damping: float,
    lexical_weight: float,
    semantic_weight: float,
) -> list[Hit]:
    """The best `limit` chunks, best first; `candidates` is how deep each leg is read."""
    rows = await session.all(
        _SEARCH,
        owner_id=session.owner_id,
        terms=list(terms),
        embedding=None if embedding is None else HalfVector(embedding),
        model_id=model_id,
        **_documents(scope),
        first_page=scope.first_page,
        last_page=scope.last_page,
        limit=limit,
        candidates=candidates,
        damping=damping,
        lexical_weight=lexical_weight,
        semantic_weight=semantic_weight,
    )
    return [Hit(**row) for row in rows]


async def passages_on_pages(
    session: ReadSession, scope: Scope, title: str, first: int, last: int, limit: int
) -> list[Hit]:
    """In the order of the document; without scores, for nothing was searched."""
    rows = await session.all(
        _PASSAGES_ON_PAGES,
        owner_id=session.owner_id,
        title=title,
        first=first,
        last=last,
        limit=limit,
        **_documents(scope),
    )
    return [Hit(**row) for row in rows]


async def titles(session: ReadSession, scope: Scope, limit: int) -> list[str]:
    """Of the searchable documents, newest first."""
    rows = await session.all(_TITLES, owner_id=session.owner_id, limit=limit, **_documents(scope))
    return [row["filename"] for row in rows]


def _documents(scope: Scope) -> dict[str, object]:
    return {
        "document_ids": None if scope.document_ids is None else list(scope.document_ids),
        "uploaded_from": scope.uploaded_from,
        "uploaded_until": scope.uploaded_until,
    }
