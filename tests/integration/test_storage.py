"""Files in a local folder, and in an S3 that runs on loopback."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from obstore.store import LocalStore, S3Store
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from core.errors import ErrorCode, FileTooLarge, ProviderUnavailable
from providers.storage import CHUNK_BYTES, Storage
from support.loopback import serve


class LoopbackS3:
    """As much of the S3 API as a store of whole files needs; signatures are not checked."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.parts: dict[int, bytes] = {}

    async def __call__(self, request: Request) -> Response:
        key, query = request.path_params.get("key", ""), request.query_params
        body = await request.body()
        match request.method:
            case "POST" if "delete" in query:
                keys = re.findall("<Key>(.+?)</Key>", body.decode())
                for deleted in keys:
                    self.objects.pop(deleted, None)
                entries = (f"<Deleted><Key>{deleted}</Key></Deleted>" for deleted in keys)
                return _xml(f"<DeleteResult>{''.join(entries)}")
            case "POST" if "uploads" in query:
                self.parts.clear()
                return _xml("<InitiateMultipartUploadResult><UploadId>1</UploadId>")
            case "PUT" if "partNumber" in query:
                self.parts[int(query["partNumber"])] = body
                return Response(headers={"etag": f'"{query["partNumber"]}"'})
            case "POST" if "uploadId" in query:
                self.objects[key] = b"".join(part for _, part in sorted(self.parts.items()))
                return _xml('<CompleteMultipartUploadResult><ETag>"1"</ETag>')
            case "PUT" if source := request.headers.get("x-amz-copy-source"):
                self.objects[key] = self.objects[source.removeprefix("bucket/")]
                return _xml('<CopyObjectResult><ETag>"1"</ETag>')
            case "PUT":
                self.objects[key] = body
                return Response(headers={"etag": '"1"'})
            case "DELETE":
                if "uploadId" not in query:
                    self.objects.pop(key, None)
                return Response(status_code=204)
        if key not in self.objects:
            return Response(status_code=404)
        headers = {"etag": '"1"', "last-modified": "Sun, 22 Nov 2026 12:00:00 GMT"}
        return Response(self.objects[key], headers=headers)


def _xml(body: str) -> Response:
    name = body[1 : body.index(">")]
    return Response(f"{body}</{name}>", media_type="application/xml")


@pytest.fixture
async def s3() -> AsyncIterator[Storage]:
    methods = ["GET", "HEAD", "PUT", "POST", "DELETE"]
    endpoint = LoopbackS3()

    async def answer(request: Request) -> Response:
        return await endpoint(request)

    paths = ("/bucket", "/bucket/{key:path}")
    app = Starlette(routes=[Route(path, answer, methods=methods) for path in paths])
    async with serve(app) as url:
        yield Storage(
            S3Store(
                "bucket",
                endpoint=url,
                access_key_id="key",
                secret_access_key="secret",
                region="us-east-1",
                client_options={"allow_http": True},
            )
        )


@pytest.fixture
def local(tmp_path: Path) -> Storage:
    return Storage(LocalStore(tmp_path))


@pytest.fixture(params=["local", "s3"])
def storage(request: pytest.FixtureRequest) -> Storage:
    store: Storage = request.getfixturevalue(request.param)
    return store


async def pieces(count: int, failure: Exception | None = None) -> AsyncIterator[bytes]:
    for number in range(count):
        yield bytes([number]) * CHUNK_BYTES
    if failure is not None:
        raise failure


async def content(storage: Storage, key: str) -> bytes:
    return b"".join([chunk async for chunk in storage.read(key)])


async def test_what_is_written_is_read(storage: Storage) -> None:
    await storage.write("a/b", pieces(7))
    assert await storage.size("a/b") == 7 * CHUNK_BYTES
    assert await content(storage, "a/b") == b"".join([piece async for piece in pieces(7)])


async def test_a_copy_lives_on_by_itself(storage: Storage) -> None:
    await storage.write("a/b", pieces(2))
    await storage.copy("a/b", "a/c")
    await storage.write("a/b", pieces(1))
    await storage.delete("a/b")
    await storage.delete("a/b")
    assert await storage.size("a/b") is None
    assert await storage.size("a/c") == 2 * CHUNK_BYTES


async def test_what_breaks_off_is_not_there(storage: Storage) -> None:
    with pytest.raises(FileTooLarge):
        await storage.write("a/b", pieces(7, FileTooLarge("Too large.", 1)))
    assert await storage.size("a/b") is None


async def test_what_is_not_there_cannot_be_read(storage: Storage) -> None:
    with pytest.raises(ProviderUnavailable) as failure:
        await content(storage, "no/such")
    assert failure.value.code == ErrorCode.STORAGE_UNAVAILABLE


async def test_s3_signs_addresses_to_fetch_from_and_to_send_to(s3: Storage) -> None:
    signed = await s3.signed_upload("a/b", timedelta(minutes=5))
    assert signed is not None
    url, headers = signed
    assert "X-Amz-Expires=300" in url
    async with httpx.AsyncClient() as client:
        assert (await client.put(url, content=b"straight", headers=headers)).status_code == 200
        fetch = await s3.signed_url("a/b", timedelta(minutes=5))
        assert fetch is not None
        assert (await client.get(fetch)).content == b"straight"
    assert s3.local_path("a/b") is None


async def test_a_local_folder_signs_nothing(local: Storage) -> None:
    assert await local.signed_url("a/b", timedelta(minutes=5)) is None
    assert await local.signed_upload("a/b", timedelta(minutes=5)) is None
