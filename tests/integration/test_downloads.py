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
