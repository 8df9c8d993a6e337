"""Files in an object store: S3, GCS, Azure or a local folder, all through obstore."""

import asyncio
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, ObjectStore, S3Store, from_url

from core.errors import ErrorCode, ProviderUnavailable
from core.settings import Settings

if TYPE_CHECKING:
    from obstore import GetOptions  # only in its type stubs

CHUNK_BYTES = 1024 * 1024
PARTS_IN_FLIGHT = 2
"""Of five mebibytes each: what one upload may hold in memory."""
STALL_SECONDS = 60
"""Without a single chunk, a read is given up."""


class Storage:
    """Raises `ProviderUnavailable` when the store does not answer, is full or lacks the file."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def write(self, key: str, chunks: AsyncIterable[bytes]) -> None:
        """All or nothing: a file that breaks off is not there, one that is there outlives a crash.

        A domain error out of `chunks` is raised as it is.
        """
        with _unavailability("keep"):
            await obstore.put_async(
                self._store, key, aiter(chunks), max_concurrency=PARTS_IN_FLIGHT
            )
            if path := self.local_path(key):
                await asyncio.to_thread(_sync, path)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """All of a file, or its bytes from `start` to before `end`."""
        options: GetOptions = {} if end is None else {"range": (start, end)}
        with _unavailability("read"):
            async with asyncio.timeout(STALL_SECONDS):
                found = await obstore.get_async(self._store, key, options=options)
                stream = aiter(found.stream(CHUNK_BYTES))
            while True:
                try:
                    async with asyncio.timeout(STALL_SECONDS):
                        chunk = bytes(await anext(stream))
                except StopAsyncIteration:
                    return
                yield chunk

    async def size(self, key: str) -> int | None:
        """Bytes; None when there is no such file."""
        with _unavailability("find"):
            try:
                return (await obstore.head_async(self._store, key))["size"]
            except FileNotFoundError:
                return None

    async def copy(self, source: str, target: str) -> None:
        with _unavailability("keep"):
            await obstore.copy_async(self._store, source, target)

    async def delete(self, key: str) -> None:
        """A file that is already gone is no error."""
        with _unavailability("delete"):
            try:
                await obstore.delete_async(self._store, key)
            except FileNotFoundError:
                pass
            if path := self.local_path(key):
                await asyncio.to_thread(_delete_drafts, path)

    async def signed_url(self, key: str, lifetime: timedelta) -> str | None:
        """Where clients fetch the file themselves; None for a local folder."""
        if not isinstance(self._store, S3Store | GCSStore | AzureStore):
            return None
        url: str = await obstore.sign_async(self._store, "GET", key, lifetime)
        return url

    async def signed_upload(
        self, key: str, lifetime: timedelta
    ) -> tuple[str, dict[str, str]] | None:
        """Where clients PUT the file themselves, with which headers; None for a local folder."""
        if not isinstance(self._store, S3Store | GCSStore | AzureStore):
            return None
        url: str = await obstore.sign_async(self._store, "PUT", key, lifetime)
        blob_type = {"x-ms-blob-type": "BlockBlob"}
        return url, blob_type if isinstance(self._store, AzureStore) else {}

    def local_path(self, key: str) -> Path | None:
        """The file itself where the store is a local folder; only for reading."""
        if not isinstance(self._store, LocalStore) or self._store.prefix is None:
            return None
        return Path(self._store.prefix) / key


def open_storage(settings: Settings) -> Storage:
    if settings.storage_url is None:
        folder = Path(settings.data_dir).absolute() / "files"
        return Storage(LocalStore(folder, mkdir=True))
    return Storage(from_url(settings.storage_url))


@contextmanager
def _unavailability(verb: str) -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise ProviderUnavailable(
            ErrorCode.STORAGE_UNAVAILABLE, f"The file store could not {verb} the file; try again."
        ) from error


def _sync(path: Path) -> None:
    """Bytes and name, to the disk."""
    for file in (path, path.parent):
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _delete_drafts(path: Path) -> None:
    """The store writes `name#1` before it renames; a killed process leaves that behind."""
    for draft in path.parent.glob(f"{path.name}#*"):
        draft.unlink(missing_ok=True)
