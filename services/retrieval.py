"""Retrieval of the passages of a user's documents that answer a question."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import structlog

from core.errors import DomainError, ErrorCode, InvalidInput, ProviderUnavailable
from core.language import detect_language
from core.principal import Principal
from core.telemetry import describe
from core.terms import search_terms
from core.text import check_storable, storable
from db import retrieval
from db.engine import Database
from db.retrieval import Hit, Scope
from providers.embedding import Embedder
from providers.reranking import Reranker
from services.ranking import SENTENCES_OF, by_best_sentence, distinct, each_document_first

logger = structlog.get_logger()
MAX_QUERY_CHARACTERS = 10_000
MAX_TERMS = 64
MAX_RESULTS = 100
RERANKED = 32
"""How many passages a reranker reads: the most that text-embeddings-inference takes at once."""


@dataclass(frozen=True, slots=True)
class Fusion:
    """Weights of words beside the cosine.

    The cosine is measured in standard deviations of the candidates' cosines, so that the
    weights fit every model.
    """

    candidates: int = 100
    """Number of hits that each of the two searches gives."""
    lexical_weight: float = 0.15
    semantic_weight: float = 1.0
    sentence_weight: float = 0.1
    """Weight of the terms in the best sentence, each by what it adds to BM25 at most."""
    foreign_share: float = 0.15
    """Of the question's terms that a passage in another language is taken to have."""
    foreign_cosine: float = 0.01
    """What its cosine lacks beside one in the question's language."""


class Retrieval:
    def __init__(
        self,
        database: Database,
        embedder: Embedder,
        reranker: Reranker | None = None,
        *,
        graph_chunks: int,
        fusion: Fusion | None = None,
    ) -> None:
        """Libraries of `graph_chunks` passages and more are searched through their graph."""
        self._database = database
        self._embedder = embedder
        self._reranker = reranker
        self._graph_chunks = graph_chunks
        self._fusion = fusion or Fusion()
        self._read = RERANKED if reranker else 2 * SENTENCES_OF

    async def search(
        self, principal: Principal, query: str, limit: int, scope: Scope | None = None
    ) -> list[Hit]:
        """The best passages, best first; of several given documents, first the best of each.

        Raises `InvalidInput` and `ProviderUnavailable`.
        """
        if not query.strip():
            raise InvalidInput("A search needs some text.", field="query")
        if len(query) > MAX_QUERY_CHARACTERS:
            raise InvalidInput(
                f"A search has at most {MAX_QUERY_CHARACTERS:,} characters.", field="query"
            )
        check_storable(query, "query")
        if not 1 <= limit <= MAX_RESULTS:
            raise InvalidInput(f"first must be between 1 and {MAX_RESULTS}.", field="first")
        scope = scope or Scope()
        several = 1 < len(scope.document_ids or ()) <= limit
        hits = await self._found(principal, query, scope, 2 * limit, several)
        if self._reranker is not None:
            hits = await _reranked(self._reranker, query, hits)
        return (each_document_first(hits) if several else hits)[:limit]

    async def _found(
        self, principal: Principal, query: str, scope: Scope, limit: int, several: bool
    ) -> list[Hit]:
        embedding, spoken = await asyncio.gather(
            self._embedder.embed_query(query), asyncio.to_thread(detect_language, query)
        )
        candidates = max(self._fusion.candidates, limit)
        async with self._database.read(principal.user_id) as session:
            library = await retrieval.library(
                session, self._embedder.model, self._embedder.dimensions
            )
            # Where nothing is in the question's language, nothing has more words than the others.
            language = spoken if spoken in library.languages else None
            terms = dict.fromkeys(search_terms(query, library.languages))
            found = await retrieval.search(
                session,
                list(terms)[:MAX_TERMS],
                embedding,
                library,
                scope,
                2 * candidates if several else max(limit, self._read),
                candidates=candidates,
                lexical_weight=self._fusion.lexical_weight,
                semantic_weight=self._fusion.semantic_weight,
                language=language,
                foreign_share=self._fusion.foreign_share,
                foreign_cosine=self._fusion.foreign_cosine,
                graph=scope == Scope() and library.chunk_count >= self._graph_chunks,
            )
        return by_best_sentence(
            distinct(found.hits),
            found.weights,
            tuple(library.languages),
            self._fusion.sentence_weight,
        )

    async def sources(
        self, principal: Principal, query: str, limit: int, document_ids: Sequence[UUID] | None
    ) -> list[Hit]:
        """Passages for an answer; whatever goes wrong is `RETRIEVAL_FAILED`."""
        try:
            scope = Scope(document_ids=document_ids)
            return await self.search(principal, storable(query), limit, scope)
        except DomainError as error:
            raise ProviderUnavailable(ErrorCode.RETRIEVAL_FAILED, error.message) from error

    async def neighbours(
        self, principal: Principal, version_id: UUID, ordinal: int, distance: int = 1
    ) -> list[Hit]:
        """A passage and up to `distance` others before and after it, in the document's order."""
        async with self._database.read(principal.user_id) as session:
            return await retrieval.neighbours(session, version_id, ordinal, distance)


async def _reranked(reranker: Reranker, query: str, hits: list[Hit]) -> list[Hit]:
    """The hits in the reranker's order; as they were when it does not answer."""
    head, tail = hits[:RERANKED], hits[RERANKED:]
    try:
        scores = await reranker.rerank(query, [hit.text for hit in head])
    except ProviderUnavailable as error:
        logger.warning("search not reranked", cause=describe(error.__cause__))
        return hits
    read = [replace(hit, score=score) for hit, score in zip(head, scores, strict=True)]
    return sorted(read, key=lambda hit: hit.score, reverse=True) + tail
