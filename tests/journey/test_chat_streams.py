"""Chats over real sockets against two API replicas, while everything around them fails."""

import asyncio
import os
import random
import re
import time
from collections.abc import AsyncIterator
from itertools import count

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from cli.children import Child
from cli.client import Client
from support.chat import (
    ANSWER,
    CHAT,
    MESSAGE,
    STOP,
    Json,
    answer_id,
    follow_with_drops,
    subscribe,
    text_of,
)
from support.language_model import answers, says, streams
from support.language_model import chunk as model_chunk
from support.replicas import Cluster, assert_whole, collect, question, words

SEEDS = int(os.environ.get("LECTERN_TEST_SEEDS", "40"))
CLOSES = int(os.environ.get("LECTERN_TEST_CLOSES", "1000"))
PATIENCE_SECONDS = 60
PIECES = ["lit", " Ross", " in 1862", " [1", "]. ", "\n", "[9]", "灯", " [1]", "`"]


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


async def quiet_gauges(url: str) -> dict[str, float]:
    """The gauges once nothing moves any more."""
    last: dict[str, float] = {}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (now := await gauges(url)) != last or now["websockets_open"]:
            last = now
            await asyncio.sleep(1)
    return last


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
    at_once = asyncio.Semaphore(20)

    async def come_and_go(number: int) -> None:
        async with (
            at_once,
            subscribe(url, cluster.token, ANSWER, id=unfinished, after=0) as events,
        ):
            if number % 3:
                await anext(aiter(events))
            events.cut()

    await come_and_go(1)  # what lives as long as the process has begun
    before = await quiet_gauges(url)
    async with asyncio.TaskGroup() as tasks:
        for number in range(CLOSES):
            tasks.create_task(come_and_go(number))

    deadline = time.monotonic() + PATIENCE_SECONDS
    while (after := await gauges(url)) != before:
        assert time.monotonic() < deadline, (before, after)
        await asyncio.sleep(0.2)
