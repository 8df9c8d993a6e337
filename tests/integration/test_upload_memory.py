"""How much the API's process grows while large files pass through it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from cli.children import Child
from cli.client import Client
from core.ids import new_id
from core.settings import MEBIBYTE, Settings
from support.accounts import register
from support.embeddings import EmbeddingServer
from support.product import Product

UPLOAD = """
mutation ($file: Upload!) {
  uploadDocument(input: { file: $file }) {
    ... on UploadedDocument { document { byteSize } } ... on Error { message }
  }
}
"""
PREPARE = """
mutation ($input: PrepareUploadInput!) {
  prepareUpload(input: $input) {
    ... on PreparedUpload { uploadId url headers { name value } } ... on Error { message }
  }
}
"""
COMPLETE = """
mutation ($id: ID!) {
  completeUpload(uploadId: $id) {
    ... on UploadedDocument { document { byteSize } } ... on Error { message }
  }
}
"""


@pytest.fixture
def api(settings: Settings, tmp_path: Path) -> Iterator[tuple[str, Child]]:
    with (
        EmbeddingServer() as embeddings,  # or the API would load its model meanwhile
        Product(settings, **embeddings.environment) as product,
    ):
        yield product.serve()


@pytest.fixture
async def client(api: tuple[str, Child], tmp_path: Path) -> AsyncIterator[Client]:
    """Registered, and after a small upload: what is needed once is loaded."""
    async with Client(api[0]) as client:
        await register(client)
        for _ in range(3):
            await client.upload(UPLOAD, text_file(tmp_path, MEBIBYTE))
        yield client


def text_file(folder: Path, size: int) -> Path:
    path = folder / f"{new_id().hex}.txt"
    line = f"{new_id().hex} of the tide engine\n".encode()
    with path.open("wb") as file:
        for _ in range(size // len(line)):
            file.write(line)
    return path


async def growth(process: psutil.Process, work: AsyncIterator[None]) -> float:
    """Mebibytes of resident memory that the peak lies above the beginning."""
    before = peak = process.memory_info().rss
    running = asyncio.ensure_future(anext(work))
    while not running.done():
        await asyncio.wait({running}, timeout=0.01)
        peak = max(peak, process.memory_info().rss)
    running.result()
    return (peak - before) / MEBIBYTE


@pytest.mark.parametrize(("size", "limit"), [(10, 20), (200, 30)])
async def test_by_multipart(
    api: tuple[str, Child], client: Client, tmp_path: Path, size: int, limit: int
) -> None:
    path = text_file(tmp_path, size * MEBIBYTE)
    byte_size = path.stat().st_size

    async def upload() -> AsyncIterator[None]:
        uploaded = await client.upload(UPLOAD, path)
        assert uploaded["uploadDocument"]["document"]["byteSize"] == byte_size
        yield

    assert api[1].process is not None
    assert await growth(psutil.Process(api[1].process.pid), upload()) < limit


async def test_announced(api: tuple[str, Child], client: Client, tmp_path: Path) -> None:
    path = text_file(tmp_path, 200 * MEBIBYTE)
    content = path.read_bytes()
    file = {
        "filename": "large.txt",
        "byteSize": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }

    async def upload() -> AsyncIterator[None]:
        prepared = (await client.execute(PREPARE, input=file))["prepareUpload"]
        async with httpx.AsyncClient(timeout=60) as http:
            assert (await http.put(prepared["url"], content=content)).status_code == 204
        completed = await client.execute(COMPLETE, id=prepared["uploadId"])
        assert completed["completeUpload"]["document"]["byteSize"] == len(content)
        yield

    assert api[1].process is not None
    grown = await growth(psutil.Process(api[1].process.pid), upload())
    assert grown < 30
