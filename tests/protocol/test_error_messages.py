"""What is said of requests that are wrong, and to whom."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from protocol.toy_server import serving
from server.http import GRAPHQL_RESPONSE

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def closed() -> AsyncIterator[httpx.AsyncClient]:
    """A server that does not show its schema."""
    async with (
        serving(introspection=False) as address,
        httpx.AsyncClient(base_url=f"http://{address}") as client,
    ):
        yield client


WRONG = {
    "an unknown field": ("{ helo }", {}),
    "an unknown argument": ('{ echo(txt: "canary") }', {}),
    "a wrong literal": ("{ echo(text: [true]) }", {}),
    "a long number": (f"{{ double(number: {'9' * 5000}) }}", {}),
    "a wrong variable": ("query ($n: Int!) { double(number: $n) }", {"n": "canary"}),
    "a dictionary": ("query ($t: String!) { echo(text: $t) }", {"t": {"canary": None}}),
    "a null": ("query ($t: String!) { echo(text: $t) }", {"t": None}),
    "a misplaced text": ('{ echo(text "canary") }', {}),
}


@pytest.mark.parametrize(("query", "variables"), WRONG.values(), ids=WRONG.keys())
async def test_with_introspection_off_nothing_is_suggested_or_repeated(
    closed: httpx.AsyncClient, query: str, variables: dict[str, object]
) -> None:
    response = await closed.post("/graphql", json={"query": query, "variables": variables})

    [error, *_] = response.json()["errors"]
    for telltale in ("Did you mean", "canary", "None", "True", "sys.", "999", "encountered"):
        assert telltale not in error["message"]


@pytest.mark.parametrize("accept", ["application/é", "é", "*/*;q=é", "text/event-stream;é"])
async def test_an_accept_beyond_ascii_is_no_fault(address: str, accept: str) -> None:
    async with httpx.AsyncClient(base_url=f"http://{address}") as client:
        response = await client.post(
            "/graphql", json={"query": "{ hello }"}, headers={b"accept": accept.encode()}
        )

    assert response.status_code in (200, 406)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("{ helo }", 400),
        ("{", 400),
        ("{ __typename }", 200),
        ("{ ...F } fragment F on Query { __typename }", 200),
        ("{ ... { ... on Query { __schema { queryType { name } } } } }", 200),
        ("{ ...F } fragment F on Query { hello }", 401),
    ],
)
async def test_a_stale_token_bars_the_way_to_nothing_public(
    client: httpx.AsyncClient, query: str, status: int
) -> None:
    response = await client.post(
        "/graphql",
        json={"query": query},
        headers={"authorization": "Bearer stale", "accept": GRAPHQL_RESPONSE},
    )

    assert response.status_code == status


async def test_a_hash_in_place_of_a_query_is_answered_so_that_clients_send_the_query(
    client: httpx.AsyncClient,
) -> None:
    body = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}}
    response = await client.post("/graphql", json=body)

    [error] = response.json()["errors"]
    assert error["message"] == "PersistedQueryNotSupported"
    assert error["extensions"]["code"] == "PERSISTED_QUERY_NOT_SUPPORTED"
