"""Embeddings computed in this process."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.errors import ErrorCode, ProviderUnavailable
from providers.embedding import Vectors, unit

if TYPE_CHECKING:
    from providers.embedding.encoder import Encoder

QUERY_PREFIX, PASSAGE_PREFIX = "query: ", "passage: "
"""What models of the E5 family are trained to be told."""

BATCH_WINDOWS = 4
"""Windows of one batch; larger batches leave the processor's caches."""


class LocalEmbedder:
    """An E5 model in threads: mean pooling over all of a text's windows, unit length.

    `folder` finds or makes the model's folder; it is called, in a thread, by the first request.
    Passages take `threads` processors; a query has a thread of its own and never waits for them.
    """

    def __init__(
        self, folder: Callable[[], Path], model: str, dimensions: int, threads: int
    ) -> None:
        self.model = model
        self.dimensions = dimensions
        self._folder = folder
        self._encoder: Encoder | None = None
        self._opening = threading.Lock()
        self._queries = ThreadPoolExecutor(1, "embed-query")
        self._passages = ThreadPoolExecutor(threads, "embed-passages")

    async def embed_passages(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimensions), np.float32)
        if not texts:
            return vectors
        loop = asyncio.get_running_loop()
        windows = await loop.run_in_executor(self._passages, self._windows, texts)
        # Windows of like length share a batch, so that little of it is padding.
        windows.sort(key=lambda window: len(window[1]))
        owners = [owner for owner, _ in windows]
        ids = [ids for _, ids in windows]
        starts = range(0, len(ids), BATCH_WINDOWS)
        batches = [ids[start : start + BATCH_WINDOWS] for start in starts]
        sums = await asyncio.gather(
            *(loop.run_in_executor(self._passages, self._sums, batch) for batch in batches)
        )
        np.add.at(vectors, owners, np.concatenate(sums))
        return unit(vectors)

    async def embed_query(self, text: str) -> Vectors:
        """Of a query that fills more than one window, the first counts."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._queries, self._query, text)

    async def aclose(self) -> None:
        self._queries.shutdown(wait=False, cancel_futures=True)
        self._passages.shutdown(wait=False, cancel_futures=True)

    def _query(self, text: str) -> Vectors:
        encoder = self._open()
        (vector,) = unit(encoder.sums(encoder.windows(QUERY_PREFIX + text)[:1]))
        return np.asarray(vector)

    def _windows(self, texts: Sequence[str]) -> list[tuple[int, list[int]]]:
        """Token ids of each window with the index of its text."""
        encoder = self._open()
        return [
            (index, window)
            for index, text in enumerate(texts)
            for window in encoder.windows(PASSAGE_PREFIX + text)
        ]

    def _sums(self, windows: list[list[int]]) -> Vectors:
        return self._open().sums(windows)

    def _open(self) -> "Encoder":
        with self._opening:
            if self._encoder is None:
                try:
                    self._encoder = self._load()
                except Exception as error:
                    raise ProviderUnavailable(
                        ErrorCode.EMBEDDER_UNAVAILABLE, "The embedding model cannot be opened."
                    ) from error
            return self._encoder

    def _load(self) -> "Encoder":
        from providers.embedding.encoder import Encoder

        encoder = Encoder(self._folder())
        _, dimensions = encoder.sums(encoder.windows(QUERY_PREFIX)).shape
        if dimensions != self.dimensions:
            raise ValueError(f"{self.model} has {dimensions} dimensions, not {self.dimensions}")
        return encoder
