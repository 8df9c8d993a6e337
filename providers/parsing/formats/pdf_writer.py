"""Sections of a page into its text, the place of each word in it, and its blocks."""

import re
from collections.abc import Iterable, Sequence

from core.blocks import Block, BlockKind, Span, Table
from providers.parsing import Page
from providers.parsing.formats.layout import NO_SPACE, Line, Section, spell
from providers.parsing.formats.pdf_tables import Cell, TableGrid
from providers.parsing.formats.pdf_text import Word

_COMPOUND_END = re.compile(r"(\w+)-$")
_CAPTION = re.compile(r"^(?:table|tabelle|tableau|tabla|tabela|tabella|표|表)\s*[\dIVX]", re.I)
_MAX_CAPTION = 300


class Writer:
    """Grows the text of one page; a section each call, apart by a blank line."""

    def __init__(self, compounds: frozenset[str] = frozenset()) -> None:
        self._compounds = compounds
        """Words that the document writes with a hyphen where it need not."""
        self.text = ""
        self.placed: list[tuple[int, int, tuple[float, float, float, float]]] = []
        self.blocks: list[Block] = []

    def write(self, section: Section) -> None:
        listed = section.kind == BlockKind.LIST_ITEM
        if self.text:
            follows = listed and self.blocks and self.blocks[-1].kind == BlockKind.LIST_ITEM
            self.text += "\n" if follows else "\n\n"
        start = len(self.text)
        table: Table | None = None
        if section.grid is not None:
            table = self._table(section.grid, section.columns)
        elif section.kind == BlockKind.CODE:
            self._code(section.lines)
        elif section.kind == BlockKind.HEADING:
            self.text += "#" * (section.level or 1) + " "
            self._prose(section.lines)
        elif listed:
            self.text += "  " * (section.level or 0)
            first = section.lines[0].words[0]
            if section.marker == "-":
                self.text += "-"
            else:
                self._word(first.text, first)
            self.text += " "
            self._prose(section.lines, skip=1)
        else:
            self._prose(section.lines)
        if len(self.text) > start:
            level = section.level if section.kind == BlockKind.HEADING else None
            self.blocks.append(Block(section.kind, start, len(self.text), level, table))

    def write_text(self, text: str, kind: BlockKind) -> None:
        """Text that stands nowhere on the page, such as a comment."""
        self.text += "\n\n" if self.text else ""
        start = len(self.text)
        self.text += text
        self.blocks.append(Block(kind, start, len(self.text)))

    def page(self, number: int, width: float, height: float) -> Page:
        words = [
            value
            for start, end, box in self.placed
            for value in (start, end, *_scaled(box, width, height))
        ]
        return Page(number, self.text, round(width, 3), round(height, 3), words, self.blocks)

    def _word(self, text: str, word: Word | None) -> None:
        start = len(self.text)
        self.text += text
        if word is None:
            return
        if word.pieces and len(text) == len(word.text):
            self.placed += [(start + a, start + b, box) for a, b, box in word.pieces]
        else:
            self.placed.append((start, start + len(text), word.box))

    def _prose(self, lines: Sequence[Line], skip: int = 0) -> None:
        for number, line in enumerate(lines):
            words = line.words[skip:] if number == 0 else line.words
            after = lines[number + 1] if number + 1 < len(lines) else None
            self._line(words, after.words[0] if after is not None and after.words else None)

    def _line(self, words: Sequence[Word], following: Word | None) -> None:
        """The words of a line and what parts it from the first word of the next."""
        for text, word in spell(words):
            self._word(text, word)
        if not words:
            return
        last = words[-1]
        if following is None:
            self.text += "-" if last.hyphen else ""
            return
        ends = last.hyphen or (
            len(last.text) > 1 and last.text[-1] in "-\u2010" and last.text[-2].isalpha()
        )
        if ends:
            self._hyphen(last, following)
        elif not (NO_SPACE.match(self.text[-1:]) and NO_SPACE.match(following.text[:1])):
            self.text += " "

    def _hyphen(self, last: Word, following: Word) -> None:
        """Letters that go on in the next line make one word; other hyphens are meant."""
        if not last.hyphen:
            if following.text[:1].islower() and not self._is_compound(last.text, following.text):
                self.text = self.text[:-1]
                start, end, box = self.placed[-1]
                self.placed[-1] = (start, min(end, len(self.text)), box)
            return
        if not following.text[:1].islower() or self._is_compound(f"{last.text}-", following.text):
            self.text += "-"

    def _is_compound(self, first: str, second: str) -> bool:
        head = _COMPOUND_END.search(first)
        tail = re.match(r"\w+", second)
        if head is None or tail is None:
            return False
        return f"{head[1]}-{tail[0]}".casefold() in self._compounds or head[1].isdigit()

    def _code(self, lines: Sequence[Line]) -> None:
        left = min(line.x for line in lines)
        for number, line in enumerate(lines):
            self.text += "\n" if number else ""
            size = line.size or 1
            widths = [word.width / max(len(word.text), 1) for word in line.words]
            advance = max(min(widths), 0.3 * size)
            self.text += " " * max(round((line.x - left) / advance), 0)
            previous: Word | None = None
            for word in line.words:
                if previous is not None:
                    self.text += " " * max(round((word.x - previous.right) / advance), 0)
                self._word(word.text + ("-" if word.hyphen else ""), word)
                previous = word

    def _table(self, grid: TableGrid, columns: list[str] | None) -> Table:
        caption = self._caption()
        spans: list[list[Span]] = []
        for number, row in enumerate(grid.rows):
            self.text += "\n" if number else ""
            spans.append(self._row(row))
        names = columns if columns is not None else column_names(grid)
        return Table(names, spans[grid.header_rows :], caption)

    def _row(self, row: Sequence[Cell]) -> list[Span]:
        last = max((n for n, cell in enumerate(row) if cell.lines), default=-1)
        spans: list[Span] = []
        written: dict[int, Span] = {}
        for number, cell in enumerate(row):
            if id(cell) in written:
                spans.append(written[id(cell)])
                continue
            if 0 < number <= last:
                self.text += " | "
            start = len(self.text)
            for index, line in enumerate(cell.lines):
                after = cell.lines[index + 1] if index + 1 < len(cell.lines) else None
                self._line(line, after[0] if after else None)
            span = (start, len(self.text))
            written[id(cell)] = span
            spans.append(span)
        return spans

    def _caption(self) -> Span | None:
        for block in reversed(self.blocks[-1:]):
            if block.kind in (BlockKind.PARAGRAPH, BlockKind.HEADING):
                text = self.text[block.start : block.end].lstrip("# ")
                if _CAPTION.match(text) and len(text) < _MAX_CAPTION:
                    return block.end - len(text), block.end
        return None


def cell_text(cell: Cell) -> str:
    """A cell's text as it is written."""
    writer = Writer()
    writer._row([cell])
    return writer.text


def column_names(grid: TableGrid) -> list[str]:
    """Those of several header rows joined, each part once; empty without a header."""
    names: list[str] = []
    for column in range(len(grid.rows[0])):
        parts: list[str] = []
        for row in grid.rows[: grid.header_rows]:
            text = cell_text(row[column])
            if text and (not parts or parts[-1] != text):
                parts.append(text)
        names.append(" ".join(parts))
    return names


def compounds_of(words: Iterable[Word]) -> frozenset[str]:
    """Words written with a hyphen within a line."""
    return frozenset(
        match.casefold()
        for word in words
        if "-" in word.text[1:-1]
        for match in re.findall(r"\w+-\w+", word.text)
    )


def _scaled(
    box: tuple[float, float, float, float], width: float, height: float
) -> tuple[int, int, int, int]:
    left, right = _scale(box[0], width), _scale(box[2], width)
    top, bottom = _scale(box[1], height), _scale(box[3], height)
    return min(left, 9_999), min(top, 9_999), max(right - left, 1), max(bottom - top, 1)


def _scale(points: float, size: float) -> int:
    return min(max(round(points / size * 10_000), 0), 10_000)
