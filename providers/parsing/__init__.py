"""Documents into pages of text that remember where each word stands."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from core.blocks import Block, ReadingWarning


@dataclass(frozen=True, slots=True)
class Page:
    """One page, slide, sheet or section; `number` counts from 1.

    `text` is what people read and what citations are checked against: paragraphs separated by a
    blank line, headings as `# ...`, table rows as `a | b | c`. `words` is flat, six integers a
    word: start and end (characters in `text`), x, y, width and height in ten-thousandths of the
    page, origin top left; empty where the format has no layout. `width` and `height` are points.
    `blocks` stand in reading order and cover the text but for white space and what joins cells.
    """

    number: int
    text: str
    width: float | None = None
    height: float | None = None
    words: list[int] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PageWindow:
    """The next pages in reading order, and how many the document has in all."""

    pages: list[Page]
    page_count: int
    notice: str | None = None
    """What people should know about how the document is being read, such as by which stand-in."""
    warnings: list[ReadingWarning] = field(default_factory=list)
    """What was not read, or not as it stands."""


class Parser(Protocol):
    """Reads one stored file. Raises `ParseFailure` or `ProviderUnavailable`."""

    name: str

    def parse(self, path: Path, media_type: str) -> AsyncGenerator[PageWindow, None]:
        """Yield every page once, in order; closing the iterator ends the work at once."""
        ...
