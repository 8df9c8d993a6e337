"""Source code and data in text: every line as it stands."""

from collections.abc import Iterator

from core.blocks import BlockKind
from providers.parsing import PageWindow
from providers.parsing.formats import Source
from providers.parsing.formats.reading import read_text
from providers.parsing.writer import Writer


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`: MALFORMED, EMPTY or TOO_LARGE."""
    writer = Writer()
    writer.write(read_text(source, writer), BlockKind.CODE)
    return writer.windows(source.max_pages)
