"""Text as it is: paragraphs, and the entries of logs each on its own."""

import re
from collections.abc import Iterator, Sequence

from core.blocks import BlockKind
from providers.parsing import PageWindow
from providers.parsing.formats import Source
from providers.parsing.formats.reading import read_text
from providers.parsing.formats.text import clean
from providers.parsing.writer import Writer

_ENTRY = re.compile(
    r"""[\[(<]?(?:
      \d{4}[-/.]\d\d?[-/.]\d\d?(?!\d) | \d\d?[-/.]\d\d?[-/.]\d{2,4}\b | \d\d?:\d\d:\d\d
      | (?:[A-Z][a-z]{2},?\ )?[A-Z][a-z]{2}\ {1,2}\d{1,2},?\ (?:\d{4}\ )?\d\d?:\d\d
      | \d\d?[/ ][A-Z][a-z]{2}[/ ]\d{4} | 1[0-9]{9}(?:\d{3})?(?:\.\d+)?\b
      | \S+\ \S+\ \S+\ \[\d\d/[A-Z][a-z]{2}/\d{4}:
      | (?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL)\b)""",
    re.X,
)
"""How an entry of a log begins: with a date, a time, seconds since 1970, an address or a level."""


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`: MALFORMED, EMPTY or TOO_LARGE."""
    writer = Writer()
    text = clean(read_text(source, writer))
    lines = text.split("\n")
    if _is_log(lines):
        for entry in _entries(lines):
            writer.write(entry, BlockKind.RECORD)
    else:
        for paragraph in re.split(r"\n(?:[^\S\n]*\n)+", text):
            writer.write(paragraph)
    return writer.windows(source.max_pages)


def _is_log(lines: Sequence[str]) -> bool:
    sample = [line for line in lines[:2_000] if line.strip() and not line[0].isspace()]
    entries = sum(_ENTRY.match(line) is not None for line in sample)
    return entries >= 3 and entries > 0.6 * len(sample)


def _entries(lines: Sequence[str]) -> Iterator[str]:
    """A line that does not begin as an entry does belongs to the one before, as in a traceback."""
    entry: list[str] = []
    for line in lines:
        if entry and _ENTRY.match(line):
            yield "\n".join(entry)
            entry = []
        if line.strip():
            entry.append(line)
    yield "\n".join(entry)
