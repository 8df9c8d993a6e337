"""Watching, stopping, retrying, renaming and deleting documents while they are processed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from cli.embedded import EmbeddedPostgres
from core.errors import ErrorCode, InvalidState, NotFound
from core.ids import new_id
from core.principal import Principal
from core.settings import Settings
from core.states import DocumentStatus, IngestionStage, OnSameName
from db import progress
from db.documents import Document
from db.progress import Progress
from services.container import Services
from services.ingestion import pipeline
from services.ingestion.jobs import Ingestion
from services.uploads import Upload
from support.embeddings import EmbeddingServer
from support.library import add_documents, open_ingestion
from workers.sweeper import Sweeper

Add = Callable[..., Awaitable[Document]]
SAMPLES = Path(__file__).parent.parent / "samples"
LETTER = "The keeper winds the clock of the tide engine. " * 20


@pytest.fixture
def embeddings() -> Iterator[EmbeddingServer]:
    with EmbeddingServer() as server:
        yield server


@pytest.fixture
def settings(settings: Settings, embeddings: EmbeddingServer) -> Settings:
    return settings.model_copy(update={**embeddings.settings, "lease_seconds": 2})


@pytest.fixture
def ingestion(settings: Settings, services: Services) -> Ingestion:
    return open_ingestion(settings, services)


@pytest.fixture
def add(services: Services, principal: Principal) -> Add:
    async def add(name: str = "letter.txt", text: str = LETTER) -> Document:
        async def once() -> AsyncIterator[bytes]:
            yield text.encode()

        return (
            await services.uploads.upload(
                principal, Upload(name, None, once(), on_same_name=OnSameName.REPLACE)
            )
        ).document

    return add


async def work(ingestion: Ingestion) -> None:
    while await ingestion.run_next("test"):
        pass


async def until(
    services: Services, principal: Principal, document_id: UUID, status: str
) -> Document:
    async with asyncio.timeout(30):
        while True:
            document = await services.documents.document(principal, document_id)
            if document.progress.status == status:
                return document
            await asyncio.sleep(0.01)


async def found(services: Services, principal: Principal, words: str) -> set[UUID]:
    return {hit.document_id for hit in await services.retrieval.search(principal, words, 10)}


async def seen(
    services: Services, principal: Principal, document_id: UUID, after: int
) -> list[Progress]:
    return [s async for s in services.documents.progress(principal, document_id, after)]


async def test_every_snapshot_can_be_replayed(
    services: Services, principal: Principal, add: Add, ingestion: Ingestion
) -> None:
    document = await add()
    watching = asyncio.create_task(seen(services, principal, document.id, 0))
    await asyncio.sleep(0.1)
    await work(ingestion)
    live = await watching
    assert [s.version for s in live] == list(range(1, len(live) + 1))
    stages = list(dict.fromkeys((s.status, s.stage) for s in live))
    assert stages == [
        ("PENDING", "STORED"),
        (DocumentStatus.PROCESSING, IngestionStage.PARSING),
        ("PROCESSING", "CHUNKING"),
        ("PROCESSING", "INDEXING"),
        ("SEARCHABLE", "EMBEDDING"),
        ("SEARCHABLE", "PUBLISHING"),
        ("READY", "DONE"),
    ]
    fractions = [s.fraction for s in live]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert await seen(services, principal, document.id, 3) == live[3:]
    assert await seen(services, principal, document.id, 0) == live[-1:]
    assert await seen(services, principal, document.id, live[-1].version) == []
    assert await seen(services, principal, document.id, 10_000) == []


async def test_a_new_version_clears_away_what_was_shown_days_ago(
    services: Services,
    principal: Principal,
    add: Add,
    ingestion: Ingestion,
    postgres: EmbeddedPostgres,
) -> None:
    document = await add("letter.txt", "First thoughts. " * 30)
    await work(ingestion)
    before = (await services.documents.document(principal, document.id)).progress.version
    connection = await asyncpg.connect(postgres.url("postgres"))
    age = "UPDATE ingestion_events SET at = at - interval '25 hours' WHERE document_id = $1"
    await connection.execute(age, document.id)
    await connection.close()
    assert (await seen(services, principal, document.id, 1))[0].version == 2

    await add("letter.txt", "Second thoughts. " * 30)
    await work(ingestion)

    left = await seen(services, principal, document.id, 1)
    assert left[-1].status == "READY"
    assert [s.version for s in left] == list(range(before + 1, left[-1].version + 1))


async def test_watching_nothing_of_ones_own(services: Services, principal: Principal) -> None:
    with pytest.raises(NotFound):
        await seen(services, principal, new_id(), 0)


async def test_watching_ends_with_the_document(
    services: Services, principal: Principal, add: Add
) -> None:
    document = await add()
    watching = asyncio.create_task(seen(services, principal, document.id, 0))
    await asyncio.sleep(0.1)
    await services.documents.delete(principal, document.id)
    assert [s.status for s in await asyncio.wait_for(watching, 30)] == ["PENDING"]


async def test_the_library_is_watched_as_a_whole(
    services: Services, principal: Principal, add: Add, ingestion: Ingestion
) -> None:
    finished = await add("finished.txt", "Long done. " * 30)
    await work(ingestion)
    waiting = await add("waiting.txt", "Not yet. " * 30)
    async with aclosing(services.documents.library_progress(principal)) as snapshots:
        first = await anext(snapshots)
        assert (first.document_id, first.status) == (waiting.id, "PENDING")
        later = await add("later.txt", "Even later. " * 30)
        await work(ingestion)
        newest: dict[UUID, Progress] = {}
        async with asyncio.timeout(30):
            async for snapshot in snapshots:
                known = newest.get(snapshot.document_id)
                assert known is None or snapshot.version > known.version
                newest[snapshot.document_id] = snapshot
                if [s.status for s in newest.values()] == ["READY", "READY"]:
                    break
        assert set(newest) == {waiting.id, later.id}
        assert finished.id not in newest


async def test_a_snapshot_that_is_committed_late_is_not_missed(
    services: Services, principal: Principal, add: Add
) -> None:
    """Its time stamp is older than that of snapshots which were seen before it."""
    slow, quick = await add("slow.txt", "Slow. " * 30), await add("quick.txt", "Quick. " * 30)
    async with aclosing(services.documents.library_progress(principal)) as snapshots:
        assert {(await anext(snapshots)).document_id for _ in range(2)} == {slow.id, quick.id}
        async with services.database.write(principal.user_id) as late:
            await progress.advance(
                late, slow.id, DocumentStatus.PROCESSING, IngestionStage.PARSING, 0, 1
            )
            async with services.database.write(principal.user_id) as session:
                await progress.advance(
                    session, quick.id, DocumentStatus.PROCESSING, IngestionStage.PARSING, 0, 1
                )
            async with asyncio.timeout(30):
                assert (await anext(snapshots)).document_id == quick.id
        async with asyncio.timeout(30):
            snapshot = await anext(snapshots)
        assert (snapshot.document_id, snapshot.status) == (slow.id, "PROCESSING")


async def test_cancelled_before_it_begins_and_retried(
    services: Services, principal: Principal, add: Add, ingestion: Ingestion
) -> None:
    document = await add()
    cancelled = await services.documents.cancel(principal, document.id)
    assert cancelled.progress.status == "CANCELLED"
    await work(ingestion)
    assert (await services.documents.document(principal, document.id)).chunk_count is None
    with pytest.raises(InvalidState):
        await services.documents.cancel(principal, document.id)

    assert (await services.documents.retry(principal, document.id)).progress.status == "PENDING"
    await work(ingestion)
    ready = await services.documents.document(principal, document.id)
    assert ready.progress.status == "READY"
    with pytest.raises(InvalidState):
        await services.documents.retry(principal, document.id)


async def test_cancelled_in_the_middle_of_embedding(
    services: Services,
    principal: Principal,
    add: Add,
    ingestion: Ingestion,
    embeddings: EmbeddingServer,
) -> None:
    embeddings.answering.clear()
    document = await add()
    working = asyncio.create_task(ingestion.run_next("test"))
    await until(services, principal, document.id, "SEARCHABLE")
    assert await found(services, principal, "tide engine") == {document.id}
    await services.documents.cancel(principal, document.id)
    await asyncio.wait_for(working, 30)  # although the embedder still hangs
    assert await found(services, principal, "tide engine") == set()

    embeddings.answering.set()
    await services.documents.retry(principal, document.id)
    await work(ingestion)
    await until(services, principal, document.id, "READY")
    assert await found(services, principal, "tide engine") == {document.id}


async def test_deleted_while_it_is_processed(
    services: Services,
    principal: Principal,
    add: Add,
    ingestion: Ingestion,
    embeddings: EmbeddingServer,
    postgres: EmbeddedPostgres,
    settings: Settings,
) -> None:
    embeddings.answering.clear()
    document = await add()
    working = asyncio.create_task(ingestion.run_next("test"))
    await until(services, principal, document.id, "SEARCHABLE")
    await services.documents.delete(principal, document.id)
    embeddings.answering.set()
    await asyncio.wait_for(working, 30)
    assert await found(services, principal, "tide engine") == set()
    assert await services.documents.pages(principal, [(document.version_id, 1)]) == {}
    with pytest.raises(NotFound):
        await services.documents.file(principal.user_id, document.version_id)

    await Sweeper(services.database, services.storage).sweep()
    connection = await asyncpg.connect(postgres.url("postgres"))
    for table in ("pages", "chunks", "postings", "chunk_vectors", "ingestion_events"):
        query = f"SELECT count(*) FROM {table} WHERE owner_id = $1"
        assert await connection.fetchval(query, principal.user_id) == 0, table
    await connection.close()
    folder = settings.data_dir / "files" / principal.user_id.hex
    assert await asyncio.to_thread(lambda: list(folder.iterdir())) == []


async def test_the_old_version_answers_until_the_new_one_is_ready(
    services: Services,
    principal: Principal,
    add: Add,
    ingestion: Ingestion,
    embeddings: EmbeddingServer,
) -> None:
    old = await add("letter.txt", "The lamp burns whale oil. " * 20)
    await work(ingestion)
    embeddings.answering.clear()
    new = await add("letter.txt", "The lamp burns paraffin. " * 20)
    working = asyncio.create_task(ingestion.run_next("test"))
    await until(services, principal, new.id, "SEARCHABLE")
    hits = await services.retrieval.search(principal, "lamp burns", 10)
    assert {hit.version_id for hit in hits} == {old.version_id}
    embeddings.answering.set()
    await asyncio.wait_for(working, 30)
    hits = await services.retrieval.search(principal, "lamp burns", 10)
    assert {hit.version_id for hit in hits} == {new.version_id}

    await Sweeper(services.database, services.storage).sweep()
    [page] = (await services.documents.pages(principal, [(old.version_id, 1)])).values()
    assert "whale oil" in page.text
    file = await services.documents.file(principal.user_id, old.version_id)
    assert b"whale oil" in b"".join([chunk async for chunk in file.read()])


async def test_a_new_version_takes_over_from_a_running_job(
    services: Services,
    principal: Principal,
    add: Add,
    ingestion: Ingestion,
    embeddings: EmbeddingServer,
) -> None:
    embeddings.answering.clear()
    document = await add("letter.txt", "First thoughts. " * 30)
    working = asyncio.create_task(ingestion.run_next("test"))
    await until(services, principal, document.id, "SEARCHABLE")
    newer = await add("letter.txt", "Second thoughts. " * 30)
    embeddings.answering.set()
    await asyncio.wait_for(working, 30)
    await work(ingestion)
    ready = await until(services, principal, document.id, "READY")
    assert ready.version_id == ready.active_version_id == newer.version_id


async def test_renamed(services: Services, principal: Principal, add: Add) -> None:
    document = await add("letter.txt")
    renamed = await services.documents.rename(principal, document.id, "diary.txt")
    assert renamed.filename == "diary.txt"
    assert (await add("letter.txt", "Another one. " * 30)).id != document.id


async def test_an_embedder_that_hangs_is_tried_again_and_then_blamed(
    services: Services,
    principal: Principal,
    add: Add,
    settings: Settings,
    embeddings: EmbeddingServer,
    postgres: EmbeddedPostgres,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline, "EMBEDDING_SECONDS", 0.2)
    embeddings.answering.clear()
    ingestion = open_ingestion(settings, services)
    document = await add()
    await work(ingestion)
    postponed = await services.documents.document(principal, document.id)
    assert postponed.progress.status == "SEARCHABLE"
    assert "follows by itself" in (postponed.progress.message or "")

    connection = await asyncpg.connect(postgres.url("postgres"))
    give_up = (
        "UPDATE ingestion_jobs SET available_at = now(), give_up_after = attempt + 1"
        " WHERE document_id = $1"
    )
    await connection.execute(give_up, document.id)
    await connection.close()
    await work(ingestion)
    failed = await services.documents.document(principal, document.id)
    assert failed.progress.status == "FAILED"
    assert failed.progress.failure_code == ErrorCode.EMBEDDER_UNAVAILABLE
    assert failed.progress.failure_advice
    assert await found(services, principal, "tide engine") == set()


HANDBOOK = (SAMPLES / "tide-engine-handbook.pdf").read_bytes()
UNREADABLE = {
    "torn.pdf": (HANDBOOK[: len(HANDBOOK) // 3], ErrorCode.MALFORMED),
    "a PDF by name only.pdf": (b"%PDF-1.7\n" + bytes(5000), ErrorCode.MALFORMED),
    "locked.pdf": ((SAMPLES / "wardens-only.pdf").read_bytes(), ErrorCode.ENCRYPTED),
    "too many pages.pdf": (HANDBOOK, ErrorCode.TOO_LARGE),
    "blank.txt": (b" \n" * 500, ErrorCode.EMPTY),
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_what_cannot_be_read_fails_by_name_and_leaves_nothing(
    services: Services,
    principal: Principal,
    settings: Settings,
    postgres: EmbeddedPostgres,
    name: str,
) -> None:
    content, code = UNREADABLE[name]
    settings = settings.model_copy(update={"max_pages": 2})
    document_id = (await add_documents(settings, services, principal, {name: content}))[name]
    failed = (await services.documents.document(principal, document_id)).progress
    assert (failed.status, failed.failure_code) == ("FAILED", code)
    assert failed.failure_message
    connection = await asyncpg.connect(postgres.url("postgres"))
    for table in ("pages", "chunks", "postings", "chunk_vectors"):
        query = f"SELECT count(*) FROM {table} WHERE owner_id = $1"
        assert await connection.fetchval(query, principal.user_id) == 0, table
    await connection.close()


async def test_a_file_that_storage_lost_is_tried_again(
    services: Services, principal: Principal, add: Add, ingestion: Ingestion
) -> None:
    document = await add()
    await services.storage.delete(document.storage_key)
    await work(ingestion)
    postponed = await services.documents.document(principal, document.id)
    assert postponed.progress.status == "PROCESSING"
    assert "file store" in (postponed.progress.message or "")
