"""Uploads: files sent through the API, or announced first and then sent to the store."""

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import PurePath
from uuid import UUID

from core.errors import (
    DatabaseUnavailable,
    ErrorCode,
    InvalidInput,
    InvalidState,
    NameTaken,
    NotFound,
    ProviderUnavailable,
    QuotaExceeded,
    Unauthenticated,
    UploadMismatch,
)
from core.ids import new_id
from core.principal import Principal
from core.settings import MEBIBYTE, Settings
from core.states import DocumentStatus, IngestionStage, OnSameName
from core.text import check_storable
from core.tokens import TokenSigner
from db import accounts, blobs, documents, jobs, progress
from db.documents import Document, Keyed, NewVersion, Usage
from db.engine import Database, WriteSession
from providers.storage import Storage
from services.documents import MAX_FILENAME_CHARACTERS, checked_filename
from services.hints import Hints
from services.intake import Intake, too_large
from services.queue import Queue

LIFETIME = timedelta(hours=1)
"""Time in which an announced upload has to be sent and completed."""
ABANDONED_SECONDS = 2 * LIFETIME.total_seconds()
"""Age at which a file that became no version is deleted."""
MAX_KEY_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way in; `chunks` is read once."""

    filename: str
    declared_type: str | None
    chunks: AsyncIterable[bytes]
    idempotency_key: str | None = None
    on_same_name: OnSameName = OnSameName.KEEP_BOTH


@dataclass(frozen=True, slots=True)
class Uploaded:
    document: Document
    version_number: int


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The same content is the latest version of this document already."""

    document: Document


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file goes: a document that gets a new version, or None and the name of a new one."""

    document_id: UUID | None
    filename: str


@dataclass(frozen=True, slots=True)
class Announced:
    """A file that will be sent; `sha256` in hexadecimal."""

    filename: str
    byte_size: int
    sha256: str
    idempotency_key: str | None = None
    on_same_name: OnSameName = OnSameName.KEEP_BOTH
    id: str = field(default_factory=lambda: new_id().hex)

    def key(self, owner_id: UUID) -> str:
        """The storage key under which the bytes arrive."""
        return f"{owner_id.hex}/{self.id}"


@dataclass(frozen=True, slots=True)
class Prepared:
    """An upload to be made: PUT the file's bytes to `url` with `headers`, then complete it."""

    upload_id: str
    url: str
    headers: Mapping[str, str]
    expires_at: datetime


class Uploads:
    """Uploads that leave nothing behind when they fail and lose nothing once they return."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        hints: Hints,
        queue: Queue,
        signer: TokenSigner,
        settings: Settings,
        public_url: str,
    ) -> None:
        self._database = database
        self._storage = storage
        self._hints = hints
        self._queue = queue
        self._signer = signer
        self._settings = settings
        self._public_url = public_url.rstrip("/")
        self._quota = Usage(settings.max_user_documents, settings.max_user_bytes)

    async def upload(self, principal: Principal, upload: Upload) -> Uploaded | Duplicate:
        """Store, record and queue a file.

        Raises `InvalidInput`, `FileTooLarge`, `UnsupportedFileType`, `QuotaExceeded`, `NameTaken`
        and `ProviderUnavailable`.
        """
        filename = checked_filename(upload.filename)
        _check_key(upload.idempotency_key)
        intake = Intake(filename, upload.declared_type, self._settings.max_upload_bytes)
        known = await self._by_key(principal, upload.idempotency_key)
        if known is not None:
            await intake.skim(upload.chunks)
            return _repetition(known, intake.sha256)
        key = f"{principal.user_id.hex}/{new_id().hex}"
        async with self._database.write(None) as session:
            await blobs.abandon(session, principal.user_id, key, ABANDONED_SECONDS)
        try:
            await self._storage.write(key, intake.read(upload.chunks))
            return await self._record(
                principal, filename, upload.on_same_name, key, intake, upload.idempotency_key
            )
        finally:
            await self._sweep_soon(key)

    async def prepare(self, principal: Principal, announced: Announced) -> Prepared | Duplicate:
        """Prepare to receive a file, or find the document that has its content already.

        Raises `Unauthenticated` for a deleted account, `InvalidInput`, `FileTooLarge`,
        `QuotaExceeded` and `NameTaken`.
        """
        filename = checked_filename(announced.filename)
        _check_key(announced.idempotency_key)
        if announced.byte_size < 1:
            raise InvalidInput("The file is empty.", field="byteSize")
        if announced.byte_size > self._settings.max_upload_bytes:
            raise too_large(self._settings.max_upload_bytes)
        key = announced.key(principal.user_id)
        async with self._database.write_alone(principal.user_id) as session:
            if await accounts.user_by_id(session, principal.user_id) is None:
                raise Unauthenticated("This account does not exist any more.")
            sha256 = _digest(announced.sha256)
            place = await _place(session, filename, announced.on_same_name, sha256)
            if isinstance(place, Duplicate):
                return place
            limit = self._settings.max_user_prepared_uploads
            if await blobs.reservations(session) >= limit:
                raise QuotaExceeded(f"{limit:,} announced files are awaited; send those first.")
            await self._check_quota(session, place, announced.byte_size)
            await blobs.abandon(
                session, principal.user_id, key, ABANDONED_SECONDS, announced.byte_size
            )
        ticket = self._signer.issue_upload(principal.user_id, asdict(announced), LIFETIME)
        signed = await self._storage.signed_upload(key, LIFETIME)
        url, headers = signed or (f"{self._public_url}/uploads/{ticket.token}", {})
        return Prepared(ticket.token, url, headers, ticket.expires_at)

    async def receive(self, upload_id: str, size: int | None, chunks: AsyncIterable[bytes]) -> None:
        """Store the bytes of an announced file, where the store signs no addresses.

        Raises `NotFound`, `UploadMismatch` and `ProviderUnavailable`.
        """
        owner_id, announced = self._verify(upload_id)
        if size != announced.byte_size:
            raise UploadMismatch(f"Send exactly {announced.byte_size:,} bytes.")
        key = announced.key(owner_id)
        async with self._database.write(owner_id) as session:
            if not await blobs.is_awaited(session, key):
                raise _no_upload()
        await self._storage.write(key, _bounded(chunks, announced.byte_size))

    async def complete(self, principal: Principal, upload_id: str) -> Uploaded | Duplicate:
        """Check what was sent, record and queue it; repeating this is harmless.

        Raises `NotFound`, `InvalidState` before the bytes are there, `UploadMismatch`, and what
        `upload` raises.
        """
        owner_id, announced = self._verify(upload_id)
        if owner_id != principal.user_id:
            raise _no_upload()
        idempotency_key = announced.idempotency_key or announced.id
        known = await self._by_key(principal, idempotency_key)
        if known is not None:
            return _repetition(known, _digest(announced.sha256))
        sent = announced.key(owner_id)
        size = await self._storage.size(sent)
        if size is None:
            raise InvalidState("The file has not been sent yet.")
        if size != announced.byte_size:
            raise UploadMismatch(f"{size:,} bytes were sent, not {announced.byte_size:,}.")
        key = f"{owner_id.hex}/{new_id().hex}"
        async with self._database.write(None) as session:
            await blobs.abandon(session, owner_id, key, ABANDONED_SECONDS)
        try:
            # Of the copy: the address still takes bytes, and a version never changes.
            await self._storage.copy(sent, key)
            intake = Intake(announced.filename, None, self._settings.max_upload_bytes)
            await intake.skim(self._storage.read(key))
            if intake.sha256 != _digest(announced.sha256):
                raise UploadMismatch("The bytes that were sent have another SHA-256.")
            filename = checked_filename(announced.filename)
            uploaded = await self._record(
                *(principal, filename, announced.on_same_name, key, intake, idempotency_key),
                replaces=sent,
            )
        finally:
            await self._sweep_soon(key)
        with suppress(ProviderUnavailable):
            await self._storage.delete(sent)
        return uploaded

    async def restore(self, principal: Principal, document_id: UUID, number: int) -> Uploaded:
        """Make an old version's file the document's newest version.

        Raises `NotFound`, `InvalidState` for the latest, `QuotaExceeded` and `ProviderUnavailable`.
        """
        async with self._database.read(principal.user_id) as session:
            versions = (await documents.versions_of(session, [document_id])).get(document_id, [])
        old = next((version for version in versions if version.number == number), None)
        if old is None:
            raise NotFound("There is no such version of a document of yours.")
        if old.is_latest:
            raise InvalidState("This version is the latest already.")
        key = f"{principal.user_id.hex}/{new_id().hex}"
        async with self._database.write(None) as session:
            await blobs.abandon(session, principal.user_id, key, ABANDONED_SECONDS)
        try:
            await self._storage.copy(old.storage_key, key)
            async with self._database.write_alone(principal.user_id) as session:
                if await documents.lock_document(session, document_id) is None:
                    raise NotFound("There is no document with this id.")
                place = Place(document_id, old.filename)
                await self._check_quota(session, place, old.byte_size)
                new = NewVersion(old.sha256, old.byte_size, old.media_type, key, None)
                return await self._insert(session, place, new)
        finally:
            await self._sweep_soon(key)

    async def usage(self, principal: Principal) -> tuple[Usage, Usage]:
        """What the user's documents take of the quota, and the quota."""
        async with self._database.read(principal.user_id) as session:
            return await documents.usage(session), self._quota

    async def _record(
        self,
        principal: Principal,
        filename: str,
        on_same_name: OnSameName,
        key: str,
        intake: Intake,
        idempotency_key: str | None,
        replaces: str | None = None,
    ) -> Uploaded | Duplicate:
        """Write document, version, first event and job in one transaction."""
        async with self._database.write_alone(principal.user_id) as session:
            if replaces is not None:
                await blobs.release(session, replaces)
            if idempotency_key is not None:
                known = await documents.document_by_idempotency_key(session, idempotency_key)
                if known is not None:
                    return _repetition(known, intake.sha256)
            place = await _place(session, filename, on_same_name, intake.sha256)
            if isinstance(place, Duplicate):
                return place
            await self._check_quota(session, place, intake.size)
            new = NewVersion(intake.sha256, intake.size, intake.media_type, key, idempotency_key)
            return await self._insert(session, place, new)

    async def _insert(self, session: WriteSession, place: Place, new: NewVersion) -> Uploaded:
        document_id = place.document_id
        if document_id is None:
            document_id = await documents.insert_document(session, place.filename)
        version_id, number = await documents.insert_version(session, document_id, new)
        await jobs.cancel(session, document_id)
        await jobs.insert(session, version_id, document_id, self._settings.max_attempts)
        await progress.advance(
            session, document_id, DocumentStatus.PENDING, IngestionStage.STORED, 0, 0
        )
        if not await blobs.keep(session, new.storage_key):
            raise ProviderUnavailable(
                ErrorCode.STORAGE_UNAVAILABLE, "The upload took too long; try again."
            )
        self._queue.wake(session, version_id)
        self._hints.document_changed(session, document_id)
        [document] = (await documents.documents_by_ids(session, [document_id])).values()
        return Uploaded(document, number)

    async def _check_quota(self, session: WriteSession, place: Place, size: int) -> None:
        used, reserved = await documents.usage(session), await blobs.reserved(session)
        if used.documents >= self._quota.documents and place.document_id is None:
            raise QuotaExceeded(
                f"Your library holds {used.documents:,} documents and may hold no more."
            )
        if used.bytes + reserved + size > self._quota.bytes:
            raise QuotaExceeded(
                f"Your library may hold {self._quota.bytes / MEBIBYTE:,.1f} MiB; "
                f"{(used.bytes + reserved) / MEBIBYTE:,.1f} MiB are in use, old versions included."
            )

    async def _by_key(self, principal: Principal, idempotency_key: str | None) -> Keyed | None:
        if idempotency_key is None:
            return None
        async with self._database.read(principal.user_id) as session:
            return await documents.document_by_idempotency_key(session, idempotency_key)

    def _verify(self, upload_id: str) -> tuple[UUID, Announced]:
        try:
            owner_id, announced = self._signer.verify_upload(upload_id)
        except Unauthenticated:
            raise _no_upload() from None
        on_same_name = OnSameName(announced.pop("on_same_name"))
        return owner_id, Announced(**announced, on_same_name=on_same_name)

    async def _sweep_soon(self, key: str) -> None:
        """Have a file that became no version deleted soon."""
        with suppress(DatabaseUnavailable):
            async with self._database.write(None) as session:
                await blobs.postpone(session, key, 0)


async def _place(
    session: WriteSession, filename: str, on_same_name: OnSameName, sha256: bytes
) -> Place | Duplicate:
    """Where a file goes, or the document that has its content. Raises `NameTaken`."""
    taken_by = await documents.lock_by_filename(session, filename)
    replaced = taken_by if on_same_name is OnSameName.REPLACE else None
    duplicate = await documents.document_by_content(session, sha256, replaced)
    if duplicate is not None:
        return Duplicate(duplicate)
    if taken_by is None or replaced is not None:
        return Place(replaced, filename)
    if on_same_name is OnSameName.REJECT:
        raise NameTaken(f"Another document is called {filename}.")
    suffix = PurePath(filename).suffix
    stem = filename.removesuffix(suffix)[: MAX_FILENAME_CHARACTERS - len(suffix) - len(" (10000)")]
    return Place(None, await documents.free_filename(session, stem, suffix))


def _repetition(known: Keyed, repeated: bytes) -> Uploaded:
    if repeated != known.sha256:
        raise InvalidInput("This key came with other content before.", field="idempotencyKey")
    return Uploaded(known.document, known.number)


def _check_key(idempotency_key: str | None) -> None:
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= MAX_KEY_CHARACTERS:
        raise InvalidInput(
            f"A key has 1 to {MAX_KEY_CHARACTERS} characters.", field="idempotencyKey"
        )
    check_storable(idempotency_key, "idempotencyKey")


def _digest(sha256: str) -> bytes:
    try:
        digest = bytes.fromhex(sha256)
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise InvalidInput("A SHA-256 has 64 hexadecimal digits.", field="sha256")
    return digest


async def _bounded(chunks: AsyncIterable[bytes], size: int) -> AsyncIterator[bytes]:
    received = 0
    async for chunk in chunks:
        received += len(chunk)
        if received > size:
            break
        yield chunk
    if received != size:
        raise UploadMismatch(f"Send exactly {size:,} bytes.")


def _no_upload() -> NotFound:
    return NotFound("There is no such upload, or it has expired: prepare it again.")
