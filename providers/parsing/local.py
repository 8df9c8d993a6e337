"""Every supported format read on this machine, into pages."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from core.errors import ErrorCode, ParseFailure
from providers.parsing import Page, PageWindow
from providers.parsing.formats.eml import render_mail
from providers.parsing.formats.html import render_html
from providers.parsing.formats.office import read_office
from providers.parsing.formats.pdf import WINDOW_PAGES, read_pdf, too_many_pages
from providers.parsing.formats.rtf import render_rtf
from providers.parsing.formats.text import SECTION_CHARACTERS, clean, decode, sections
from providers.parsing.media import CSV, EML, HTML, MARKDOWN, PDF, PLAIN, PPTX, RTF, SUPPORTED, XLSX


def read(
    path: Path, media_type: str, max_pages: int, tessdata: Path | None = None
) -> Iterator[PageWindow]:
    """Read one file; a document without pages is cut into sections that count as pages.

    Raises `ParseFailure`.
    """
    if media_type == PDF:
        return read_pdf(path, max_pages, tessdata)
    return _windows(_texts(path, media_type), media_type, max_pages)


def _texts(path: Path, media_type: str) -> Iterable[str]:
    if media_type in (PLAIN, MARKDOWN, CSV, HTML):
        data = path.read_bytes()
        text = render_html(data) if media_type == HTML else decode(data)
        if text is None:
            raise ParseFailure(
                ErrorCode.MALFORMED,
                "The file is not text in any known encoding.",
                "Save it as UTF-8 and upload that.",
            )
        return [clean(text)]
    if media_type == EML:
        return [render_mail(path.read_bytes())]
    if media_type == RTF:
        return [render_rtf(path.read_bytes())]
    if media_type in SUPPORTED:
        return read_office(path, media_type)
    raise ParseFailure(ErrorCode.UNSUPPORTED_FILE_TYPE, "Files of this kind are not read.")


def _windows(texts: Iterable[str], media_type: str, max_pages: int) -> Iterator[PageWindow]:
    longest = 10 * SECTION_CHARACTERS if media_type in (PPTX, XLSX) else SECTION_CHARACTERS
    pages = [section for text in texts for section in list(sections(text, longest)) or [""]]
    if not any(page.strip() for page in pages):
        raise ParseFailure(ErrorCode.EMPTY, "The document holds no text.")
    if len(pages) > max_pages:
        raise too_many_pages(len(pages), max_pages)
    for start in range(0, len(pages), WINDOW_PAGES):
        window = enumerate(pages[start : start + WINDOW_PAGES], start + 1)
        yield PageWindow([Page(number, text) for number, text in window], len(pages))
