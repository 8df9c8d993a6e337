"""Hybrid search in one statement: BM25 over postings, cosine over vectors, fused by their scores.

BM25 after Robertson and Zaragoza (2009); frequencies of terms and the average length are counted in
the searched documents by the same statement, so they are right after every upload and deletion.
Fusion is a weighted sum of scores, which keeps what ranks lose: how much better one passage is than
the next (Bruch et al., "An Analysis of Fusion Functions for Hybrid Retrieval", 2022).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector
from sqlalchemy import TextClause, text

from db import postings
from db.engine import ReadSession
from db.vectors import GRAPH_DIMENSIONS

K1 = 0.6
"""How slowly BM25's credit for a term saturates as its frequency in a chunk grows."""
B = 0.75
"""How much BM25 makes long chunks pay for their length, from 0 (nothing) to 1."""
READ_ENTRIES, READ_SHARE = 5_000, 0.1
"""How many entries of postings one search reads, or what share of the chunks if that is more; the
rarest terms come first. In a large library, words that stand almost everywhere would cost most of
the time and tell next to nothing."""


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
    """Cosine of passage and question; None without a vector."""
    score: float
    """Fused score, comparable within one search only."""
    credit: float = 0.0
    """Of words that it cannot have, for it is in another language than the question."""


@dataclass(frozen=True, slots=True)
class Found:
    """The best chunks, best first, and what each term of the question adds to BM25 at most."""

    hits: Sequence[Hit]
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Library:
    """What a search must know of the owner's documents before it begins."""

    languages: Sequence[str]
    chunk_count: int
    model_id: int | None
    """Key of the embedding model; None until something was embedded with it."""


_LIBRARY = text("""
    SELECT ARRAY(
        SELECT DISTINCT unnest(languages) FROM document_versions WHERE owner_id = :owner_id
      ) AS languages, coalesce(sum(chunk_count), 0) AS chunk_count,
      (SELECT id FROM embedding_models WHERE name = :model AND dimensions = :dimensions)
      AS model_id, set_config('plan_cache_mode', 'force_custom_plan', true),
      set_config('enable_nestloop', 'off', true)
    FROM document_versions WHERE owner_id = :owner_id
    """)

_LIVE = """
-- The documents in scope, each with the version that is searched
live AS MATERIALIZED (
  SELECT d.id AS document_id, d.filename, v.id AS version_id, v.chunk_count, v.lexeme_count,
    CAST(:language AS text) IS NOT NULL AND v.language <> :language AS is_foreign,
    row_number() OVER (ORDER BY v.id) << 32 AS base
  FROM documents d
  LEFT JOIN document_versions v ON v.owner_id = d.owner_id AND v.id = d.active_version_id
  WHERE d.owner_id = :owner_id AND d.active_version_id IS NOT NULL
    AND (CAST(:document_ids AS uuid[]) IS NULL OR d.id = ANY(:document_ids))
    AND (CAST(:uploaded_from AS timestamptz) IS NULL OR d.created_at >= :uploaded_from)
    AND (CAST(:uploaded_until AS timestamptz) IS NULL OR d.created_at < :uploaded_until))"""
"""Within the statement a chunk is one number, `base + ordinal`: quicker to sort and to compare than
a version's id and an ordinal. Every active version exists; but of a LEFT JOIN the planner knows
that it keeps all documents, where it takes a JOIN for one row."""

_ON_PAGES = """EXISTS (
    SELECT 1 FROM chunks c WHERE c.owner_id = :owner_id AND c.version_id = {leg}.version_id
      AND c.ordinal = {leg}.ordinal AND c.last_page >= coalesce(:first_page, 0)
      AND c.first_page <= coalesce(:last_page, 2147483647))"""

_LEXICAL = """
-- Number of chunks, and what one term of a chunk's length adds to its saturation
totals AS MATERIALIZED (
  SELECT CAST(sum(chunk_count) AS float8) AS chunks,
    {k1} * {b} / greatest(CAST(sum(lexeme_count) AS float8) / nullif(sum(chunk_count), 0), 1)
      AS slope
  FROM live),
-- The rows of postings of the question's terms, by the number of the term
listed AS MATERIALIZED (
  SELECT number, version_id, first, entries
  FROM unnest(CAST(:terms AS text[])) WITH ORDINALITY AS t (term, number), LATERAL (
    SELECT version_id, first, entries FROM postings p
    WHERE p.owner_id = :owner_id AND p.term = t.term LIMIT :listed) AS p),
-- Those of documents in scope
found AS MATERIALIZED (
  SELECT number, version_id, base, first, entries FROM listed JOIN live USING (version_id)),
-- In how many chunks each term stands; `read` sums that up from the rarest term on
counted AS (
  SELECT number, frequency, sum(frequency) OVER rarest AS read, row_number() OVER rarest AS place
  FROM (
    SELECT number, CAST(sum(cardinality(entries)) AS float8) AS frequency
    FROM found GROUP BY number) AS sums
  WINDOW rarest AS (ORDER BY frequency, number)),
-- The terms that are rare enough to be read, with the most that each adds to BM25
asked AS MATERIALIZED (
  SELECT number,
    ({k1} + 1) * ln(1 + (greatest(chunks - frequency, 0) + 0.5) / (frequency + 0.5)) AS weight
  FROM counted, totals WHERE read <= :readable OR place = 1),
-- One row for each of these terms in each chunk where it stands
matched AS (
  SELECT version_id, base, first + {place} AS ordinal, weight,
    CAST({frequency} AS float8) AS frequency,
    {k1} * (1 - {b}) + slope * CAST({length} AS float8) AS saturation
  FROM totals, (
    SELECT version_id, base, first, weight, unnest(entries) AS entry
    FROM found JOIN asked USING (number)) AS entries),
-- BM25 of each chunk
lexical AS MATERIALIZED (
  SELECT base + ordinal AS chunk, sum(weight / (1 + saturation / frequency)) AS score
  FROM matched WHERE {condition} GROUP BY 1)"""

_EXACT = """
  SELECT base + ordinal AS chunk, 1 - distance AS similarity FROM (
    SELECT version_id, ordinal, embedding <=> (SELECT embedding FROM question) AS distance
    FROM chunk_vectors v
    WHERE owner_id = :owner_id AND model_id = :model_id AND {condition}
    ORDER BY distance, version_id, ordinal LIMIT :candidates) AS compared
  JOIN live USING (version_id)"""

# An index finds an array's rows in one pass in their order, where a join looks up each document.
_OF_LIVE = "version_id = ANY(ARRAY(SELECT version_id FROM live))"

# IS TRUE keeps the planner from making a join of IN, after which it would sort for itself instead
# of reading the graph in the graph's order. The graph is read twice as deep as needed, for the sake
# of those who own a small part of it.
_OUTSIDE = "NOT in_graph AND (version_id IN (SELECT version_id FROM live)) IS TRUE"
_GRAPH = """
  SELECT base + ordinal AS chunk, similarity FROM (
    SELECT version_id, ordinal, 1 - (embedding::halfvec({dimensions})
        <=> (SELECT embedding::halfvec({dimensions}) FROM question)) AS similarity
      FROM chunk_vectors
      WHERE owner_id = :owner_id AND model_id = :model_id
        AND in_graph AND vector_dims(embedding) = {dimensions}
        AND (version_id IN (SELECT version_id FROM live)) IS TRUE
      ORDER BY embedding::halfvec({dimensions})
        <=> (SELECT embedding::halfvec({dimensions}) FROM question)
      LIMIT 2 * CAST(:candidates AS int)) AS inside JOIN live USING (version_id)
  UNION ALL ({outside})"""

_SEMANTIC = """
-- Its vector
question AS MATERIALIZED (SELECT CAST(:embedding AS halfvec) AS embedding),
-- Chunks in scope by cosine, at least as many as are wanted
nearest AS MATERIALIZED ({nearest}),
-- The best of these, ranked
semantic AS MATERIALIZED (
  SELECT chunk, similarity, row_number() OVER (ORDER BY similarity DESC, chunk) AS place
  FROM nearest ORDER BY similarity DESC, chunk LIMIT :candidates),
-- Mean and deviation of their cosines, by which the two scores become comparable
spread AS MATERIALIZED (
  SELECT avg(similarity) AS middle, nullif(stddev_pop(similarity), 0) AS deviation FROM semantic)"""

_FUSED = """
-- The lowest BM25 that is a candidate
floor AS MATERIALIZED (
  SELECT min(score) AS score FROM (
    SELECT score FROM lexical ORDER BY score DESC, chunk LIMIT :candidates) AS best),
-- What either leg found, with what both say of it
kept AS MATERIALIZED (
  SELECT chunk, chunk >> 32 << 32 AS base, l.score AS lexical_score,
    l.score >= floor.score AS is_lexical, s.place AS semantic_rank, s.similarity
  FROM lexical l FULL JOIN semantic s USING (chunk), floor
  WHERE l.score >= floor.score OR s.place IS NOT NULL),
-- The same with document, version and ordinal
candidates AS MATERIALIZED (
  SELECT kept.*, document_id, filename, version_id, is_foreign,
    CAST(chunk - base AS int) AS ordinal
  FROM kept JOIN live USING (base)),
-- The same with the cosine of those that words alone found
scored AS MATERIALIZED (
  SELECT chunk, document_id, filename, version_id, is_foreign, ordinal, lexical_score, is_lexical,
    semantic_rank, coalesce(similarity, (
      SELECT 1 - (v.embedding <=> (SELECT embedding FROM question)) FROM chunk_vectors v
      WHERE v.owner_id = :owner_id AND v.model_id = :model_id
        AND v.version_id = candidates.version_id AND v.ordinal = candidates.ordinal)) AS similarity
  FROM candidates),
-- What a passage in another language than the question has too little of: words and likeness
credit AS MATERIALIZED (
  SELECT CAST(:foreign_share AS float8) * coalesce(sum(weight), 0)
    + CAST(:foreign_share AS float8) * (cardinality(CAST(:terms AS text[])) - count(*))
      * ({k1} + 1) * ln(1 + (greatest(min(chunks), 0) + 0.5) / 0.5) AS words
  FROM totals LEFT JOIN asked ON true),
-- The weighted sum of both scores
fused AS (
  SELECT scored.*, CAST(:lexical_weight AS float8)
      * coalesce(CASE WHEN is_foreign THEN greatest(lexical_score, words) ELSE lexical_score END, 0)
    + CAST(:semantic_weight AS float8) * coalesce((similarity - middle
      + CASE WHEN is_foreign THEN CAST(:foreign_cosine AS float8) ELSE 0 END) / deviation, 0)
      AS score,
    CASE WHEN is_foreign THEN words ELSE 0 END AS credit,
    CASE WHEN is_lexical THEN row_number() OVER (ORDER BY lexical_score DESC NULLS LAST, chunk)
      END AS lexical_rank
  FROM scored, spread, credit),
-- As many as are asked for
best AS (SELECT * FROM fused ORDER BY score DESC, chunk LIMIT :limit)
SELECT b.document_id, b.filename, b.version_id, b.ordinal, c.start, c.first_page, c.last_page,
  c.context, c.text, b.lexical_rank, b.lexical_score, b.semantic_rank, b.similarity, b.score,
  b.credit,
  (SELECT array_agg(number) FROM asked) AS numbers, (SELECT array_agg(weight) FROM asked) AS weights
FROM best b, LATERAL (
  SELECT start, first_page, last_page, context, text FROM chunks
  WHERE owner_id = :owner_id AND version_id = b.version_id AND ordinal = b.ordinal LIMIT 1) AS c
ORDER BY b.score DESC, b.chunk"""


@cache
def _search(graph_dimensions: int | None, on_pages: bool) -> TextClause:
    """The statement of a search; through the graph when the length of its vectors is given."""
    matched, near = [_ON_PAGES.format(leg=leg) if on_pages else "true" for leg in ("matched", "v")]
    lexical = _LEXICAL.format(
        k1=K1,
        b=B,
        place=postings.PLACE,
        frequency=postings.FREQUENCY,
        length=postings.LENGTH,
        condition=matched,
    )
    if graph_dimensions is None:
        nearest = _EXACT.format(condition=f"{_OF_LIVE} AND {near}")
    else:
        outside = _EXACT.format(condition=_OUTSIDE)
        nearest = _GRAPH.format(dimensions=graph_dimensions, outside=outside)
    semantic = _SEMANTIC.format(nearest=nearest)
    return text(f"WITH {_LIVE},{lexical},{semantic},{_FUSED.format(k1=K1)}")


_UNRANKED = """
SELECT live.document_id, live.filename, c.version_id, c.ordinal, c.start, c.first_page,
  c.last_page, c.context, c.text, CAST(NULL AS int) AS lexical_rank,
  CAST(NULL AS real) AS lexical_score, CAST(NULL AS int) AS semantic_rank,
  CAST(NULL AS real) AS similarity, CAST(0 AS float8) AS score
FROM live JOIN chunks c ON c.owner_id = :owner_id AND c.version_id = live.version_id"""
_PASSAGES_ON_PAGES = text(f"""
    WITH {_LIVE} {_UNRANKED}
    WHERE live.filename = :title AND c.last_page >= :first AND c.first_page <= :last
    ORDER BY c.version_id, c.ordinal LIMIT :limit
    """)
_NEIGHBOURS = text(f"""
    WITH {_LIVE} {_UNRANKED}
    WHERE c.version_id = :version_id AND c.ordinal BETWEEN :first AND :last ORDER BY c.ordinal
    """)
_PASSAGES_BETWEEN = text(f"""
    WITH {_LIVE} {_UNRANKED}
    WHERE c.version_id = :version_id AND c.start < :end AND c.start + length(c.text) > :start
    ORDER BY c.ordinal LIMIT :limit
    """)
_TITLES = text(f"WITH {_LIVE} SELECT filename FROM live ORDER BY version_id DESC LIMIT :limit")


async def library(session: ReadSession, model: str, dimensions: int) -> Library:
    """Read what the search that follows must know, and settle how it is planned.

    It is planned for its own parameters: the plan that fits all parameters is ten times as slow.
    Joins are made by hash, but for the lateral ones, which look rows up: right after an upload
    statistics know nothing of what it brought, so the planner takes every owner for one of a few
    rows and would compare all with all.
    """
    row = await session.one(_LIBRARY, owner_id=session.owner_id, model=model, dimensions=dimensions)
    return Library(row["languages"], row["chunk_count"], row["model_id"])


async def search(
    session: ReadSession,
    terms: Sequence[str],
    embedding: NDArray[np.float32],
    library: Library,
    scope: Scope,
    limit: int,
    *,
    candidates: int,
    lexical_weight: float,
    semantic_weight: float,
    language: str | None = None,
    foreign_share: float = 0,
    foreign_cosine: float = 0,
    graph: bool = False,
) -> Found:
    """Find the best `limit` chunks.

    Chunks in another `language` than the question's are given what they lack beside one in its
    own: `foreign_share` of what its terms weigh, and `foreign_cosine`.

    `candidates` is how deep each leg is read. `graph` takes the approximate index for the vectors
    that are in it. Of a bounded search all postings are listed: its own may be the last ones.
    """
    on_pages = scope.first_page is not None or scope.last_page is not None
    pages = {"first_page": scope.first_page, "last_page": scope.last_page} if on_pages else {}
    readable = max(READ_ENTRIES, int(READ_SHARE * library.chunk_count))
    dimensions = len(embedding) if graph and len(embedding) in GRAPH_DIMENSIONS else None
    rows = await session.all(
        _search(dimensions, on_pages),
        owner_id=session.owner_id,
        terms=list(terms),
        readable=readable,
        listed=readable if scope == Scope() else None,
        embedding=HalfVector(embedding),
        model_id=library.model_id,
        **_documents(scope) | {"language": language},
        **pages,
        limit=limit,
        candidates=candidates,
        lexical_weight=lexical_weight,
        semantic_weight=semantic_weight,
        foreign_share=foreign_share,
        foreign_cosine=foreign_cosine,
    )
    hits = [Hit(**{name: row[name] for name in Hit.__slots__}) for row in rows]
    asked = zip(rows[0]["numbers"] or (), rows[0]["weights"] or (), strict=True) if rows else ()
    return Found(hits, {terms[number - 1]: weight for number, weight in asked})


async def passages_on_pages(
    session: ReadSession, scope: Scope, title: str, first: int, last: int, limit: int
) -> list[Hit]:
    """Passages on these pages of a document, in its order and without scores."""
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


async def neighbours(
    session: ReadSession, version_id: UUID, ordinal: int, distance: int
) -> list[Hit]:
    """A chunk and up to `distance` others before and after it, in the order of the document."""
    rows = await session.all(
        _NEIGHBOURS,
        owner_id=session.owner_id,
        version_id=version_id,
        first=ordinal - distance,
        last=ordinal + distance,
        **_documents(Scope()),
    )
    return [Hit(**row) for row in rows]


async def passages_between(
    session: ReadSession, version_id: UUID, start: int, end: int, limit: int
) -> list[Hit]:
    """Of the passages that hold any of these characters of the document the first, in order."""
    rows = await session.all(
        _PASSAGES_BETWEEN,
        owner_id=session.owner_id,
        version_id=version_id,
        start=start,
        end=end,
        limit=limit,
        **_documents(Scope()),
    )
    return [Hit(**row) for row in rows]


async def titles(session: ReadSession, scope: Scope, limit: int) -> list[str]:
    """Titles of the searchable documents, newest first."""
    rows = await session.all(_TITLES, owner_id=session.owner_id, limit=limit, **_documents(scope))
    return [row["filename"] for row in rows]


def _documents(scope: Scope) -> dict[str, object]:
    return {
        "language": None,
        "document_ids": None if scope.document_ids is None else list(scope.document_ids),
        "uploaded_from": scope.uploaded_from,
        "uploaded_until": scope.uploaded_until,
    }
