"""Users, their refresh sessions and their API keys."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
from sqlalchemy import text

from core.errors import EmailTaken
from db.engine import ReadSession, Row, WriteSession


@dataclass(frozen=True, slots=True)
class User:
    id: UUID
    email: str
    name: str | None
    role: str
    created_at: datetime
    password_hash: str


@dataclass(frozen=True, slots=True)
class RefreshSession:
    id: UUID
    family_id: UUID
    secret_hash: bytes
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class ApiKey:
    id: UUID
    name: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class LiveApiKey:
    """What a key that may still be used is checked against and stands for."""

    secret_hash: bytes
    expires_at: datetime | None
    role: str
    """The role of the user."""


_USER = "id, email, name, role, created_at, password_hash"
_INSERT_USER = text(f"""
    INSERT INTO users (id, email, password_hash, name) VALUES (:id, :email, :password_hash, :name)
    RETURNING {_USER}
    """)
_USER_BY_EMAIL = text(f"SELECT {_USER} FROM users WHERE email = :email")
_USER_BY_ID = text(f"SELECT {_USER} FROM users WHERE id = :id")
_DELETE_USER = text("DELETE FROM users WHERE id = :id")
_INSERT_REFRESH = text("""
    WITH expired AS (
      DELETE FROM refresh_sessions WHERE owner_id = :owner_id AND id IN (
        SELECT id FROM refresh_sessions WHERE owner_id = :owner_id AND expires_at < now()
        LIMIT 1000 FOR UPDATE SKIP LOCKED))
    INSERT INTO refresh_sessions (owner_id, id, family_id, secret_hash, expires_at)
    VALUES (:owner_id, :id, :family_id, :secret_hash,
      now() + make_interval(secs => :lifetime_seconds))
    """)
_LOCK_REFRESH = text("""
    SELECT id, family_id, secret_hash, expires_at, used_at, revoked_at FROM refresh_sessions
    WHERE owner_id = :owner_id AND id = :id FOR UPDATE
    """)
_USE_REFRESH = text("""
    UPDATE refresh_sessions SET used_at = coalesce(used_at, now())
    WHERE owner_id = :owner_id AND id = :id
    """)
_REVOKE_FAMILY = text("""
    UPDATE refresh_sessions SET revoked_at = now()
    WHERE owner_id = :owner_id AND family_id = :family_id AND revoked_at IS NULL
    """)
_REVOKE_ALL = text("""
    UPDATE refresh_sessions SET revoked_at = now()
    WHERE owner_id = :owner_id AND revoked_at IS NULL
    """)
_API_KEY = "id, name, created_at, expires_at, revoked_at"
_INSERT_API_KEY = text(f"""
    INSERT INTO api_keys (owner_id, id, name, secret_hash, expires_at)
    VALUES (:owner_id, :id, :name, :secret_hash, :expires_at) RETURNING {_API_KEY}
    """)
_API_KEYS = text(
    f"SELECT {_API_KEY} FROM api_keys WHERE owner_id = :owner_id ORDER BY created_at DESC, id DESC"
)
_API_KEY_BY_ID = text(f"SELECT {_API_KEY} FROM api_keys WHERE owner_id = :owner_id AND id = :id")
_DELETE_ENDED_API_KEYS = text("""
    DELETE FROM api_keys WHERE owner_id = :owner_id
      AND (revoked_at IS NOT NULL OR expires_at <= now())
    """)
_LIVE_API_KEY = text("""
    SELECT k.secret_hash, k.expires_at, u.role FROM api_keys k JOIN users u ON u.id = k.owner_id
    WHERE k.owner_id = :owner_id AND k.id = :id AND k.revoked_at IS NULL
      AND (k.expires_at IS NULL OR k.expires_at > now())
    """)
_REVOKE_API_KEY = text(f"""
    UPDATE api_keys SET revoked_at = coalesce(revoked_at, now())
    WHERE owner_id = :owner_id AND id = :id RETURNING {_API_KEY}
    """)


async def insert_user(
    session: WriteSession, email: str, password_hash: str, name: str | None
) -> User:
    """Raises `EmailTaken`."""
    try:
        row = await session.one(
            _INSERT_USER,
            id=session.owner_id,
            email=email,
            password_hash=password_hash,
            name=name,
        )
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == "users_email_key":
            raise EmailTaken("Somebody already registered with this address.") from None
        raise
    return User(**row)


async def user_by_email(session: ReadSession, email: str) -> User | None:
    await session.allow_login(email)
    return _user(await session.first(_USER_BY_EMAIL, email=email))


async def user_by_id(session: ReadSession, user_id: UUID) -> User | None:
    return _user(await session.first(_USER_BY_ID, id=user_id))


async def delete_user(session: WriteSession) -> None:
    """Delete the user with all rows; the sweeper deletes files and the bulk of versions."""
    await session.run(_DELETE_USER, id=session.owner_id)


async def insert_refresh_session(
    session: WriteSession, id_: UUID, family_id: UUID, secret_hash: bytes, lifetime_seconds: int
) -> None:
    """Add a session and delete some expired ones, which only their owner may see."""
    await session.run(
        _INSERT_REFRESH,
        owner_id=session.owner_id,
        id=id_,
        family_id=family_id,
        secret_hash=secret_hash,
        lifetime_seconds=lifetime_seconds,
    )


async def lock_refresh_session(session: WriteSession, id_: UUID) -> RefreshSession | None:
    row = await session.first(_LOCK_REFRESH, owner_id=session.owner_id, id=id_)
    return RefreshSession(**row) if row else None


async def mark_refresh_session_used(session: WriteSession, id_: UUID) -> None:
    await session.run(_USE_REFRESH, owner_id=session.owner_id, id=id_)


async def revoke_family(session: WriteSession, family_id: UUID) -> None:
    await session.run(_REVOKE_FAMILY, owner_id=session.owner_id, family_id=family_id)


async def revoke_all_refresh_sessions(session: WriteSession) -> None:
    await session.run(_REVOKE_ALL, owner_id=session.owner_id)


async def insert_api_key(
    session: WriteSession, id_: UUID, name: str, secret_hash: bytes, expires_at: datetime | None
) -> ApiKey:
    row = await session.one(
        _INSERT_API_KEY,
        owner_id=session.owner_id,
        id=id_,
        name=name,
        secret_hash=secret_hash,
        expires_at=expires_at,
    )
    return ApiKey(**row)


async def api_keys(session: ReadSession) -> list[ApiKey]:
    """The owner's keys, newest first, those that have ended included."""
    return [ApiKey(**row) for row in await session.all(_API_KEYS, owner_id=session.owner_id)]


async def api_key(session: ReadSession, id_: UUID) -> ApiKey | None:
    row = await session.first(_API_KEY_BY_ID, owner_id=session.owner_id, id=id_)
    return ApiKey(**row) if row else None


async def delete_ended_api_keys(session: WriteSession) -> None:
    await session.run(_DELETE_ENDED_API_KEYS, owner_id=session.owner_id)


async def live_api_key(session: ReadSession, id_: UUID) -> LiveApiKey | None:
    """The key, unless it is unknown, revoked or expired."""
    row = await session.first(_LIVE_API_KEY, owner_id=session.owner_id, id=id_)
    return LiveApiKey(**row) if row else None


async def revoke_api_key(session: WriteSession, id_: UUID) -> ApiKey | None:
    row = await session.first(_REVOKE_API_KEY, owner_id=session.owner_id, id=id_)
    return ApiKey(**row) if row else None


def _user(row: Row | None) -> User | None:
    return User(**row) if row else None
