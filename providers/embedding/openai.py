"""Embeddings from any OpenAI-compatible server."""

import asyncio
import base64
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import openai

from core.errors import ErrorCode, ProviderUnavailable
from providers.breaker import CircuitBreaker
from providers.embedding import Vectors, unit

if TYPE_CHECKING:
    from openai.types import CreateEmbeddingResponse

MAX_INPUTS = 2_048
MAX_REQUEST_TOKENS = 300_000
MAX_INPUT_TOKENS = 8_192
"""The limits of OpenAI's own service. A byte-level tokenizer never makes more tokens than there
are bytes of UTF-8, so bytes are counted: requests stay small and no vocabulary is needed."""

NATIVE_DIMENSIONS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
SHORTENED = "text-embedding-3"
"""Models that are trained to be cut (Matryoshka); servers refuse `dimensions` for the others."""

QUERY_SECONDS = 10.0
REQUEST_SECONDS = 60.0
"""One request for passages with all its retries."""

DOWN = (
    TimeoutError,
    openai.APIConnectionError,
    openai.InternalServerError,
    openai.RateLimitError,
)
"""What opens the circuit; a rejected request shows that the server answers."""

UNAVAILABLE = "The embedding service cannot be used right now."


class OpenAIEmbedder:
    """The client's own retries (jitter, `Retry-After`) end with the time a request may take."""

    def __init__(
        self,
        client: openai.AsyncOpenAI,
        model: str,
        dimensions: int,
        *,
        query_seconds: float = QUERY_SECONDS,
        request_seconds: float = REQUEST_SECONDS,
    ) -> None:
        self.model = f"{model}@{dimensions}"
        self.dimensions = dimensions
        self._client = client
        self._name = model
        self._shorten = dimensions if model.startswith(SHORTENED) else openai.omit
        self._query_seconds = query_seconds
        self._request_seconds = request_seconds
        self._breaker = CircuitBreaker(ErrorCode.EMBEDDER_UNAVAILABLE, UNAVAILABLE, DOWN)

    async def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """A text beyond the model's limit counts up to that limit."""
        vectors = [await self._embed(batch, self._request_seconds) for batch in _batches(texts)]
        return np.concatenate([np.empty((0, self.dimensions), np.float32), *vectors])

    async def embed_query(self, text: str) -> Vectors:
        (vector,) = await self._embed([_fit(text)], self._query_seconds)
        return np.asarray(vector)

    async def aclose(self) -> None:
        await self._client.close()

    async def _embed(self, inputs: list[str], seconds: float) -> Vectors:
        try:
            with self._breaker.guard():
                async with asyncio.timeout(seconds):
                    response = await self._client.embeddings.create(
                        input=inputs,
                        model=self._name,
                        dimensions=self._shorten,
                        encoding_format="base64",
                    )
            return _vectors(response, len(inputs), self.dimensions)
        except (openai.OpenAIError, TimeoutError) as error:
            raise ProviderUnavailable(ErrorCode.EMBEDDER_UNAVAILABLE, UNAVAILABLE) from error
        # The client validates nothing that it receives.
        except (AttributeError, TypeError, ValueError) as error:
            raise ProviderUnavailable(
                ErrorCode.EMBEDDER_UNAVAILABLE, "The embedding service's answer cannot be used."
            ) from error


def _fit(text: str) -> str:
    """The text up to the model's limit; the service refuses an empty one."""
    return text.encode(errors="replace")[:MAX_INPUT_TOKENS].decode(errors="ignore") or " "


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    tokens = 0
    for text in map(_fit, texts):
        size = len(text.encode())
        if len(batch) == MAX_INPUTS or tokens + size > MAX_REQUEST_TOKENS:
            yield batch
            batch, tokens = [], 0
        batch.append(text)
        tokens += size
    if batch:
        yield batch


def _vectors(response: "CreateEmbeddingResponse", count: int, dimensions: int) -> Vectors:
    """Unit vectors in the order of the inputs. Raises `ValueError` on any other answer."""
    rows = sorted(response.data, key=lambda item: item.index)
    if [row.index for row in rows] != list(range(count)):
        raise ValueError(f"{len(rows)} embeddings for {count} inputs")
    vectors = np.stack([_floats(row.embedding) for row in rows])
    if vectors.shape != (count, dimensions):
        raise ValueError(f"{vectors.shape[1]} dimensions instead of {dimensions}")
    return unit(vectors)


def _floats(embedding: str | list[float]) -> Vectors:
    """Some servers send a list although base64 was asked for."""
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding), "<f4")
    return np.array(embedding, np.float32)
