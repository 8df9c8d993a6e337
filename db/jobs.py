"""Ingestion jobs: the outbox, the lease and the fence of each version, across all owners."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text

from core.states import JobState
from db.engine import WriteSession


class LeaseLost(Exception):
    """Another worker holds the job now, or its work is not needed any more."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write for one version until the lease runs out; `attempt` fences."""

    version_id: UUID
    document_id: UUID
    owner_id: UUID
    attempt: int
    exhausted: bool
    """Whether too many attempts have failed, so that the job can only be declared dead."""


_CLAIMABLE = """(state = 'QUEUED' AND available_at <= now()
  OR state = 'RUNNING' AND lease_expires_at < now())"""
_INSERT = text("""
    INSERT INTO ingestion_jobs (version_id, owner_id, document_id, give_up_after)
    VALUES (:version_id, :owner_id, :document_id, :max_attempts)
    """)
_CLAIM = text(f"""
    WITH waiting AS (
      SELECT owner_id, min(created_at) AS since FROM ingestion_jobs
      WHERE state IN ('QUEUED', 'RUNNING') AND {_CLAIMABLE} GROUP BY owner_id),
    busy AS (
      SELECT owner_id, count(*) AS running FROM ingestion_jobs
      WHERE state = 'RUNNING' AND lease_expires_at >= now() GROUP BY owner_id),
    turn AS (
      SELECT waiting.owner_id,
        row_number() OVER (ORDER BY coalesce(running, 0), served_at NULLS FIRST, since) AS place
      FROM waiting LEFT JOIN busy USING (owner_id) LEFT JOIN ingestion_turns USING (owner_id)),
    next AS (
      SELECT j.version_id FROM ingestion_jobs j JOIN turn USING (owner_id)
      WHERE state IN ('QUEUED', 'RUNNING') AND {_CLAIMABLE}
      ORDER BY turn.place, j.created_at LIMIT 1 FOR UPDATE OF j SKIP LOCKED),
    claimed AS (
      UPDATE ingestion_jobs j SET state = 'RUNNING', attempt = attempt + 1, worker = :worker,
        lease_expires_at = now() + make_interval(secs => :lease_seconds)
      FROM next WHERE j.version_id = next.version_id
      RETURNING j.version_id, j.document_id, j.owner_id, j.attempt,
        j.attempt > j.give_up_after AS exhausted),
    served AS (
      INSERT INTO ingestion_turns SELECT owner_id, clock_timestamp() FROM claimed
      ON CONFLICT (owner_id) DO UPDATE SET served_at = excluded.served_at)
    SELECT * FROM claimed
    """)
_HOLDS = "version_id = :version_id AND attempt = :attempt AND state = 'RUNNING'"
_HEARTBEAT = text(f"""
    UPDATE ingestion_jobs SET lease_expires_at = now() + make_interval(secs => :lease_seconds)
    WHERE {_HOLDS}
    """)
_FENCE = text(f"""
    WITH document AS MATERIALIZED (
      SELECT 1 FROM documents WHERE owner_id = :owner_id AND id = :document_id FOR NO KEY UPDATE)
    SELECT 1 FROM document, ingestion_jobs WHERE {_HOLDS} FOR NO KEY UPDATE OF ingestion_jobs
    """)
_RENEW_ATTEMPTS = text(
    f"UPDATE ingestion_jobs SET give_up_after = attempt + :max_attempts WHERE {_HOLDS}"
)
_FINISH = text(f"""
    UPDATE ingestion_jobs SET state = :state, worker = NULL, lease_expires_at = NULL,
      last_error = :error WHERE {_HOLDS}
    """)
_REQUEUE = text(f"""
    UPDATE ingestion_jobs SET state = 'QUEUED', worker = NULL, lease_expires_at = NULL,
      last_error = :error,
      available_at = now() + make_interval(secs => :delay_seconds * (0.75 + random() / 2))
    WHERE {_HOLDS} AND attempt < give_up_after
    """)
_HAND_BACK = text(f"""
    UPDATE ingestion_jobs SET state = 'QUEUED', worker = NULL, lease_expires_at = NULL,
      give_up_after = give_up_after + 1 WHERE {_HOLDS}
    """)
_RETRY = text("""
    UPDATE ingestion_jobs SET state = 'QUEUED', worker = NULL, lease_expires_at = NULL,
      last_error = NULL, available_at = now(), created_at = now(),
      give_up_after = attempt + :max_attempts WHERE version_id = :version_id RETURNING attempt
    """)
_CANCEL = text("""
    UPDATE ingestion_jobs SET state = 'DONE', worker = NULL, lease_expires_at = NULL
    WHERE owner_id = :owner_id AND document_id = :document_id
      AND state IN ('QUEUED', 'RUNNING')
    """)


async def insert(
    session: WriteSession, version_id: UUID, document_id: UUID, max_attempts: int
) -> None:
    await session.run(
        _INSERT,
        version_id=version_id,
        owner_id=session.owner_id,
        document_id=document_id,
        max_attempts=max_attempts,
    )


async def claim(session: WriteSession, worker: str, lease_seconds: float) -> Claim | None:
    """Claim the next job in fair order: owners with fewer running jobs first, then in turns."""
    row = await session.first(_CLAIM, worker=worker, lease_seconds=lease_seconds)
    return Claim(**row) if row else None


async def heartbeat(session: WriteSession, claim: Claim, lease_seconds: float) -> None:
    """Renew the lease. Raises `LeaseLost`."""
    held = await session.run(
        _HEARTBEAT,
        version_id=claim.version_id,
        attempt=claim.attempt,
        lease_seconds=lease_seconds,
    )
    if not held:
        raise LeaseLost


async def fence(session: WriteSession, claim: Claim) -> None:
    """Begin every write of a job with this; raises `LeaseLost`.

    It locks the document, then the job: whoever changes both does so in this order.
    """
    row = await session.first(
        _FENCE,
        owner_id=claim.owner_id,
        document_id=claim.document_id,
        version_id=claim.version_id,
        attempt=claim.attempt,
    )
    if row is None:
        raise LeaseLost


async def renew_attempts(session: WriteSession, claim: Claim, max_attempts: int) -> None:
    """After lasting progress, count only attempts from now on towards giving up."""
    await session.run(
        _RENEW_ATTEMPTS,
        version_id=claim.version_id,
        attempt=claim.attempt,
        max_attempts=max_attempts,
    )


async def finish(session: WriteSession, claim: Claim, error: str | None = None) -> None:
    """End the job: DONE, or DEAD with an error that says why."""
    await session.run(
        _FINISH,
        version_id=claim.version_id,
        attempt=claim.attempt,
        state=JobState.DEAD if error else JobState.DONE,
        error=error,
    )


async def requeue(session: WriteSession, claim: Claim, error: str, delay_seconds: float) -> bool:
    """Queue another attempt after the delay, give or take a quarter; whether one is allowed."""
    requeued = await session.run(
        _REQUEUE,
        version_id=claim.version_id,
        attempt=claim.attempt,
        error=error,
        delay_seconds=delay_seconds,
    )
    return requeued > 0


async def hand_back(session: WriteSession, claim: Claim) -> None:
    """Let another worker go on at once; this attempt does not count."""
    await session.run(_HAND_BACK, version_id=claim.version_id, attempt=claim.attempt)


async def retry(session: WriteSession, version_id: UUID, max_attempts: int) -> int:
    """Queue a finished job once more; the number of attempts so far."""
    row = await session.one(_RETRY, version_id=version_id, max_attempts=max_attempts)
    return int(row["attempt"])


async def cancel(session: WriteSession, document_id: UUID) -> bool:
    """Stop the document's jobs; whether there were any."""
    stopped = await session.run(_CANCEL, owner_id=session.owner_id, document_id=document_id)
    return stopped > 0
