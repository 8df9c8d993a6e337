"""Vectors of passages, by embedding model, and the graph that finds them."""

from collections.abc import Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector
from sqlalchemy import text

from db.engine import ReadSession, WriteSession

GRAPH_DIMENSIONS = (384, 768, 1024, 1536, 3072)
"""Lengths of vectors for which there is an index `chunk_vectors_graph_*`."""
GRAPH_SLICE = 64
"""How many vectors one transaction puts into the graph: a fraction of a second's work."""
DELETED_SLICE = 1_000

_OWNERS = text("""
    SELECT owner_id FROM ingestion_turns
    WHERE served_at > now() - make_interval(days => :days) ORDER BY owner_id
    """)
_MODEL_ID = text("SELECT id FROM embedding_models WHERE name = :name AND dimensions = :dimensions")
_INSERT_MODEL = text("""
    INSERT INTO embedding_models (name, dimensions) VALUES (:name, :dimensions)
    ON CONFLICT DO NOTHING
    """)
_UNEMBEDDED = text("""
    SELECT c.ordinal, c.context, c.text FROM chunks c
    WHERE c.owner_id = :owner_id AND c.version_id = :version_id AND c.ordinal >= :first
      AND NOT EXISTS (
      SELECT 1 FROM chunk_vectors v WHERE v.owner_id = c.owner_id AND v.model_id = :model_id
      AND v.version_id = c.version_id AND v.ordinal = c.ordinal)
    ORDER BY c.ordinal LIMIT :limit
    """)
_INSERT_VECTORS = text("""
    INSERT INTO chunk_vectors (owner_id, model_id, version_id, ordinal, embedding)
    SELECT CAST(:owner_id AS uuid), CAST(:model_id AS smallint), CAST(:version_id AS uuid), *
    FROM unnest(CAST(:ordinals AS int[]), CAST(:embeddings AS halfvec[]))
    ON CONFLICT DO NOTHING
    """)
_MISSING = text("""
    SELECT c.version_id, count(*) AS n FROM documents d
    JOIN chunks c ON c.owner_id = d.owner_id AND c.version_id = d.active_version_id
    LEFT JOIN chunk_vectors v ON v.owner_id = c.owner_id AND v.model_id = :model_id
      AND v.version_id = c.version_id AND v.ordinal = c.ordinal
    WHERE d.owner_id = :owner_id AND v.ordinal IS NULL
    GROUP BY c.version_id ORDER BY c.version_id
    """)
_LOCK_VERSION = text(
    "SELECT 1 FROM document_versions WHERE owner_id = :owner_id AND id = :version_id FOR KEY SHARE"
)
_DELETE_OTHERS = text("""
    DELETE FROM chunk_vectors WHERE (owner_id, model_id, version_id, ordinal) IN (
      SELECT owner_id, model_id, version_id, ordinal FROM chunk_vectors
      WHERE owner_id = :owner_id AND model_id <> :model_id LIMIT :size)
    """)
_ENTER_GRAPH = text("""
    UPDATE chunk_vectors SET in_graph = true WHERE (owner_id, model_id, version_id, ordinal) IN (
      SELECT owner_id, model_id, version_id, ordinal FROM chunk_vectors
      WHERE owner_id = :owner_id AND NOT in_graph
        AND (SELECT sum(chunk_count) FROM document_versions WHERE owner_id = :owner_id)
          >= :graph_chunks
      LIMIT :size FOR UPDATE SKIP LOCKED)
    """)


async def owners(session: ReadSession, days: int = 100_000) -> Sequence[UUID]:
    """Owners whose documents were worked on in the last days; a session of nobody may ask."""
    return [row["owner_id"] for row in await session.all(_OWNERS, days=days)]


async def model_id(session: WriteSession, name: str, dimensions: int) -> int:
    """The key of an embedding model, made on first use."""
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


async def missing(session: ReadSession, model_id: int) -> dict[UUID, int]:
    """How many passages lack a vector of that model, by searchable version."""
    rows = await session.all(_MISSING, owner_id=session.owner_id, model_id=model_id)
    return {row["version_id"]: row["n"] for row in rows}


async def lock_version(session: WriteSession, version_id: UUID) -> bool:
    """Keep a version from being deleted until the commit; False when it is gone already."""
    row = await session.first(_LOCK_VERSION, owner_id=session.owner_id, version_id=version_id)
    return row is not None


async def delete_others(session: WriteSession, model_id: int) -> bool:
    """Delete a slice of the vectors of other models; whether there were any."""
    size = DELETED_SLICE
    return (
        await session.run(_DELETE_OTHERS, owner_id=session.owner_id, model_id=model_id, size=size)
        > 0
    )


async def enter_graph(session: WriteSession, graph_chunks: int) -> bool:
    """Put a slice of a library's vectors into the graph; whether there were any.

    A library of fewer than `graph_chunks` passages stays out of it.
    """
    return (
        await session.run(
            _ENTER_GRAPH, owner_id=session.owner_id, graph_chunks=graph_chunks, size=GRAPH_SLICE
        )
        > 0
    )
