"""Text as it is: paragraphs, and the lines of logs each on its own."""

from collections.abc import Iterator

from providers.parsing import PageWindow
from providers.parsing.formats import Source
from providers.parsing.formats.text import clean, decode, not_text
from providers.parsing.writer import Writer, write_text


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`: MALFORMED, EMPTY or TOO_LARGE."""
    text = decode(source.path.read_bytes())
    if text is None:
        raise not_text()
    writer = Writer()
    write_text(writer, clean(text))
    return writer.windows(source.max_pages)
