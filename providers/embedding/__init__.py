"""Text into vectors."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


def unit(vectors: Vectors) -> Vectors:
    """Rows at length one. Raises `ValueError` for a row that has no direction."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and lengths.all()):
        raise ValueError("a vector without a direction")
    return np.asarray(vectors / lengths, np.float32)


class Embedder(Protocol):
    """Unit-length vectors of one model. Raises `ProviderUnavailable`."""

    model: str
    """Names the vectors in the database; two models never share a name."""
    dimensions: int

    async def embed_passages(self, texts: Sequence[str]) -> Vectors:
        """Shape (len(texts), dimensions)."""
        ...

    async def embed_query(self, text: str) -> Vectors:
        """Shape (dimensions,)."""
        ...

    async def aclose(self) -> None: ...
