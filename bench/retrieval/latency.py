"""How long a search takes by the size of the owner's library, and what a chunk occupies."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import asyncpg
import numpy as np
from asyncpg.prepared_stmt import PreparedStatement
from numpy.typing import NDArray
from pgvector import HalfVector
from pgvector.asyncpg import register_vector

from bench.retrieval.product import Product
from bench.retrieval.synthetic import DIMENSIONS, Corpus, fill
from core.principal import Principal
from db import retrieval
from db.retrieval import Hit, Library, Scope
from services.retrieval import MAX_RESULTS, Fusion
from workers.graphs import Graphs

OTHER_OWNERS, OTHER_CHUNKS = 10, 9_000
NEW_CHUNKS = 4_500
"""Of three texts of two megabytes."""
QUERIES = 200
LIMIT = 10
_BARE = (
    "SELECT version_id, ordinal FROM chunk_vectors WHERE owner_id = $1 AND model_id = $2"
    " ORDER BY embedding <=> $3 LIMIT 100"
)
"""The reference: what comparing with every vector costs where nothing else is asked."""
TABLES = ("documents", "document_versions", "chunks", "postings", "chunk_vectors")

Question = tuple[list[str], NDArray[np.float32]]


class Owner:
    """A user with a library, and the statement that a search of it runs."""

    def __init__(self, product: Product, principal: Principal, library: Library) -> None:
        self.principal = principal
        self.library = library
        self._database = product.services.database
        self._model = product.services.embedder.model

    async def search(
        self, question: Question, limit: int, graph: bool
    ) -> tuple[Sequence[Hit], float]:
        """What was found, and the seconds that the statement took."""
        terms, embedding = question
        fusion = Fusion()
        async with self._database.read(self.principal.user_id) as session:
            await retrieval.library(session, self._model, DIMENSIONS)
            started = time.perf_counter()
            found = await retrieval.search(
                session,
                terms,
                embedding,
                self.library if embedding.any() else replace(self.library, model_id=None),
                Scope(),
                limit,
                candidates=fusion.candidates,
                lexical_weight=fusion.lexical_weight,
                semantic_weight=fusion.semantic_weight,
                graph=graph,
            )
            return found.hits, time.perf_counter() - started


async def measure_latency(product: Product, sizes: list[int]) -> None:
    for number in range(OTHER_OWNERS):
        await _owner(product, f"other-{number}", OTHER_CHUNKS)
    owners = [await _owner(product, f"owner-{size}", size) for size in sizes]
    await _print_storage(product, OTHER_OWNERS * OTHER_CHUNKS + sum(sizes))
    await print_after_upload(product)
    for owner in owners:
        await _print_latency(product, owner, graph=False)
    largest = owners[-1]
    started = time.perf_counter()
    await Graphs(product.services.database, largest.library.chunk_count).extend()
    print(f"graph of the largest made in {time.perf_counter() - started:.0f} s")
    await _print_latency(product, largest, graph=True)
    await _print_recall(largest)


async def print_after_upload(product: Product) -> None:
    """Searches of an account that the planner's statistics do not know yet, and when they do."""
    owner = await _owner(product, f"new-{time.time_ns()}", NEW_CHUNKS)
    corpus = Corpus(NEW_CHUNKS + 1)

    async def sql() -> float:
        question = (corpus.question(), corpus.vectors(1)[0])
        return (await owner.search(question, 2 * LIMIT, False))[1]

    print(f"{NEW_CHUNKS:>7,} chunks, new      hybrid  {await _percentiles(sql)}", flush=True)
    connection = await asyncpg.connect(product.postgres.url("postgres"))
    await connection.execute("ANALYZE")
    await connection.close()
    print(f"{NEW_CHUNKS:>7,} chunks, analysed hybrid  {await _percentiles(sql)}", flush=True)


async def _owner(product: Product, name: str, size: int) -> Owner:
    database, model = product.services.database, product.services.embedder.model
    principal = await product.user(name)
    async with database.read(principal.user_id) as session:
        library = await retrieval.library(session, model, DIMENSIONS)
    if library.chunk_count < size:
        await fill(database, principal, model, size)
        async with database.read(principal.user_id) as session:
            library = await retrieval.library(session, model, DIMENSIONS)
    return Owner(product, principal, library)


async def _print_latency(product: Product, owner: Owner, graph: bool) -> None:
    corpus = Corpus(owner.library.chunk_count + 1)
    nothing = np.zeros(DIMENSIONS, np.float32)
    legs: dict[str, Callable[[], Question]] = {
        "bm25": lambda: (corpus.question(), nothing),
        "vector": lambda: ([], corpus.vectors(1)[0]),
        "hybrid": lambda: (corpus.question(), corpus.vectors(1)[0]),
    }
    name = f"{owner.library.chunk_count:>7,} chunks{', graph' if graph else ''}"

    async def sql(ask: Callable[[], Question]) -> float:
        return (await owner.search(ask(), 2 * LIMIT, graph))[1]

    async def whole() -> float:
        started = time.perf_counter()
        query = " ".join(corpus.question())
        await product.services.retrieval.search(owner.principal, query, LIMIT)
        return time.perf_counter() - started

    async with _bare(product, owner) as statement:

        async def bare() -> float:
            embedding = HalfVector(corpus.vectors(1)[0])
            started = time.perf_counter()
            await statement.fetch(owner.principal.user_id, owner.library.model_id, embedding)
            return time.perf_counter() - started

        print(f"{name:24} bare    {await _percentiles(bare)}", flush=True)
    for leg, ask in legs.items():
        print(f"{name:24} {leg:7} {await _percentiles(partial(sql, ask))}", flush=True)
    print(f"{name:24} search  {await _percentiles(whole)}", flush=True)


@asynccontextmanager
async def _bare(product: Product, owner: Owner) -> AsyncIterator[PreparedStatement]:
    connection = await asyncpg.connect(product.postgres.app_url)
    await register_vector(connection)
    owner_id = str(owner.principal.user_id)
    await connection.execute("SELECT set_config('lectern.owner_id', $1, false)", owner_id)
    yield await connection.prepare(_BARE)
    await connection.close()


async def _percentiles(measure: Callable[[], Awaitable[float]]) -> str:
    seconds = [await measure() for _ in range(QUERIES)]
    middle, high = np.quantile(np.array(seconds) * 1_000, (0.5, 0.95))
    return f"p50 {middle:5.1f} ms, p95 {high:5.1f} ms"


async def _print_recall(owner: Owner) -> None:
    """Of the nearest vectors that an exact search finds, how many the graph finds."""
    corpus = Corpus(owner.library.chunk_count + 2)
    shares = []
    for _ in range(QUERIES):
        question: Question = ([], corpus.vectors(1)[0])
        exact, through = [
            {
                (hit.version_id, hit.ordinal)
                for hit in (await owner.search(question, MAX_RESULTS, graph))[0]
            }
            for graph in (False, True)
        ]
        shares.append(len(exact & through) / len(exact))
    low, mean = np.quantile(shares, 0.05), np.mean(shares)
    print(f"recall@{MAX_RESULTS} of the graph {mean:.3f}, in the worst twentieth {low:.2f}")


async def _print_storage(product: Product, count: int) -> None:
    connection = await asyncpg.connect(product.postgres.url("postgres"))
    await connection.execute("VACUUM ANALYZE")
    sizes = {
        table: await connection.fetchval("SELECT pg_total_relation_size($1::regclass)", table)
        for table in TABLES
    }
    await connection.close()
    print(*(f"{table} {size / count:,.0f}" for table, size in sizes.items()), sep=", ", end="")
    print(f": {sum(sizes.values()) / count:,.0f} bytes a chunk", flush=True)
