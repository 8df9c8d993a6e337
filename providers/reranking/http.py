"""Rerankers behind `/rerank`: text-embeddings-inference, and the servers that do as Jina does."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx2

from core.errors import ErrorCode, ProviderUnavailable
from core.settings import Settings
from providers.breaker import CircuitBreaker
from providers.reranking import Reranker

UNAVAILABLE = "The reranking service cannot be used right now."


class HttpReranker:
    """With a model's name the request is like Jina's (or Cohere's, vLLM's), else like TEI's."""

    def __init__(self, client: httpx2.AsyncClient, model: str | None, seconds: float) -> None:
        self._client = client
        self._model = model
        self._seconds = seconds
        self._breaker = CircuitBreaker(
            ErrorCode.RETRIEVAL_FAILED, UNAVAILABLE, (TimeoutError, httpx2.HTTPError)
        )

    async def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        if self._model is None:
            body = {"query": query, "texts": texts, "truncate": True}
        else:
            body = {"query": query, "documents": texts, "model": self._model}
        try:
            with self._breaker.guard():
                async with asyncio.timeout(self._seconds):
                    response = await self._client.post("rerank", json=body)
                    response.raise_for_status()
            return _scores(response.json(), len(texts))
        except (TimeoutError, httpx2.HTTPError, ValueError, TypeError, KeyError) as error:
            raise ProviderUnavailable(ErrorCode.RETRIEVAL_FAILED, UNAVAILABLE) from error

    async def aclose(self) -> None:
        await self._client.aclose()


def open_reranker(settings: Settings) -> Reranker | None:
    """None unless the settings name a server."""
    if settings.rerank_url is None:
        return None
    key = settings.rerank_api_key
    client = httpx2.AsyncClient(
        base_url=settings.rerank_url,
        headers={"Authorization": f"Bearer {key.get_secret_value()}"} if key else {},
        timeout=None,  # the whole request has one
    )
    return HttpReranker(client, settings.rerank_model, settings.rerank_seconds)


def _scores(answer: Any, count: int) -> list[float]:
    """Raises `KeyError`, `TypeError` or `ValueError` unless each text has one score."""
    rows = answer["results"] if isinstance(answer, dict) else answer
    scores = {
        int(row["index"]): float(row["relevance_score"] if "score" not in row else row["score"])
        for row in rows
    }
    if sorted(scores) != list(range(count)):
        raise ValueError(f"scores of {sorted(scores)} for {count} texts")
    return [scores[index] for index in range(count)]
