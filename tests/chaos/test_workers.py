"""Workers are killed, frozen, stopped and told the wrong time."""

import asyncio
import signal

import pytest

from chaos.cluster import LEASE_SECONDS, Cluster, frozen, kill, until_ended, upload
from chaos.contents import pdf_file, text_file
from chaos.history import check
from core.principal import Principal
from services.container import Services

STAGES = {
    "claimed": "PROCESSING PARSING",
    "parsing": "PROCESSING PARSING %pages read",
    "chunking": "PROCESSING CHUNKING",
    "indexing": "PROCESSING INDEXING",
    "searchable": "SEARCHABLE EMBEDDING 0 of%",
    "embedding": "SEARCHABLE EMBEDDING 64 of%",
    "publishing": "SEARCHABLE PUBLISHING%",
    "ready": "READY DONE",
}


QUICK = {"parsing", "indexing", "embedding", "ready"}


@pytest.mark.parametrize(
    "stage",
    [pytest.param(s, marks=[] if s in QUICK else pytest.mark.long) for s in STAGES],
)
async def test_killed_in_the_middle_of(
    cluster: Cluster, services: Services, owner: Principal, stage: str
) -> None:
    name, content = text_file(f"killed {stage}", paragraphs=90)
    async with cluster.halted_at(owner, STAGES[stage]):
        document = await upload(services, owner, name, content)
        await cluster.until_halted()
        kill(await cluster.worker_of(document.id))
    seen = await check(cluster, services, owner, {document.id: (name, content)})
    assert seen == {"READY": 1}


async def test_killed_again_and_again(
    cluster: Cluster, services: Services, owner: Principal
) -> None:
    files = [text_file(f"again {n}", 20) for n in range(6)] + [pdf_file("again", 12)]
    acknowledged = {(await upload(services, owner, *file)).id: file for file in files}
    for _ in range(3):
        worker = cluster.workers[0]
        await asyncio.sleep(0.7)
        kill(worker)
        cluster.keep_working(2)
    assert (await check(cluster, services, owner, acknowledged)) == {"READY": 7}


@pytest.mark.long
async def test_frozen_for_longer_than_its_lease_changes_nothing_afterwards(
    cluster: Cluster, services: Services, owner: Principal
) -> None:
    name, content = text_file("frozen", paragraphs=40)
    cluster.embeddings.answering.clear()
    document = await upload(services, owner, name, content)
    with frozen((await cluster.worker_of(document.id)).process):
        await asyncio.sleep(LEASE_SECONDS)
        cluster.embeddings.answering.set()
        ended = await until_ended(services, owner, [document.id])
        assert ended[document.id].progress.attempt > 1
    assert (await check(cluster, services, owner, {document.id: (name, content)})) == {"READY": 1}


async def test_sigterm_hands_back_without_using_up_an_attempt(
    cluster: Cluster, services: Services, owner: Principal
) -> None:
    name, content = text_file("terminated", paragraphs=40)
    cluster.embeddings.answering.clear()
    document = await upload(services, owner, name, content)
    worker = await cluster.worker_of(document.id)
    assert worker.process is not None
    worker.process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(worker.process.wait, 30) == 0
    async with cluster.superuser() as connection:
        job = await connection.fetchrow(
            "SELECT attempt, give_up_after FROM ingestion_jobs WHERE document_id = $1", document.id
        )
        assert job["give_up_after"] - job["attempt"] >= 4
    cluster.embeddings.answering.set()
    assert (await check(cluster, services, owner, {document.id: (name, content)})) == {"READY": 1}
