"""Chat as a front end does it, over a real websocket that can be cut at any moment."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

Json = dict[str, Any]

EVENT = """
  __typename
  ... on ChatStarted { sequence conversation { id title } question { id text } answer { id } }
  ... on ChatSources { sequence passages { id text } }
  ... on ChatDelta { sequence text }
  ... on ChatCitation { sequence citation { ...cited } }
  ... on ChatCompleted { sequence grounded answer { text status citations { ...cited } } }
  ... on ChatFailed { sequence code message retryable }
"""
CITED = "fragment cited on Citation { index start end quote pageNumber verified }"
CHAT = f"subscription ($input: ChatInput!) {{ chat(input: $input) {{ {EVENT} }} }} {CITED}"
ANSWER = f"""subscription ($id: ID!, $after: Int!) {{
  answer(messageId: $id, afterSequence: $after) {{ {EVENT} }} }} {CITED}"""
MESSAGE = f"""query ($id: ID!) {{ node(id: $id) {{ ... on Message {{
  text status grounded parentId citations {{ ...cited }} }} }} }} {CITED}"""
STOP = """mutation ($id: ID!) { stopAnswer(messageId: $id) {
  ... on StoppedAnswer { answer { text status citations { index } } } ... on Error { code } } }"""


class Subscription:
    """The events of one chat or answer; `cut` drops the connection without a word."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    def __aiter__(self) -> AsyncIterator[Json]:
        return self._events()

    async def _events(self) -> AsyncIterator[Json]:
        async for frame in self._socket:
            message = json.loads(frame)
            if message["type"] == "next":
                assert not message["payload"].get("errors"), message
                (event,) = message["payload"]["data"].values()
                yield event
            elif message["type"] in ("error", "complete"):
                assert message["type"] == "complete", message
                return

    @property
    def close_code(self) -> int | None:
        return self._socket.close_code

    def cut(self) -> None:
        self._socket.transport.abort()


@asynccontextmanager
async def subscribe(
    url: str, token: str, query: str, **variables: object
) -> AsyncIterator[Subscription]:
    async with connect(
        f"ws{url.removeprefix('http')}/graphql",
        subprotocols=[Subprotocol("graphql-transport-ws")],
        max_size=None,
        proxy=None,
        close_timeout=1,
    ) as socket:
        init = {"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}
        await socket.send(json.dumps(init))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        payload = {"query": query, "variables": variables}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        yield Subscription(socket)


async def follow_with_drops(
    urls: list[str], token: str, question: Json, chance: random.Random
) -> list[Json]:
    """All events of one answer, seen through connections that drop at random points and are made
    again to whichever replica comes next."""
    seen: list[Json] = []
    while not seen or seen[-1]["__typename"] not in ("ChatCompleted", "ChatFailed"):
        patience = chance.randrange(1, 12)
        if seen:
            after = seen[-1]["sequence"]
            opened = subscribe(chance.choice(urls), token, ANSWER, id=answer_id(seen), after=after)
        else:
            opened = subscribe(chance.choice(urls), token, CHAT, input=question)
        async with opened as events:
            async for event in events:
                seen.append(event)
                patience -= 1
                if patience == 0:
                    events.cut()
                    break
        await asyncio.sleep(chance.choice([0, 0, 0.02, 0.1]))
    return seen


def answer_id(events: list[Json]) -> str:
    started = events[0]
    assert started["__typename"] == "ChatStarted", started
    id_: str = started["answer"]["id"]
    return id_


def text_of(events: list[Json]) -> str:
    return "".join(event["text"] for event in events if event["__typename"] == "ChatDelta")


def cited_in(events: list[Json]) -> list[Json]:
    return [e["citation"] for e in events if e["__typename"] == "ChatCitation"]
