"""Queries that cost more than they look."""

from collections import Counter
from typing import Any

import httpx
import pytest
import strawberry
from graphql import get_introspection_query

from protocol.toy_schema import Query
from server import validation
from server.limits import (
    MAX_ALIASES,
    MAX_COST,
    MAX_DEPTH,
    MAX_FIELDS,
    MAX_QUERY_CHARACTERS,
    MAX_REPEATS,
    MAX_TOKENS,
    QueryLimits,
    operation_cost,
)
from server.validation import CachedDocuments, load

SCHEMA = strawberry.Schema(Query, extensions=[CachedDocuments])
GRAPHQL_SCHEMA = SCHEMA._schema


def codes(query: str) -> list[str]:
    errors = load(GRAPHQL_SCHEMA, query).errors
    return [str((error.extensions or {})["code"]) for error in errors]


def messages(query: str) -> str:
    return " ".join(error.message for error in load(GRAPHQL_SCHEMA, query).errors)


def nested(levels: int) -> str:
    """A query of this depth."""
    return "{ thing " + "{ self_ " * (levels - 2) + "{ number }" + " }" * (levels - 1)


def doubling_fragments(count: int) -> str:
    """Each fragment spreads the next one twice: 2 to the power of `count` fields in all."""
    chain = "".join(
        f"fragment F{n} on Thing {{ self_ {{ ...F{n + 1} }} ...F{n + 1} }} " for n in range(count)
    )
    return f"{{ thing {{ ...F0 }} }} {chain} fragment F{count} on Thing {{ number }}"


def test_depth() -> None:
    assert codes(nested(MAX_DEPTH)) == []
    assert codes(nested(MAX_DEPTH + 1)) == ["QUERY_TOO_EXPENSIVE"]


def test_depth_counts_through_fragments() -> None:
    inner = "{ self_ " * (MAX_DEPTH - 2) + "{ number }" + " }" * (MAX_DEPTH - 2)
    fragment = f"fragment A on Thing {inner}"

    assert codes(f"{{ thing {{ ...A }} }} {fragment}") == []
    assert "depth" in messages(f"{{ thing {{ self_ {{ ... {{ ...A }} }} }} }} {fragment}")


def test_aliases() -> None:
    query = "{{ thing {{ {} }} }}"

    assert codes(query.format(" ".join(f"a{n}: number" for n in range(MAX_ALIASES)))) == []
    assert "aliases" in messages(
        query.format(" ".join(f"a{n}: number" for n in range(MAX_ALIASES + 1)))
    )


@pytest.mark.parametrize(
    ("operation", "limit"), [("query", 20), ("mutation", 4), ("subscription", 1)]
)
def test_root_fields(operation: str, limit: int) -> None:
    fields = " ".join("hello" for _ in range(limit + 1))

    assert "root fields" in messages(f"{operation} {{ ...A }} fragment A on Query {{ {fields} }}")


def test_repeated_fields() -> None:
    query = "{{ thing {{ number {} }} }}"

    assert codes(query.format("number " * MAX_REPEATS)) == []
    assert "repeated" in messages(query.format("number " * (MAX_REPEATS + 1)))
    assert "repeated" in messages(query.format("... { number } " * (MAX_REPEATS + 1)))


def test_fields_count_every_time_a_fragment_is_spread() -> None:
    wide = " ".join("self_ { " for _ in range(9)) + "number" + " }" * 9
    spreads = "".join(f"a{n}: self_ {{ ...A }} " for n in range(10))
    query = f"{{ thing {{ {spreads} }} }} fragment A on Thing {{ {wide} }}"

    assert codes(query) == []  # about a hundred fields
    many = doubling_fragments(9)
    assert len(many) < MAX_FIELDS * 2
    assert "number of fields" in messages(many)


def test_tokens_and_characters() -> None:
    with pytest.raises(Exception, match=f"more than {MAX_TOKENS} tokens"):
        load(GRAPHQL_SCHEMA, "{" + "hello " * MAX_TOKENS + "}")
    with pytest.raises(Exception, match=f"longer than {MAX_QUERY_CHARACTERS} characters"):
        load(GRAPHQL_SCHEMA, "{ hello } #" + "x" * MAX_QUERY_CHARACTERS)


@pytest.mark.parametrize("count", [21, 60])
def test_doubling_fragments_are_refused_in_linear_work(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[str] = Counter()
    weigh = QueryLimits._weigh

    def counting(self: QueryLimits, selections: Any) -> Any:
        calls["weigh"] += 1
        return weigh(self, selections)

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the other rules must not see the document")

    monkeypatch.setattr(QueryLimits, "_weigh", counting)
    monkeypatch.setattr(validation, "RULES", [refuse])

    assert "depth" in messages(doubling_fragments(count))
    assert calls["weigh"] == 2 * count + 3  # the operation, its field, and every fragment once


def test_a_cycle_of_fragments_is_an_ordinary_validation_error() -> None:
    query = "{ thing { ...A } } fragment A on Thing { self_ { ...A } }"

    assert codes(query) == ["GRAPHQL_VALIDATION_FAILED"]


def test_an_unknown_fragment_is_an_ordinary_validation_error() -> None:
    assert codes("{ thing { ...A } }") == ["GRAPHQL_VALIDATION_FAILED"]


def test_the_introspection_query_of_graphiql_passes() -> None:
    query = get_introspection_query(
        descriptions=True, directive_is_repeatable=True, input_value_deprecation=True
    )

    assert codes(query) == []


def test_circular_introspection_is_refused() -> None:
    query = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }"

    assert codes(query) == ["GRAPHQL_VALIDATION_FAILED"]


@pytest.mark.parametrize("query", ["[" * 900, "{ thing " + "{ self_ " * 480, "{a(x:" + "[" * 900])
def test_nesting_beyond_the_parser_is_a_parse_failure(query: str) -> None:
    with pytest.raises(Exception, match="Syntax Error"):
        load(GRAPHQL_SCHEMA, query)


# Cost


def cost(query: str, **variables: object) -> int:
    document = load(GRAPHQL_SCHEMA, query)
    assert document.errors == []
    operation = document.operation(None)
    assert operation is not None
    return operation_cost(GRAPHQL_SCHEMA, document.ast, operation, variables)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ hello }", 0),
        ("{ thing { number } }", 1),
        ("{ things(first: 10) { number } }", 1),
        ("{ things(first: 10) { self_ { number } } }", 11),
        ("{ things { self_ { number } } }", 21),
        ("query ($n: Int) { things(first: $n) { self_ { number } } }", 21),
        ("{ things(first: 10) { things(first: 5) { self_ { number } } } }", 61),
        ("{ things(first: 1000) { self_ { number } } }", 101),
        ("{ things(first: -1000) { self_ { number } } }", 1),
        ("{ ...A } fragment A on Query { ... { things(first: 2) { self_ { number } } } }", 3),
        ("{ __schema { types { name } } }", 0),
    ],
)
def test_cost_is_objects_times_page_sizes(query: str, expected: int) -> None:
    assert cost(query) == expected


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({"n": 3}, 4), ({}, 8), ({"n": 10**9}, 101), ({"n": "3"}, 101), ({"n": None}, 21)],
)
def test_cost_follows_variables(variables: dict[str, object], expected: int) -> None:
    query = "query ($n: Int! = 7) { things(first: $n) { self_ { number } } }"

    assert cost(query, **variables) == expected


@pytest.mark.asyncio(loop_scope="session")
async def test_a_costly_operation_is_refused(client: httpx.AsyncClient) -> None:
    query = """query ($n: Int!) { things(first: $n) { things(first: $n) {
      a: self_ { number } b: self_ { number } } } }"""

    async def post(n: int) -> httpx.Response:
        return await client.post("/graphql", json={"query": query, "variables": {"n": n}})

    assert len((await post(20)).json()["data"]["things"]) == 20
    [error] = (await post(100)).json()["errors"]
    assert error["extensions"] == {"code": "QUERY_TOO_EXPENSIVE"}
    assert str(MAX_COST) in error["message"]


# The cache


async def test_a_document_is_parsed_and_validated_once() -> None:
    validation._load.cache_clear()

    for _ in range(10):
        assert (await SCHEMA.execute("{ hello }")).data == {"hello": "hello"}

    cache = validation._load.cache_info()
    assert (cache.misses, cache.hits) == (1, 9)


async def test_strawberry_does_not_parse_or_validate_for_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a second time")

    monkeypatch.setattr("strawberry.schema.schema.parse", refuse)
    monkeypatch.setattr("strawberry.schema.schema.validate", refuse)

    assert (await SCHEMA.execute("{ hello }")).data == {"hello": "hello"}
    assert (await SCHEMA.execute("{ nosuchfield }")).errors
