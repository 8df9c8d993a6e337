"""The table of formats: what recognition, the refusal's message and the README's list follow.

A new format is a module with `read(source: Source) -> Iterator[PageWindow]` and a line here.
"""

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from core.errors import ErrorCode, ParseFailure
from providers.parsing import PageWindow

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DOC = "application/msword"
PPT = "application/vnd.ms-powerpoint"
XLS = "application/vnd.ms-excel"
MSG = "application/vnd.ms-outlook"
ODT = "application/vnd.oasis.opendocument.text"
EPUB = "application/epub+zip"
RTF = "application/rtf"
EML = "message/rfc822"
MBOX = "application/mbox"
ICS = "text/calendar"
HTML = "text/html"
MARKDOWN = "text/markdown"
CSV = "text/csv"
TSV = "text/tab-separated-values"
NOTEBOOK = "application/x-ipynb+json"
JSON = "application/json"
JSON_LINES = "application/x-ndjson"
YAML = "application/yaml"
XML = "application/xml"
SOURCE_CODE = "text/x-source"
PLAIN = "text/plain"
PNG = "image/png"
JPEG = "image/jpeg"
TIFF = "image/tiff"
WEBP = "image/webp"

SOURCE_SUFFIXES = tuple(
    f".{name}"
    for name in """
py pyi js mjs cjs jsx ts tsx java kt kts scala groovy c h cc cpp cxx hpp cs fs vb go rs
swift m mm rb php pl pm lua r jl hs ml erl ex exs clj lisp el dart zig nim sql sh bash
zsh fish ps1 bat cmd css scss less vue svelte graphql proto tf toml ini cfg conf
properties env gradle cmake mk asm s v vhd f90 pas tex bib diff patch
""".split()
)


class Container(Enum):
    """What a file is before one knows what it holds."""

    BINARY = "told by its first bytes"
    PACKAGE = "a zip archive, told by its media type or its main folder"
    COMPOUND = "a compound file of Microsoft's, told by one of its streams"
    TEXT = "told by its name, unless its beginning can be nothing else"


@dataclass(frozen=True, slots=True)
class Format:
    media_type: str
    name: str
    """For people."""
    suffixes: tuple[str, ...]
    """The usual one first."""
    reader: str
    """A module of this package."""
    container: Container = Container.TEXT
    mark: Callable[[bytes], object] | None = None
    """True of the beginning of such a file."""
    stream: str = ""
    """One of a compound file, by which it is known whatever its name."""
    folder: bytes = b""
    """The main one of a package that does not begin with its media type."""
    decisive: bool = False
    """Whether the mark of a kind of text counts for more than the name of the file."""


_HTML_MARK = re.compile(
    rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype html|html|head|body)\b", re.I | re.S
)
_CALENDAR_MARK = re.compile(rb"\s*BEGIN:VCALENDAR", re.I)
_MAIL_HEADER = re.compile(rb"(?:From [^\n]*\n)?(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*){2,}", re.A)
_MAIL_FIELD = re.compile(
    rb"^(from|to|date|subject|received|message-id|mime-version|return-path|delivered-to):",
    re.I | re.M,
)


def _is_pdf(head: bytes) -> bool:
    return b"%PDF-" in head[:1024]


def _is_mail(head: bytes) -> bool:
    header = _MAIL_HEADER.match(head.replace(b"\r\n", b"\n"))
    return header is not None and len(set(_MAIL_FIELD.findall(header[0].lower()))) >= 2


FORMATS = (
    Format(PDF, "PDF", (".pdf",), "pdf", Container.BINARY, _is_pdf),
    Format(PNG, "PNG", (".png",), "image", Container.BINARY, re.compile(rb"\x89PNG\r\n").match),
    Format(
        JPEG,
        "JPEG",
        (".jpg", ".jpeg"),
        "image",
        Container.BINARY,
        re.compile(rb"\xff\xd8\xff").match,
    ),
    Format(
        TIFF,
        "TIFF",
        (".tif", ".tiff"),
        "image",
        Container.BINARY,
        re.compile(rb"II\*\0|MM\0\*").match,
    ),
    Format(
        WEBP,
        "WebP",
        (".webp",),
        "image",
        Container.BINARY,
        re.compile(rb"RIFF....WEBP", re.S).match,
    ),
    Format(DOCX, "DOCX", (".docx", ".docm"), "docx", Container.PACKAGE, folder=b"word/"),
    Format(PPTX, "PPTX", (".pptx", ".pptm"), "pptx", Container.PACKAGE, folder=b"ppt/"),
    Format(XLSX, "XLSX", (".xlsx", ".xlsm"), "xlsx", Container.PACKAGE, folder=b"xl/"),
    Format(ODT, "ODT", (".odt",), "odt", Container.PACKAGE),
    Format(EPUB, "EPUB", (".epub",), "epub", Container.PACKAGE),
    Format(DOC, "DOC", (".doc",), "legacy", Container.COMPOUND, stream="WordDocument"),
    Format(PPT, "PPT", (".ppt",), "legacy", Container.COMPOUND, stream="PowerPoint Document"),
    Format(XLS, "XLS", (".xls",), "xls", Container.COMPOUND, stream="Workbook"),
    Format(MSG, "Outlook messages", (".msg",), "legacy", Container.COMPOUND, stream="__nameid_"),
    Format(RTF, "RTF", (".rtf",), "rtf", Container.BINARY, re.compile(rb"\s*\{\\rtf").match),
    Format(HTML, "HTML", (".html", ".htm", ".xhtml"), "html", mark=_HTML_MARK.match, decisive=True),
    Format(EML, "e-mail", (".eml",), "eml", mark=_is_mail),
    Format(MBOX, "mailbox", (".mbox",), "mbox", mark=_is_mail),
    Format(
        ICS, "calendar", (".ics", ".ical"), "ics", mark=re.compile(rb"(?i)\s*BEGIN:VCALENDAR").match
    ),
    Format(MARKDOWN, "Markdown", (".md", ".markdown"), "markdown"),
    Format(CSV, "CSV", (".csv",), "delimited"),
    Format(TSV, "TSV", (".tsv", ".tab"), "delimited"),
    Format(NOTEBOOK, "Jupyter notebooks", (".ipynb",), "ipynb"),
    Format(JSON, "JSON", (".json", ".geojson", ".json5", ".jsonc"), "code"),
    Format(JSON_LINES, "JSON lines", (".jsonl", ".ndjson"), "lines"),
    Format(YAML, "YAML", (".yaml", ".yml"), "code"),
    Format(XML, "XML", (".xml", ".xsd", ".xsl", ".xslt", ".wsdl", ".rss", ".atom"), "code"),
    Format(SOURCE_CODE, "source code", SOURCE_SUFFIXES, "code"),
    Format(PLAIN, "text", (".txt", ".text", ".log"), "plain"),
)
BY_MEDIA_TYPE = {format.media_type: format for format in FORMATS}
BY_SUFFIX = {suffix: format for format in FORMATS for suffix in format.suffixes}


@dataclass(frozen=True, slots=True)
class Source:
    """A stored file, and the bounds within which to read it."""

    path: Path
    media_type: str
    max_pages: int
    tessdata: Path | None = None
    data: bytes | None = None
    """Of a file within another, in place of what stands at `path`."""

    def read_bytes(self) -> bytes:
        return self.path.read_bytes() if self.data is None else self.data

    def open(self) -> BinaryIO:
        return self.path.open("rb") if self.data is None else io.BytesIO(self.data)


class Reader(Protocol):
    def read(self, source: Source) -> Iterator[PageWindow]:
        """Yield every page once, in order. Raises `ParseFailure`."""
        ...


def find_reader(media_type: str) -> Reader:
    """Imported when it is needed, so only in a parser's process. Raises `ParseFailure`."""
    if media_type not in BY_MEDIA_TYPE:
        raise ParseFailure(ErrorCode.UNSUPPORTED_FILE_TYPE, "Files of this kind are not read.")
    return cast("Reader", import_module(f"{__name__}.{BY_MEDIA_TYPE[media_type].reader}"))


def names() -> str:
    """As in "PDF, DOCX and text"."""
    *others, last = (format.name for format in FORMATS)
    return f"{', '.join(others)} and {last}"
