"""Zip-based documents are searched for traps before a library unpacks them."""

import io
import re
import zipfile
import zlib
from typing import BinaryIO

from core.errors import ErrorCode, ParseFailure

MAX_ENTRIES = 20_000
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
MAX_RATIO = 200
"""Unpacked to packed bytes; office XML packs about 10 times, padding in it up to 50 times."""
RATIO_FREE_BYTES = 16 * 1024 * 1024
"""Below this unpacked size any ratio is harmless."""

_XML_SUFFIXES = (".xml", ".rels", ".opf", ".ncx", ".xhtml", ".html", ".htm", ".svg", ".vml")
_ENTITY = re.compile(rb"<\0?!\0?E\0?N\0?T\0?I\0?T\0?Y\0?")
_CHUNK = 1024 * 1024


def check_package(file: BinaryIO) -> None:
    """Raises `ParseFailure`: MALFORMED, ENCRYPTED or TOO_LARGE."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            _check_sizes(entries, file.seek(0, io.SEEK_END))
            for entry in entries:
                if entry.flag_bits & 1:
                    raise encrypted()
                if entry.filename.lower().endswith(_XML_SUFFIXES):
                    _check_xml(archive, entry)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error) as error:
        raise ParseFailure(
            ErrorCode.MALFORMED,
            "The file is damaged: its parts cannot be unpacked.",
            "Open it in the program that made it, save it again and upload that.",
        ) from error


def _check_sizes(entries: list[zipfile.ZipInfo], packed: int) -> None:
    unpacked = sum(entry.file_size for entry in entries)
    too_dense = unpacked > RATIO_FREE_BYTES and unpacked > MAX_RATIO * packed
    if len(entries) > MAX_ENTRIES or unpacked > MAX_UNPACKED_BYTES or too_dense:
        raise ParseFailure(
            ErrorCode.TOO_LARGE,
            "The file unpacks to far more than a document should.",
            "Remove large embedded objects, or upload the text as PDF.",
        )


def _check_xml(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    tail = b""
    with archive.open(entry) as file:
        while chunk := file.read(_CHUNK):
            text = tail + chunk
            if _ENTITY.search(text):
                raise ParseFailure(
                    ErrorCode.MALFORMED, "The file defines XML entities, which are not read."
                )
            if b"EncryptedPackage" in text or b"manifest:encryption-data" in text:
                raise encrypted()
            tail = text[-32:]


def encrypted() -> ParseFailure:
    return ParseFailure(
        ErrorCode.ENCRYPTED,
        "The file is protected with a password.",
        "Save a copy without a password and upload that.",
    )
