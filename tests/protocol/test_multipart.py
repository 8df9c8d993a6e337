"""The cases of the reference server of graphql-multipart-request-spec, and its limits."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from protocol.toy_server import serving
from server.multipart import ENVELOPE_BYTES, MAX_FIELD_BYTES, MAX_FILES, PREFLIGHT_HEADERS

pytestmark = pytest.mark.asyncio(loop_scope="session")

ONE = "mutation ($file: Upload!) { upload(file: $file) }"
MANY = "mutation ($files: [Upload!]!) { uploadAll(files: $files) }"
HEADERS = {"authorization": "Bearer alice", "graphql-preflight": "1"}

MEBIBYTE = 1024 * 1024
LIMIT = 4 * MEBIBYTE
"""Of the server's `max_upload_bytes`."""

Part = tuple[str, str | None, bytes]


def field(name: str, value: object) -> Part:
    text = value if isinstance(value, str) else json.dumps(value)
    return (name, None, text.encode())


def file(name: str, content: bytes = b"content", filename: str | None = None) -> Part:
    return (name, filename or f"{name}.txt", content)


def operations(query: str, **variables: Any) -> Part:
    return field("operations", {"query": query, "variables": variables})


def encode(*parts: Part) -> bytes:
    body = bytearray()
    for name, filename, content in parts:
        suffix = f'; filename="{filename}"' if filename else ""
        body += f'--b\r\nContent-Disposition: form-data; name="{name}"{suffix}\r\n\r\n'.encode()
        body += content + b"\r\n"
    return bytes(body + b"--b--\r\n")


async def send(
    client: httpx.AsyncClient, *parts: Part, headers: Mapping[str, str] = HEADERS
) -> httpx.Response:
    return await client.post(
        "/graphql",
        content=encode(*parts),
        headers={"content-type": "multipart/form-data; boundary=b", **headers},
    )


def message(response: httpx.Response) -> str:
    return str(response.json()["errors"][0]["message"])


# Files in their places


async def test_single_file(client: httpx.AsyncClient) -> None:
    response = await send(
        client, operations(ONE, file=None), field("map", {"1": ["variables.file"]}), file("1")
    )

    assert response.json() == {"data": {"upload": "1.txt 7"}}


async def test_file_list(client: httpx.AsyncClient) -> None:
    response = await send(
        client,
        operations(MANY, files=[None, None]),
        field("map", {"a": ["variables.files.1"], "b": ["variables.files.0"]}),
        file("a"),
        file("b", b""),
    )

    assert response.json() == {"data": {"uploadAll": ["b.txt 0", "a.txt 7"]}}


async def test_deduplicated_files(client: httpx.AsyncClient) -> None:
    response = await send(
        client,
        operations(MANY, files=[None, None]),
        field("map", {"1": ["variables.files.0", "variables.files.1"]}),
        file("1"),
    )

    assert response.json() == {"data": {"uploadAll": ["1.txt 7", "1.txt 7"]}}


async def test_unconsumed_uploads(client: httpx.AsyncClient) -> None:
    response = await send(
        client,
        operations("mutation ($file: Upload) { change @skip(if: false) }", file=None),
        field("map", {"1": ["variables.file"]}),
        file("1"),
    )

    assert "GRAPHQL_VALIDATION_FAILED" in response.text  # the variable is never used


async def test_extraneous_file_is_ignored(client: httpx.AsyncClient) -> None:
    response = await send(
        client,
        operations(ONE, file=None),
        field("map", {"1": ["variables.file"]}),
        file("1"),
        file("2"),
    )

    assert response.json() == {"data": {"upload": "1.txt 7"}}


async def test_no_files(client: httpx.AsyncClient) -> None:
    response = await send(client, operations("{ hello }"), field("map", {}))

    assert response.json() == {"data": {"hello": "hello"}}


async def test_a_filename_keeps_its_letters(client: httpx.AsyncClient) -> None:
    response = await send(
        client,
        operations(ONE, file=None),
        field("map", {"1": ["variables.file"]}),
        file("1", filename="Отчёт 日本.pdf"),
    )

    assert response.json() == {"data": {"upload": "Отчёт 日本.pdf 7"}}


# Missing and misordered parts


async def test_missing_file(client: httpx.AsyncClient) -> None:
    response = await send(
        client, operations(ONE, file=None), field("map", {"1": ["variables.file"]})
    )

    assert response.status_code == 400
    assert message(response) == "The file `1` is missing."


async def test_a_field_is_no_file(client: httpx.AsyncClient) -> None:
    response = await send(
        client, operations(ONE, file=None), field("map", {"map": ["variables.file"]}), file("1")
    )

    assert message(response) == "The file `map` is missing."


@pytest.mark.parametrize("files", [[], [file("1")]])
async def test_missing_operations(client: httpx.AsyncClient, files: list[Part]) -> None:
    response = await send(client, field("map", {"1": ["variables.file"]}), *files)

    assert response.status_code == 400
    assert message(response) == "The multipart field `operations` is missing."


@pytest.mark.parametrize("files", [[], [file("1")]])
async def test_missing_map(client: httpx.AsyncClient, files: list[Part]) -> None:
    response = await send(client, operations(ONE, file=None), *files)

    assert response.status_code == 400
    assert message(response) == "The multipart field `map` is missing."


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2, 1), (2, 0, 1)])
async def test_misordered_parts(client: httpx.AsyncClient, order: tuple[int, ...]) -> None:
    parts = [operations(ONE, file=None), field("map", {"1": ["variables.file"]}), file("1")]

    response = await send(client, *(parts[index] for index in order))

    assert response.status_code == 400
    assert message(response).startswith("Misordered multipart fields")


async def test_operations_sent_as_a_file(client: httpx.AsyncClient) -> None:
    response = await send(client, file("operations", b"{}"), field("map", {}))

    assert response.status_code == 400


# Wrong types


@pytest.mark.parametrize("value", ["{ x", "null", "1", '"x"', "[1]", "[]", "NaN", "[" * 5_000])
async def test_invalid_operations(client: httpx.AsyncClient, value: str) -> None:
    response = await send(client, field("operations", value), field("map", {}))

    assert response.status_code == 400
    assert message(response) == "The multipart field `operations` must be a JSON object."


@pytest.mark.parametrize("value", ["{ x", "null", "1", '"x"', "[]"])
async def test_invalid_map(client: httpx.AsyncClient, value: str) -> None:
    response = await send(client, operations(ONE, file=None), field("map", value), file("1"))

    assert response.status_code == 400
    assert message(response) == "The multipart field `map` must be a JSON object."


@pytest.mark.parametrize("paths", [None, 1, "variables.file", {}, [None], [1], [["variables"]]])
async def test_invalid_map_entry(client: httpx.AsyncClient, paths: object) -> None:
    response = await send(client, operations(ONE, file=None), field("map", {"1": paths}), file("1"))

    assert response.status_code == 400
    assert message(response) == "`map.1` must be a list of strings."


@pytest.mark.parametrize(
    "path",
    [
        "",
        "variables",
        "query",
        "file",
        "variables.other",
        "variables.file.deeper",
        "variables.files.1",
        "variables.files.x",
        "variables.files.99999999999999999999",
        "variables.text",
        "variables.text.0",
        "extensions.file",
        "variables.__class__",
    ],
)
async def test_invalid_object_path(client: httpx.AsyncClient, path: str) -> None:
    response = await send(
        client,
        operations(ONE, file=None, files=[None], text="taken"),
        field("map", {"1": [path]}),
        file("1"),
    )

    assert response.status_code == 400
    assert message(response) == f"`{path}` in `map` is not a null variable."


# Broken bodies


async def test_missing_boundary(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/graphql", content=b"x", headers={"content-type": "multipart/form-data", **HEADERS}
    )

    assert response.status_code == 400
    assert message(response) == "Missing boundary in multipart."


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no boundary at all",
        b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
        encode(operations(ONE, file=None))[:-10],
    ],
)
async def test_malformed_parts(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post(
        "/graphql",
        content=body,
        headers={"content-type": "multipart/form-data; boundary=b", **HEADERS},
    )

    assert response.status_code == 400
    assert "errors" in response.json()


async def test_an_aborted_upload_leaves_no_file_open(address: str) -> None:
    host, port = address.split(":")
    before = _temporary_files()
    _, writer = await asyncio.open_connection(host, int(port))
    head = encode(
        operations(ONE, file=None), field("map", {"1": ["variables.file"]}), file("1", b"x")
    )[:-10]
    writer.write(
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer alice\r\n"
        b"GraphQL-Preflight: 1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        b"Content-Length: 3000000\r\n\r\n" + head + b"x" * 2_000_000
    )
    await writer.drain()
    async with asyncio.timeout(10):
        while _temporary_files() == before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

        writer.close()

        while _temporary_files() != before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def _temporary_files() -> int:
    """Spooled files are unlinked at birth, so only their descriptors tell of them."""
    return sum("(deleted)" in _target(entry) for entry in Path("/proc/self/fd").iterdir())


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except FileNotFoundError:
        return ""


# Limits


async def test_max_files(client: httpx.AsyncClient) -> None:
    names = [str(number) for number in range(MAX_FILES + 1)]

    response = await send(
        client, operations(MANY, files=[]), field("map", {}), *(file(name) for name in names)
    )

    assert response.status_code == 413
    assert message(response).startswith("Too many files.")


async def test_max_field_size(client: httpx.AsyncClient) -> None:
    response = await send(
        client, operations(ONE, filler="x" * MAX_FIELD_BYTES), field("map", {}), file("1")
    )

    assert response.status_code == 413
    assert message(response).startswith("Part exceeded maximum size")


async def test_max_fields(client: httpx.AsyncClient) -> None:
    response = await send(client, operations(ONE), field("map", {}), field("other", "x"))

    assert response.status_code == 413
    assert message(response).startswith("Too many fields.")


async def test_a_file_up_to_the_limit_arrives() -> None:
    size = 3 * 1024 * 1024
    async with (
        serving(max_upload_bytes=size) as address,
        httpx.AsyncClient(base_url=f"http://{address}") as client,
    ):
        response = await send(
            client,
            operations(ONE, file=None),
            field("map", {"1": ["variables.file"]}),
            file("1", b"x" * size),
        )

    assert response.json() == {"data": {"upload": f"1.txt {size}"}}


async def test_of_a_file_far_above_the_limit_its_operation_sees_just_too_much(
    client: httpx.AsyncClient,
) -> None:
    """So that every file that is too large is refused by the same type."""
    response = await send(
        client,
        operations(ONE, file=None),
        field("map", {"1": ["variables.file"]}),
        file("1", b"x" * 20 * MEBIBYTE),
    )

    size = int(response.json()["data"]["upload"].split()[1])
    assert LIMIT < size <= LIMIT + ENVELOPE_BYTES


@pytest.mark.parametrize("sizes", [(2, 8), (8, 2), (3, 3, 3)])
async def test_no_file_is_cut_short_where_several_are_too_large_together(
    client: httpx.AsyncClient, sizes: tuple[int, ...]
) -> None:
    names = [str(number) for number in range(len(sizes))]
    response = await send(
        client,
        operations(MANY, files=[None] * len(sizes)),
        field("map", {name: [f"variables.files.{name}"] for name in names}),
        *(file(name, b"x" * size * MEBIBYTE) for name, size in zip(names, sizes, strict=True)),
    )

    assert response.status_code == 413
    assert response.json()["errors"][0]["extensions"] == {"code": "FILE_TOO_LARGE", "limit": LIMIT}


async def test_a_small_file_before_an_endless_epilogue_is_413(client: httpx.AsyncClient) -> None:
    parts = [operations(ONE, file=None), field("map", {"1": ["variables.file"]}), file("1")]
    response = await client.post(
        "/graphql",
        content=encode(*parts) + bytes(8 * MEBIBYTE),
        headers={"content-type": "multipart/form-data; boundary=b", **HEADERS},
    )

    assert response.status_code == 413


# Who may send one


@pytest.mark.parametrize("name", PREFLIGHT_HEADERS)
async def test_any_preflight_header_will_do(client: httpx.AsyncClient, name: str) -> None:
    response = await send(
        client,
        operations(ONE, file=None),
        field("map", {"1": ["variables.file"]}),
        file("1"),
        headers={"authorization": "Bearer alice", name: "anything"},
    )

    assert response.json() == {"data": {"upload": "1.txt 7"}}


@pytest.mark.parametrize("headers", [{}, {"graphql-preflight": ""}])
async def test_without_a_preflight_header_it_is_400(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    response = await send(
        client,
        operations(ONE, file=None),
        field("map", {"1": ["variables.file"]}),
        file("1"),
        headers={"authorization": "Bearer alice", **headers},
    )

    assert response.status_code == 400
    assert PREFLIGHT_HEADERS[0] in message(response)


@pytest.mark.parametrize("token", [b"", b"Authorization: Bearer mallory\r\n"])
async def test_the_body_of_somebody_unknown_is_not_read(address: str, token: bytes) -> None:
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /graphql HTTP/1.1\r\nHost: x\r\n" + token + b"GraphQL-Preflight: 1\r\n"
        b"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n"
    )

    status = await reader.readline()  # though not a byte of the body was sent
    writer.close()

    assert status.startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "Log in first: this needs an access token or an API key."),
        ({"authorization": "Bearer mallory"}, "The access token is not valid."),
    ],
)
async def test_an_upload_is_refused_in_the_words_of_any_other_operation(
    client: httpx.AsyncClient, headers: dict[str, str], reason: str
) -> None:
    response = await send(
        client,
        operations(ONE, file=None),
        field("map", {"1": ["variables.file"]}),
        file("1"),
        headers={"graphql-preflight": "1", **headers},
    )

    assert response.status_code == 401
    assert message(response) == reason
