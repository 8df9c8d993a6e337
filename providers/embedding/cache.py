"""Questions that come again."""

from collections import OrderedDict
from collections.abc import Sequence

from providers.embedding import Embedder, Vectors


class CachedQueries:
    """An embedder that remembers the vectors of its last `size` queries."""

    def __init__(self, embedder: Embedder, size: int = 1024) -> None:
        self.model = embedder.model
        self.dimensions = embedder.dimensions
        self._embedder = embedder
        self._size = size
        self._vectors: OrderedDict[str, Vectors] = OrderedDict()

    async def embed_passages(self, texts: Sequence[str]) -> Vectors:
        return await self._embedder.embed_passages(texts)

    async def embed_query(self, text: str) -> Vectors:
        """The array is shared and read-only."""
        vector = self._vectors.pop(text, None)
        if vector is None:
            vector = await self._embedder.embed_query(text)
            vector.setflags(write=False)
        self._vectors[text] = vector  # the youngest again
        if len(self._vectors) > self._size:
            self._vectors.popitem(last=False)
        return vector

    async def aclose(self) -> None:
        await self._embedder.aclose()
