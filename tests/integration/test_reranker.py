"""The reranker against a server on loopback, whose manners each test sets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cli.doctor import doctor
from core.errors import ProviderUnavailable
from core.principal import Principal
from core.settings import Settings
from providers.reranking import Reranker
from providers.reranking.http import open_reranker
from services.container import Services
from services.retrieval import Retrieval
from support.library import add_documents
from support.loopback import serve

TEXTS = ["the lamp", "the tide", "the bread"]
KEY = "a key for the reranker"


class Service:
    """Scores a text by its length, as text-embeddings-inference writes scores."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.answer: Callable[[list[str]], Any] = lambda texts: [
            {"index": index, "score": -len(text)} for index, text in enumerate(texts)
        ]
        self.status = 200
        self.seconds = 0.0

    async def rerank(self, request: Request) -> Response:
        body = await request.json()
        self.requests.append(body)
        self.keys.append(request.headers.get("authorization"))
        await asyncio.sleep(self.seconds)
        texts = body["texts"] if "texts" in body else body["documents"]
        return JSONResponse(self.answer(texts), self.status)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    app = Starlette(routes=[Route("/v1/rerank", service.rerank, methods=["POST"])])
    async with serve(app) as url:
        service.url = f"{url}/v1"
        yield service


@pytest.fixture
async def reranker(service: Service, settings: Settings) -> AsyncIterator[Reranker]:
    reranker = opened(settings, rerank_url=service.url)
    yield reranker
    await reranker.aclose()


async def test_doctor_asks_it(
    service: Service, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = settings.model_copy(update={"port": 0, "rerank_url": service.url})
    assert await doctor(changed) == 0
    assert f"passages are read again by {urlsplit(service.url).netloc}" in capsys.readouterr().out
    service.status = 503
    assert await doctor(changed) == 1
    assert "127.0.0.1 cannot be used (Server error '503" in capsys.readouterr().out


def opened(settings: Settings, **changes: object) -> Reranker:
    changed = Settings(_env_file=None, **(settings.model_dump(exclude_unset=True) | changes))
    reranker = open_reranker(changed)
    assert reranker is not None
    return reranker


def test_there_is_none_by_default(settings: Settings) -> None:
    assert open_reranker(settings) is None


async def test_scores_come_in_the_order_of_the_texts(service: Service, reranker: Reranker) -> None:
    service.answer = lambda texts: [
        {"index": 2, "score": 0.9},
        {"index": 0, "score": 0.5},
        {"index": 1, "score": 0.1},
    ]
    assert await reranker.rerank("What rises?", TEXTS) == [0.5, 0.1, 0.9]
    assert service.requests == [{"query": "What rises?", "texts": TEXTS, "truncate": True}]
    assert service.keys == [None]


async def test_a_model_is_asked_for_as_jina_wants_it(service: Service, settings: Settings) -> None:
    service.answer = lambda texts: {
        "results": [{"index": n, "relevance_score": n / 10} for n in reversed(range(3))]
    }
    reranker = opened(
        settings, rerank_url=service.url, rerank_model="some-reranker", rerank_api_key=KEY
    )
    assert await reranker.rerank("What rises?", TEXTS) == [0.0, 0.1, 0.2]
    expected = {"query": "What rises?", "documents": TEXTS, "model": "some-reranker"}
    assert service.requests == [expected]
    assert service.keys == [f"Bearer {KEY}"]
    await reranker.aclose()


@pytest.mark.parametrize(
    "answer",
    [[], {}, {"results": None}, [{"index": 0, "score": 1}], "no", [{"index": 0}] * 3, [1, 2, 3]],
)
async def test_useless_answers_are_refused(
    service: Service, reranker: Reranker, answer: object
) -> None:
    service.answer = lambda texts: answer
    with pytest.raises(ProviderUnavailable):
        await reranker.rerank("What rises?", TEXTS)


async def test_the_circuit_opens_when_the_server_is_down(
    service: Service, reranker: Reranker
) -> None:
    service.status = 503
    for _ in range(8):
        with pytest.raises(ProviderUnavailable):
            await reranker.rerank("What rises?", TEXTS)
    assert len(service.requests) == 5


async def test_a_search_is_reranked_and_goes_on_without(
    service: Service, settings: Settings, services: Services, principal: Principal
) -> None:
    files = {
        "long.txt": "The lamp burns whale oil from dusk until the keeper puts it out.",
        "short.txt": "Bread is baked.",
    }
    await add_documents(settings, services, principal, files)
    reranker = opened(settings, rerank_url=service.url, rerank_seconds=0.2)
    retrieval = Retrieval(services.database, services.embedder, reranker, graph_chunks=1_000)

    reranked = await retrieval.search(principal, "What does the lamp burn?", 2)
    service.seconds = 5
    without = await retrieval.search(principal, "What does the lamp burn?", 2)

    assert [hit.filename for hit in reranked] == ["short.txt", "long.txt"]
    assert [hit.score for hit in reranked] == [-len(hit.text) for hit in reranked]
    assert [hit.filename for hit in without] == ["long.txt", "short.txt"]
    await reranker.aclose()
