"""Places of words on a page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from db.documents import Page

UNITS = 10_000
"""Stored coordinates in a page's width or height."""


@dataclass(frozen=True, slots=True)
class Box:
    """A part of one line, in fractions of the page, origin top left."""

    page: int
    x: float
    y: float
    width: float
    height: float


def boxes_of(page: Page, start: int, end: int) -> list[Box]:
    """Boxes around the words of `page.text[start:end]`, one a line; none without a layout."""
    lines: list[list[int]] = []
    for word_start, word_end, x, y, width, height in _words(page.words):
        if word_end <= start or word_start >= end:
            continue
        right, bottom = x + width, y + height
        line = lines[-1] if lines else None
        if line and _same_line(line, x, y, bottom):
            line[:] = [min(line[0], x), min(line[1], y), max(line[2], right), max(line[3], bottom)]
        else:
            lines.append([x, y, right, bottom])
    return [
        Box(
            page.number,
            left / UNITS,
            top / UNITS,
            (right - left) / UNITS,
            (bottom - top) / UNITS,
        )
        for left, top, right, bottom in lines
    ]


def _words(flat: Sequence[int]) -> Iterator[tuple[int, ...]]:
    return zip(*(flat[i::6] for i in range(6)), strict=True)


def _same_line(line: list[int], x: int, y: int, bottom: int) -> bool:
    """Whether the word continues the line to the right, rather than in a new column."""
    middle = (y + bottom) / 2
    gap = x - line[2]
    return line[1] <= middle <= line[3] and -UNITS / 100 <= gap <= UNITS / 20
