"""What a file is, told by its content; name and declared type only decide among kinds of text."""

import codecs
import re
import zipfile
from pathlib import Path, PurePath

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODT = "application/vnd.oasis.opendocument.text"
EPUB = "application/epub+zip"
RTF = "application/rtf"
EML = "message/rfc822"
HTML = "text/html"
MARKDOWN = "text/markdown"
CSV = "text/csv"
PLAIN = "text/plain"

EXTENSIONS = {
    ".pdf": PDF, ".docx": DOCX, ".docm": DOCX, ".pptx": PPTX, ".pptm": PPTX, ".xlsx": XLSX,
    ".xlsm": XLSX, ".odt": ODT, ".epub": EPUB, ".rtf": RTF, ".eml": EML, ".html": HTML,
    ".htm": HTML, ".xhtml": HTML, ".md": MARKDOWN, ".markdown": MARKDOWN, ".csv": CSV,
    ".txt": PLAIN, ".text": PLAIN, ".log": PLAIN,
}  # fmt: skip
SUPPORTED = frozenset(EXTENSIONS.values())
PACKAGED = frozenset({DOCX, PPTX, XLSX, ODT, EPUB})
"""Media types whose files are zip archives."""

SNIFF_BYTES = 8 * 1024
"""How much of a file `sniff` wants to see."""

OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""A compound file: a legacy Office document, or an encrypted modern one."""

_ZIP_MAGIC = b"PK\x03\x04"
_MAIN_PARTS = {"word/": DOCX, "ppt/": PPTX, "xl/": XLSX}
_TEXT_MARKS = (
    codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE,
)  # fmt: skip
_BINARY_CONTROLS = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")
_HTML_START = re.compile(
    rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype html|html|head|body)\b", re.I | re.S
)
_MAIL_HEADER = re.compile(rb"(?:From [^\n]*\n)?(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*){2,}", re.A)
_MAIL_FIELD = re.compile(
    rb"^(from|to|date|subject|received|message-id|mime-version|return-path|delivered-to):",
    re.I | re.M,
)


def sniff(head: bytes, filename: str, declared: str | None = None) -> str | None:
    """Return the media type of a file that starts with `head`, or None when it is not supported.

    `filename` and `declared` (a Content-Type) choose between types that begin alike: kinds of
    text, and zip packages whose directory stands at the end of the file (see `sniff_file`).
    """
    hint = EXTENSIONS.get(PurePath(filename).suffix.lower())
    if hint is None and declared is not None:
        media_type = declared.partition(";")[0].strip().lower()
        hint = media_type if media_type in SUPPORTED else None
    if b"%PDF-" in head[:1024]:
        return PDF
    if head.startswith(_ZIP_MAGIC):
        return _sniff_package(head, hint)
    if head.startswith(OLE_MAGIC):
        return hint if hint in (DOCX, PPTX, XLSX) else None
    if head.lstrip().startswith(b"{\\rtf"):
        return RTF
    if not _looks_like_text(head):
        return None
    if _HTML_START.match(head.lstrip(codecs.BOM_UTF8)):
        return HTML
    if _is_mail(head) and hint in (EML, None):
        return EML
    return hint if hint in (HTML, MARKDOWN, CSV, PLAIN) else PLAIN


def sniff_file(path: Path, filename: str, declared: str | None = None) -> str | None:
    """Like `sniff`, with the whole file at hand: packages are told apart by their directory."""
    with path.open("rb") as file:
        head = file.read(SNIFF_BYTES)
    if not head.startswith(_ZIP_MAGIC):
        return sniff(head, filename, declared)
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError):
        return sniff(head, filename, declared)
    if "[Content_Types].xml" in names:
        for prefix, media_type in _MAIN_PARTS.items():
            if any(name.startswith(prefix) for name in names):
                return media_type
        return None
    return _declared_in_package(head)


def _sniff_package(head: bytes, hint: str | None) -> str | None:
    media_type = _declared_in_package(head)
    if media_type is not None:
        return media_type
    for prefix, office in _MAIN_PARTS.items():
        if re.search(rb"PK\x03\x04.{26}" + prefix.encode(), head, re.S):
            return office
    if b"[Content_Types].xml" in head or b"_rels/.rels" in head:
        return hint if hint in (DOCX, PPTX, XLSX) else None
    return None


def _declared_in_package(head: bytes) -> str | None:
    """The first entry of an OpenDocument or EPUB file is its media type, stored uncompressed."""
    for media_type in (ODT, EPUB):
        if head[30:].startswith(b"mimetype" + media_type.encode()):
            return media_type
    return None


def _looks_like_text(head: bytes) -> bool:
    if not head or head.startswith(_TEXT_MARKS):
        return True
    if b"\0" in head:  # UTF-16 without a mark: one byte of each pair is zero nearly everywhere
        even, odd = head[::2].count(0), head[1::2].count(0)
        return max(even, odd) > 0.4 * (len(head) // 2) and min(even, odd) < 0.05 * len(head)
    return len(_BINARY_CONTROLS.findall(head)) <= len(head) // 500


def _is_mail(head: bytes) -> bool:
    header = _MAIL_HEADER.match(head.replace(b"\r\n", b"\n"))
    return header is not None and len(set(_MAIL_FIELD.findall(header[0].lower()))) >= 2
