"""An OpenAI-compatible chat-completions server on the loopback, whose manners each test sets."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from support.loopback import serve

Manner = Callable[[Request], Awaitable[Response]]


class Model:
    """Meets each request with the next manner; the last one stays."""

    def __init__(self) -> None:
        self.manners: list[Manner] = []
        self.requests: list[dict[str, Any]] = []
        self.left = asyncio.Event()
        self.url = ""

    async def complete(self, request: Request) -> Response:
        self.requests.append(await request.json())
        manner = self.manners.pop(0) if len(self.manners) > 1 else self.manners[0]
        return await manner(request)

    def hangs(self) -> Manner:
        async def manner(request: Request) -> Response:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            self.left.set()
            return Response(status_code=499)

        return manner


def chunk(text: str | None, finish: str | None = None) -> str:
    return delta({"content": text}, finish)


def delta(content: dict[str, Any], finish: str | None = None) -> str:
    choice = {"index": 0, "delta": content, "finish_reason": finish}
    return json.dumps({"id": "1", "object": "chat.completion.chunk", "choices": [choice]})


USAGE = json.dumps(
    {
        "id": "1",
        "object": "chat.completion.chunk",
        "choices": [],
        "usage": {"prompt_tokens": 70, "completion_tokens": 9, "total_tokens": 79},
    }
)


def streams(
    *events: str, first: float = 0, between: float = 0, then: Exception | None = None
) -> Manner:
    """The events of a stream; `first` and `between` are seconds of silence."""

    async def body() -> AsyncIterator[str]:
        await asyncio.sleep(first)
        for event in events:
            yield f"data: {event}\n\n"
            await asyncio.sleep(between)
        if then:
            raise then

    async def manner(request: Request) -> Response:
        return StreamingResponse(body(), media_type="text/event-stream")

    return manner


def says(*pieces: str, first: float = 0, between: float = 0) -> Manner:
    events = [chunk(""), *(chunk(piece) for piece in pieces), chunk(None, "stop"), USAGE, "[DONE]"]
    return streams(*events, first=first, between=between)


def tool_calls(*named: tuple[str, str]) -> Manner:
    """Each call in two pieces, as servers stream them."""
    events = []
    for index, (name, arguments) in enumerate(named):
        half = len(arguments) // 2
        head = {"index": index, "id": f"c{index}", "type": "function"}
        head["function"] = {"name": name, "arguments": arguments[:half]}
        rest = {"index": index, "function": {"arguments": arguments[half:]}}
        events += [delta({"tool_calls": [head]}), delta({"tool_calls": [rest]})]
    return streams(*events, delta({}, "tool_calls"), "[DONE]")


def completes(text: str | None) -> Manner:
    """What a request that asks for no stream is met with."""

    async def manner(request: Request) -> Response:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return JSONResponse({"id": "1", "object": "chat.completion", "choices": [choice]})

    return manner


def answers(status: int, **headers: str) -> Manner:
    async def manner(request: Request) -> Response:
        error = {"error": {"message": "secret details", "type": "x"}}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return JSONResponse(error, status, named)

    return manner


@asynccontextmanager
async def serve_model() -> AsyncIterator[Model]:
    """In the running loop."""
    model = Model()
    app = Starlette(routes=[Route("/v1/chat/completions", model.complete, methods=["POST"])])
    async with serve(app) as url:
        model.url = f"{url}/v1"
        yield model


@contextmanager
def model_in_thread() -> Iterator[Model]:
    """For processes that outlive one test and its loop."""
    ready = threading.Event()
    models: list[Model] = []
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with serve_model() as model:
            models.append(model)
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait()
    try:
        yield models[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
