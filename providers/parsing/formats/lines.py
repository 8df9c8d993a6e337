"""JSON lines: each line a record."""

from collections.abc import Iterator

from core.blocks import BlockKind
from providers.parsing import PageWindow
from providers.parsing.formats import Source
from providers.parsing.formats.reading import read_text
from providers.parsing.writer import Writer


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`: MALFORMED, EMPTY or TOO_LARGE."""
    writer = Writer()
    for line in read_text(source, writer).splitlines():
        writer.write(line, BlockKind.RECORD)
    return writer.windows(source.max_pages)
