"""What must be true at the end, whatever happened on the way."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import asyncpg

from chaos.cluster import Cluster, register, until_ended, upload
from core.principal import Principal
from services.container import Services
from support.product import PATIENCE_SECONDS

_DOCUMENTS = """
SELECT d.id, d.status::text, d.failure_code, d.progress_version, v.sha256, v.page_count,
  v.chunk_count, v.lexeme_count, v.language, d.active_version_id = v.id AS active,
  j.state, j.worker, j.lease_expires_at,
  (SELECT md5(string_agg(concat_ws(' ', number, start, text, words), ';' ORDER BY number))
    FROM pages p WHERE p.version_id = v.id) AS pages,
  (SELECT md5(string_agg(concat_ws(' ', ordinal, start, first_page, last_page, context, text),
      ';' ORDER BY ordinal))
    FROM chunks c WHERE c.version_id = v.id) AS chunks,
  (SELECT md5(string_agg(concat_ws(' ', first, term, entries), ';' ORDER BY first, term))
    FROM postings p WHERE p.version_id = v.id) AS postings,
  (SELECT md5(string_agg(concat_ws(' ', ordinal, embedding), ';' ORDER BY ordinal))
    FROM chunk_vectors c WHERE c.version_id = v.id) AS vectors,
  (SELECT array_agg(version ORDER BY version) FROM ingestion_events e
    WHERE e.document_id = d.id) AS event_versions,
  (SELECT array_agg(status::text ORDER BY version) FROM ingestion_events e
    WHERE e.document_id = d.id AND status IN ('READY', 'FAILED')) AS endings
FROM documents d JOIN document_versions v ON v.id = d.latest_version_id
JOIN ingestion_jobs j ON j.version_id = v.id
WHERE d.owner_id = $1
"""
_ORPHANS = """
SELECT
  (SELECT count(*) FROM pages WHERE version_id NOT IN (SELECT id FROM document_versions)) AS pages,
  (SELECT count(*) FROM chunks
    WHERE version_id NOT IN (SELECT id FROM document_versions)) AS chunks,
  (SELECT count(*) FROM postings p WHERE NOT EXISTS (
    SELECT FROM chunks c WHERE c.version_id = p.version_id AND c.ordinal = p.first)) AS postings,
  (SELECT count(*) FROM chunk_vectors v WHERE NOT EXISTS (
    SELECT FROM chunks c WHERE c.version_id = v.version_id AND c.ordinal = v.ordinal)) AS vectors,
  (SELECT count(*) FROM ingestion_jobs WHERE state IN ('QUEUED', 'RUNNING')) AS leases,
  (SELECT count(*) FROM abandoned_blobs WHERE available_at <= now()) AS blobs,
  (SELECT count(*) FROM purges) AS purges
"""
_MADE = ("page_count", "chunk_count", "lexeme_count", "language")
_DIGESTS = ("pages", "chunks", "postings", "vectors")


async def check(
    cluster: Cluster,
    services: Services,
    owner: Principal,
    acknowledged: Mapping[UUID, tuple[str, bytes]],
) -> Counter[str]:
    """Each acknowledged document ended exactly once and holds what a clean run makes of it.

    `acknowledged` are the names and contents of all of the owner's documents. Returns how often
    each ending was seen.
    """
    await until_ended(services, owner, list(acknowledged))
    cluster.keep_working(1)
    clean = await register(services)
    again = [(await upload(services, clean, *file)).id for file in acknowledged.values()]
    await until_ended(services, clean, again)
    await _until_swept(cluster)
    async with cluster.superuser() as connection:
        disturbed = await connection.fetch(_DOCUMENTS, owner.user_id)
        undisturbed = await connection.fetch(_DOCUMENTS, clean.user_id)
        assert {row["id"] for row in disturbed} == set(acknowledged)
        for row in disturbed:
            _check_ending(row)
        assert _results(disturbed) == _results(undisturbed)
        await _check_storage(cluster, connection, owner)
    return Counter(row["failure_code"] or row["status"] for row in disturbed)


def _check_ending(row: asyncpg.Record) -> None:
    assert row["endings"] == [row["status"]], row
    assert row["event_versions"] == list(range(1, row["progress_version"] + 1)), row
    assert row["state"] == ("DONE" if row["status"] == "READY" else "DEAD"), row
    assert row["worker"] is None, row
    assert row["lease_expires_at"] is None, row
    assert bool(row["active"]) == (row["status"] == "READY"), row
    if row["status"] == "FAILED":
        assert [row[name] for name in (*_MADE, *_DIGESTS)] == [None] * 8, row


def _results(rows: list[asyncpg.Record]) -> dict[bytes, list[object]]:
    names = ("status", "failure_code", *_MADE, *_DIGESTS)
    return {row["sha256"]: [row[name] for name in names] for row in rows}


async def _until_swept(cluster: Cluster) -> None:
    """Nothing is left of what broke off; what was deleted is given time to go."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    async with cluster.superuser() as connection:
        while any((remains := dict(await connection.fetchrow(_ORPHANS))).values()):
            assert time.monotonic() < deadline, remains
            await asyncio.sleep(0.2)


async def _check_storage(
    cluster: Cluster, connection: asyncpg.Connection, owner: Principal
) -> None:
    """One file a version, and no other."""
    files = Path(cluster.settings.data_dir) / "files"
    folder = files / owner.user_id.hex
    stored = {str(path.relative_to(files)) for path in folder.rglob("*") if path.is_file()}
    query = "SELECT storage_key FROM document_versions WHERE owner_id = $1"
    assert stored == {row["storage_key"] for row in await connection.fetch(query, owner.user_id)}
