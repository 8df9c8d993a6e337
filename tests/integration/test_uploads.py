"""Every way in: what is acknowledged is kept, what is refused leaves nothing behind."""

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import httpx
import pytest
import uvicorn

from cli.embedded import EmbeddedPostgres
from core.errors import (
    DomainError,
    ErrorCode,
    FileTooLarge,
    InvalidInput,
    InvalidState,
    NotFound,
    QuotaExceeded,
    Unauthenticated,
    UnsupportedFileType,
    UploadMismatch,
)
from core.ids import new_id
from core.principal import Principal
from core.settings import Settings
from core.states import OnSameName
from server.app import create_app
from server.asgi import uvicorn_config
from services.container import Services
from services.uploads import Announced, Duplicate, Prepared, Upload, Uploaded
from workers.sweeper import Sweeper

KIBIBYTE = 1024
PASSWORD = "correct horse battery"
PDF = b"%PDF-1.7\n" + bytes(2000)
Send = Callable[..., Awaitable[Uploaded | Duplicate]]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    limits = {"max_upload_bytes": 64 * KIBIBYTE, "max_user_bytes": 100 * KIBIBYTE}
    return settings.model_copy(update={**limits, "max_user_documents": 3})


@pytest.fixture
def send(services: Services, principal: Principal) -> Send:
    async def upload(
        content: bytes,
        name: str = "a.txt",
        key: str | None = None,
        on_same_name: OnSameName = OnSameName.KEEP_BOTH,
    ) -> Uploaded | Duplicate:
        upload = Upload(name, None, pieces(content), key, on_same_name)
        return await services.uploads.upload(principal, upload)

    return upload


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 1000):
        yield content[start : start + 1000]


async def leftovers(
    services: Services, principal: Principal, postgres: EmbeddedPostgres, settings: Settings
) -> list[object]:
    """Files and rows of the principal, once a sweeper has been there."""
    await Sweeper(services.database, services.storage).sweep()
    folder = settings.data_dir / "files" / principal.user_id.hex
    files: list[object] = [*await asyncio.to_thread(lambda: sorted(folder.glob("*")))]
    connection = await asyncpg.connect(postgres.url("postgres"))
    for table in ("documents", "document_versions", "ingestion_jobs", "abandoned_blobs"):
        query = f"SELECT * FROM {table} WHERE owner_id = $1"
        files += await connection.fetch(query, principal.user_id)
    await connection.close()
    return files


async def test_what_is_acknowledged_is_stored_and_queued(
    services: Services, principal: Principal, send: Send
) -> None:
    uploaded = await send(b"Oil the chain.", "care.txt")
    document = uploaded.document
    assert (document.filename, document.byte_size, document.media_type) == (
        "care.txt",
        14,
        "text/plain",
    )
    assert document.sha256 == hashlib.sha256(b"Oil the chain.").digest()
    file = await services.documents.file(principal.user_id, document.version_id)
    assert b"".join([chunk async for chunk in file.read()]) == b"Oil the chain."
    assert (document.progress.version, document.progress.status) == (1, "PENDING")


async def test_the_same_content_is_the_same_document_whatever_its_name(send: Send) -> None:
    first = await send(b"Oil the chain.", "care.txt")
    second = await send(b"Oil the chain.", "another.txt")
    assert isinstance(second, Duplicate)
    assert second.document.id == first.document.id


async def test_a_repeated_request_is_harmless(send: Send) -> None:
    answers = await asyncio.gather(*(send(b"Once.", "once.txt", "key 1") for _ in range(5)))
    assert {type(answer) for answer in answers} == {Uploaded}
    assert len({answer.document.version_id for answer in answers}) == 1
    assert isinstance(await send(b"Once.", "once.txt", "key 1"), Uploaded)


async def test_a_key_that_comes_back_with_other_content_loses_nothing_silently(send: Send) -> None:
    await send(b"Once.", "once.txt", "key 1")
    with pytest.raises(InvalidInput) as refused:
        await send(b"Twice.", "once.txt", "key 1")
    assert refused.value.field == "idempotencyKey"


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("../etc/passwd", b"text", InvalidInput),
        ("folder\\file.txt", b"text", InvalidInput),
        ("..", b"text", InvalidInput),
        ("nul\0.txt", b"text", InvalidInput),
        ("n" * 300 + ".txt", b"text", InvalidInput),
        ("report\u202efdp.exe", b"text", InvalidInput),
        ("   ", b"text", InvalidInput),
        ("line\nbreak.txt", b"text", InvalidInput),
        ("empty.txt", b"", InvalidInput),
        ("large.txt", b"x" * 65 * KIBIBYTE, FileTooLarge),
        ("sound.ogg", b"OggS" + bytes(3000), UnsupportedFileType),
        ("program.txt", b"\x7fELF" + bytes(range(256)) * 20, UnsupportedFileType),
        ("archive.pdf", b"PK\x03\x04" + bytes(3000), UnsupportedFileType),
    ],
)
async def test_bad_input_is_refused_by_type_and_leaves_nothing(
    services: Services,
    principal: Principal,
    postgres: EmbeddedPostgres,
    settings: Settings,
    send: Send,
    name: str,
    content: bytes,
    error: type[DomainError],
) -> None:
    with pytest.raises(error):
        await send(content, name)
    assert await leftovers(services, principal, postgres, settings) == []


async def test_an_upload_that_breaks_off_leaves_nothing(
    services: Services, principal: Principal, postgres: EmbeddedPostgres, settings: Settings
) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 30_000
        raise ConnectionAbortedError

    with pytest.raises(DomainError):
        await services.uploads.upload(principal, Upload("a.txt", None, broken()))
    assert await leftovers(services, principal, postgres, settings) == []


async def test_the_content_decides_what_a_file_is_and_not_its_name(send: Send) -> None:
    assert (await send(PDF, "notes.txt")).document.media_type == "application/pdf"


async def test_the_library_has_limits(send: Send) -> None:
    await send(b"a" * 60 * KIBIBYTE, "a.txt")
    with pytest.raises(QuotaExceeded, match="MiB"):
        await send(b"b" * 60 * KIBIBYTE, "b.txt")
    await send(b"b", "b.txt")
    await send(b"c", "c.txt")
    with pytest.raises(QuotaExceeded, match="documents"):
        await send(b"d", "d.txt")
    again = await send(b"c, again", "c.txt", on_same_name=OnSameName.REPLACE)
    assert isinstance(again, Uploaded)


async def test_bytes_that_became_a_version_are_never_swept(
    services: Services, principal: Principal, send: Send
) -> None:
    """Not even by a sweep that is asked for when the answer to the commit got lost."""
    uploaded = await send(b"Kept.", "kept.txt")
    await services.uploads._sweep_soon(uploaded.document.storage_key)
    await Sweeper(services.database, services.storage).sweep()
    file = await services.documents.file(principal.user_id, uploaded.document.version_id)
    assert b"".join([chunk async for chunk in file.read()]) == b"Kept."


@pytest.fixture
async def serving(settings: Settings) -> AsyncIterator[str]:
    """The product's own server; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings = settings.model_copy(update={"public_url": url})
    server = uvicorn.Server(uvicorn_config(create_app(settings), settings))
    task = asyncio.create_task(server.serve([listener]))
    yield url
    server.should_exit = True
    await task


def announced(content: bytes, name: str = "a.txt", key: str | None = None) -> Announced:
    return Announced(name, len(content), hashlib.sha256(content).hexdigest(), key)


@pytest.fixture
def prepare(
    services: Services, principal: Principal, serving: str
) -> Callable[[Announced], Awaitable[Prepared]]:
    async def prepare(file: Announced) -> Prepared:
        prepared = await services.uploads.prepare(principal, file)
        assert isinstance(prepared, Prepared)
        token = prepared.url.rpartition("/")[2]
        return Prepared(prepared.upload_id, f"{serving}/uploads/{token}", {}, prepared.expires_at)

    return prepare


Prepare = Callable[[Announced], Awaitable[Prepared]]


async def put(prepared: Prepared, content: bytes) -> int:
    async with httpx.AsyncClient() as client:
        response = await client.put(prepared.url, content=content, headers=prepared.headers)
    return response.status_code


async def test_announced_sent_and_completed(
    services: Services, principal: Principal, prepare: Prepare
) -> None:
    prepared = await prepare(announced(b"Wind the clock."))
    with pytest.raises(InvalidState):
        await services.uploads.complete(principal, prepared.upload_id)
    assert await put(prepared, b"Wind the clock.") == 204
    uploaded = await services.uploads.complete(principal, prepared.upload_id)
    assert isinstance(uploaded, Uploaded)
    assert uploaded.document.byte_size == 15

    again = await services.uploads.complete(principal, prepared.upload_id)
    assert again.document.version_id == uploaded.document.version_id
    assert isinstance(again, Uploaded)


async def test_what_is_stored_already_need_not_be_sent(
    services: Services, principal: Principal, send: Send
) -> None:
    stored = await send(b"Wind the clock.")
    known = await services.uploads.prepare(principal, announced(b"Wind the clock.", "b.txt"))
    assert isinstance(known, Duplicate)
    assert known.document.id == stored.document.id


async def test_what_is_sent_is_what_was_announced(
    services: Services, principal: Principal, prepare: Prepare
) -> None:
    prepared = await prepare(announced(b"Wind the clock."))
    assert await put(prepared, b"Wind the clock, and more.") == 422
    assert await put(prepared, b"Wind") == 422
    assert await put(prepared, b"Wind the clack.") == 204
    with pytest.raises(UploadMismatch):
        await services.uploads.complete(principal, prepared.upload_id)
    assert await put(prepared, b"Wind the clock.") == 204
    assert await services.uploads.complete(principal, prepared.upload_id)


async def test_bytes_sent_after_completion_are_not_taken(
    services: Services, principal: Principal, prepare: Prepare
) -> None:
    prepared = await prepare(announced(b"Wind the clock."))
    await put(prepared, b"Wind the clock.")
    uploaded = await services.uploads.complete(principal, prepared.upload_id)
    assert await put(prepared, b"Stop the clock.") == 404
    file = await services.documents.file(principal.user_id, uploaded.document.version_id)
    assert b"".join([chunk async for chunk in file.read()]) == b"Wind the clock."

    await services.documents.delete(principal, uploaded.document.id)
    assert await put(prepared, b"Wind the clock.") == 404


async def test_a_deleted_account_stores_nothing(
    services: Services, principal: Principal, prepare: Prepare
) -> None:
    prepared = await prepare(announced(b"Wind the clock."))
    await services.accounts.delete(principal, PASSWORD)

    assert await put(prepared, b"Wind the clock.") == 404
    with pytest.raises(Unauthenticated):
        await prepare(announced(b"Stop the clock."))


async def test_an_upload_belongs_to_who_announced_it(
    services: Services, principal: Principal, prepare: Prepare
) -> None:
    prepared = await prepare(announced(b"Wind the clock."))
    await put(prepared, b"Wind the clock.")
    stranger = Principal(new_id(), "USER", None, None)
    with pytest.raises(NotFound):
        await services.uploads.complete(stranger, prepared.upload_id)
    forged = Prepared("", prepared.url[:-3] + "abc", {}, prepared.expires_at)
    assert await put(forged, b"Wind the clock.") == 404


async def test_announcements_count_against_the_quota_until_they_expire(
    services: Services, principal: Principal, postgres: EmbeddedPostgres, settings: Settings
) -> None:
    await services.uploads.prepare(principal, announced(b"a" * 60 * KIBIBYTE))
    with pytest.raises(QuotaExceeded):
        await services.uploads.prepare(principal, announced(b"b" * 60 * KIBIBYTE))
    connection = await asyncpg.connect(postgres.url("postgres"))
    expire = "UPDATE abandoned_blobs SET available_at = now() WHERE owner_id = $1"
    await connection.execute(expire, principal.user_id)
    await connection.close()
    await services.uploads.prepare(principal, announced(b"b" * 60 * KIBIBYTE))


async def test_an_abandoned_upload_is_swept_and_takes_no_more_bytes(
    services: Services,
    principal: Principal,
    postgres: EmbeddedPostgres,
    settings: Settings,
    prepare: Prepare,
) -> None:
    prepared = await prepare(announced(b"Wind the clock."))
    assert await put(prepared, b"Wind the clock.") == 204
    connection = await asyncpg.connect(postgres.url("postgres"))
    expire = "UPDATE abandoned_blobs SET available_at = now() WHERE owner_id = $1"
    await connection.execute(expire, principal.user_id)
    await connection.close()
    assert await put(prepared, b"Wind the clock.") == 404
    assert await leftovers(services, principal, postgres, settings) == []
    with pytest.raises(InvalidState):
        await services.uploads.complete(principal, prepared.upload_id)


@pytest.mark.parametrize(
    ("file", "error"),
    [
        (Announced("a.txt", 0, "00" * 32), InvalidInput),
        (Announced("a.txt", 65 * KIBIBYTE, "00" * 32), FileTooLarge),
        (Announced("a.txt", 5, "no hash"), InvalidInput),
        (Announced("a/b.txt", 5, "00" * 32), InvalidInput),
        (Announced("a.txt", 5, "00" * 32, ""), InvalidInput),
    ],
)
async def test_bad_announcements(
    services: Services, principal: Principal, file: Announced, error: type[DomainError]
) -> None:
    with pytest.raises(error):
        await services.uploads.prepare(principal, file)


async def test_a_draft_of_a_killed_process_goes_with_its_upload(
    services: Services, principal: Principal, settings: Settings
) -> None:
    key = f"{principal.user_id.hex}/half"
    draft = Path(settings.data_dir) / "files" / f"{key}#1"
    draft.parent.mkdir(parents=True)
    draft.write_bytes(b"half of a file")
    await services.storage.delete(key)
    assert not draft.exists()


async def test_storage_that_is_away_is_said_so(
    services: Services, principal: Principal, settings: Settings, send: Send
) -> None:
    (settings.data_dir / "files" / principal.user_id.hex).write_bytes(b"in the way")
    with pytest.raises(DomainError) as refused:
        await send(b"No place.")
    assert refused.value.code == ErrorCode.STORAGE_UNAVAILABLE
