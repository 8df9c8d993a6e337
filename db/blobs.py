"""Stored files that no version refers to, yet or any more."""

from uuid import UUID

from sqlalchemy import text

from db.engine import WriteSession

_ABANDON = text("""
    INSERT INTO abandoned_blobs (storage_key, owner_id, byte_size, available_at)
    VALUES (:key, :owner_id, :byte_size, now() + make_interval(secs => :delay_seconds))
    """)
_IS_AWAITED = text("""
    SELECT 1 FROM abandoned_blobs, users
    WHERE storage_key = :key AND available_at > now() AND byte_size > 0 AND users.id = owner_id
    """)
_RESERVED = text("""
    SELECT CAST(coalesce(sum(byte_size), 0) AS bigint) AS bytes FROM abandoned_blobs
    WHERE owner_id = :owner_id AND available_at > now()
    """)
_RESERVATIONS = text("""
    SELECT count(*) AS n FROM abandoned_blobs
    WHERE owner_id = :owner_id AND available_at > now() AND byte_size > 0
    """)
_RELEASE = text("UPDATE abandoned_blobs SET byte_size = 0 WHERE storage_key = :key")
_KEEP = text("DELETE FROM abandoned_blobs WHERE storage_key = :key")
_POSTPONE = text("""
    UPDATE abandoned_blobs SET available_at = now() + make_interval(secs => :delay_seconds)
    WHERE storage_key = :key
    """)
_LOCK_DUE = text("""
    SELECT storage_key FROM abandoned_blobs WHERE available_at <= now()
    ORDER BY available_at LIMIT 1 FOR UPDATE SKIP LOCKED
    """)


async def abandon(
    session: WriteSession, owner_id: UUID, key: str, delay_seconds: float, byte_size: int = 0
) -> None:
    """Have the sweeper delete a file after the delay unless `keep` is called before.

    Until then `byte_size` counts towards the owner's quota.
    """
    await session.run(
        _ABANDON, owner_id=owner_id, key=key, delay_seconds=delay_seconds, byte_size=byte_size
    )


async def is_awaited(session: WriteSession, key: str) -> bool:
    """Whether the session's user, who still exists, has announced a file and not completed it."""
    return await session.first(_IS_AWAITED, key=key) is not None


async def reserved(session: WriteSession) -> int:
    """Bytes of the owner's quota that announced files will take."""
    return int((await session.one(_RESERVED, owner_id=session.owner_id))["bytes"])


async def reservations(session: WriteSession) -> int:
    """Number of the owner's announced files that have not arrived."""
    return int((await session.one(_RESERVATIONS, owner_id=session.owner_id))["n"])


async def release(session: WriteSession, key: str) -> None:
    """Stop counting a file towards the owner's quota."""
    await session.run(_RELEASE, key=key)


async def keep(session: WriteSession, key: str) -> bool:
    """Keep a file for good; False when the sweeper may have deleted it already."""
    return await session.run(_KEEP, key=key) == 1


async def postpone(session: WriteSession, key: str, delay_seconds: float) -> None:
    """Have a file deleted so many seconds from now, unless it was kept."""
    await session.run(_POSTPONE, key=key, delay_seconds=delay_seconds)


async def lock_due(session: WriteSession) -> str | None:
    """Lock the longest due file that no other sweeper holds; its key."""
    row = await session.first(_LOCK_DUE)
    return row["storage_key"] if row else None
