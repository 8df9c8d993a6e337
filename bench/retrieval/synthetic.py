"""Libraries of any size, written straight into the tables that ingestion fills."""

import os
from collections import Counter
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from core.principal import Principal
from db import chunks, documents, vectors
from db.chunks import Chunk, Outline
from db.documents import NewVersion
from db.engine import Database

CHUNKS_PER_DOCUMENT = 50
TOKENS = 130
VOCABULARY, DOCUMENT_VOCABULARY = 100_000, 400
EXPONENT, OFFSET = 1.0, 2.7
"""Zipf-Mandelbrot: a word's frequency falls as 1 / (rank + offset)."""
DIMENSIONS = 384
TOPICS = 500
SPREAD = 0.7
"""Length of a chunk's distance from its topic, which has length one."""
QUESTION_WORDS = 8

_SERVED = text("INSERT INTO ingestion_turns (owner_id, served_at) VALUES (:owner_id, now())")


class Corpus:
    """Draws words and vectors as a language and an embedding model would spread them."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        weights = 1 / (np.arange(VOCABULARY) + OFFSET) ** EXPONENT
        self._reach = np.cumsum(weights / weights.sum())
        topics = np.random.default_rng(0).standard_normal((TOPICS, DIMENSIONS))
        self._topics = topics / np.linalg.norm(topics, axis=1, keepdims=True)

    def words(self, count: int) -> list[str]:
        ranks = np.searchsorted(self._reach, self._random.random(count))
        return [f"word{rank}" for rank in ranks]

    def chunks(self, count: int) -> list[list[str]]:
        """Of one document: half of its words come from a small vocabulary of its own."""
        own = self.words(DOCUMENT_VOCABULARY)
        return [
            self.words(TOKENS // 2) + self._random.choice(own, TOKENS // 2).tolist()
            for _ in range(count)
        ]

    def vectors(self, count: int) -> NDArray[np.float32]:
        noise = self._random.standard_normal((count, DIMENSIONS)) / np.sqrt(DIMENSIONS)
        vectors = self._topics[self._random.integers(TOPICS, size=count)] + SPREAD * noise
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)

    def question(self) -> list[str]:
        """Words as frequent as those of a text: some of them are in most chunks."""
        return self.words(QUESTION_WORDS)


async def fill(database: Database, principal: Principal, model: str, size: int) -> None:
    """Give a user `size` chunks in documents of `CHUNKS_PER_DOCUMENT`."""
    corpus = Corpus(size)
    async with database.write(None) as session:
        await session.run(_SERVED, owner_id=principal.user_id)
    for first in range(0, size, CHUNKS_PER_DOCUMENT):
        count = min(CHUNKS_PER_DOCUMENT, size - first)
        await _write_document(database, principal.user_id, model, corpus, first, count)


async def _write_document(
    database: Database, owner_id: UUID, model: str, corpus: Corpus, first: int, count: int
) -> None:
    passages = [
        Chunk(ordinal, 1_000 * ordinal, 1, 1, "", " ".join(words), dict(Counter(words)))
        for ordinal, words in enumerate(corpus.chunks(count))
    ]
    new = NewVersion(os.urandom(32), 0, "text/plain", f"{owner_id}/{first}", None)
    outline = Outline(
        page_count=1,
        chunk_count=count,
        lexeme_count=count * TOKENS,
        languages=[],
        page_languages=[],
        parser="bench",
        warnings=[],
    )
    async with database.write(owner_id) as session:
        document_id = await documents.insert_document(session, f"{first}.txt")
        version_id, _ = await documents.insert_version(session, document_id, new)
        await chunks.insert_chunks(session, version_id, passages)
        await chunks.describe(session, version_id, outline)
        model_id = await vectors.model_id(session, model, DIMENSIONS)
        embeddings = corpus.vectors(count)
        await vectors.insert_vectors(session, version_id, model_id, range(count), embeddings)
        await chunks.activate(session, document_id, version_id)
