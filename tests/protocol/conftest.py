"""One server and one client for all tests of the protocols."""

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from protocol.toy_server import serving


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def address() -> AsyncIterator[str]:
    async with serving(max_upload_bytes=4 * 1024 * 1024) as address:
        yield address


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client(address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://{address}") as client:
        yield client
