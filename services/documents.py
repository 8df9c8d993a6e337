"""A user's library: upload, watch, read, rename, stop, retry, delete."""

import asyncio
import hashlib
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from core.errors import (
    FileTooLarge,
    InvalidInput,
    InvalidState,
    NotFound,
    QuotaExceeded,
    UnsupportedFileType,
)
from core.ids import check_page_size, new_id
from core.principal import Principal
from core.settings import MEBIBYTE, Settings
from db import blobs, documents, jobs
from db.documents import Document, NewVersion, Page, Progress, Usage
from db.engine import Database, WriteSession
from providers.parsing.media import SNIFF_BYTES, sniff
from providers.storage import Storage
from services.events import Hints, document_subject, owner_subject
from services.queue import Queue

RECHECK_SECONDS = 2.0
"""How long a subscriber goes without a hint before it reads again."""
ENDED = ("READY", "FAILED", "CANCELLED")
MAX_FILENAME_CHARACTERS = 255
LOOK_BACK = timedelta(seconds=60)
"""No transaction that moves a document lasts longer."""
ABANDONED_SECONDS = 3600
"""How long an upload may take before its bytes count as left behind."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way in; `chunks` is read once."""

    filename: str
    declared_type: str | None
    chunks: AsyncIterable[bytes]
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Uploaded:
    document: Document
    duplicate: bool
    """The same content was there already, under whatever name."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    filename: str
    media_type: str
    byte_size: int
    content: AsyncIterator[bytes]


class Documents:
    def __init__(
        self,
        database: Database,
        storage: Storage,
        hints: Hints,
        queue: Queue,
        settings: Settings,
    ) -> None:
        self._database = database
        self._storage = storage
        self._hints = hints
        self._queue = queue
        self._settings = settings
        self._quota = Usage(settings.max_user_documents, settings.max_user_bytes)

    async def upload(self, principal: Principal, upload: Upload) -> Uploaded:
        """Store, record and queue a file; when this returns, it cannot be lost any more.

        Raises `InvalidInput`, `FileTooLarge`, `UnsupportedFileType`, `QuotaExceeded` and
        `ProviderUnavailable`; none of them leaves anything behind.
        """
        filename = checked_filename(upload.filename)
        if upload.idempotency_key is not None:
            if not 1 <= len(upload.idempotency_key) <= 200:
                raise InvalidInput("A key has 1 to 200 characters.", field="idempotencyKey")
            async with self._database.read(principal.user_id) as session:
                known = await documents.document_by_idempotency_key(session, upload.idempotency_key)
            if known is not None:
                return Uploaded(known, duplicate=False)
        key = f"{principal.user_id.hex}/{new_id().hex}"
        async with self._database.write(None) as write:
            await blobs.abandon(write, key, ABANDONED_SECONDS)
        intake = _Intake(filename, upload.declared_type, self._settings.max_upload_bytes)
        try:
            await self._storage.write(key, intake.read(upload.chunks))
            uploaded = await self._record(principal, upload, filename, key, intake)
        except BaseException:
            await self._discard(key)
            raise
        if uploaded.duplicate:
            await self._discard(key)
        else:
            await self._announce(principal, uploaded.document)
        return uploaded

    async def _record(
        self, principal: Principal, upload: Upload, filename: str, key: str, intake: "_Intake"
    ) -> Uploaded:
        """Document, version, first event and job in one transaction."""
        sha256 = intake.hash.digest()
        async with self._database.write(principal.user_id) as session:
            await documents.lock_library(session)
            known = await documents.document_by_content(session, sha256)
            if known is not None:
                return Uploaded(known, duplicate=True)
            self._check_quota(await documents.usage(session), intake.size)
            document_id, version_id = await documents.insert_version(
                session,
                NewVersion(
                    filename, sha256, intake.size, intake.media_type, key, upload.idempotency_key
                ),
            )
            await jobs.cancel(session, document_id)
            await jobs.insert(session, version_id, document_id, self._settings.max_attempts)
            await documents.advance(session, document_id, "PENDING", "STORED", 0, 0)
            await blobs.keep(session, key)
            return Uploaded(await self._existing(session, document_id), duplicate=False)

    def _check_quota(self, usage: Usage, size: int) -> None:
        if usage.documents >= self._quota.documents:
            raise QuotaExceeded(
                f"Your library holds {usage.documents:,} documents and may hold no more."
            )
        if usage.bytes + size > self._quota.bytes:
            raise QuotaExceeded(
                f"Your library may hold {self._quota.bytes // MEBIBYTE:,} MiB; "
                f"{usage.bytes // MEBIBYTE:,} MiB are in use."
            )

    async def _discard(self, key: str) -> None:
        """Let the sweeper take the bytes now rather than later."""
        async with self._database.write(None) as session:
            await blobs.abandon(session, key, 0)

    async def document(self, principal: Principal, document_id: UUID) -> Document:
        """Raises `NotFound`."""
        async with self._database.read(principal.user_id) as session:
            document = await documents.document(session, document_id)
        if document is None:
            raise _no_document()
        return document

    async def by_ids(self, principal: Principal, ids: Sequence[UUID]) -> dict[UUID, Document]:
        async with self._database.read(principal.user_id) as session:
            return await documents.documents_by_ids(session, ids)

    async def page_of(
        self,
        principal: Principal,
        first: int,
        after: tuple[datetime, UUID] | None,
        statuses: Sequence[str] | None,
        search: str | None,
    ) -> tuple[list[Document], bool]:
        """Newest first, and whether there are more; raises `InvalidInput`."""
        check_page_size(first)
        async with self._database.read(principal.user_id) as session:
            found = await documents.documents_page(session, first + 1, after, statuses, search)
        return found[:first], len(found) > first

    async def page(self, principal: Principal, version_id: UUID, number: int) -> Page | None:
        async with self._database.read(principal.user_id) as session:
            return await documents.page(session, version_id, number)

    async def pages(
        self, principal: Principal, keys: Sequence[tuple[UUID, int]]
    ) -> dict[tuple[UUID, int], Page]:
        async with self._database.read(principal.user_id) as session:
            return await documents.pages(session, keys)

    async def usage(self, principal: Principal) -> tuple[Usage, Usage]:
        """What is used, and what may be."""
        async with self._database.read(principal.user_id) as session:
            return await documents.usage(session), self._quota

    async def rename(self, principal: Principal, document_id: UUID, filename: str) -> Document:
        """Raises `InvalidInput` and `NotFound`."""
        filename = checked_filename(filename)
        async with self._database.write(principal.user_id) as session:
            if not await documents.rename(session, document_id, filename):
                raise _no_document()
            return await self._existing(session, document_id)

    async def delete(self, principal: Principal, document_id: UUID) -> None:
        """From now on nothing answers from it. Raises `NotFound`."""
        async with self._database.write(principal.user_id) as session:
            if not await documents.delete(session, document_id):
                raise _no_document()
        await self._hints.publish(document_subject(document_id))
        await self._hints.publish(owner_subject(principal.user_id))

    async def cancel(self, principal: Principal, document_id: UUID) -> Document:
        """Raises `NotFound`, and `InvalidState` when nothing is being processed."""
        async with self._database.write(principal.user_id) as session:
            document = await self._locked(session, document_id)
            if not await jobs.cancel(session, document_id):
                raise InvalidState("This document is not being processed.")
            progress = document.progress
            await documents.advance(
                session,
                document_id,
                "CANCELLED",
                progress.stage,
                progress.fraction,
                progress.attempt,
            )
            document = await self._existing(session, document_id)
        await self._announce(principal, document)
        return document

    async def retry(self, principal: Principal, document_id: UUID) -> Document:
        """Raises `NotFound`, and `InvalidState` unless it failed or was cancelled."""
        async with self._database.write(principal.user_id) as session:
            document = await self._locked(session, document_id)
            if document.progress.status not in ("FAILED", "CANCELLED"):
                raise InvalidState("Only a failed or cancelled document can be retried.")
            attempt = await jobs.retry(session, document.version_id, self._settings.max_attempts)
            await documents.advance(session, document_id, "PENDING", "STORED", 0, attempt)
            document = await self._existing(session, document_id)
        await self._announce(principal, document)
        return document

    async def progress(
        self, principal: Principal, document_id: UUID, after_version: int
    ) -> AsyncGenerator[Progress]:
        """The newest snapshot (from 0) or every one after a version, then each new one.

        Ends with READY, FAILED or CANCELLED, or when the document is deleted. Raises `NotFound`.
        """
        async with self._hints.listen(document_subject(document_id)) as listener:
            document = await self.document(principal, document_id)
            last = after_version
            if last == 0:
                yield document.progress
                last = document.progress.version
            ended = document.progress.status in ENDED
            while not (ended and last >= document.progress.version):
                async with self._database.read(principal.user_id) as session:
                    newer = await documents.progress_after(session, document_id, last)
                for progress in newer:
                    yield progress
                    last = progress.version
                    ended = progress.status in ENDED
                if ended:
                    return
                if not newer:
                    await listener.wait(RECHECK_SECONDS)
                    async with self._database.read(principal.user_id) as session:
                        if await documents.document(session, document_id) is None:
                            return

    async def library_progress(self, principal: Principal) -> AsyncGenerator[Progress]:
        """The newest snapshot of everything unfinished, then of whatever changes; never ends."""
        since = datetime.now(UTC)
        seen: dict[UUID, Progress] = {}
        async with self._hints.listen(owner_subject(principal.user_id)) as listener:
            async with self._database.read(principal.user_id) as session:
                changed = await documents.unfinished(session)
            while True:
                for progress in changed:
                    yield progress
                    seen[progress.document_id] = progress
                    since = max(since, progress.at)
                # Transactions commit out of order: look back a while, past what was seen.
                horizon = since - LOOK_BACK
                seen = {id_: progress for id_, progress in seen.items() if progress.at >= horizon}
                await listener.wait(RECHECK_SECONDS)
                async with self._database.read(principal.user_id) as session:
                    versions = {id_: progress.version for id_, progress in seen.items()}
                    changed = await documents.changed_since(session, horizon, versions)

    async def file(self, owner_id: UUID, version_id: UUID) -> StoredFile:
        """The original bytes of one version; raises `NotFound`."""
        async with self._database.read(owner_id) as session:
            version = await documents.version(session, version_id)
        if version is None:
            raise _no_document()
        return StoredFile(
            version["filename"],
            version["media_type"],
            version["byte_size"],
            self._storage.read(version["storage_key"]),
        )

    async def _locked(self, session: WriteSession, document_id: UUID) -> Document:
        document = await documents.lock_document(session, document_id)
        if document is None:
            raise _no_document()
        return document

    async def _existing(self, session: WriteSession, document_id: UUID) -> Document:
        document = await documents.document(session, document_id)
        if document is None:
            raise _no_document()
        return document

    async def _announce(self, principal: Principal, document: Document) -> None:
        """After the commit: wake a worker, and whoever watches."""
        if document.progress.status == "PENDING":
            await self._queue.wake([document.version_id])
        await self._hints.publish(document_subject(document.id))
        await self._hints.publish(owner_subject(principal.user_id))


class _Intake:
    """Counts, hashes and recognises a file as it passes through."""

    def __init__(self, filename: str, declared_type: str | None, limit: int) -> None:
        self._filename = filename
        self._declared_type = declared_type
        self._limit = limit
        self.hash = hashlib.sha256()
        self.size = 0
        self.media_type = ""

    async def read(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Raises as soon as the file cannot become a document."""
        head = b""
        async for chunk in chunks:
            self.size += len(chunk)
            if self.size > self._limit:
                raise FileTooLarge(
                    f"A file may have at most {self._limit // MEBIBYTE:,} MiB.", self._limit
                )
            await asyncio.to_thread(self.hash.update, chunk)
            if not self.media_type:
                head += chunk
                if len(head) < SNIFF_BYTES:
                    continue
                self._recognise(head)
                chunk = head
            yield chunk
        if not self.media_type:
            self._recognise(head)
            yield head

    def _recognise(self, head: bytes) -> None:
        if not head:
            raise InvalidInput("The file is empty.", field="file")
        media_type = sniff(head, self._filename, self._declared_type)
        if media_type is None:
            raise UnsupportedFileType(
                "Lectern reads PDF, Word, PowerPoint, Excel, OpenDocument, RTF, HTML, Markdown, "
                "text, CSV, e-mail and EPUB files; this is none of them."
            )
        self.media_type = media_type


def checked_filename(filename: str) -> str:
    """A name to show and to recognise a document by, never a path; raises `InvalidInput`."""
    name = unicodedata.normalize("NFC", filename).strip()
    if not name or len(name) > MAX_FILENAME_CHARACTERS:
        raise InvalidInput(
            f"A file name has 1 to {MAX_FILENAME_CHARACTERS} characters.", field="filename"
        )
    if "/" in name or "\\" in name or name in (".", ".."):
        raise InvalidInput("A file name holds no path.", field="filename")
    if any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in name):
        raise InvalidInput("A file name holds no invisible characters.", field="filename")
    return name


def _no_document() -> NotFound:
    return NotFound("There is no document with this id.")
