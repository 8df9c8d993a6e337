"""graphql-sse, distinct connections mode: an operation's results as server-sent events.

https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.types import Receive, Scope, Send
from strawberry.types import ExecutionResult

from server.encoding import encode_json
from server.results import result_body

MEDIA_TYPE = "text/event-stream"
HEARTBEAT_SECONDS = 15
"""Seconds between comments that keep a stream open; proxies end silent ones, often after 60."""

_HEADERS = [
    (b"content-type", f"{MEDIA_TYPE}; charset=utf-8".encode()),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


class EventStream:
    """An ASGI response that ends with its results, its reader or its time, whichever is first.

    When its time is up, or it has to leave, it breaks off without `complete`, and clients connect
    again.

    Starlette's `StreamingResponse` cancels by an anyio scope, which also cancels what a
    generator awaits in its clean-up; here every task is cancelled once and awaited.
    """

    def __init__(
        self,
        results: AsyncGenerator[ExecutionResult, None],
        seconds: float | None,
        *,
        carries_answer: bool,
    ) -> None:
        self.carries_answer = carries_answer
        self._results = results
        self._seconds = seconds
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        self._leaving.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        async with asyncio.TaskGroup() as tasks:
            ends = [tasks.create_task(self._write(send)), tasks.create_task(_left(receive))]
            leaving = tasks.create_task(self._leaving.wait())
            heart = tasks.create_task(_beat(send))
            ended, _ = await asyncio.wait(
                [*ends, leaving], timeout=self._seconds, return_when=asyncio.FIRST_COMPLETED
            )
            for task in (*ends, leaving, heart):
                task.cancel()
        if not ended - {leaving}:
            await _send(send, "", more=False)

    async def _write(self, send: Send) -> None:
        async with aclosing(self._results):
            async for result in self._results:
                await _send(send, f"event: next\ndata: {encode_json(result_body(result))}\n\n")
        await _send(send, "event: complete\ndata:\n\n", more=False)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _beat(send: Send) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        await _send(send, ":\n\n")


async def _send(send: Send, text: str, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": more})
