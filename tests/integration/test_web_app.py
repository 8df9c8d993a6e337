"""The built app as the server gives it out."""

import gzip
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from server.web import FOLDER, web_routes


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=web_routes("type Query { me: String }"))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://lectern") as client:
        yield client


async def test_every_screen_is_the_app(client: httpx.AsyncClient) -> None:
    index = (FOLDER / "index.html").read_text()
    for path in ("/", "/library", "/documents/doc_1", "/chats", "/chats/conv_1", "/settings"):
        assert (await client.get(path)).text == index
    assert (await client.get("/nowhere")).status_code == 404


async def test_the_page_runs_only_what_it_came_with(client: httpx.AsyncClient) -> None:
    response = await client.get("/")
    policy = response.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "http" not in policy
    assert "<script>" not in response.text
    assert "style=" not in response.text


async def test_a_page_is_asked_for_again_and_its_files_never(client: httpx.AsyncClient) -> None:
    response = await client.get("/")
    assert response.headers["cache-control"] == "no-cache"
    again = await client.get("/", headers={"If-None-Match": response.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    names = re.findall(r'(?:src|href)="(/assets/[^"]+)"', response.text)
    assert names
    for name in names:
        assert "immutable" in (await client.get(name)).headers["cache-control"]


async def test_files_come_compressed_to_who_takes_that(client: httpx.AsyncClient) -> None:
    name = re.findall(r'"(/assets/index-[^"]+\.js)"', (FOLDER / "index.html").read_text())[0]
    plain = await client.get(name, headers={"Accept-Encoding": "identity"})
    packed = await client.get(name, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content == (FOLDER / name[1:]).read_bytes()
    assert int(packed.headers["content-length"]) == len(gzip.compress(plain.content, mtime=0))


@pytest.mark.parametrize("path", ["/assets/../web.py", "/assets/%2e%2e/web.py", "/assets/none.js"])
async def test_nothing_else_is_given_out(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_the_schema_has_an_address(client: httpx.AsyncClient) -> None:
    assert (await client.get("/schema.graphql")).text == "type Query { me: String }"
