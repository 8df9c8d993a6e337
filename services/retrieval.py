"""Finding the passages of one's own documents that answer a question."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from core.errors import DomainError, ErrorCode, InvalidInput, ProviderUnavailable
from core.language import detect_language
from core.principal import Principal
from core.terms import fold, terms
from db import retrieval
from db.engine import Database
from db.retrieval import Hit, Scope
from providers.embedding import Embedder

MAX_QUERY_CHARACTERS = 10_000
MAX_TERMS = 64
MAX_RESULTS = 100


@dataclass(frozen=True, slots=True)
class Fusion:
    """How the lexical and the semantic leg become one ranking (reciprocal rank fusion)."""

    candidates: int = 50
    damping: float = 60.0
    lexical_weight: float = 1.0
    semantic_weight: float = 1.0


class Retrieval:
    def __init__(
        self, database: Database, embedder: Embedder, fusion: Fusion | None = None
    ) -> None:
        self._database = database
        self._embedder = embedder
        self._fusion = fusion or Fusion()

    async def search(
        self, principal: Principal, query: str, limit: int, scope: Scope | None = None
    ) -> list[Hit]:
        """The best passages, best first; raises `InvalidInput` and `ProviderUnavailable`."""
        if not query.strip():
            raise InvalidInput("A search needs some text.", field="query")
        if len(query) > MAX_QUERY_CHARACTERS:
            raise InvalidInput(
                f"A search has at most {MAX_QUERY_CHARACTERS:,} characters.", field="query"
            )
        if not 1 <= limit <= MAX_RESULTS:
            raise InvalidInput(f"first must be between 1 and {MAX_RESULTS}.", field="first")
        embedding, query_language = await asyncio.gather(
            self._embedder.embed_query(query), asyncio.to_thread(detect_language, query[:500])
        )
        async with self._database.read(principal.user_id) as session:
            languages = set(await retrieval.languages(session))
            if query_language is not None:
                languages.add(query_language)
            hits = await retrieval.search(
                session,
                list(dict.fromkeys(terms(query, sorted(languages))))[:MAX_TERMS],
                embedding,
                await retrieval.model_id(session, self._embedder.model, self._embedder.dimensions),
                scope or Scope(),
                2 * limit,
                candidates=max(self._fusion.candidates, 2 * limit),
                damping=self._fusion.damping,
                lexical_weight=self._fusion.lexical_weight,
                semantic_weight=self._fusion.semantic_weight,
            )
        return _distinct(hits)[:limit]

    async def sources(
        self, principal: Principal, query: str, limit: int, document_ids: Sequence[UUID] | None
    ) -> list[Hit]:
        """Passages for an answer; whatever goes wrong is `RETRIEVAL_FAILED`."""
        try:
            return await self.search(principal, query, limit, Scope(document_ids=document_ids))
        except DomainError as error:
            raise ProviderUnavailable(ErrorCode.RETRIEVAL_FAILED, error.message) from error


def _distinct(hits: list[Hit]) -> list[Hit]:
    """Of passages with the same words only the best stays."""
    best: dict[str, Hit] = {}
    for hit in hits:
        best.setdefault(" ".join(fold(hit.text).split()), hit)
    return list(best.values())
