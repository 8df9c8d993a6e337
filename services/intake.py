"""Checks of every uploaded file while it streams through."""

import asyncio
import hashlib
from collections.abc import AsyncIterable, AsyncIterator

from core.errors import FileTooLarge, InvalidInput, UnsupportedFileType
from core.settings import MEBIBYTE
from providers.parsing.formats import names
from providers.parsing.media import OLE_MAGIC, SNIFF_BYTES, sniff


class Intake:
    """Counts, hashes and recognises one file; the results stand when it has been read."""

    def __init__(self, filename: str, declared_type: str | None, limit: int) -> None:
        self._filename = filename
        self._declared_type = declared_type
        self._limit = limit
        self._hash = hashlib.sha256()
        self.size = 0
        self.media_type = ""

    @property
    def sha256(self) -> bytes:
        return self._hash.digest()

    async def read(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Pass the chunks on; raise as soon as the file cannot become a document.

        Raises `FileTooLarge`, `InvalidInput` (empty) and `UnsupportedFileType`.
        """
        head = b""
        async for chunk in chunks:
            self.size += len(chunk)
            if self.size > self._limit:
                raise too_large(self._limit)
            await asyncio.to_thread(self._hash.update, chunk)
            if not self.media_type:
                head += chunk
                if len(head) < SNIFF_BYTES:
                    continue
                self._recognise(head)
                chunk = head
            yield chunk
        if not self.media_type:
            self._recognise(head)
            yield head

    async def skim(self, chunks: AsyncIterable[bytes]) -> None:
        """Read the chunks for the checks alone. Raises what `read` raises."""
        async for _ in self.read(chunks):
            pass

    def _recognise(self, head: bytes) -> None:
        if not head:
            raise InvalidInput("The file is empty.", field="file")
        media_type = sniff(head, self._filename, self._declared_type)
        if media_type is None and head.startswith(OLE_MAGIC):
            raise UnsupportedFileType(
                "This is a kind of file of an older Office that Lectern does not read; save it as "
                ".docx, .xlsx or .pptx and upload that."
            )
        if media_type is None:
            raise UnsupportedFileType(f"Lectern reads {names()} files; this is none of them.")
        self.media_type = media_type


def too_large(limit: int) -> FileTooLarge:
    return FileTooLarge(f"A file may have at most {limit / MEBIBYTE:,.1f} MiB.", limit)
