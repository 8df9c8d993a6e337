"""Documents, their versions and pages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from core.blocks import Block, ReadingWarning, load_blocks, load_warnings
from core.ids import new_id
from core.overview import Overview, load_overview
from core.states import DocumentStatus, IngestionStage
from db.engine import ReadSession, Row, WriteSession
from db.progress import Progress


@dataclass(frozen=True, slots=True)
class Document:
    """A document as its latest version stands."""

    id: UUID
    filename: str
    version_id: UUID
    active_version_id: UUID | None
    media_type: str
    byte_size: int
    sha256: bytes
    storage_key: str
    page_count: int | None
    chunk_count: int | None
    language: str | None
    languages: list[str]
    warnings: list[ReadingWarning]
    """Warnings about what was not read as it stands; empty until the version is searchable."""
    created_at: datetime
    updated_at: datetime
    progress: Progress


@dataclass(frozen=True, slots=True)
class Version:
    """One state of a document's file, which never changes; `filename` is the document's."""

    id: UUID
    document_id: UUID
    number: int
    filename: str
    media_type: str
    byte_size: int
    sha256: bytes
    storage_key: str
    page_count: int | None
    created_at: datetime
    is_latest: bool
    is_active: bool
    """Whether searches and answers read this one."""


class Keyed(NamedTuple):
    """The document and the version that came with an idempotency key."""

    document: Document
    sha256: bytes
    number: int


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A stored upload, about to become a version of a document."""

    sha256: bytes
    byte_size: int
    media_type: str
    storage_key: str
    idempotency_key: str | None


@dataclass(frozen=True, slots=True)
class Page:
    number: int
    start: int
    text: str
    width: float | None
    height: float | None
    words: list[int]
    blocks: list[Block] = field(default_factory=list)
    language: str | None = None
    """Known from when the version is searchable."""


@dataclass(frozen=True, slots=True)
class Usage:
    documents: int
    bytes: int


_DOCUMENT = """
SELECT d.id, d.filename, d.active_version_id, d.created_at, d.updated_at,
  d.progress_version, d.status, d.stage, d.fraction, d.attempt, d.message,
  d.failure_code, d.failure_message, d.failure_advice,
  v.id AS version_id, v.media_type, v.byte_size, v.sha256, v.storage_key,
  v.page_count, v.chunk_count, v.language, v.languages, v.warnings
FROM documents d
JOIN document_versions v ON v.owner_id = d.owner_id AND v.id = d.latest_version_id
"""
_BY_IDS = text(f"{_DOCUMENT} WHERE d.owner_id = :owner_id AND d.id = ANY(:ids)")
_BY_CONTENT = text(f"""
    {_DOCUMENT} WHERE d.owner_id = :owner_id AND v.sha256 = :sha256
      AND (CAST(:document_id AS uuid) IS NULL OR d.id = :document_id)
    ORDER BY d.created_at, d.id LIMIT 1
    """)
_BY_IDEMPOTENCY_KEY = text(f"""
    SELECT known.*, same.sha256 AS keyed_sha256, same.number AS keyed_number FROM ({_DOCUMENT}
    WHERE d.owner_id = :owner_id) AS known
    JOIN document_versions same ON same.owner_id = :owner_id AND same.document_id = known.id
    WHERE same.idempotency_key = :key
    """)
_BY_FILENAME = text("""
    SELECT id FROM documents WHERE owner_id = :owner_id AND filename = :filename
    ORDER BY created_at DESC LIMIT 1 FOR NO KEY UPDATE
    """)
_FREE_FILENAME = text("""
    SELECT CAST(:stem AS text) || ' (' || n || ')' || CAST(:suffix AS text) AS filename
    FROM generate_series(2, 2 + (
      SELECT CAST(count(*) AS int) FROM documents
      WHERE owner_id = :owner_id AND starts_with(filename, :stem))) AS n
    WHERE NOT EXISTS (
      SELECT 1 FROM documents WHERE owner_id = :owner_id
        AND filename = CAST(:stem AS text) || ' (' || n || ')' || CAST(:suffix AS text))
    ORDER BY n LIMIT 1
    """)
_LOCK = text(f"{_DOCUMENT} WHERE d.owner_id = :owner_id AND d.id = :id FOR NO KEY UPDATE OF d")
_PAGE = text(f"""
    {_DOCUMENT}
    WHERE d.owner_id = :owner_id
      AND (CAST(:statuses AS text[]) IS NULL OR CAST(d.status AS text) = ANY(:statuses))
      AND (CAST(:search AS text) IS NULL OR strpos(lower(d.filename), lower(:search)) > 0)
      AND (CAST(:after_at AS timestamptz) IS NULL OR (d.created_at, d.id) < (:after_at, :after_id))
    ORDER BY d.created_at DESC, d.id DESC LIMIT :limit
    """)
_USAGE = text("""
    SELECT count(DISTINCT document_id) AS documents,
      CAST(coalesce(sum(byte_size), 0) AS bigint) AS bytes
    FROM document_versions WHERE owner_id = :owner_id
    """)
_INSERT_DOCUMENT = text(
    "INSERT INTO documents (owner_id, id, filename) VALUES (:owner_id, :id, :filename)"
)
_INSERT_VERSION = text("""
    INSERT INTO document_versions (owner_id, id, document_id, number, sha256, byte_size,
      media_type, storage_key, idempotency_key)
    SELECT :owner_id, :id, :document_id, 1 + coalesce(max(number), 0), :sha256, :byte_size,
      :media_type, :storage_key, :idempotency_key
    FROM document_versions WHERE owner_id = :owner_id AND document_id = :document_id
    RETURNING number
    """)
_SET_LATEST = text(
    "UPDATE documents SET latest_version_id = :version_id WHERE owner_id = :owner_id AND id = :id"
)
_RENAME = text("""
    UPDATE documents SET filename = :filename, updated_at = now()
    WHERE owner_id = :owner_id AND id = :id
    """)
_DELETE = text("DELETE FROM documents WHERE owner_id = :owner_id AND id = :id")
_VERSION = """
SELECT v.id, v.document_id, v.number, d.filename, v.media_type, v.byte_size, v.sha256,
  v.storage_key, v.page_count, v.created_at, v.id = d.latest_version_id AS is_latest,
  coalesce(v.id = d.active_version_id, false) AS is_active
FROM document_versions v JOIN documents d ON d.owner_id = v.owner_id AND d.id = v.document_id
"""
_VERSIONS_BY_IDS = text(f"{_VERSION} WHERE v.owner_id = :owner_id AND v.id = ANY(:ids)")
_VERSIONS_OF = text(f"""
    {_VERSION} WHERE v.owner_id = :owner_id AND v.document_id = ANY(:document_ids)
    ORDER BY v.document_id, v.number DESC
    """)
_FORGET_VERSIONS = text("""
    DELETE FROM document_versions v USING documents d
    WHERE d.owner_id = :owner_id AND d.id = :document_id
      AND v.owner_id = d.owner_id AND v.document_id = d.id
      AND v.id <> d.latest_version_id AND v.id IS DISTINCT FROM d.active_version_id
      AND v.number NOT IN (
        SELECT number FROM document_versions
        WHERE owner_id = :owner_id AND document_id = :document_id
        ORDER BY number DESC LIMIT :kept)
      AND NOT EXISTS (
        SELECT 1 FROM answer_passages p WHERE p.owner_id = v.owner_id AND p.version_id = v.id)
      AND NOT EXISTS (
        SELECT 1 FROM citations c WHERE c.owner_id = v.owner_id AND c.version_id = v.id)
    """)
_PAGES = text("""
    SELECT p.version_id, p.number, p.start, p.text, p.width, p.height, p.words, p.blocks,
      p.language
    FROM unnest(CAST(:version_ids AS uuid[]), CAST(:numbers AS int[])) AS k(version_id, number)
    JOIN pages p ON p.owner_id = :owner_id AND p.version_id = k.version_id
      AND p.number = k.number
    JOIN document_versions v ON v.owner_id = p.owner_id AND v.id = p.version_id
    """)


_OVERVIEWS = text("""
    SELECT id, overview FROM document_versions
    WHERE owner_id = :owner_id AND id = ANY(:version_ids) AND overview IS NOT NULL
    """)
_PAGES_OF_VERSION = text("""
    SELECT p.number, p.start, p.text, p.width, p.height, CAST(ARRAY[] AS int[]) AS words, p.blocks,
      p.language
    FROM pages p WHERE p.owner_id = :owner_id AND p.version_id = :version_id
    ORDER BY p.number LIMIT :limit
    """)


async def documents_by_ids(session: ReadSession, ids: Sequence[UUID]) -> dict[UUID, Document]:
    rows = await session.all(_BY_IDS, owner_id=session.owner_id, ids=list(ids))
    return {row["id"]: _document(row) for row in rows}


async def document(session: ReadSession, document_id: UUID) -> Document | None:
    return (await documents_by_ids(session, [document_id])).get(document_id)


async def lock_document(session: WriteSession, document_id: UUID) -> Document | None:
    return _optional(await session.first(_LOCK, owner_id=session.owner_id, id=document_id))


async def documents_page(
    session: ReadSession,
    limit: int,
    after: tuple[datetime, UUID] | None,
    statuses: Sequence[DocumentStatus] | None,
    search: str | None,
) -> list[Document]:
    """At most `limit` documents, newest first."""
    after_at, after_id = after or (None, None)
    rows = await session.all(
        _PAGE,
        owner_id=session.owner_id,
        limit=limit,
        after_at=after_at,
        after_id=after_id,
        statuses=None if statuses is None else list(statuses),
        search=search,
    )
    return [_document(row) for row in rows]


async def document_by_content(
    session: ReadSession, sha256: bytes, document_id: UUID | None = None
) -> Document | None:
    """The oldest document, or that one, whose latest version has this content."""
    row = await session.first(
        _BY_CONTENT, owner_id=session.owner_id, sha256=sha256, document_id=document_id
    )
    return _optional(row)


async def document_by_idempotency_key(session: ReadSession, key: str) -> Keyed | None:
    row = await session.first(_BY_IDEMPOTENCY_KEY, owner_id=session.owner_id, key=key)
    return Keyed(_document(row), row["keyed_sha256"], row["keyed_number"]) if row else None


async def usage(session: ReadSession) -> Usage:
    return Usage(**await session.one(_USAGE, owner_id=session.owner_id))


async def lock_by_filename(session: WriteSession, filename: str) -> UUID | None:
    """The newest document of that name."""
    row = await session.first(_BY_FILENAME, owner_id=session.owner_id, filename=filename)
    return row["id"] if row else None


async def free_filename(session: ReadSession, stem: str, suffix: str) -> str:
    """The first of `stem (2)suffix`, `stem (3)suffix`, ... that no document has."""
    row = await session.one(_FREE_FILENAME, owner_id=session.owner_id, stem=stem, suffix=suffix)
    filename: str = row["filename"]
    return filename


async def insert_document(session: WriteSession, filename: str) -> UUID:
    document_id = new_id()
    await session.run(
        _INSERT_DOCUMENT, owner_id=session.owner_id, id=document_id, filename=filename
    )
    return document_id


async def insert_version(
    session: WriteSession, document_id: UUID, new: NewVersion
) -> tuple[UUID, int]:
    """Make a version the document's latest, not yet its active one; its id and number."""
    version_id = new_id()
    row = await session.one(
        _INSERT_VERSION,
        owner_id=session.owner_id,
        id=version_id,
        document_id=document_id,
        sha256=new.sha256,
        byte_size=new.byte_size,
        media_type=new.media_type,
        storage_key=new.storage_key,
        idempotency_key=new.idempotency_key,
    )
    await session.run(_SET_LATEST, owner_id=session.owner_id, id=document_id, version_id=version_id)
    return version_id, row["number"]


async def rename(session: WriteSession, document_id: UUID, filename: str) -> bool:
    return (
        await session.run(_RENAME, owner_id=session.owner_id, id=document_id, filename=filename)
        == 1
    )


async def delete(session: WriteSession, document_id: UUID) -> bool:
    """Delete a document; the sweeper deletes its files and the bulk of its versions."""
    return await session.run(_DELETE, owner_id=session.owner_id, id=document_id) == 1


async def versions_by_ids(session: ReadSession, ids: Sequence[UUID]) -> dict[UUID, Version]:
    rows = await session.all(_VERSIONS_BY_IDS, owner_id=session.owner_id, ids=list(ids))
    return {row["id"]: Version(**row) for row in rows}


async def version(session: ReadSession, version_id: UUID) -> Version | None:
    return (await versions_by_ids(session, [version_id])).get(version_id)


async def versions_of(
    session: ReadSession, document_ids: Sequence[UUID]
) -> dict[UUID, list[Version]]:
    """The versions of each document, newest first."""
    rows = await session.all(
        _VERSIONS_OF, owner_id=session.owner_id, document_ids=list(document_ids)
    )
    found: dict[UUID, list[Version]] = {}
    for row in rows:
        found.setdefault(row["document_id"], []).append(Version(**row))
    return found


async def forget_versions(session: WriteSession, document_id: UUID, kept: int) -> None:
    """Delete old versions but the newest `kept` and those that an answer rests on."""
    await session.run(
        _FORGET_VERSIONS, owner_id=session.owner_id, document_id=document_id, kept=kept
    )


async def page(session: ReadSession, version_id: UUID, number: int) -> Page | None:
    return (await pages(session, [(version_id, number)])).get((version_id, number))


async def pages(
    session: ReadSession, keys: Sequence[tuple[UUID, int]]
) -> dict[tuple[UUID, int], Page]:
    """The pages that exist, by version and page number."""
    rows = await session.all(
        _PAGES,
        owner_id=session.owner_id,
        version_ids=[version_id for version_id, _ in keys],
        numbers=[number for _, number in keys],
    )
    return {(row["version_id"], row["number"]): _page(row) for row in rows}


async def first_pages(session: ReadSession, version_id: UUID, limit: int) -> list[Page]:
    """The first pages of a version without their words, in order."""
    rows = await session.all(
        _PAGES_OF_VERSION, owner_id=session.owner_id, version_id=version_id, limit=limit
    )
    return [_page(row) for row in rows]


async def overviews(session: ReadSession, version_ids: Sequence[UUID]) -> dict[UUID, Overview]:
    """Those that there are, by version."""
    rows = await session.all(_OVERVIEWS, owner_id=session.owner_id, version_ids=list(version_ids))
    found = {row["id"]: load_overview(row["overview"]) for row in rows}
    return {version_id: overview for version_id, overview in found.items() if overview}


def _page(row: Row) -> Page:
    return Page(
        row["number"],
        row["start"],
        row["text"],
        row["width"],
        row["height"],
        row["words"],
        load_blocks(row["blocks"], len(row["text"])),
        row["language"],
    )


def _optional(row: Row | None) -> Document | None:
    return _document(row) if row else None


def _document(row: Row) -> Document:
    progress = Progress(
        document_id=row["id"],
        version=row["progress_version"],
        status=DocumentStatus(row["status"]),
        stage=IngestionStage(row["stage"]),
        fraction=row["fraction"],
        attempt=row["attempt"],
        message=row["message"],
        failure_code=row["failure_code"],
        failure_message=row["failure_message"],
        failure_advice=row["failure_advice"],
        at=row["updated_at"],
    )
    made: dict[str, Any] = {"progress": progress, "warnings": load_warnings(row["warnings"])}
    return Document(**made, **{name: row[name] for name in Document.__slots__ if name not in made})
