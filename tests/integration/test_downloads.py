"""Original files through the addresses that `downloadUrl` hands out."""

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from core.principal import Principal
from db.documents import Version
from server.files import file_routes
from services.container import Services
from services.uploads import Upload

TEXT = "The lamp is lit at dusk. " * 100_000


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=file_routes())

    async def with_services(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": {"services": services}}, receive, send)

    transport = httpx.ASGITransport(with_services)
    async with httpx.AsyncClient(transport=transport) as client:
        yield client


@pytest.fixture
async def version(services: Services, principal: Principal) -> Version:
    async def content() -> AsyncIterator[bytes]:
        yield TEXT.encode()

    uploaded = await services.uploads.upload(principal, Upload("a.txt", None, content()))
    id_ = uploaded.document.version_id
    return (await services.documents.versions_by_ids(principal, [id_]))[id_]


async def test_a_file_comes_back_as_it_was(
    client: httpx.AsyncClient, services: Services, principal: Principal, version: Version
) -> None:
    response = await client.get(await services.downloads.url(principal, version))

    assert response.text == TEXT


async def test_a_store_that_lacks_the_file_is_503(
    client: httpx.AsyncClient, services: Services, principal: Principal, version: Version
) -> None:
    await services.storage.delete(version.storage_key)

    response = await client.get(await services.downloads.url(principal, version))

    assert response.status_code == 503
    assert response.json()["code"] == "STORAGE_UNAVAILABLE"


async def test_a_part_of_a_file(
    client: httpx.AsyncClient, services: Services, principal: Principal, version: Version
) -> None:
    url = await services.downloads.url(principal, version)
    size = len(TEXT)
    for asked, start, end in (
        ("bytes=10-19", 10, 20),
        (f"bytes={size - 5}-", size - 5, size),
        ("bytes=-7", size - 7, size),
        (f"bytes=0-{size * 2}", 0, size),
    ):
        response = await client.get(url, headers={"Range": asked})
        assert response.status_code == 206
        assert response.text == TEXT[start:end]
        assert response.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"

    beyond = await client.get(url, headers={"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    for ignored in ("bytes=5-2", "bytes=-", "lines=1-2", "bytes=0-1,4-5"):
        assert (await client.get(url, headers={"Range": ignored})).text == TEXT


async def test_a_part_belongs_to_what_is_there_already(
    client: httpx.AsyncClient, services: Services, principal: Principal, version: Version
) -> None:
    url = await services.downloads.url(principal, version)
    tag = (await client.get(url)).headers["etag"]
    same = await client.get(url, headers={"Range": "bytes=0-1", "If-Range": tag})
    other = await client.get(url, headers={"Range": "bytes=0-1", "If-Range": '"another"'})
    assert (same.status_code, other.status_code) == (206, 200)
    assert (await client.get(url, headers={"If-None-Match": tag})).status_code == 304


@pytest.mark.parametrize(
    ("filename", "content", "disposition", "media_type"),
    [
        ("a.txt", b"The lamp is lit.", "inline", "text/plain; charset=utf-8"),
        ("a.md", b"# The lamp", "inline", "text/plain; charset=utf-8"),
        ("a.html", b"<html><script>alert(1)</script>", "attachment", "text/html; charset=utf-8"),
    ],
)
async def test_what_a_browser_may_show(
    client: httpx.AsyncClient,
    services: Services,
    principal: Principal,
    filename: str,
    content: bytes,
    disposition: str,
    media_type: str,
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield content

    uploaded = await services.uploads.upload(principal, Upload(filename, None, chunks()))
    id_ = uploaded.document.version_id
    version = (await services.documents.versions_by_ids(principal, [id_]))[id_]
    shown = await client.get(await services.downloads.url(principal, version, True))
    saved = await client.get(await services.downloads.url(principal, version))
    assert shown.headers["content-disposition"].startswith(disposition)
    assert saved.headers["content-disposition"].startswith("attachment")
    for response in (shown, saved):
        assert "sandbox" in response.headers["content-security-policy"]
        assert response.headers["x-content-type-options"] == "nosniff"
    assert shown.headers["content-type"] == media_type
