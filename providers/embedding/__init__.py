"""Text into vectors."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


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
