"""Chats over real sockets against two API replicas, while everything around them fails."""

import asyncio
import os
import random
import re
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from cli.children import Child
from cli.client import Client
from cli.embedded import EmbeddedPostgres, EmbeddedRedis
from core.ids import new_id
from core.settings import Settings
from support.chat import (
    ANSWER,
    CHAT,
    MESSAGE,
    STOP,
    Json,
    answer_id,
    cited_in,
    follow_with_drops,
    subscribe,
    text_of,
)
from support.language_model import Model, answers, model_in_thread, says, streams
from support.language_model import chunk as model_chunk
from support.product import Product

SEEDS = int(os.environ.get("LECTERN_TEST_SEEDS", "40"))
CLOSES = int(os.environ.get("LECTERN_TEST_CLOSES", "1000"))
PATIENCE_SECONDS = 60
REGISTER = """
mutation ($input: RegisterInput!) { register(input: $input) { ... on Session { accessToken } } }
"""
UPLOAD = """
mutation ($file: Upload!) {
  uploadDocument(input: { file: $file }) { ... on UploadedDocument { document { id } } }
}
"""
PROGRESS = "subscription ($id: ID!) { documentProgress(documentId: $id) { status } }"
PIECES = ["lit", " Ross", " in 1862", " [1", "]. ", "\n", "[9]", "灯", " [1]", "`"]
FACT = "The lighthouse of Skerra was lit in 1862 by Ann Ross. Fog came in the morning."


@dataclass
class Cluster:
    product: Product
    model: Model
    redis: EmbeddedRedis
    urls: list[str]
    token: str

    async def call(self, query: str, **variables: object) -> Json:
        async with Client(self.urls[0]) as client:
            client.access_token = self.token
            return await client.execute(query, **variables)

    async def stored(self, events: list[Json]) -> Json:
        node: Json = (await self.call(MESSAGE, id=answer_id(events)))["node"]
        return node


@pytest.fixture(scope="module")
def cluster(
    postgres: EmbeddedPostgres, models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    models.mkdir(parents=True, exist_ok=True)
    (folder / "models").symlink_to(models, target_is_directory=True)
    with EmbeddedRedis(folder) as redis, model_in_thread() as model:
        settings = Settings(
            _env_file=None,
            DATABASE_URL=postgres.app_url,
            REDIS_URL=redis.url,
            database_owner_url=postgres.owner_url,
            data_dir=folder,
        )
        environment = {
            "OPENAI_BASE_URL": model.url,
            "LECTERN_ANSWERER": "openai",
            "LECTERN_MAX_USER_CONNECTIONS": "5000",
            "LECTERN_LOG_LEVEL": "WARNING",
        }
        with Product(settings, **environment) as product:
            product.work()
            urls = [product.serve()[0] for _ in range(2)]
            token = asyncio.run(prepare(folder, urls[0]))
            yield Cluster(product, model, redis, urls, token)


async def prepare(folder: Path, url: str) -> str:
    """A user with one document."""
    document = folder / "guide.txt"
    document.write_text(FACT)
    async with Client(url) as client:
        account = {"email": f"{new_id().hex}@example.org", "password": "oil it before it asks"}
        registered = await client.execute(REGISTER, input=account)
        client.access_token = registered["register"]["accessToken"]
        uploaded = await client.upload(UPLOAD, document)
        id_ = uploaded["uploadDocument"]["document"]["id"]
        statuses = [
            e["documentProgress"]["status"] async for e in client.subscribe(PROGRESS, id=id_)
        ]
        assert statuses[-1] == "READY"
        assert client.access_token is not None
        return client.access_token


def question(**more: object) -> Json:
    return {"clientMessageId": new_id().hex, "text": "When was the lighthouse lit?", **more}


async def collect(url: str, token: str, query: str, **variables: object) -> list[Json]:
    async with subscribe(url, token, query, **variables) as events:
        return [event async for event in events]


def assert_whole(events: list[Json], stored: Json) -> None:
    """Nothing missing, nothing twice, and what was seen is what is kept."""
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert text_of(events) == stored["text"]
    assert cited_in(events) == stored["citations"]
    assert all(citation["verified"] for citation in stored["citations"])


def words(n: int) -> list[str]:
    return [f"word{i} " for i in range(n)]


async def test_drops_at_random_points_lose_and_repeat_nothing(cluster: Cluster) -> None:
    seeds = count()

    async def improvise(request: Request) -> Response:
        chance = random.Random(next(seeds))
        pieces = [chance.choice(["Lit", " in 1862", " [1", "].", "\n", " [9]", " 灯台", " [1]"])]
        for _ in range(chance.randrange(5, 60)):
            pieces.append(
                chance.choice([" lit", " in 1862", " [1", "]. ", "\n", "[9]", "灯", "[1]"])
            )
        return await says(*pieces, between=chance.choice([0, 0.005, 0.02]))(request)

    cluster.model.manners = [improvise]
    at_once = asyncio.Semaphore(4)

    async def one(seed: int) -> None:
        async with at_once:
            chance = random.Random(seed)
            events = await follow_with_drops(cluster.urls, cluster.token, question(), chance)
            assert events[-1]["__typename"] == "ChatCompleted", f"seed {seed}: {events[-1]}"
            assert_whole(events, await cluster.stored(events))

    async with asyncio.timeout(PATIENCE_SECONDS * 10), asyncio.TaskGroup() as tasks:
        for seed in range(SEEDS):
            tasks.create_task(one(seed))


async def test_an_answer_is_finished_though_its_asker_left(cluster: Cluster) -> None:
    cluster.model.manners = [says("Lit in 1862 [1].", *words(30), between=0.01)]
    async with subscribe(cluster.urls[0], cluster.token, CHAT, input=question()) as events:
        seen = [await anext(aiter(events))]
        events.cut()

    later = await collect(
        cluster.urls[1], cluster.token, ANSWER, id=answer_id(seen), after=seen[-1]["sequence"]
    )

    assert later[-1]["__typename"] == "ChatCompleted"
    assert_whole(seen + later, await cluster.stored(seen))


async def test_stopping_from_the_other_replica_keeps_text_and_citations(cluster: Cluster) -> None:
    cluster.model.manners = [says("Lit in 1862 [1].", *words(10_000), between=0.01)]
    seen: list[Json] = []
    async with subscribe(cluster.urls[0], cluster.token, CHAT, input=question()) as events:
        async for event in events:
            seen.append(event)
            if len(text_of(seen)) > 200 and len(seen) < 1000:
                async with Client(cluster.urls[1]) as client:
                    client.access_token = cluster.token
                    stopped = await client.execute(STOP, id=answer_id(seen))
                answer = stopped["stopAnswer"]["answer"]
                assert answer["status"] == "STOPPED"
                assert answer["citations"] == [{"index": 1}]
                break
        async for event in events:
            seen.append(event)

    stored = await cluster.stored(seen)
    assert seen[-1]["__typename"] == "ChatCompleted"
    assert seen[-1]["answer"]["status"] == "STOPPED"
    assert stored["grounded"] is None
    assert_whole(seen, stored)


async def test_a_resend_at_the_same_moment_asks_once(cluster: Cluster) -> None:
    cluster.model.manners = [says("Lit in 1862 [1].", *words(20), between=0.01)]
    cluster.model.requests.clear()
    asked = question()

    seen = await asyncio.gather(
        *(collect(url, cluster.token, CHAT, input=asked) for url in cluster.urls * 3)
    )

    assert all(events == seen[0] for events in seen)
    assert seen[0][-1]["__typename"] == "ChatCompleted"
    assert len(cluster.model.requests) == 1


async def test_too_many_answers_at_once_are_refused_as_an_event(cluster: Cluster) -> None:
    cluster.model.manners = [says(*words(10_000), between=0.05)]
    running: list[Json] = []
    for _ in range(5):
        async with subscribe(cluster.urls[0], cluster.token, CHAT, input=question()) as events:
            running.append(await anext(aiter(events)))

    (refused,) = await collect(cluster.urls[1], cluster.token, CHAT, input=question())

    assert refused["__typename"] == "ChatFailed"
    assert (refused["code"], refused["retryable"]) == ("TOO_MANY_ANSWERS", True)
    for started in running:
        stopped = await cluster.call(STOP, id=answer_id([started]))
        assert stopped["stopAnswer"]["answer"]["status"] == "STOPPED"


async def test_editing_and_asking_again_make_siblings(cluster: Cluster) -> None:
    cluster.model.manners = [says("Lit in 1862 [1].")]
    first = await collect(cluster.urls[0], cluster.token, CHAT, input=question())
    conversation = first[0]["conversation"]["id"]
    asked = first[0]["question"]

    again = question(parentId=asked["id"], conversationId=conversation)
    regenerated = await collect(cluster.urls[1], cluster.token, CHAT, input=again)
    edit = question(parentId=asked["id"]) | {"text": "Who lit the lighthouse?"}
    edited = await collect(cluster.urls[1], cluster.token, CHAT, input=edit)
    further = question(parentId=answer_id(first)) | {"text": "And the fog?"}
    continued = await collect(cluster.urls[0], cluster.token, CHAT, input=further)

    assert regenerated[0]["question"]["id"] == asked["id"]
    assert answer_id(regenerated) != answer_id(first)
    assert edited[0]["question"]["id"] != asked["id"]
    parents = [
        (await cluster.call(MESSAGE, id=events[0]["question"]["id"]))["node"]["parentId"]
        for events in (first, edited, continued)
    ]
    assert parents == [None, None, answer_id(first)]
    assert {e[0]["conversation"]["id"] for e in (regenerated, edited, continued)} == {conversation}


async def test_a_model_that_breaks_off_leaves_its_text_and_says_so(cluster: Cluster) -> None:
    cluster.model.manners = [streams(model_chunk("Lit in 1862 [1]. And"), then=OSError("cut"))]
    events = await collect(cluster.urls[0], cluster.token, CHAT, input=question())

    assert events[-1]["__typename"] == "ChatFailed"
    assert (events[-1]["code"], events[-1]["retryable"]) == ("LLM_UNAVAILABLE", True)
    stored = await cluster.stored(events)
    assert stored["status"] == "FAILED"
    assert_whole(events, stored)


async def test_a_model_that_is_down_is_stood_in_for(cluster: Cluster) -> None:
    cluster.model.manners = [answers(401)]
    events = await collect(cluster.urls[0], cluster.token, CHAT, input=question())

    assert events[-1]["__typename"] == "ChatCompleted"
    assert "1862" in text_of(events)
    assert_whole(events, await cluster.stored(events))


async def test_losing_redis_in_the_middle_loses_no_event(cluster: Cluster) -> None:
    cluster.model.manners = [says("Lit in 1862 [1].", *words(150), between=0.02)]
    seen: list[Json] = []
    async with subscribe(cluster.urls[1], cluster.token, CHAT, input=question()) as events:
        async for event in events:
            seen.append(event)
            if len(text_of(seen)) > 100 and cluster.redis.is_running() and len(seen) < 12:
                await asyncio.to_thread(cluster.redis.stop)
                await asyncio.sleep(0.5)
                await asyncio.to_thread(cluster.redis.start)

    assert seen[-1]["__typename"] == "ChatCompleted"
    stored = await cluster.stored(seen)
    assert_whole(seen, stored)
    after = len(seen) // 2
    resumed = await collect(cluster.urls[0], cluster.token, ANSWER, id=answer_id(seen), after=after)
    assert_whole(seen[:after] + resumed, stored)


@pytest.fixture
def third(cluster: Cluster) -> tuple[str, Child]:
    """A replica to be ended."""
    return cluster.product.serve()


async def test_killing_the_writing_replica_interrupts_the_answer(
    cluster: Cluster, third: tuple[str, Child]
) -> None:
    url, child = third
    cluster.model.manners = [says("Lit in 1862 [1].", *words(10_000), between=0.02)]
    seen: list[Json] = []
    async with subscribe(url, cluster.token, CHAT, input=question()) as events:
        async for event in events:
            seen.append(event)
            if len(text_of(seen)) > 300:
                break
        assert child.process is not None
        child.process.kill()
        killed_at = time.monotonic()

    seen += await collect(
        cluster.urls[0], cluster.token, ANSWER, id=answer_id(seen), after=seen[-1]["sequence"]
    )
    print(f"interrupted {time.monotonic() - killed_at:.1f} s after the kill")

    assert seen[-1]["__typename"] == "ChatFailed"
    assert (seen[-1]["code"], seen[-1]["retryable"]) == ("INTERRUPTED", True)
    stored = await cluster.stored(seen)
    assert stored["status"] == "INTERRUPTED"
    assert_whole(seen, stored)

    cluster.model.manners = [says("Lit in 1862 [1].")]
    again = question(parentId=seen[0]["question"]["id"])
    regenerated = await collect(cluster.urls[0], cluster.token, CHAT, input=again)
    assert regenerated[-1]["__typename"] == "ChatCompleted"


async def test_a_replica_that_is_asked_to_stop_ends_its_answers(
    cluster: Cluster, third: tuple[str, Child]
) -> None:
    url, child = third
    cluster.model.manners = [says("Lit in 1862 [1].", *words(10_000), between=0.02)]
    seen: list[Json] = []
    async with subscribe(url, cluster.token, CHAT, input=question()) as events:
        async for event in events:
            seen.append(event)
            if len(text_of(seen)) > 300:
                break
        assert child.process is not None
        child.process.terminate()
        assert await asyncio.to_thread(child.process.wait, PATIENCE_SECONDS) is not None

    stored = await cluster.stored(seen)
    assert stored["status"] == "INTERRUPTED"
    seen += await collect(
        cluster.urls[0], cluster.token, ANSWER, id=answer_id(seen), after=seen[-1]["sequence"]
    )
    assert_whole(seen, stored)


async def gauges(url: str) -> dict[str, float]:
    """What must not grow with the number of those who came and left."""
    async with httpx.AsyncClient() as client:
        page = (await client.get(f"{url}/metrics")).text
    found = re.findall(
        r"^lectern_(websockets_open|subscriptions_active|asyncio_tasks|hint_channels"
        r"|database_connections_in_use|answers_writing) ([\d.]+)$",
        page,
        re.MULTILINE,
    )
    assert len(found) == 6, page
    return {name: float(value) for name, value in found}


@pytest.fixture
async def unfinished(cluster: Cluster) -> AsyncIterator[str]:
    """The id of an answer that will not end by itself soon."""
    cluster.model.manners = [says(*words(10_000), between=1)]
    async with subscribe(cluster.urls[0], cluster.token, CHAT, input=question()) as events:
        id_ = answer_id([await anext(aiter(events))])
    yield id_
    await cluster.call(STOP, id=id_)


async def test_a_thousand_abrupt_closes_leave_nothing_behind(
    cluster: Cluster, unfinished: str
) -> None:
    url = cluster.urls[1]
    async with subscribe(url, cluster.token, ANSWER, id=unfinished, after=0) as events:
        await anext(aiter(events))  # what the first follower of a process opens stays open
    before = await gauges(url)
    while before["websockets_open"] or before["subscriptions_active"]:
        before = await gauges(url)
    at_once = asyncio.Semaphore(20)

    async def come_and_go(number: int) -> None:
        async with (
            at_once,
            subscribe(url, cluster.token, ANSWER, id=unfinished, after=0) as events,
        ):
            if number % 3:
                await anext(aiter(events))
            events.cut()

    async with asyncio.TaskGroup() as tasks:
        for number in range(CLOSES):
            tasks.create_task(come_and_go(number))

    deadline = time.monotonic() + PATIENCE_SECONDS
    while (after := await gauges(url)) != before:
        assert time.monotonic() < deadline, (before, after)
        await asyncio.sleep(0.2)
