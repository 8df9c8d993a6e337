"""Purges: chunks, vectors and postings of old versions, deleted a slice at a time."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from db import postings
from db.chunks import SLICE_CHUNKS
from db.engine import WriteSession


@dataclass(frozen=True, slots=True)
class Purge:
    owner_id: UUID
    version_id: UUID
    whole: bool
    """Whether pages and passages go too; else only the search index, for citations need them."""
    next_ordinal: int


_REQUEST_RETIRED = text("""
    INSERT INTO purges (owner_id, version_id, whole)
    SELECT owner_id, id, false FROM document_versions
    WHERE owner_id = :owner_id AND document_id = :document_id AND id <> :version_id
    ON CONFLICT DO NOTHING
    """)
_LOCK_NEXT = text(
    "SELECT owner_id, version_id, whole, next_ordinal FROM purges LIMIT 1 FOR UPDATE SKIP LOCKED"
)
_SLICE = """owner_id = :owner_id AND version_id = :version_id
  AND ordinal >= :first AND ordinal < :first + :size"""
_DELETE_CHUNKS = text(f"DELETE FROM chunks WHERE {_SLICE}")
_DELETE_VECTORS = text(f"DELETE FROM chunk_vectors WHERE {_SLICE}")
_DELETE_PAGES = text("DELETE FROM pages WHERE owner_id = :owner_id AND version_id = :version_id")
_REMAINS = text("""
    SELECT 1 FROM chunks WHERE owner_id = :owner_id AND version_id = :version_id
      AND ordinal >= :next LIMIT 1
    """)
_MOVE_ON = text(
    "UPDATE purges SET next_ordinal = :next WHERE owner_id = :owner_id AND version_id = :version_id"
)
_FINISH = text("DELETE FROM purges WHERE owner_id = :owner_id AND version_id = :version_id")


async def request_retired(session: WriteSession, document_id: UUID, version_id: UUID) -> None:
    """Have the search index of the document's other versions deleted."""
    await session.run(
        _REQUEST_RETIRED,
        owner_id=session.owner_id,
        document_id=document_id,
        version_id=version_id,
    )


async def lock_next(session: WriteSession) -> Purge | None:
    row = await session.first(_LOCK_NEXT)
    return Purge(**row) if row else None


async def delete_slice(session: WriteSession, purge: Purge) -> None:
    """Delete the next slice of a locked purge, in a session of its owner."""
    version = {"owner_id": purge.owner_id, "version_id": purge.version_id}
    bounds = {**version, "first": purge.next_ordinal, "size": SLICE_CHUNKS}
    if purge.whole:
        await session.run(_DELETE_CHUNKS, **bounds)
    else:
        await postings.delete(session, purge.version_id, purge.next_ordinal)
        await session.run(_DELETE_VECTORS, **bounds)
    next_ordinal = purge.next_ordinal + SLICE_CHUNKS
    if await session.first(_REMAINS, **version, next=next_ordinal):
        await session.run(_MOVE_ON, **version, next=next_ordinal)
        return
    if purge.whole:
        await session.run(_DELETE_PAGES, **version)
    await session.run(_FINISH, **version)
