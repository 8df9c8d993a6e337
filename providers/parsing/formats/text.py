"""Bytes into clean text, and long text into sections that a citation can point at."""

import codecs
import re
import unicodedata
from collections.abc import Iterator

from core.errors import ErrorCode, ParseFailure

SECTION_CHARACTERS = 3_000
"""A page-less document is cut into sections of about this size, the size of a printed page."""

_BYTE_ORDER_MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_NEWLINES = re.compile("\r\n?|[\x0c\x85\u2028]|\u2029")
_PRESENTATION_FORMS = re.compile("[\ufb00-\ufdff\ufe70-\ufefc]+")
_LEGACY_ENCODINGS = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r", "cp874",
    "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr", "utf_16_le", "utf_16_be",
]  # fmt: skip
_DETECTION_BYTES = 64 * 1024


def decode(data: bytes) -> str | None:
    """Decode by byte order mark, then as UTF-8, then by statistics; None when it is no text."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        pass
    else:
        if text.count("\0") * 4 <= len(text):
            return text
    from charset_normalizer import from_bytes

    match = from_bytes(data[:_DETECTION_BYTES], cp_isolation=_LEGACY_ENCODINGS).best()
    return None if match is None else data.decode(match.encoding, errors="replace")


def not_text() -> ParseFailure:
    return ParseFailure(
        ErrorCode.MALFORMED,
        "The file is not text in any known encoding.",
        "Save it as UTF-8 and upload that.",
    )


def clean(text: str) -> str:
    r"""NFC with `\n` line ends, without control characters (PostgreSQL stores no NUL).

    Ligatures and contextual letter forms, which PDFs like, become the letters people search for.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _CONTROLS.sub("", _NEWLINES.sub("\n", text))
    text = _PRESENTATION_FORMS.sub(lambda run: unicodedata.normalize("NFKC", run[0]), text)
    return unicodedata.normalize("NFC", text)


def sections(text: str, size: int = SECTION_CHARACTERS) -> Iterator[str]:
    """Cut at the best boundary near `size` characters: heading, paragraph, line, sentence, word.

    Nothing but white space at the cuts is lost. A section holds at most 1.5 * `size` characters.
    """
    start = 0
    while len(text) - start > size * 3 // 2:
        end = _best_cut(text, start + size // 2, start + size * 3 // 2, start + size)
        if section := text[start:end].strip("\n"):
            yield section
        start = end
    if section := text[start:].strip("\n"):
        yield section


_BOUNDARIES = [
    re.compile(pattern)
    for pattern in (r"\n+(?=#)", r"\n\s*\n", r"\n", r"[.!?\u3002\uff01\uff1f]\s*", r"\s")
]


def _best_cut(text: str, low: int, high: int, ideal: int) -> int:
    for boundary in _BOUNDARIES:
        ends = [match.end() for match in boundary.finditer(text, low, high)]
        if ends:
            return min(ends, key=lambda end: abs(end - ideal))
    return ideal
