"""PDF files, scanned or not, in windows of pages."""

from collections.abc import Iterator
from pathlib import Path

from core.errors import ErrorCode, ParseFailure
from providers.parsing import Page, PageWindow
from providers.parsing.formats import Source
from providers.parsing.formats.layout import read_page
from providers.parsing.writer import too_many_pages

WINDOW_PAGES = 16
"""Bounds memory; running heads are recognised within a window."""


def read(source: Source) -> Iterator[PageWindow]:
    return read_pdf(source.path, source.max_pages, source.tessdata)


def read_pdf(path: Path, max_pages: int, tessdata: Path | None) -> Iterator[PageWindow]:
    """Recognise the text of scans when `tessdata` holds Tesseract's data; the name ends in `.pdf`.

    Raises `ParseFailure`: ENCRYPTED, MALFORMED, TOO_LARGE, NO_TEXT_LAYER or EMPTY.
    """
    from liteparse import LiteParse, ParseError

    parser = LiteParse(
        ocr_enabled=tessdata is not None,
        ocr_failure_fatal=False,
        ocr_language="+".join(_languages(tessdata)) if tessdata else None,
        tessdata_path=str(tessdata) if tessdata else None,
        extract_blocks=True,
        emit_word_boxes=True,
        continue_on_page_error=True,
        quiet=True,
        image_mode="off",
        extract_links=False,
    )
    found_text = False
    try:
        for batch in parser.parse_batches(path, WINDOW_PAGES):
            if batch.total_pages > max_pages:
                raise too_many_pages(batch.total_pages, max_pages)
            pages = {page.page_num: page for page in batch.result.pages}
            window = [
                read_page(pages[number]) if number in pages else Page(number, "")
                for number in range(batch.start_page, batch.end_page + 1)
            ]
            found_text = found_text or any(page.text for page in window)
            yield PageWindow(window, batch.total_pages)
        if not found_text:
            raise no_text(any(page.image_block_count for page in parser.is_complex(path)))
    except ParseError as error:
        if "password" in str(error):
            raise ParseFailure(
                ErrorCode.ENCRYPTED,
                "The PDF is protected with a password.",
                "Save a copy without a password and upload that.",
            ) from error
        raise ParseFailure(
            ErrorCode.MALFORMED,
            "The PDF is damaged and cannot be read.",
            "Open it in a PDF viewer, print it to a new PDF and upload that.",
        ) from error


def _languages(tessdata: Path) -> list[str]:
    return sorted(path.stem for path in tessdata.glob("*.traineddata") if path.stem != "osd")


def no_text(has_images: bool) -> ParseFailure:
    if has_images:
        return ParseFailure(
            ErrorCode.NO_TEXT_LAYER,
            "The PDF holds pictures of pages but no text.",
            "Run text recognition (OCR) over the scan and upload the result.",
        )
    return ParseFailure(ErrorCode.EMPTY, "The document holds no text.")
