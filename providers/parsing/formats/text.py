"""Bytes into clean text, and long text into sections that a citation can point at."""

import codecs
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from core.errors import ErrorCode, ParseFailure
from providers.parsing.formats.encoding import PUBLIC_NAMES, guess_encoding

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
_SURROGATE = re.compile("[\ud800-\udfff]")
_NEWLINES = re.compile("\r\n?|[\x0c\x85\u2028]|\u2029")
_PRESENTATION_FORMS = re.compile("[\ufb00-\ufdff\ufe70-\ufefc]+")
_SUPERSETS = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874",
    "tis-620": "cp874", "shift_jis": "cp932", "euc_jp": "euc_jis_2004", "gb2312": "gb18030",
    "gbk": "gb18030", "big5": "big5hkscs", "euc_kr": "cp949",
}  # fmt: skip
"""What writers mean by a name (https://encoding.spec.whatwg.org)."""
_NOT_ASCII = re.compile("[^\x00-\x7f]")
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SHIFTING = (b"\x1b$B", b"\x1b$@", b"\x1b(J", b"\x1b$)C", b"\x1b$(")


@dataclass(frozen=True, slots=True)
class Decoded:
    text: str
    doubt: str = ""
    """What people should know of how it was decoded."""


def decode(data: bytes, declared: str | None = None) -> Decoded | None:
    """Decode by byte order mark, then as UTF-8, then as declared, then as the encoding in which it
    reads as a language; None when it is no text."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return Decoded(data.decode(encoding, errors="replace"))
    if b"\0" in data[:1024] and (wide := _wide(data)):
        return Decoded(data.decode(wide, errors="replace"))
    shifting = any(escape in data for escape in _SHIFTING)
    if not shifting:
        with suppress(UnicodeDecodeError):
            text = data.decode()
            return None if text.count("\0") * 4 > max(len(text), 1) else Decoded(text)
    for name in [_meant(declared), *(["iso2022_jp_ext", "iso2022_kr"] if shifting else [])]:
        if name is not None:
            with suppress(UnicodeError):
                return Decoded(data.decode(name))
    text = data.decode(errors="replace")
    damaged = text.count("\ufffd")
    if damaged * 20 < len(_NOT_ASCII.findall(text)):
        return Decoded(text, f"{damaged:,} characters are damaged in the file.")
    if len(_BINARY.findall(data[:65_536])) * 100 > min(len(data), 65_536):
        return None
    guess = guess_encoding(data)
    if guess is None:
        return None
    doubt = (
        "The file does not say how its characters are encoded: "
        f"it was read as {PUBLIC_NAMES.get(guess, guess)}."
    )
    return Decoded(data.decode(guess, errors="replace"), doubt)


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark: one byte of each pair is zero nearly everywhere."""
    sample = data[:4096]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    pairs = len(sample) // 2
    if len(data) % 2 or max(even, odd) < 0.4 * pairs or min(even, odd) > 0.1 * pairs:
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def _meant(declared: str | None) -> str | None:
    if not declared:
        return None
    try:
        name = codecs.lookup(declared.strip()).name
    except (LookupError, ValueError):
        return None
    return _SUPERSETS.get(name, name)


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
    if _SURROGATE.search(text):
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
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
