"""A search does the same work right after an upload as when the statistics know what it brought."""

import json
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest
from sqlalchemy import TextClause, text

from bench.retrieval import synthetic
from cli.embedded import EmbeddedPostgres
from core.principal import Principal
from db import retrieval
from db.engine import ReadSession, Row
from db.retrieval import Scope
from services.container import Services

MODEL = "a model of this test"


class Explaining(ReadSession):
    """Runs EXPLAIN ANALYZE in place of a statement and keeps what it says."""

    plan: dict[str, Any]

    async def all(self, statement: TextClause, **parameters: object) -> Sequence[Row]:
        explain = text(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.text}")
        (row,) = await super().all(explain, **parameters)
        (explained,) = row.values()
        self.plan = json.loads(explained)[0]["Plan"]
        return []


def work(node: dict[str, Any]) -> float:
    """Rows that were looked at in all."""
    removed = sum(rows for what, rows in node.items() if what.startswith("Rows Removed"))
    own = (node["Actual Rows"] + removed) * node["Actual Loops"]
    return float(own) + sum(work(child) for child in node.get("Plans", ()))


async def search_work(services: Services, principal: Principal, scope: Scope) -> float:
    corpus = synthetic.Corpus(7)
    terms = list(dict.fromkeys(corpus.question()))
    async with services.database.read(principal.user_id) as session:
        library = await retrieval.library(session, MODEL, synthetic.DIMENSIONS)
        explaining = Explaining(session._connection, principal.user_id)
        await retrieval.search(
            explaining,
            terms,
            corpus.vectors(1)[0],
            library,
            scope,
            20,
            candidates=100,
            lexical_weight=0.15,
            semantic_weight=1.0,
        )
    return work(explaining.plan)


@pytest.mark.parametrize("scope", [Scope(), Scope(first_page=1)], ids=["all", "by page"])
@pytest.mark.parametrize(
    ("documents", "passages"), [(3, 250), (48, 3)], ids=["three long texts", "many short ones"]
)
async def test_a_search_does_not_wait_for_statistics(
    services: Services,
    principal: Principal,
    postgres: EmbeddedPostgres,
    monkeypatch: pytest.MonkeyPatch,
    documents: int,
    passages: int,
    scope: Scope,
) -> None:
    superuser = await asyncpg.connect(postgres.url("postgres"))
    await superuser.execute("ANALYZE")
    monkeypatch.setattr(synthetic, "CHUNKS_PER_DOCUMENT", passages)
    await synthetic.fill(services.database, principal, MODEL, documents * passages)
    fresh = await search_work(services, principal, scope)
    await superuser.execute("ANALYZE")
    await superuser.close()
    assert fresh < 1.5 * await search_work(services, principal, scope)
