"""Vectors of several models side by side, and those of large libraries in a graph."""

import asyncio
import math
import os
import subprocess
from collections.abc import Sequence
from uuid import UUID

import asyncpg
import numpy as np
import pytest
from sqlalchemy import text

from bench.retrieval import synthetic
from cli.children import lectern_command
from cli.configuration import UsageError
from cli.embedded import EmbeddedPostgres
from cli.instance import Running, announce, claim
from cli.reembed import reembed
from core.principal import Principal
from core.settings import Settings
from db import retrieval
from db.retrieval import Hit, Scope
from providers.embedding import Embedder, Vectors, unit
from services.container import Services
from services.ingestion.reembedding import Progress, Reembedding
from services.retrieval import Retrieval
from support.library import add_documents
from workers.graphs import Graphs

FILES = {
    f"{number}.txt": f"Log of day {number}: the boat {name} came in with {number} barrels of oil."
    for number, name in enumerate(("Ann", "Bea", "Cid", "Dot", "Eve", "Fay", "Gus", "Hal"), 1)
}
ITERATIVE_SCAN = text("SELECT setting FROM pg_settings WHERE name = 'hnsw.iterative_scan'")
"""Only a parameter that pgvector knows stands there."""


class Letters:
    """An embedder of another size: how often each letter stands in a text."""

    model = "letters"
    dimensions = 26

    def __init__(self, breaks_after: float = math.inf) -> None:
        self.embedded = 0
        self._breaks_after = breaks_after

    async def embed_passages(self, texts: Sequence[str]) -> Vectors:
        if self.embedded + len(texts) > self._breaks_after:
            raise ConnectionError
        self.embedded += len(texts)
        return unit(np.array([self._counts(text) for text in texts], np.float32))

    async def embed_query(self, text: str) -> Vectors:
        return np.asarray(unit(np.array([self._counts(text)], np.float32))[0])

    async def aclose(self) -> None:
        pass

    @staticmethod
    def _counts(text: str) -> list[int]:
        return [1 + text.lower().count(chr(letter)) for letter in range(97, 123)]


@pytest.fixture
async def library(settings: Settings, services: Services, principal: Principal) -> dict[str, UUID]:
    return await add_documents(settings, services, principal, FILES)


def places(hits: Sequence[Hit]) -> set[tuple[UUID, int]]:
    return {(hit.version_id, hit.ordinal) for hit in hits}


async def count(postgres: EmbeddedPostgres, principal: Principal, condition: str) -> int:
    connection = await asyncpg.connect(postgres.url("postgres"))
    try:
        return int(
            await connection.fetchval(
                "SELECT count(*) FROM chunk_vectors v JOIN embedding_models m ON m.id = v.model_id"
                f" WHERE owner_id = $1 AND {condition}",
                principal.user_id,
            )
        )
    finally:
        await connection.close()


async def steps(reembedding: Reembedding) -> list[Progress]:
    return [step async for step in reembedding.run()]


def searching(services: Services, embedder: Embedder, graph_chunks: int = 1_000) -> Retrieval:
    return Retrieval(services.database, embedder, graph_chunks=graph_chunks)


async def test_a_library_moves_to_another_model_beside_its_searches(
    services: Services, principal: Principal, library: dict[str, UUID], postgres: EmbeddedPostgres
) -> None:
    letters = Letters()
    query = "Which boat had four barrels?"
    before = await services.retrieval.search(principal, query, 8)

    progress = await steps(Reembedding(services.database, letters))
    old = await searching(services, services.embedder).search(principal, query, 8)
    new = await searching(services, letters).search(principal, query, 8)

    assert progress[0].done == 0
    assert progress[-1].done == progress[-1].total >= len(FILES)
    assert old == before
    assert {hit.semantic_rank for hit in new} == set(range(1, 9))
    assert [hit.similarity for hit in new] != [hit.similarity for hit in old]
    assert await count(postgres, principal, "name = 'letters'") == 8
    assert await count(postgres, principal, "name <> 'letters'") == 8


async def test_what_was_broken_off_goes_on_where_it_was(
    services: Services, principal: Principal, library: dict[str, UUID], postgres: EmbeddedPostgres
) -> None:
    with pytest.raises(ConnectionError):
        await steps(Reembedding(services.database, Letters(breaks_after=3)))
    done = await count(postgres, principal, "name = 'letters'")
    again = Letters()
    await steps(Reembedding(services.database, again))
    idle = Letters()
    await steps(Reembedding(services.database, idle))

    assert await count(postgres, principal, "name = 'letters'") == 8
    assert again.embedded >= 8 - done
    assert idle.embedded == 0


async def test_only_a_complete_library_loses_its_old_vectors(
    settings: Settings,
    services: Services,
    principal: Principal,
    library: dict[str, UUID],
    postgres: EmbeddedPostgres,
) -> None:
    reembedding = Reembedding(services.database, Letters())
    await reembedding.prune()
    assert await count(postgres, principal, "name <> 'letters'") == 8
    await steps(reembedding)
    await reembedding.prune()
    assert await count(postgres, principal, "name <> 'letters'") == 0
    assert await count(postgres, principal, "name = 'letters'") == 8


async def test_a_model_without_vectors_leaves_the_lexical_leg(
    services: Services, principal: Principal, library: dict[str, UUID]
) -> None:
    class Unseen(Letters):
        model = "unseen"

    hits = await searching(services, Unseen()).search(principal, "the boat Dot", 8)
    assert hits[0].filename == "4.txt"
    assert all(hit.semantic_rank is None and hit.similarity is None for hit in hits)


async def test_a_large_library_is_searched_through_its_graph(
    settings: Settings,
    services: Services,
    principal: Principal,
    library: dict[str, UUID],
    postgres: EmbeddedPostgres,
) -> None:
    query = "Which boat had four barrels?"
    exact = await services.retrieval.search(principal, query, 8)
    await Graphs(services.database, graph_chunks=9).extend()
    assert await count(postgres, principal, "in_graph") == 0  # the library is smaller than that
    await Graphs(services.database, graph_chunks=8).extend()
    assert await count(postgres, principal, "in_graph") == 8
    # One document comes later and is not in the graph yet.
    await add_documents(settings, services, principal, {"new.txt": "The boat Ida had no oil."})

    through = searching(services, services.embedder, graph_chunks=8)
    hits = await through.search(principal, query, 9)

    assert {hit.filename for hit in hits} == {*FILES, "new.txt"}
    similarities = {hit.filename: hit.similarity for hit in hits}
    for hit in exact:
        assert similarities[hit.filename] == pytest.approx(hit.similarity, abs=1e-3)


async def test_the_graph_is_read_until_enough_is_found(
    services: Services, principal: Principal, stranger: Principal, postgres: EmbeddedPostgres
) -> None:
    """An unknown value of `hnsw.iterative_scan` would only warn, and a scan end with the first 40
    vectors of any owner."""
    embedder, owners = services.embedder, (principal, stranger)
    for owner in owners:
        await synthetic.fill(services.database, owner, embedder.model, 300)
    await Graphs(services.database, graph_chunks=300).extend()
    assert await count(postgres, principal, "in_graph") == 300
    question = synthetic.Corpus(1).vectors(1)[0]

    for owner in owners:
        async with services.database.read(owner.user_id) as session:
            known = await retrieval.library(session, embedder.model, embedder.dimensions)
            exact, through = [
                await retrieval.search(
                    session,
                    [],
                    question,
                    known,
                    Scope(),
                    100,
                    candidates=100,
                    lexical_weight=1,
                    semantic_weight=1,
                    graph=graph,
                )
                for graph in (False, True)
            ]
            parameter = await session.one(ITERATIVE_SCAN)
        assert parameter["setting"] == "relaxed_order"
        assert len(through.hits) == 100
        assert len(places(exact.hits) & places(through.hits)) >= 90


async def test_the_command_embeds_what_is_missing(
    settings: Settings, principal: Principal, library: dict[str, UUID], postgres: EmbeddedPostgres
) -> None:
    connection = await asyncpg.connect(postgres.url("postgres"))
    await connection.execute("DELETE FROM chunk_vectors WHERE owner_id = $1", principal.user_id)
    await connection.close()
    process = await asyncio.create_subprocess_exec(
        *lectern_command("reembed", "--prune"),
        env=os.environ
        | {
            "DATABASE_URL": str(settings.database_url),
            "LECTERN_DATA_DIR": str(settings.data_dir),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert await count(postgres, principal, "true") == 8


async def test_the_command_goes_to_what_runs_on_the_data_folder(
    settings: Settings, principal: Principal, library: dict[str, UUID], postgres: EmbeddedPostgres
) -> None:
    nothing_set = settings.model_copy(update={"database_url": None})
    with pytest.raises(UsageError, match=r"^DATABASE_URL must be set"):
        await reembed(nothing_set, prune=False)

    connection = await asyncpg.connect(postgres.url("postgres"))
    await connection.execute("DELETE FROM chunk_vectors WHERE owner_id = $1", principal.user_id)
    await connection.close()
    with claim(settings.data_dir) as announcement:
        announce(announcement, Running(1, "http://127.0.0.1:1", settings.database_url))
        await reembed(nothing_set, prune=False)
    assert await count(postgres, principal, "true") == 8


async def test_a_model_that_does_not_answer_is_said_in_a_line(
    settings: Settings, library: dict[str, UUID], postgres: EmbeddedPostgres, principal: Principal
) -> None:
    away = {
        "embedder": "openai",
        "openai_base_url": "http://127.0.0.1:1/v1",
        "embedding_model": "away",
        "embedding_dimensions": 3,
    }
    with pytest.raises(UsageError, match="Run it again to go on"):
        await reembed(settings.model_copy(update=away), prune=True)
    assert await count(postgres, principal, "name <> 'away'") == 8
