"""A replica is replaced while people read what it writes."""

import asyncio
import itertools
import signal
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from support.chat import ANSWER, CHAT, Json, answer_id, subscribe
from support.language_model import says
from support.replicas import Cluster, assert_whole, collect, prepare, question, words

LIBRARY = "subscription { libraryProgress { version } }"
USERS, CHATS = 4, 20


@pytest.fixture
async def tokens(cluster: Cluster, tmp_path: Path) -> list[str]:
    """Users with a document each: one may have five answers written at the same time."""
    return [await prepare(tmp_path, cluster.urls[0]) for _ in range(USERS)]


async def unready(client: httpx.AsyncClient, url: str) -> Json:
    """What `/readyz` says once it is 503."""
    async with asyncio.timeout(10):
        while (response := await client.get(f"{url}/readyz")).status_code != 503:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    body: Json = response.json()
    return body


async def test_a_deploy_breaks_no_answer(cluster: Cluster, tokens: list[str]) -> None:
    cluster.model.manners = [says("Lit in 1862 [1].", *words(60), between=0.05)]
    leaving, child = cluster.product.serve(
        LECTERN_DRAIN_SECONDS="1", LECTERN_SHUTDOWN_SECONDS="120"
    )
    begun = asyncio.Semaphore(0)

    async def chat(token: str) -> list[Json]:
        seen: list[Json] = []
        async with subscribe(leaving, token, CHAT, input=question()) as events:
            async for event in events:
                seen.append(event)
                if len(seen) == 5:
                    begun.release()
        return seen

    async def watch() -> int | None:
        """The close code of a socket that carries no answer."""
        async with subscribe(leaving, tokens[0], LIBRARY) as events:
            begun.release()
            async for _ in events:
                pass
            return events.close_code

    chats = [asyncio.create_task(chat(t)) for t in itertools.islice(itertools.cycle(tokens), CHATS)]
    watching = asyncio.create_task(watch())
    for _ in range(CHATS + 1):
        await begun.acquire()
    assert child.process is not None
    child.process.send_signal(signal.SIGTERM)

    async with httpx.AsyncClient() as client:
        assert await unready(client, leaving) == {"process": "draining"}
        assert (await client.get(f"{leaving}/healthz")).status_code == 200
        refused = await client.post(
            f"{leaving}/graphql",
            json={"query": CHAT, "variables": {"input": question()}},
            headers={"accept": "text/event-stream", "authorization": f"Bearer {tokens[0]}"},
        )
    assert '"code":"SHUTTING_DOWN"' in refused.text
    assert '"retryable":true' in refused.text

    assert await watching == 1001
    for token, events in zip(itertools.cycle(tokens), await asyncio.gather(*chats), strict=False):
        assert events[-1]["__typename"] == "ChatCompleted", events[-1]
        assert_whole(events, await cluster.stored(events, token))
    await asyncio.to_thread(child.process.wait, 30)


async def test_answers_that_outlast_the_drain_keep_their_text(
    cluster: Cluster, tokens: list[str]
) -> None:
    cluster.model.manners = [says("Lit in 1862 [1].", *words(10_000), between=0.01)]
    leaving, child = cluster.product.serve(
        LECTERN_DRAIN_SECONDS="0.2", LECTERN_SHUTDOWN_SECONDS="0.5"
    )
    seen: list[Json] = []
    assert child.process is not None
    with suppress(ConnectionClosed):
        async with subscribe(leaving, tokens[0], CHAT, input=question()) as events:
            async for event in events:
                seen.append(event)
                if len(seen) == 20:
                    child.process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(child.process.wait, 30)

    elsewhere = {"id": answer_id(seen), "after": len(seen)}
    seen += await collect(cluster.urls[1], tokens[0], ANSWER, **elsewhere)
    stored = await cluster.stored(seen, tokens[0])
    assert (seen[-1]["code"], stored["status"]) == ("INTERRUPTED", "INTERRUPTED")
    assert_whole(seen, stored)


async def test_a_second_signal_ends_the_drain(cluster: Cluster, tokens: list[str]) -> None:
    cluster.model.manners = [says("Lit in 1862 [1].", *words(10_000), between=0.01)]
    leaving, child = cluster.product.serve(
        LECTERN_DRAIN_SECONDS="600", LECTERN_SHUTDOWN_SECONDS="600"
    )
    async with subscribe(leaving, tokens[0], CHAT, input=question()) as events:
        assert answer_id([await anext(aiter(events))])
        assert child.process is not None
        child.process.send_signal(signal.SIGTERM)
        async with httpx.AsyncClient() as client:
            await unready(client, leaving)

        child.process.send_signal(signal.SIGTERM)

        assert await asyncio.to_thread(child.process.wait, 30) is not None
