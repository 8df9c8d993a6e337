"""Stored bytes that no version refers to: they are on the way in, or on the way out."""

from collections.abc import Sequence

from sqlalchemy import text

from db.engine import WriteSession

_ABANDON = text(
    "INSERT INTO abandoned_blobs (storage_key, available_at)"
    " VALUES (:key, now() + make_interval(secs => :delay_seconds))"
    " ON CONFLICT (storage_key) DO UPDATE SET available_at = excluded.available_at"
)
_KEEP = text("DELETE FROM abandoned_blobs WHERE storage_key = :key")
_LOCK_DUE = text(
    "SELECT storage_key FROM abandoned_blobs WHERE available_at <= now()"
    " ORDER BY available_at LIMIT :limit FOR UPDATE SKIP LOCKED"
)


async def abandon(session: WriteSession, key: str, delay_seconds: float) -> None:
    """The sweeper deletes the bytes after the delay unless somebody keeps them."""
    await session.run(_ABANDON, key=key, delay_seconds=delay_seconds)


async def keep(session: WriteSession, key: str) -> None:
    await session.run(_KEEP, key=key)


async def lock_due(session: WriteSession, limit: int) -> Sequence[str]:
    return [row["storage_key"] for row in await session.all(_LOCK_DUE, limit=limit)]
