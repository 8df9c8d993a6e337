"""Snapshots of how far documents are: the newest on the document, all of them as events.

Triggers of the table `documents` write the events and keep the state machine: read
`check_document_progress` and `record_document_progress` in `db/schema.sql`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text

from core.errors import ErrorCode
from core.states import DocumentStatus, IngestionStage
from db.engine import ReadSession, Row, WriteSession


@dataclass(frozen=True, slots=True)
class Progress:
    """One snapshot of a document's ingestion; `version` counts them without gaps."""

    document_id: UUID
    version: int
    status: DocumentStatus
    stage: IngestionStage
    fraction: float
    attempt: int
    message: str | None
    failure_code: str | None
    failure_message: str | None
    failure_advice: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    code: ErrorCode
    message: str
    advice: str | None


_ADVANCE = text("""
    UPDATE documents SET progress_version = progress_version + 1,
      updated_at = clock_timestamp(),
      status = CAST(:status AS document_status), stage = CAST(:stage AS ingestion_stage),
      fraction = :fraction, attempt = :attempt, message = :message,
      failure_code = :failure_code, failure_message = :failure_message,
      failure_advice = :failure_advice
    WHERE owner_id = :owner_id AND id = :id
    """)
_AFTER = text("""
    SELECT document_id, version, status, stage, fraction, attempt, message,
      failure_code, failure_message, failure_advice, at FROM ingestion_events
    WHERE owner_id = :owner_id AND document_id = :id AND version > :after
    ORDER BY version LIMIT 100
    """)
_FORGET_OLD_EVENTS = text("""
    DELETE FROM ingestion_events WHERE owner_id = :owner_id AND document_id = :id
      AND at < now() - interval '1 day'
    """)
_SNAPSHOT = """
SELECT id AS document_id, progress_version AS version, status, stage, fraction, attempt,
  message, failure_code, failure_message, failure_advice, updated_at AS at FROM documents
"""
_UNFINISHED_OR_SINCE = text(f"""
    {_SNAPSHOT} WHERE owner_id = :owner_id
      AND (status IN ('PENDING', 'PROCESSING', 'SEARCHABLE') OR updated_at >= :since)
    ORDER BY updated_at, id
    """)
_CHANGED = text(f"""
    {_SNAPSHOT}
    LEFT JOIN unnest(CAST(:ids AS uuid[]), CAST(:versions AS int[])) AS seen(id, version) USING (id)
    WHERE owner_id = :owner_id AND updated_at >= :since
      AND progress_version > coalesce(seen.version, 0)
    ORDER BY updated_at, id LIMIT 100
    """)
_NOW = text("SELECT now() AS now")


async def advance(
    session: WriteSession,
    document_id: UUID,
    status: DocumentStatus,
    stage: IngestionStage,
    fraction: float,
    attempt: int,
    message: str | None = None,
    failure: Failure | None = None,
) -> None:
    """Write the next snapshot; a transition that the state machine lacks is an error."""
    await session.run(
        _ADVANCE,
        owner_id=session.owner_id,
        id=document_id,
        status=status,
        stage=stage,
        fraction=fraction,
        attempt=attempt,
        message=message,
        failure_code=failure and failure.code,
        failure_message=failure and failure.message,
        failure_advice=failure and failure.advice,
    )


async def forget(session: WriteSession, document_id: UUID) -> None:
    """Delete the snapshots that nobody resumes from any more, before the next is written."""
    await session.run(_FORGET_OLD_EVENTS, owner_id=session.owner_id, id=document_id)


async def after(session: ReadSession, document_id: UUID, version: int) -> list[Progress]:
    """At most 100 snapshots newer than `version`, oldest first."""
    rows = await session.all(_AFTER, owner_id=session.owner_id, id=document_id, after=version)
    return [_progress(row) for row in rows]


async def unfinished_or_since(session: ReadSession, since: datetime) -> list[Progress]:
    """The newest snapshots of whatever is unfinished or changed since, in the order of change."""
    rows = await session.all(_UNFINISHED_OR_SINCE, owner_id=session.owner_id, since=since)
    return [_progress(row) for row in rows]


async def changed_since(
    session: ReadSession, since: datetime, seen: Mapping[UUID, int]
) -> list[Progress]:
    """At most 100 newest snapshots that are newer than those `seen`, in the order of change."""
    rows = await session.all(
        _CHANGED,
        owner_id=session.owner_id,
        since=since,
        ids=list(seen),
        versions=list(seen.values()),
    )
    return [_progress(row) for row in rows]


async def now(session: ReadSession) -> datetime:
    """The time of the database's clock, which stamps every snapshot."""
    at: datetime = (await session.one(_NOW))["now"]
    return at


def _progress(row: Row) -> Progress:
    fields = dict(row)
    status, stage = DocumentStatus(fields.pop("status")), IngestionStage(fields.pop("stage"))
    return Progress(status=status, stage=stage, **fields)
