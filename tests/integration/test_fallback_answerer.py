"""The extractive answerer stands in for a language model that is down, through real clients."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from core.errors import ErrorCode, ProviderUnavailable
from core.settings import Settings
from providers.answering import Answerer, Delta, Question, Source, Tokens, Turn, Verdict
from providers.answering.extractive import ExtractiveAnswerer
from providers.answering.factory import open_answerer
from providers.answering.fallback import FallbackAnswerer
from providers.embedding import Embedder
from providers.embedding.bundle import DIMENSIONS, NAME, bundled_model
from providers.embedding.local import LocalEmbedder

SOURCES = [Source(1, "guide", 3, "The lamp of the lighthouse was lit in 1862.", 0.9)]
QUESTION = Question("When was the lamp of the lighthouse lit?", [], SOURCES)
HISTORY = [Turn("user", "Who built the lighthouse?"), Turn("assistant", "Ann Ross did [1].")]


@pytest.fixture(scope="module")
def embedder(models: Path) -> Iterator[Embedder]:
    embedder = LocalEmbedder(lambda: bundled_model(models), NAME, DIMENSIONS, threads=2)
    yield embedder
    asyncio.run(embedder.aclose())


@pytest.fixture
async def answerer(embedder: Embedder) -> AsyncIterator[Answerer]:
    """Its language model listens where nobody does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    settings = Settings(
        _env_file=None,
        OPENAI_BASE_URL=f"http://127.0.0.1:{port}/v1",
        OPENAI_API_KEY=SecretStr("k"),
        openai_model="some-model",
    )
    answerer = open_answerer(settings, ExtractiveAnswerer(embedder))
    yield answerer
    await answerer.aclose()


async def test_answer_comes_from_the_documents_and_says_who_gave_it(answerer: Answerer) -> None:
    events = [event async for event in answerer.answer(QUESTION)]

    assert answerer.name == "some-model"
    assert events == [
        Delta("The lamp of the lighthouse was lit in 1862. [1]", quotes=True),
        Verdict(True, "extractive"),
    ]


async def test_rewriting_falls_back_too(answerer: Answerer) -> None:
    assert await answerer.rewrite("When?", HISTORY, Tokens()) == "Who built the lighthouse? When?"


async def test_without_a_key_or_server_answers_are_extractive(embedder: Embedder) -> None:
    settings = Settings(_env_file=None, OPENAI_API_KEY=None, OPENAI_BASE_URL=None)
    extractive = ExtractiveAnswerer(embedder)

    assert open_answerer(settings, extractive) is extractive


class Broken(ExtractiveAnswerer):
    """Fails after its first words, as a cut connection does."""

    name = "broken"

    async def answer(self, question: Question) -> AsyncGenerator[Delta | Verdict]:
        yield Delta("The lamp ")
        raise ProviderUnavailable(ErrorCode.LLM_UNAVAILABLE, "cut")


async def test_answer_that_breaks_off_is_not_finished_by_another(embedder: Embedder) -> None:
    answerer = FallbackAnswerer(Broken(embedder), ExtractiveAnswerer(embedder))
    events = answerer.answer(QUESTION)

    assert await anext(events) == Delta("The lamp ")
    with pytest.raises(ProviderUnavailable):
        await anext(events)
