"""The server audits of the npm package graphql-http, under their ids and names."""

from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

JSON = "application/json"
GRAPHQL_RESPONSE = "application/graphql-response+json"
MEDIA_TYPES = pytest.mark.parametrize("media_type", [JSON, GRAPHQL_RESPONSE])


async def post(
    client: httpx.AsyncClient, parameters: dict[str, Any], accept: str = GRAPHQL_RESPONSE
) -> httpx.Response:
    return await client.post("/graphql", json=parameters, headers={"accept": accept})


async def test_22eb_accepts_graphql_response_json_and_matches_the_content_type(
    client: httpx.AsyncClient,
) -> None:
    response = await post(client, {"query": "{ __typename }"})

    assert response.status_code == 200
    assert response.headers["content-type"] == f"{GRAPHQL_RESPONSE}; charset=utf-8"


@pytest.mark.parametrize("accept", [JSON, "*/*", "application/*"])
async def test_4655_47de_accepts_json_or_anything_and_answers_json(
    client: httpx.AsyncClient, accept: str
) -> None:
    response = await post(client, {"query": "{ __typename }"}, accept)

    assert response.status_code == 200
    assert response.headers["content-type"] == f"{JSON}; charset=utf-8"


@pytest.mark.parametrize("content_type", [JSON, f"{JSON}; charset=utf-8", f"{JSON};charset=UTF-8"])
async def test_82a3_bf61_78d5_uses_utf_8_both_ways(
    client: httpx.AsyncClient, content_type: str
) -> None:
    body = '{"query": "{ echo(text: \\"Löwe, лев, 狮子, 🦁\\") }"}'.encode()

    response = await client.post(
        "/graphql", content=body, headers={"content-type": content_type, "accept": JSON}
    )

    assert response.content.decode("utf-8") == '{"data":{"echo":"Löwe, лев, 狮子, 🦁"}}'


async def test_2c94_03d4_accepts_json_post_requests(client: httpx.AsyncClient) -> None:
    response = await post(client, {"query": "{ __typename }"})

    assert response.json() == {"data": {"__typename": "Query"}}


async def test_5a70_accepts_url_encoded_get_requests(client: httpx.AsyncClient) -> None:
    response = await client.get("/graphql", params={"query": "{ __typename }"})

    assert response.json() == {"data": {"__typename": "Query"}}


async def test_9c48_does_not_execute_mutations_on_get(client: httpx.AsyncClient) -> None:
    response = await client.get("/graphql", params={"query": "mutation { change }"})

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/graphql"]
)
async def test_9abe_refuses_posts_of_another_or_no_content_type(
    client: httpx.AsyncClient, content_type: str | None
) -> None:
    response = await client.post(
        "/graphql",
        content=b'{"query": "{ __typename }"}',
        headers={"content-type": content_type} if content_type else {},
    )

    assert response.status_code == 415
    assert "errors" in response.json()


@pytest.mark.parametrize("body", [b"", b"{", b'{"query'])
@MEDIA_TYPES
async def test_a5bf_bcf8_b7n8_answers_400_to_a_missing_or_broken_body(
    client: httpx.AsyncClient, media_type: str, body: bytes
) -> None:
    response = await client.post(
        "/graphql", content=body, headers={"content-type": JSON, "accept": media_type}
    )

    assert response.status_code == 400
    assert response.headers["content-type"].startswith(media_type)


async def test_423l_answers_400_to_a_missing_query(client: httpx.AsyncClient) -> None:
    assert (await post(client, {"notquery": "{ __typename }"})).status_code == 400


@pytest.mark.parametrize("value", [{"an": "object"}, 1, False, ["array"]])
@pytest.mark.parametrize("name", ["query", "operationName"])
async def test_lkj_6c0_answers_400_to_a_parameter_that_is_no_string(
    client: httpx.AsyncClient, name: str, value: object
) -> None:
    response = await post(client, {"query": "{ __typename }", name: value})

    assert response.status_code == 400


@pytest.mark.parametrize("value", ["string", 0, False, ["array"]])
@pytest.mark.parametrize("name", ["variables", "extensions"])
async def test_476_58b_answers_400_to_a_parameter_that_is_no_object(
    client: httpx.AsyncClient, name: str, value: object
) -> None:
    response = await post(client, {"query": "{ __typename }", name: value})

    assert response.status_code == 400


@MEDIA_TYPES
@pytest.mark.parametrize("name", ["operationName", "variables", "extensions"])
async def test_94b_022_allows_null_parameters(
    client: httpx.AsyncClient, media_type: str, name: str
) -> None:
    response = await post(client, {"query": "{ __typename }", name: None}, media_type)

    assert response.status_code == 200
    assert response.json() == {"data": {"__typename": "Query"}}


@MEDIA_TYPES
async def test_8161_b8b3_allows_a_string_operation_name(
    client: httpx.AsyncClient, media_type: str
) -> None:
    parameters = {"query": "query A { a: hello } query B { b: hello }", "operationName": "B"}

    response = await post(client, parameters, media_type)

    assert response.json() == {"data": {"b": "hello"}}


@MEDIA_TYPES
async def test_2ea1_28b9_allows_a_map_of_variables(
    client: httpx.AsyncClient, media_type: str
) -> None:
    parameters = {
        "query": "query Type($name: String!) { __type(name: $name) { name } }",
        "variables": {"name": "Thing"},
        "extensions": {"some": "value"},
    }

    response = await post(client, parameters, media_type)

    assert response.json() == {"data": {"__type": {"name": "Thing"}}}


@MEDIA_TYPES
async def test_d6d5_6a70_allows_url_encoded_variables_in_gets(
    client: httpx.AsyncClient, media_type: str
) -> None:
    response = await client.get(
        "/graphql",
        params={"query": "query ($t: String!) { echo(text: $t) }", "variables": '{"t": "a&b"}'},
        headers={"accept": media_type},
    )

    assert response.status_code == 200
    assert response.json() == {"data": {"echo": "a&b"}}


FAILING = pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ 8f31403dfe404bccbb0e835f2629c6a7 }"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nosuchfield }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "{ __typename }", "operationName": "Other"}, "OPERATION_RESOLUTION_FAILURE"),
        ({"query": "query A { hello } query B { hello }"}, "OPERATION_RESOLUTION_FAILURE"),
        (
            {"query": "query ($n: Int!) { double(number: $n) }", "variables": {"n": "one"}},
            "BAD_USER_INPUT",
        ),
    ],
)


@FAILING
async def test_572b_fde2_7b9b_answers_200_to_errors_when_accepting_json(
    client: httpx.AsyncClient, parameters: dict[str, Any], code: str
) -> None:
    response = await post(client, parameters, JSON)

    assert response.status_code == 200
    assert response.json()["errors"][0]["extensions"]["code"] == code


@FAILING
async def test_865d_556a_51fe_74ff_86ee_answers_400_when_accepting_graphql_response(
    client: httpx.AsyncClient, parameters: dict[str, Any], code: str
) -> None:
    response = await post(client, parameters, GRAPHQL_RESPONSE)

    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == code


@FAILING
@MEDIA_TYPES
async def test_d586_5e5b_has_no_data_entry_when_nothing_ran(
    client: httpx.AsyncClient, media_type: str, parameters: dict[str, Any], code: str
) -> None:
    response = await post(client, parameters, media_type)

    assert "data" not in response.json()
