"""The documents of a user: reading, watching, renaming, stopping, retrying, deleting."""

import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from core.errors import InvalidInput, InvalidState, NotFound
from core.ids import check_page_size
from core.principal import Principal
from core.states import DocumentStatus, IngestionStage
from core.text import check_storable
from db import chunks, documents, jobs, progress
from db.documents import Document, Page, Version
from db.engine import Database, WriteSession
from db.progress import Progress
from providers.storage import Storage
from services.hints import Hints, document_subject, owner_subject
from services.queue import Queue

RECHECK_SECONDS = 2.0
"""How long a subscriber goes without a hint before it reads again."""
ENDED = (DocumentStatus.READY, DocumentStatus.FAILED, DocumentStatus.CANCELLED)
"""Statuses after which no snapshot follows by itself."""
MAX_FILENAME_CHARACTERS = 255
LOOK_BACK = timedelta(seconds=60)
"""Longest time from a snapshot's stamp to its commit."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    filename: str
    media_type: str
    byte_size: int
    read: Callable[..., AsyncIterator[bytes]]
    """As `Storage.read`, without the key."""


class Documents:
    def __init__(
        self,
        database: Database,
        storage: Storage,
        hints: Hints,
        queue: Queue,
        max_attempts: int,
    ) -> None:
        self._database = database
        self._storage = storage
        self._hints = hints
        self._queue = queue
        self._max_attempts = max_attempts

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

    async def versions_by_ids(
        self, principal: Principal, ids: Sequence[UUID]
    ) -> dict[UUID, Version]:
        async with self._database.read(principal.user_id) as session:
            return await documents.versions_by_ids(session, ids)

    async def versions_of(
        self, principal: Principal, document_ids: Sequence[UUID]
    ) -> dict[UUID, list[Version]]:
        """The versions of each document, newest first."""
        async with self._database.read(principal.user_id) as session:
            return await documents.versions_of(session, document_ids)

    async def page_of(
        self,
        principal: Principal,
        first: int,
        after: tuple[datetime, UUID] | None,
        statuses: Sequence[DocumentStatus] | None,
        search: str | None,
    ) -> tuple[list[Document], bool]:
        """Documents, newest first, and whether there are more. Raises `InvalidInput`."""
        check_page_size(first)
        check_storable(search, "search")
        async with self._database.read(principal.user_id) as session:
            found = await documents.documents_page(session, first + 1, after, statuses, search)
        return found[:first], len(found) > first

    async def pages(
        self, principal: Principal, keys: Sequence[tuple[UUID, int]]
    ) -> dict[tuple[UUID, int], Page]:
        async with self._database.read(principal.user_id) as session:
            return await documents.pages(session, keys)

    async def rename(self, principal: Principal, document_id: UUID, filename: str) -> Document:
        """Raises `InvalidInput` and `NotFound`."""
        filename = checked_filename(filename)
        async with self._database.write(principal.user_id) as session:
            if not await documents.rename(session, document_id, filename):
                raise _no_document()
            return await self._reread(session, document_id)

    async def delete(self, principal: Principal, document_id: UUID) -> None:
        """Delete a document; from now on no answer uses it. Raises `NotFound`."""
        async with self._database.write(principal.user_id) as session:
            if not await documents.delete(session, document_id):
                raise _no_document()
            self._hints.document_changed(session, document_id)

    async def cancel(self, principal: Principal, document_id: UUID) -> Document:
        """Raises `NotFound`, and `InvalidState` when nothing is being processed."""
        async with self._database.write(principal.user_id) as session:
            document = await self._lock(session, document_id)
            if not await jobs.cancel(session, document_id):
                raise InvalidState("This document is not being processed.")
            if document.active_version_id == document.version_id:
                await chunks.activate(session, document_id, None)
            snapshot = document.progress
            await progress.advance(
                session,
                document_id,
                DocumentStatus.CANCELLED,
                snapshot.stage,
                snapshot.fraction,
                snapshot.attempt,
            )
            self._hints.document_changed(session, document_id)
            return await self._reread(session, document_id)

    async def retry(self, principal: Principal, document_id: UUID) -> Document:
        """Raises `NotFound`, and `InvalidState` unless it failed or was cancelled."""
        async with self._database.write(principal.user_id) as session:
            document = await self._lock(session, document_id)
            if document.progress.status not in (DocumentStatus.FAILED, DocumentStatus.CANCELLED):
                raise InvalidState("Only a failed or cancelled document can be retried.")
            attempt = await jobs.retry(session, document.version_id, self._max_attempts)
            await progress.advance(
                session, document_id, DocumentStatus.PENDING, IngestionStage.STORED, 0, attempt
            )
            self._queue.wake(session, document.version_id)
            self._hints.document_changed(session, document_id)
            return await self._reread(session, document_id)

    async def progress(
        self, principal: Principal, document_id: UUID, after_version: int
    ) -> AsyncGenerator[Progress]:
        """Yield the newest snapshot, or all after `after_version`, then each new one.

        Ends with READY, FAILED or CANCELLED, or when the document is deleted. Raises `NotFound`.
        """
        async with self._hints.listen(document_subject(document_id)) as listener:
            newest = (await self.document(principal, document_id)).progress
            if after_version > 0:
                last = min(after_version, newest.version)
                ended = newest.status in ENDED and last == newest.version
            else:
                yield newest
                last = newest.version
                ended = newest.status in ENDED
            while not ended:
                async with self._database.read(principal.user_id) as session:
                    newer = await progress.after(session, document_id, last)
                    if not newer and await documents.document(session, document_id) is None:
                        return
                for snapshot in newer:
                    yield snapshot
                    last = snapshot.version
                    ended = snapshot.status in ENDED and snapshot.version >= newest.version
                if not newer:
                    await listener.wait(RECHECK_SECONDS)

    async def library_progress(self, principal: Principal) -> AsyncGenerator[Progress]:
        """Yield the newest snapshots of unfinished documents, then of any that change, for ever."""
        seen: dict[UUID, Progress] = {}
        async with self._hints.listen(owner_subject(principal.user_id)) as listener:
            async with self._database.read(principal.user_id) as session:
                since = await progress.now(session)
                current = await progress.unfinished_or_since(session, since - LOOK_BACK)
            seen.update({snapshot.document_id: snapshot for snapshot in current})
            changed = [snapshot for snapshot in current if snapshot.status not in ENDED]
            while True:
                for snapshot in changed:
                    yield snapshot
                    seen[snapshot.document_id] = snapshot
                    since = max(since, snapshot.at)
                if not changed:
                    await listener.wait(RECHECK_SECONDS)
                # Transactions commit out of order: look back a while, past what was seen.
                horizon = since - LOOK_BACK
                seen = {id_: known for id_, known in seen.items() if known.at >= horizon}
                async with self._database.read(principal.user_id) as session:
                    versions = {id_: known.version for id_, known in seen.items()}
                    changed = await progress.changed_since(session, horizon, versions)

    async def file(self, owner_id: UUID, version_id: UUID) -> StoredFile:
        """The original bytes of one version; raises `NotFound`."""
        async with self._database.read(owner_id) as session:
            version = await documents.version(session, version_id)
        if version is None:
            raise _no_document()
        return StoredFile(
            version.filename,
            version.media_type,
            version.byte_size,
            partial(self._storage.read, version.storage_key),
        )

    async def _lock(self, session: WriteSession, document_id: UUID) -> Document:
        document = await documents.lock_document(session, document_id)
        if document is None:
            raise _no_document()
        return document

    async def _reread(self, session: WriteSession, document_id: UUID) -> Document:
        document = await documents.document(session, document_id)
        if document is None:
            raise _no_document()
        return document


def checked_filename(filename: str) -> str:
    """A file name in normal form. Raises `InvalidInput` for paths and invisible characters."""
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
