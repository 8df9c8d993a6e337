"""Tables as text (RFC 4180 and its kin): one record a row, by whichever delimiter they use."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from core.blocks import BlockKind
from providers.parsing import PageWindow
from providers.parsing.formats import TSV, Source
from providers.parsing.formats.reading import read_text
from providers.parsing.writer import Writer

_DELIMITERS = ",;\t|"
_SAMPLE_ROWS = 50
_SEPARATOR_LINE = re.compile(r"\Asep=(.)\r?\n", re.I)
"""What Excel writes and takes as the first line."""


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`: MALFORMED, EMPTY or TOO_LARGE."""
    writer = Writer()
    text = read_text(source, writer)
    delimiter = "\t" if source.media_type == TSV else None
    if said := _SEPARATOR_LINE.match(text):
        delimiter, text = said[1], text[said.end() :]
    rows = _rows(text, delimiter or _delimiter(text))
    while len(rows) > 1 and _cells(rows[0]) <= 1 < _cells(rows[1]) and len(rows[1]) > 1:
        writer.write(" ".join(rows.pop(0)))  # a title above the table
    if max(map(len, rows), default=0) > 1:
        writer.table(rows)
    else:
        for row in rows:
            writer.write(" ".join(row), BlockKind.RECORD)
    return writer.windows(source.max_pages)


def _rows(text: str, delimiter: str) -> list[list[str]]:
    csv.field_size_limit(max(len(text), 128 * 1024))
    lines = io.StringIO(text.replace("\0", ""), newline="")
    return [row for row in csv.reader(lines, delimiter=delimiter) if any(map(str.strip, row))]


def _delimiter(text: str) -> str:
    """The one that cuts most rows into the same number of cells, more than one."""

    def regularity(delimiter: str) -> tuple[float, int]:
        rows = _rows(sample, delimiter)[:_SAMPLE_ROWS]
        widths = Counter(map(len, rows))
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]), default=(1, 0))
        return (count / len(rows), width) if width > 1 else (0.0, 0)

    sample = "".join(text.splitlines(keepends=True)[: 2 * _SAMPLE_ROWS])
    return max(_DELIMITERS, key=regularity)


def _cells(row: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in row)
