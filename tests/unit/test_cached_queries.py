from collections.abc import Sequence

import numpy as np
import pytest

from providers.embedding import Vectors
from providers.embedding.cache import CachedQueries


class Lengths:
    """Embeds a text as its length, and remembers what it was asked."""

    model = "lengths"
    dimensions = 1

    def __init__(self) -> None:
        self.queries: list[str] = []

    async def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return np.array([[len(text)] for text in texts], np.float32)

    async def embed_query(self, text: str) -> Vectors:
        self.queries.append(text)
        return np.array([len(text)], np.float32)

    async def aclose(self) -> None: ...


async def test_query_is_embedded_once() -> None:
    lengths = Lengths()
    cached = CachedQueries(lengths)

    assert [(await cached.embed_query(text))[0] for text in ("ab", "abc", "ab")] == [2, 3, 2]
    assert lengths.queries == ["ab", "abc"]


async def test_oldest_query_is_forgotten_first() -> None:
    lengths = Lengths()
    cached = CachedQueries(lengths, size=2)

    for text in ("a", "b", "a", "c", "a", "b"):
        await cached.embed_query(text)

    assert lengths.queries == ["a", "b", "c", "b"]


async def test_shared_vector_cannot_be_changed() -> None:
    vector = await CachedQueries(Lengths()).embed_query("ab")

    with pytest.raises(ValueError, match="read-only"):
        vector[0] = 0
