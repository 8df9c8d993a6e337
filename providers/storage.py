"""Files in an object store: S3, GCS, Azure or a local folder, all through obstore."""

from collections.abc import AsyncIterable, AsyncIterator
from datetime import timedelta
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, LocalStore, ObjectStore, S3Store, from_url

from core.errors import ErrorCode, ProviderUnavailable
from core.settings import Settings

CHUNK_BYTES = 1024 * 1024


class Storage:
    """Raises `ProviderUnavailable` when the store does not answer or lacks the file."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def write(self, key: str, chunks: AsyncIterable[bytes]) -> None:
        """All or nothing: a file that breaks off is not there."""
        try:
            await obstore.put_async(self._store, key, aiter(chunks))
        except (BaseError, OSError) as error:
            raise _unavailable("keep") from error

    async def read(self, key: str) -> AsyncIterator[bytes]:
        try:
            result = await obstore.get_async(self._store, key)
            async for chunk in result.stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(chunk)
        except (BaseError, OSError) as error:
            raise _unavailable("read") from error

    async def delete(self, key: str) -> None:
        """A file that is already gone is no error."""
        try:
            await obstore.delete_async(self._store, key)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise _unavailable("delete") from error

    async def signed_url(self, key: str, lifetime: timedelta) -> str | None:
        """Where clients fetch the file themselves; None for a local folder."""
        if not isinstance(self._store, S3Store | GCSStore | AzureStore):
            return None
        url: str = await obstore.sign_async(self._store, "GET", key, lifetime)
        return url


def open_storage(settings: Settings) -> Storage:
    if settings.storage_url is None:
        folder = Path(settings.data_dir).absolute() / "files"
        return Storage(LocalStore(folder, mkdir=True))
    return Storage(from_url(settings.storage_url))


def _unavailable(verb: str) -> ProviderUnavailable:
    return ProviderUnavailable(
        ErrorCode.STORAGE_UNAVAILABLE, f"The file store could not {verb} the file; try again."
    )
