"""What the GraphQL over HTTP specification and common sense ask beyond the audits."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from protocol.toy_schema import ALICE, PARTS, SECRET, Ticks
from protocol.toy_server import serving
from server.http import negotiate

pytestmark = pytest.mark.asyncio(loop_scope="session")

JSON = "application/json"
GRAPHQL_RESPONSE = "application/graphql-response+json"
EVENT_STREAM = "text/event-stream"


async def query(client: httpx.AsyncClient, text: str, **headers: str) -> httpx.Response:
    return await client.post("/graphql", json={"query": text}, headers=headers)


def error_code(response: httpx.Response) -> str:
    return str(response.json()["errors"][0]["extensions"]["code"])


# Accept


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, GRAPHQL_RESPONSE),
        ("", GRAPHQL_RESPONSE),
        (GRAPHQL_RESPONSE, GRAPHQL_RESPONSE),
        (f"{GRAPHQL_RESPONSE}; charset=utf-8, {JSON}; charset=utf-8", GRAPHQL_RESPONSE),
        (f"{JSON}, {GRAPHQL_RESPONSE}", JSON),
        (f"{JSON};q=0.5, {GRAPHQL_RESPONSE};q=0.9", GRAPHQL_RESPONSE),
        (f"{GRAPHQL_RESPONSE};q=0, {JSON}", JSON),
        ("text/html, application/xhtml+xml, */*;q=0.8", JSON),
        ("Application/JSON", JSON),
        (EVENT_STREAM, EVENT_STREAM),
    ],
)
async def test_accept_decides_the_media_type(accept: str | None, media_type: str) -> None:
    assert negotiate(accept) == media_type


@pytest.mark.parametrize("accept", ["text/plain", f"{JSON};q=0", f"{JSON};q=nonsense", ",;"])
async def test_an_unsupported_accept_is_406(client: httpx.AsyncClient, accept: str) -> None:
    response = await query(client, "{ hello }", accept=accept)

    assert response.status_code == 406
    assert response.headers["content-type"].startswith(JSON)
    assert error_code(response) == "BAD_REQUEST"


async def test_a_missing_accept_means_graphql_response(address: str) -> None:
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /graphql?query={hello} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    answer = await reader.read()
    writer.close()

    assert b"content-type: application/graphql-response+json; charset=utf-8" in answer


# Methods


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
async def test_other_methods_are_405(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/graphql")

    assert response.status_code == 405
    assert response.headers["allow"] == "GET, POST"


async def test_a_mutation_is_chosen_by_operation_name_on_get(client: httpx.AsyncClient) -> None:
    document = "query Q { hello } mutation M { change }"

    harmless = await client.get("/graphql", params={"query": document, "operationName": "Q"})
    changing = await client.get("/graphql", params={"query": document, "operationName": "M"})

    assert harmless.json() == {"data": {"hello": "hello"}}
    assert changing.status_code == 405


# Bodies


@pytest.mark.parametrize(
    "body",
    [
        b"123",
        b"null",
        b'"x"',
        b"true",
        b"[]",
        b'[{"query": "{ hello }"}]',
        b"\xff\xfe",
        b'{"query": "\xff"}',
        '{"query": "{ hello }"}'.encode("utf-16"),
        b'{"query": "{ hello }", "variables": {"n": NaN}}',
        b'{"query": "{ hello }", "variables": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"query": "{ hello }", "variables": {"n": ' + b"9" * 5_000 + b"}}",
    ],
)
async def test_a_malformed_body_is_400_with_json(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post("/graphql", content=body, headers={"content-type": JSON})

    assert response.status_code == 400
    assert error_code(response) == "BAD_REQUEST"


async def test_another_charset_is_415(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/graphql",
        content='{"query": "{ hello }"}'.encode("utf-16"),
        headers={"content-type": f"{JSON}; charset=utf-16"},
    )

    assert response.status_code == 415


@pytest.mark.parametrize("name", ["variables", "extensions"])
async def test_broken_json_in_the_url_is_400(client: httpx.AsyncClient, name: str) -> None:
    response = await client.get("/graphql", params={"query": "{ hello }", name: "{"})

    assert response.status_code == 400


async def test_variables_nested_too_deep_for_coercion_are_refused(
    client: httpx.AsyncClient,
) -> None:
    deep = "[" * 400 + "]" * 400
    body = '{"query": "query ($t: String!) { echo(text: $t) }", "variables": {"t": ' + deep + "}}"

    response = await client.post("/graphql", content=body, headers={"content-type": JSON})

    assert error_code(response) == "BAD_USER_INPUT"


async def test_half_a_surrogate_pair_still_makes_valid_utf_8(client: httpx.AsyncClient) -> None:
    body = rb'{"query": "query ($t: String!) { echo(text: $t) }", "variables": {"t": "a\ud800"}}'

    response = await client.post("/graphql", content=body, headers={"content-type": JSON})

    assert json.loads(response.content.decode("utf-8")) == {"data": {"echo": "a?"}}


async def test_a_json_body_above_the_limit_is_413_by_its_declared_length(
    client: httpx.AsyncClient,
) -> None:
    body = json.dumps({"query": "{ hello }", "variables": {"filler": "x" * 1024 * 1024}})

    response = await client.post("/graphql", content=body, headers={"content-type": JSON})

    assert response.status_code == 413
    assert error_code(response) == "BAD_REQUEST"


async def test_a_chunked_json_body_is_cut_off_at_the_limit(address: str) -> None:
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )
    for _ in range(17):
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")

    status = await reader.readline()  # while the body has no end yet
    writer.close()

    assert status.startswith(b"HTTP/1.1 413 ")


# Who is asking


async def test_anybody_reaches_public_fields(client: httpx.AsyncClient) -> None:
    response = await query(client, "{ hello user }")

    assert response.json() == {"data": {"hello": "hello", "user": None}}


async def test_a_good_token_is_passed_to_resolvers(client: httpx.AsyncClient) -> None:
    response = await query(client, "{ user }", authorization="Bearer alice")

    assert response.json() == {"data": {"user": str(ALICE)}}


@pytest.mark.parametrize("accept", [JSON, GRAPHQL_RESPONSE])
async def test_a_bad_token_is_401(client: httpx.AsyncClient, accept: str) -> None:
    response = await query(client, "{ hello }", authorization="Bearer mallory", accept=accept)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert response.headers["content-type"].startswith(accept)
    assert error_code(response) == "UNAUTHENTICATED"


async def test_a_bad_token_does_not_bar_the_way_to_a_new_one(client: httpx.AsyncClient) -> None:
    public = await query(client, "{ __typename }", authorization="Bearer mallory")
    smuggled = await query(client, "{ __typename user }", authorization="Bearer mallory")
    hidden = await query(
        client, "{ ...all } fragment all on Query { user }", authorization="Bearer mallory"
    )

    assert public.json() == {"data": {"__typename": "Query"}}
    assert (smuggled.status_code, hidden.status_code) == (401, 401)


async def test_a_private_field_answers_anonymous_per_field(client: httpx.AsyncClient) -> None:
    response = await query(client, "{ hello private }")

    assert response.status_code == 200
    assert response.json()["data"] == {"hello": "hello", "private": None}
    assert error_code(response) == "UNAUTHENTICATED"


# Errors


@pytest.mark.parametrize(
    ("text", "extensions"),
    [
        ("{ missing }", {"code": "NOT_FOUND"}),
        ("{ limited }", {"code": "RATE_LIMITED", "retryAfter": 3.5}),
    ],
)
async def test_a_domain_error_shows_its_code(
    client: httpx.AsyncClient, text: str, extensions: dict[str, Any]
) -> None:
    response = await query(client, text, accept=GRAPHQL_RESPONSE)

    assert response.status_code == 200
    assert response.json()["errors"][0]["extensions"] == extensions
    assert response.json()["errors"][0]["path"]


async def test_a_fault_is_masked_and_logged_under_its_correlation_id(
    client: httpx.AsyncClient,
) -> None:
    with capture_logs() as logs:
        response = await query(client, "{ fault }", **{"x-request-id": "call-7"})

    assert SECRET not in response.text
    [error] = response.json()["errors"]
    assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "correlationId": "call-7"}
    assert [str(line["exc_info"]) for line in logs if line["event"] == "unexpected error"] == [
        SECRET
    ]


async def test_a_fault_of_the_server_itself_is_masked_too(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        response = await query(client, "{ unencodable }", **{"x-request-id": "call-8"})

    assert response.status_code == 500
    [error] = response.json()["errors"]
    assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "correlationId": "call-8"}
    assert response.headers["x-request-id"] == "call-8"
    assert "request failed" in [line["event"] for line in logs]


async def test_every_operation_is_one_log_line_without_query_or_variables(
    client: httpx.AsyncClient,
) -> None:
    body = {
        "query": "query Say($t: String!) { echo(text: $t) }",
        "variables": {"t": "a secret"},
    }
    with capture_logs() as logs:
        await client.post("/graphql", json=body, headers={"authorization": "Bearer alice"})

    [line] = logs
    assert line.pop("ms") >= 0
    assert line == {
        "event": "operation",
        "log_level": "info",
        "name": "Say",
        "type": "query",
        "outcome": "ok",
        "user_id": str(ALICE),
    }


# Correlation


async def test_a_sane_request_id_is_kept_and_another_replaced(client: httpx.AsyncClient) -> None:
    kept = await query(client, "{ requestId }", **{"x-request-id": "a.b-c_1"})
    replaced = await query(client, "{ requestId }", **{"x-request-id": "a b\t" + "x" * 100})

    assert kept.headers["x-request-id"] == kept.json()["data"]["requestId"] == "a.b-c_1"
    assert replaced.headers["x-request-id"] == replaced.json()["data"]["requestId"]
    assert len(replaced.headers["x-request-id"]) == 32


# Event streams


async def test_a_subscription_without_an_event_stream_is_406(client: httpx.AsyncClient) -> None:
    response = await query(client, "subscription { count(to: 1) }", accept=JSON)

    assert response.status_code == 406


async def test_an_event_stream_has_next_events_and_completes(client: httpx.AsyncClient) -> None:
    response = await query(client, "subscription { count(to: 2) }", accept=EVENT_STREAM)

    assert response.headers["content-type"].startswith(EVENT_STREAM)
    assert response.text == (
        'event: next\ndata: {"data":{"count":0}}\n\n'
        'event: next\ndata: {"data":{"count":1}}\n\n'
        "event: complete\ndata:\n\n"
    )


async def test_an_event_stream_masks_faults(client: httpx.AsyncClient) -> None:
    response = await query(client, "subscription { breaks }", accept=EVENT_STREAM)

    assert SECRET not in response.text
    assert "INTERNAL_SERVER_ERROR" in response.text
    assert response.text.endswith("event: complete\ndata:\n\n")


async def test_an_event_stream_that_is_left_leaves_nothing_behind(
    client: httpx.AsyncClient,
) -> None:
    body = {"query": "subscription { ticks }"}
    for _ in range(20):
        async with client.stream(
            "POST", "/graphql", json=body, headers={"accept": EVENT_STREAM}
        ) as response:
            await anext(response.aiter_raw())
            assert Ticks.open > 0

    async with asyncio.timeout(10):
        while Ticks.open:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_event_streams_count_as_connections_of_their_user() -> None:
    body = {"query": "subscription { ticks }"}
    headers = {"accept": EVENT_STREAM, "authorization": "Bearer alice"}
    async with (
        serving(max_user_connections=1) as address,
        httpx.AsyncClient(base_url=f"http://{address}", headers=headers) as client,
        client.stream("POST", "/graphql", json=body) as first,
    ):
        await anext(first.aiter_raw())
        second = await client.post("/graphql", json=body)

    assert second.status_code == 429
    assert second.headers["retry-after"] == "1"
    assert error_code(second) == "RATE_LIMITED"


async def test_an_event_stream_ends_with_its_token(client: httpx.AsyncClient) -> None:
    headers = {"accept": EVENT_STREAM, "authorization": "Bearer brief"}

    async with asyncio.timeout(10):
        response = await client.post(
            "/graphql", json={"query": "subscription { ticks }"}, headers=headers
        )

    assert "complete" not in response.text  # so that clients connect again


async def test_a_quiet_event_stream_has_a_heartbeat(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.event_stream.HEARTBEAT_SECONDS", 0.01)
    body = {"query": "subscription { ticks }"}

    async with client.stream(
        "POST", "/graphql", json=body, headers={"accept": EVENT_STREAM}
    ) as response:
        lines = response.aiter_lines()
        while await anext(lines) != ":":
            pass


# Other pages


async def test_a_browser_gets_graphiql(client: httpx.AsyncClient) -> None:
    response = await client.get("/graphql", headers={"accept": "text/html,*/*;q=0.8"})

    assert response.headers["content-type"].startswith("text/html")
    assert 'id="graphiql"' in response.text
    assert "script-src 'self';" in response.headers["content-security-policy"]


async def test_healthz_answers(client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).text == "ok"


@pytest.mark.parametrize(("part", "status"), [(None, 200), ("redis", 200), ("database", 503)])
async def test_readyz_names_what_fails_and_needs_only_the_database(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, part: str | None, status: int
) -> None:
    parts = {"database": "ok", "redis": "ok"}
    if part is not None:
        monkeypatch.setitem(PARTS.faults, part, "connection refused")
        parts[part] = "connection refused"

    response = await client.get("/readyz")

    assert (response.status_code, response.json()) == (status, parts)


async def test_metrics_count_operations_by_type_and_outcome(client: httpx.AsyncClient) -> None:
    await query(client, "{ missing }")

    metrics = (await client.get("/metrics")).text

    assert 'lectern_operations_total{outcome="error",type="query"}' in metrics
    assert 'lectern_operation_seconds_count{outcome="error",type="query"}' in metrics
    assert 'lectern_http_responses_total{status="200"}' in metrics


async def test_cors_is_off_unless_an_origin_is_allowed(client: httpx.AsyncClient) -> None:
    origin = {"origin": "https://app.example"}
    assert "access-control-allow-origin" not in (await query(client, "{ hello }", **origin)).headers

    async with (
        serving(cors_origins=["https://app.example"]) as address,
        httpx.AsyncClient(base_url=f"http://{address}") as other,
    ):
        response = await query(other, "{ hello }", **origin)
    assert response.headers["access-control-allow-origin"] == "https://app.example"


async def test_cors_of_any_port_is_for_one_host() -> None:
    async with (
        serving(cors_origins=["http://localhost:*"]) as address,
        httpx.AsyncClient(base_url=f"http://{address}") as client,
    ):
        allowed = [
            "access-control-allow-origin" in (await query(client, "{ hello }", origin=o)).headers
            for o in (
                "http://localhost",
                "http://localhost:5173",
                "https://localhost:5173",
                "http://localhost.evil.example:5173",
                "http://evil.example/?http://localhost:5173",
            )
        ]
    assert allowed == [True, True, False, False, False]


async def test_introspection_can_be_switched_off_with_its_hints() -> None:
    async with (
        serving(introspection=False) as address,
        httpx.AsyncClient(base_url=f"http://{address}") as client,
    ):
        schema = await query(client, "{ __schema { types { name } } }")
        misspelt = await query(client, "{ helo }")
        name = await query(client, "{ __typename }")
        page = await client.get("/graphql", headers={"accept": "text/html,*/*;q=0.8"})

    assert error_code(schema) == "GRAPHQL_VALIDATION_FAILED"
    assert "Did you mean" not in misspelt.text
    assert page.status_code == 400
    assert name.json() == {"data": {"__typename": "Query"}}
