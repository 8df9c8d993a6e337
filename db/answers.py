"""Answers while they are written and after: lease, event log and end."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from itertools import groupby
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text

from core.errors import ErrorCode
from db import citations
from db.citations import Citation
from db.engine import ReadSession, Row, WriteSession


@dataclass(frozen=True, slots=True)
class Event:
    """One numbered event of an answer's stream; sequences begin at 1 and have no gaps."""

    sequence: int
    kind: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ending:
    """How an answer ended."""

    status: str
    answerer: str | None = None
    grounded: bool | None = None
    suggestions: Sequence[str] = ()
    failure_code: ErrorCode | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: Decimal = Decimal(0)
    """By the prices of that moment."""


_BEGIN = text("""
    WITH leased AS (
      INSERT INTO answer_leases (message_id, owner_id, expires_at)
      VALUES (:message_id, :owner_id, now() + make_interval(secs => :lease_seconds)))
    INSERT INTO answer_events (owner_id, message_id, sequence, kind, payload)
    VALUES (:owner_id, :message_id, :sequence, :kind, :payload)
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
# A commit whose confirmation was lost is written again, hence ON CONFLICT.
_INSERT_EVENT = text("""
    INSERT INTO answer_events (owner_id, message_id, sequence, kind, payload)
    VALUES (:owner_id, :message_id, :sequence, :kind, :payload)
    ON CONFLICT DO NOTHING
    """)
_EVENTS = text("""
    SELECT sequence, kind, payload FROM answer_events
    WHERE owner_id = :owner_id AND message_id = :message_id AND sequence > :after
    ORDER BY sequence LIMIT :limit
    """)
_LAST_SEQUENCE = text("""
    SELECT coalesce(max(sequence), 0) AS n FROM answer_events
    WHERE owner_id = :owner_id AND message_id = :message_id
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
    await session.run(
        _BEGIN,
        owner_id=session.owner_id,
        message_id=message_id,
        lease_seconds=lease_seconds,
        **asdict(started),
    )


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
    await append_events(session, message_id, events)
    return "stop" if row["stop_requested"] else "held"


async def append_events(session: WriteSession, message_id: UUID, events: Sequence[Event]) -> None:
    """Gapless events in order; those of a lost commit may be among them again."""
    cited = [Citation.from_payload(e.payload) for e in events if e.kind == "CITATION"]
    await citations.insert_citations(session, message_id, cited)
    await session.run_many(
        _INSERT_EVENT,
        [
            {
                "owner_id": session.owner_id,
                "message_id": message_id,
                **asdict(row),
            }
            for row in _folded(events)
        ],
    )


async def events_after(
    session: ReadSession, message_id: UUID, sequence: int, limit: int
) -> list[Event]:
    """In order. In place of a citation whose document is gone stands an empty delta."""
    rows = await session.all(
        _EVENTS, owner_id=session.owner_id, message_id=message_id, after=sequence, limit=limit
    )
    events = list(_unfolded(rows, sequence))[:limit]
    if not any(event.kind == "CITATION" for event in events):
        return events
    cited = (await citations.citations(session, [message_id])).get(message_id, [])
    payloads = {citation.position: citation.payload() for citation in cited}

    def with_citation(event: Event) -> Event:
        if event.kind != "CITATION":
            return event
        if payload := payloads.get(event.payload["position"]):
            return replace(event, payload=payload)
        return replace(event, kind="DELTA", payload={"text": ""})

    return [with_citation(event) for event in events]


async def last_sequence(session: ReadSession, message_id: UUID) -> int:
    row = await session.one(_LAST_SEQUENCE, owner_id=session.owner_id, message_id=message_id)
    return int(row["n"])


async def end(
    session: WriteSession, message_id: UUID, ending: Ending, answer: str, sequence: int
) -> bool:
    """Write the end once; False when somebody else already did."""
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
    """Whether there was anything left to stop."""
    stopped = await session.run(_REQUEST_STOP, owner_id=session.owner_id, message_id=message_id)
    return stopped == 1


async def expired(session: ReadSession) -> list[tuple[UUID, UUID]]:
    """(message, owner) of answers whose writer has gone silent."""
    rows = await session.all(_EXPIRED)
    return [(row["message_id"], row["owner_id"]) for row in rows]


async def lock_expired(session: WriteSession, message_id: UUID) -> str | None:
    """The text so far of an answer that is still expired."""
    row = await session.first(_LOCK_EXPIRED, owner_id=session.owner_id, message_id=message_id)
    return row["text"] if row else None


def _folded(events: Sequence[Event]) -> Iterator[Event]:
    """As rows: a run of deltas is one, numbered as its last.

    The words of a citation stand in its own row alone, which goes with its document.
    """
    for kind, run in groupby(events, lambda event: event.kind):
        if kind == "DELTA":
            deltas = list(run)
            texts = [event.payload["text"] for event in deltas]
            yield Event(deltas[-1].sequence, kind, {"texts": texts})
        elif kind == "CITATION":
            for event in run:
                yield replace(event, payload={"position": event.payload["position"]})
        else:
            yield from run


def _unfolded(rows: Sequence[Row], after: int) -> Iterator[Event]:
    """The events after this one. Runs overlap where a commit was lost and written again."""
    for row in rows:
        if row["kind"] != "DELTA":
            yield Event(**row)
            continue
        texts = row["payload"]["texts"]
        for sequence, text_ in enumerate(texts, row["sequence"] - len(texts) + 1):
            if sequence > after:
                yield Event(sequence, "DELTA", {"text": text_})
        after = row["sequence"]
