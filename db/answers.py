"""Answers while they are written: lease, checkpoints and end."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import text

from core.errors import ErrorCode
from core.states import MessageStatus
from db import answer_events
from db.answer_events import Event
from db.engine import ReadSession, WriteSession


@dataclass(frozen=True, slots=True)
class Ending:
    """How an answer ended."""

    status: MessageStatus
    answerer: str | None = None
    grounded: bool | None = None
    suggestions: Sequence[str] = ()
    failure_code: ErrorCode | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: Decimal = Decimal(0)
    """Cost at the prices of the moment when the answer ended."""


_BEGIN = text("""
    INSERT INTO answer_leases (message_id, owner_id, expires_at)
    VALUES (:message_id, :owner_id, now() + make_interval(secs => :lease_seconds))
    """)
_STREAMING = text("SELECT count(*) AS n FROM answer_leases WHERE owner_id = :owner_id")
# Whoever changes both locks the message, then its lease: so does the cascade of a deletion.
_CHECKPOINT = text("""
    WITH written AS (
      UPDATE messages SET text = :text, sequence = :sequence
      WHERE owner_id = :owner_id AND id = :message_id AND status = 'STREAMING'
      RETURNING id, stop_requested)
    UPDATE answer_leases SET expires_at = now() + make_interval(secs => :lease_seconds)
    FROM written WHERE message_id = written.id RETURNING stop_requested
    """)
_END = text("""
    UPDATE messages SET status = :status, text = :text, sequence = :sequence,
      answerer = :answerer, grounded = :grounded, failure_code = :failure_code,
      suggestions = :suggestions, prompt_tokens = :prompt_tokens,
      completion_tokens = :completion_tokens, cost = :cost
    WHERE owner_id = :owner_id AND id = :message_id AND status = 'STREAMING'
    """)
_REQUEST_STOP = text("""
    UPDATE messages SET stop_requested = true
    WHERE owner_id = :owner_id AND id = :message_id AND status = 'STREAMING'
    """)
_RENEW_LEASES = text("""
    UPDATE answer_leases SET expires_at = now() + make_interval(secs => :lease_seconds)
    WHERE message_id = ANY(:message_ids) RETURNING message_id
    """)
_DELETE_LEASE = text("DELETE FROM answer_leases WHERE message_id = :message_id")
_EXPIRED = text("""
    SELECT message_id, owner_id FROM answer_leases WHERE expires_at < now()
    ORDER BY expires_at LIMIT 100
    """)
_LOCK_EXPIRED = text("""
    SELECT m.text FROM answer_leases l JOIN messages m ON m.owner_id = :owner_id
      AND m.id = l.message_id WHERE l.message_id = :message_id AND l.expires_at < now()
    FOR NO KEY UPDATE OF m, l
    """)


async def begin(
    session: WriteSession, message_id: UUID, started: Event, lease_seconds: float
) -> None:
    """Take the lease on a new answer, whose first event is `started`."""
    await session.run(
        _BEGIN, owner_id=session.owner_id, message_id=message_id, lease_seconds=lease_seconds
    )
    await answer_events.append(session, message_id, [started])


async def streaming(session: ReadSession) -> int:
    """How many answers of the owner are being written."""
    return int((await session.one(_STREAMING, owner_id=session.owner_id))["n"])


async def checkpoint(
    session: WriteSession,
    message_id: UUID,
    answer: str,
    events: Sequence[Event],
    sequence: int,
    lease_seconds: float,
) -> Literal["held", "stop", "gone"]:
    """Keep the text so far and the newest events, and renew the lease.

    "stop": somebody wants the answer to end; "gone": it has ended already or was deleted.
    """
    row = await session.first(
        _CHECKPOINT,
        owner_id=session.owner_id,
        message_id=message_id,
        text=answer,
        sequence=sequence,
        lease_seconds=lease_seconds,
    )
    if row is None:
        return "gone"
    await answer_events.append(session, message_id, events)
    return "stop" if row["stop_requested"] else "held"


async def renew_leases(
    session: WriteSession, message_ids: Sequence[UUID], lease_seconds: float
) -> list[UUID]:
    """Those that had not ended."""
    rows = await session.all(
        _RENEW_LEASES, message_ids=list(message_ids), lease_seconds=lease_seconds
    )
    return [row["message_id"] for row in rows]


async def end(
    session: WriteSession, message_id: UUID, ending: Ending, answer: str, sequence: int
) -> bool:
    """Write the end unless it is written already; whether this call wrote it."""
    ended = await session.run(
        _END,
        owner_id=session.owner_id,
        message_id=message_id,
        text=answer,
        sequence=sequence,
        **asdict(ending),
    )
    await session.run(_DELETE_LEASE, message_id=message_id)
    return ended == 1


async def request_stop(session: WriteSession, message_id: UUID) -> bool:
    """Ask the answer's writer to stop; whether the answer was still being written."""
    stopped = await session.run(_REQUEST_STOP, owner_id=session.owner_id, message_id=message_id)
    return stopped == 1


async def expired(session: ReadSession) -> list[tuple[UUID, UUID]]:
    """Ids of message and owner of answers whose lease has run out."""
    rows = await session.all(_EXPIRED)
    return [(row["message_id"], row["owner_id"]) for row in rows]


async def lock_expired(session: WriteSession, message_id: UUID) -> str | None:
    """Lock an answer whose lease has run out; its text so far, None if it no longer has."""
    row = await session.first(_LOCK_EXPIRED, owner_id=session.owner_id, message_id=message_id)
    return row["text"] if row else None
