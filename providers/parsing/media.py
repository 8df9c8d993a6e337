"""What a file is, told by its content; name and declared type only decide among what is alike."""

import codecs
import io
import re
import zipfile
from pathlib import Path, PurePath
from typing import BinaryIO

from providers.parsing.formats import BY_MEDIA_TYPE, BY_SUFFIX, FORMATS, PLAIN, Container, Format

SNIFF_BYTES = 8 * 1024
"""How much of a file `sniff` wants to see."""

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""A compound file: a legacy Office document, an Outlook message or an encrypted modern document."""

_ZIP_MAGIC = b"PK\x03\x04"
_OFFICE_MARKS = (b"[Content_Types].xml", b"_rels/.rels")
_TEXT_MARKS = (
    codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE,
)  # fmt: skip
_BINARY_CONTROLS = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")


def _in(container: Container) -> list[Format]:
    return [format for format in FORMATS if format.container is container]


_BINARY, _TEXT = _in(Container.BINARY), _in(Container.TEXT)
_COMPOUND = _in(Container.COMPOUND)
_PACKAGES = _in(Container.PACKAGE)
_OFFICE = [format for format in _PACKAGES if format.folder]


def sniff(head: bytes, filename: str, declared: str | None = None) -> str | None:
    """Return the media type of a file that starts with `head`, or None when it is not supported.

    `filename` and `declared` (a Content-Type) choose between types that begin alike: kinds of
    text, and zip packages whose directory stands at the end of the file (see `sniff_file`).
    """
    hint = BY_SUFFIX.get(PurePath(filename).suffix.lower())
    if hint is None and declared is not None:
        hint = BY_MEDIA_TYPE.get(declared.partition(";")[0].strip().lower())
    found = _recognise(head, hint)
    return found.media_type if found else None


def _recognise(head: bytes, hint: Format | None) -> Format | None:
    for format in _BINARY:
        if format.mark and format.mark(head):
            return format
    if head.startswith(_ZIP_MAGIC):
        return _recognise_package(head, hint)
    if head.startswith(OLE_MAGIC):
        for format in _COMPOUND:
            if format.stream.encode("utf-16-le") in head:
                return format
        return hint if hint in (*_OFFICE, *_COMPOUND) else None  # those of _OFFICE are encrypted
    if not _looks_like_text(head):
        return None
    text = head.removeprefix(codecs.BOM_UTF8)
    for format in _TEXT:
        if format.mark and (format.decisive or hint in (format, None)) and format.mark(text):
            return format
    return hint if hint in _TEXT and not _lacks_mark(hint, text) else BY_MEDIA_TYPE[PLAIN]


def _lacks_mark(format: Format | None, text: bytes) -> bool:
    """A kind of text that is known by its beginning, and whose name alone says nothing."""
    return bool(format and format.mark and not format.decisive and not format.mark(text))


def sniff_file(path: Path, filename: str, declared: str | None = None) -> str | None:
    """Like `sniff`, with the whole file at hand: packages are told apart by their directory."""
    with path.open("rb") as file:
        return _sniff_opened(file, filename, declared)


def sniff_data(data: bytes, filename: str) -> str | None:
    """The same of a file within another."""
    return _sniff_opened(io.BytesIO(data), filename) if data else None


def _sniff_opened(file: BinaryIO, filename: str, declared: str | None = None) -> str | None:
    head = file.read(SNIFF_BYTES)
    if not head.startswith(_ZIP_MAGIC):
        return sniff(head, filename, declared)
    try:
        with zipfile.ZipFile(file) as archive:
            names = [name.encode() for name in archive.namelist()]
    except (zipfile.BadZipFile, NotImplementedError):
        return sniff(head, filename, declared)
    if _OFFICE_MARKS[0] in names:
        for format in _OFFICE:
            if any(name.startswith(format.folder) for name in names):
                return format.media_type
        return None
    found = _declared_in_package(head)
    return found.media_type if found else None


def _recognise_package(head: bytes, hint: Format | None) -> Format | None:
    if found := _declared_in_package(head):
        return found
    for format in _OFFICE:
        if re.search(rb"(?s)PK\x03\x04.{26}" + format.folder, head):
            return format
    if any(mark in head for mark in _OFFICE_MARKS):
        return hint if hint in _OFFICE else None
    return None


def _declared_in_package(head: bytes) -> Format | None:
    """The first entry of an OpenDocument or EPUB file is its media type, stored uncompressed."""
    for format in _PACKAGES:
        if head[30:].startswith(b"mimetype" + format.media_type.encode()):
            return format
    return None


def _looks_like_text(head: bytes) -> bool:
    if not head or head.startswith(_TEXT_MARKS):
        return True
    if b"\0" in head:  # UTF-16 without a mark: one byte of each pair is zero nearly everywhere
        even, odd = head[::2].count(0), head[1::2].count(0)
        return max(even, odd) > 0.4 * (len(head) // 2) and min(even, odd) < 0.05 * len(head)
    return len(_BINARY_CONTROLS.findall(head)) <= len(head) // 500
