"""Reading a question and a passage together, which ranks better than comparing their vectors."""

from collections.abc import Sequence
from typing import Protocol


class Reranker(Protocol):
    """A cross-encoder. Raises `ProviderUnavailable`."""

    async def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        """A score for each text, in their order; the higher, the better it answers."""
        ...

    async def aclose(self) -> None: ...
