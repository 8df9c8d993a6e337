"""What a reader finds, piece by piece, into pages of text and blocks."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from core.blocks import Block, BlockKind, ReadingWarning, Span, Table, WarningCode
from core.errors import ErrorCode, ParseFailure
from providers.parsing import Page, PageWindow
from providers.parsing.formats.text import SECTION_CHARACTERS, clean, sections

WINDOW_PAGES = 16
CELL_JOINT = " | "
_ONE_LINE = frozenset({BlockKind.LIST_ITEM, BlockKind.RECORD, BlockKind.METADATA})
"""Kinds that follow one another line by line, without a blank line between them."""
_NUMBER = re.compile(r"[\d\s.,:/%()+\-\u2212\u2013$€£¥'’]*\d[\d\s.,:/%()+\-\u2212\u2013$€£¥'’]*")

_YEAR = re.compile(r"(?:19|20)\d\d(?:[/–-]\d{2,4})?")


@dataclass(frozen=True, slots=True)
class _Piece:
    kind: BlockKind
    text: str
    level: int | None = None
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    """Cells of a table's data rows; `text` is then its caption."""
    header: Sequence[Sequence[str]] = ()

    @property
    def length(self) -> int:
        return (
            len(self.text) + sum(map(_row_length, self.header)) + sum(map(_row_length, self.rows))
        )


class Writer:
    """Pages begin where the format says so; longer ones are cut into sections that count as pages,
    between pieces where that is possible, and never within a row or a record."""

    def __init__(self, page_characters: int = SECTION_CHARACTERS) -> None:
        self._size = page_characters
        self._pages: list[list[_Piece]] = [[]]
        self._warnings: list[tuple[ReadingWarning, int]] = []
        """With the page of the writer's that was open; -1: about the whole."""

    def heading(self, text: str, level: int = 1) -> None:
        level = min(max(level, 1), 6)
        if text := squeeze(clean(text)):
            self._add(_Piece(BlockKind.HEADING, f"{'#' * level} {text}", level))

    def write(self, text: str, kind: BlockKind = BlockKind.PARAGRAPH) -> None:
        """Lines stay; blank lines at both ends go."""
        text = re.sub(r"\A(?:[^\S\n]*\n)+|\s+\Z", "", clean(text))
        if text.strip():
            self._add(_Piece(kind, text))

    def table(
        self,
        rows: Sequence[Sequence[str]],
        header_rows: int | None = None,
        caption: str = "",
        columns: Sequence[str] | None = None,
    ) -> list[str]:
        """`rows` with those of the header, which are counted if it is not known how many they are;
        merged cells repeated. White space within a cell becomes one space. `columns` are the names
        for a table without a header of its own. Returns the names of the columns."""
        cells = [[squeeze(clean(cell)) for cell in row] for row in rows]
        cells = [row for row in cells if any(row)]
        if not cells:
            self.write(caption)
            return []
        width = max(map(len, cells))
        cells = [[*row, *[""] * (width - len(row))] for row in cells]
        if header_rows is None:
            header_rows = guess_header_rows(cells)
        header, body = cells[:header_rows], cells[header_rows:]
        names = column_names(header, width)
        if columns is not None and not header and len(columns) == width:
            names = list(columns)
        self._add(_Piece(BlockKind.TABLE, squeeze(clean(caption)), None, names, body, header))
        return names

    def adopt(self, page: Page) -> None:
        """Write what another reader found on a page."""
        for block in page.blocks:
            text = page.text[block.start : block.end]
            if block.table is not None:
                table = block.table
                rows = [[page.text[slice(*cell)] for cell in row] for row in table.rows]
                caption = page.text[slice(*table.caption)] if table.caption else ""
                header = [table.columns] if any(table.columns) else []
                self.table([*header, *rows], len(header), caption)
            elif block.kind is BlockKind.HEADING:
                self.heading(text.lstrip("#"), block.level or 1)
            else:
                self.write(text, block.kind)

    def new_page(self) -> None:
        """No page is empty but the first of several."""
        self._pages.append([])

    @property
    def page_is_empty(self) -> bool:
        return not self._pages[-1]

    def warn(self, code: WarningCode, message: str, *, whole: bool = False) -> None:
        """About the open page, or about the whole."""
        self._warnings.append(
            (ReadingWarning(code, message), -1 if whole else len(self._pages) - 1)
        )

    def skipped(self, count: int, noun: str, *, whole: bool = True) -> None:
        """Say that so many pictures, or whatever they are, were not read."""
        if count:
            what = f"1 {noun} was" if count == 1 else f"{count:,} {noun}s were"
            self.warn(WarningCode.SKIPPED_CONTENT, f"{what} not read.", whole=whole)

    def page(self) -> Page:
        """All that was written, on one page, which may be empty."""
        return _page(1, [piece for pieces in self._pages for piece in pieces])

    def windows(self, max_pages: int) -> Iterator[PageWindow]:
        """Raises `ParseFailure`: EMPTY or TOO_LARGE."""
        pages: list[Page] = []
        first_numbers = []
        for pieces in self._pages:
            first_numbers.append(len(pages) + 1)
            for section in self._sections(pieces) if pieces else [[]]:
                pages.append(_page(len(pages) + 1, section))
        if not any(page.blocks for page in pages):
            raise ParseFailure(ErrorCode.EMPTY, "The document holds no text.")
        if len(pages) > max_pages:
            raise too_many_pages(len(pages), max_pages)
        warnings = [
            warning if page < 0 else replace(warning, pages=[first_numbers[page]])
            for warning, page in self._warnings
        ]
        for start in range(0, len(pages), WINDOW_PAGES):
            yield PageWindow(pages[start : start + WINDOW_PAGES], len(pages), warnings=warnings)
            warnings = []

    def _add(self, piece: _Piece) -> None:
        self._pages[-1].append(piece)

    def _sections(self, pieces: Sequence[_Piece]) -> Iterator[list[_Piece]]:
        section: list[_Piece] = []
        length = 0
        for piece in chain.from_iterable(map(self._parts, pieces)):
            full = length + piece.length > self._size * 3 // 2 or length >= self._size
            begins = piece.kind is BlockKind.HEADING and length >= self._size // 2
            if section and (full or begins):
                if section[-1].kind is BlockKind.HEADING and len(section) > 1:
                    yield section[:-1]  # a heading stays with what it stands above
                    section, length = section[-1:], section[-1].length
                else:
                    yield section
                    section, length = [], 0
            section.append(piece)
            length += piece.length
        if section:
            yield section

    def _parts(self, piece: _Piece) -> Iterator[_Piece]:
        """A piece that does not fit on a page: of a table some rows, of other text some of it."""
        if piece.length <= self._size * 3 // 2:
            yield piece
            return
        if piece.kind is not BlockKind.TABLE:
            for text in sections(piece.text, self._size):
                yield replace(piece, text=text.strip("\n"))
            return
        text, header, length = piece.text, piece.header, 0
        rows: list[Sequence[str]] = []
        for row in piece.rows:
            if rows and length + _row_length(row) > self._size:
                yield replace(piece, text=text, header=header, rows=rows)
                text, header, rows, length = "", (), [], 0
            rows.append(row)
            length += _row_length(row)
        yield replace(piece, text=text, header=header, rows=rows)


def write_text(writer: Writer, text: str) -> None:
    """Text in the form of a page's, as readers write it that know no blocks."""
    for part in re.split(r"\n\s*\n", text):
        heading = re.fullmatch(r"(#{1,6}) (.+)", part)
        lines = part.split("\n")
        if heading:
            writer.heading(heading[2], len(heading[1]))
        elif len(lines) > 1 and all(CELL_JOINT in line for line in lines):
            writer.table([line.split(CELL_JOINT) for line in lines])
        else:
            writer.write(part)


def squeeze(text: str) -> str:
    return " ".join(text.split())


def column_names(header: Sequence[Sequence[str]], width: int) -> list[str]:
    """Those of several header rows joined by a space, a name that is repeated below itself once."""
    names = []
    for column in range(width):
        cells = (row[column] if column < len(row) else "" for row in header)
        names.append(" ".join(dict.fromkeys(filter(None, cells))))
    return names


def guess_header_rows(rows: Sequence[Sequence[str]]) -> int:
    """1 where the first row names what stands below it, else 0."""
    if len(rows) < 2:
        return 0
    first, body = rows[0], rows[1:50]
    named = [cell for cell in first if cell]
    if len(set(named)) < len(named) or len(named) < max(len(first) - 1, 1):
        return 0
    numbers = [cell for cell in named if _NUMBER.fullmatch(cell)]
    if any(len(cell) > 80 for cell in named):
        return 0
    if numbers:
        years = all(_YEAR.fullmatch(cell) for cell in numbers) and not _NUMBER.fullmatch(named[0])
        return int(years and not any(_YEAR.fullmatch(cell) for row in body for cell in row[1:]))
    for column, name in enumerate(first):
        below = [row[column] for row in body if column < len(row) and row[column]]
        digits = sum(any(map(str.isdecimal, cell)) for cell in below)
        if below and digits > len(below) / 2 and not any(map(str.isdecimal, name)):
            return 1
    return int(len(body) > 1 and all(len(row) > 1 for row in rows))


def _row_length(row: Sequence[str]) -> int:
    return sum(map(len, row)) + len(CELL_JOINT) * len(row)


def _page(number: int, pieces: Sequence[_Piece]) -> Page:
    text, blocks = "", []
    previous: BlockKind | None = None
    parts: list[str] = []
    length = 0
    for piece in pieces:
        if parts:
            joint = "\n" if piece.kind is previous and piece.kind in _ONE_LINE else "\n\n"
            parts.append(joint)
            length += len(joint)
        previous = piece.kind
        if piece.kind is BlockKind.TABLE:
            content, table = _lay_out(piece, length)
        else:
            content, table = piece.text, None
        blocks.append(Block(piece.kind, length, length + len(content), piece.level, table))
        parts.append(content)
        length += len(content)
    text = "".join(parts)
    return Page(number, text, blocks=blocks)


def _lay_out(piece: _Piece, start: int) -> tuple[str, Table]:
    """A table's text, which begins at `start` on its page: caption, header rows, data rows."""
    lines = [piece.text] if piece.text else []
    position = start + sum(len(line) + 1 for line in lines)
    places: list[list[Span]] = []
    for index, row in enumerate([*piece.header, *piece.rows]):
        line = CELL_JOINT.join(_without_empty_end(row))
        if index >= len(piece.header):
            places.append(_places(row, position))
        lines.append(line)
        position += len(line) + 1
    caption = (start, start + len(piece.text)) if piece.text else None
    return "\n".join(lines), Table(list(piece.columns), places, caption)


def _places(row: Sequence[str], position: int) -> list[Span]:
    places = []
    for cell in _without_empty_end(row):
        places.append((position, position + len(cell)))
        position += len(cell) + len(CELL_JOINT)
    end = places[-1][1] if places else position
    return [*places, *[(end, end)] * (len(row) - len(places))]


def _without_empty_end(row: Sequence[str]) -> Sequence[str]:
    end = len(row)
    while end and not row[end - 1]:
        end -= 1
    return row[:end]


def too_many_pages(pages: int, limit: int) -> ParseFailure:
    return ParseFailure(
        ErrorCode.TOO_LARGE,
        f"The document has {pages:,} pages; at most {limit:,} are read.",
        "Split it and upload the parts.",
    )
