"""Workbooks (ECMA-376, part 1, 18): each sheet a page, each cell as the sheet shows it."""

import io
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from core.blocks import BlockKind, WarningCode
from core.errors import ErrorCode, ParseFailure
from providers.parsing import PageWindow
from providers.parsing.formats import Source
from providers.parsing.formats.drawing import chart, rich_text
from providers.parsing.formats.numberformat import BUILT_IN, ISO_DATE, format_number, format_text
from providers.parsing.formats.package import (
    Element,
    Package,
    attribute,
    child,
    integer,
    kind,
    open_package,
    value,
)
from providers.parsing.formats.scripts import subscript, superscript
from providers.parsing.formats.text import SECTION_CHARACTERS
from providers.parsing.grid import Cell, spread
from providers.parsing.writer import Writer, squeeze

MAX_CELLS = 5_000_000
_PLACE = re.compile(r"([A-Z]{1,3})(\d{1,7})")

Area = tuple[int, int, int, int]
"""First row, first column, last row, last column, each from 1."""
Merges = tuple[dict[tuple[int, int], tuple[int, int]], dict[int, set[int]]]
"""By the first cell's row and column the last one's, and what is covered in each row."""


@dataclass(slots=True)
class Sheet:
    """What a sheet holds before it is laid out; rows and columns count from 1."""

    name: str
    cells: dict[int, dict[int, str]] = field(default_factory=dict)
    merged: list[Area] = field(default_factory=list)
    hidden_rows: list[int] = field(default_factory=list)
    hidden_columns: list[int] = field(default_factory=list)
    hidden: bool = False
    notes: list[str] = field(default_factory=list)
    header_rows: set[int] = field(default_factory=set)
    """Rows of names that the file itself tells of."""


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`: MALFORMED, ENCRYPTED, EMPTY or TOO_LARGE."""
    writer = Writer(10 * SECTION_CHARACTERS)
    with open_package(source) as package:
        _Workbook(package, writer).read()
    return writer.windows(source.max_pages)


class _Workbook:
    def __init__(self, package: Package, writer: Writer) -> None:
        self._package = package
        self._writer = writer
        self._formats = _read_formats(package.one(package.main, "/styles"))
        self._strings = _read_strings(package.one(package.main, "/sharedStrings"))
        self._epoch_1904 = False
        self._uncounted = 0
        self._cell_count = 0

    def read(self) -> None:
        book = self._package.xml(self._package.main)
        self._epoch_1904 = attribute(child(book, "workbookPr"), "date1904") in ("1", "true")
        related = self._package.related(self._package.main)
        first = True
        for element in _each(child(book, "sheets")):
            part = related.get(attribute(element, "id") or "", "")
            hidden = element.get("state") in ("hidden", "veryHidden")
            sheet = Sheet(element.get("name", ""), hidden=hidden)
            if not first:
                self._writer.new_page()
            first = False
            data = self._package.read(part)
            if data is not None:
                self._cells(sheet, data)
                self._notes(sheet, part)
                for table in self._package.related(part, "/table").values():
                    _table_headers(sheet, self._package.xml(table))
            write_sheet(self._writer, sheet)
            self._drawings(part)
        if self._uncounted:
            self._writer.warn(
                WarningCode.SKIPPED_CONTENT,
                f"{self._uncounted:,} formulas have no stored result and stand as formulas.",
                whole=True,
            )

    def _cells(self, sheet: Sheet, data: bytes) -> None:
        from lxml import etree

        row_number = 0
        for _, element in etree.iterparse(
            io.BytesIO(data), events=("end",), recover=True, huge_tree=True, resolve_entities=False,
            no_network=True,
        ):  # fmt: skip
            match kind(element):
                case "row":
                    row_number = integer(element.get("r"), row_number + 1)
                    self._row(sheet, row_number, element)
                    element.clear()
                    while element.getprevious() is not None:
                        del element.getparent()[0]
                case "col" if element.get("hidden") in ("1", "true"):
                    first = integer(element.get("min"))
                    last = min(integer(element.get("max")), first + 999)
                    sheet.hidden_columns += range(first, last + 1)
                case "mergeCell":
                    if area := _area(element.get("ref", "")):
                        sheet.merged.append(area)

    def _row(self, sheet: Sheet, number: int, row: Element) -> None:
        cells: dict[int, str] = {}
        column = 0
        for cell in row:
            if kind(cell) != "c":
                continue
            place = _PLACE.fullmatch(cell.get("r") or "")
            column = _column(place[1]) if place else column + 1
            if text := self._shown(cell):
                cells[column] = text
        if cells:
            self._cell_count += len(cells)
            if self._cell_count > MAX_CELLS:
                raise too_many_cells()
            sheet.cells[number] = cells
            if row.get("hidden") in ("1", "true"):
                sheet.hidden_rows.append(number)

    def _shown(self, cell: Element) -> str:
        style = integer(cell.get("s"), 0)
        pattern = self._formats[style] if 0 <= style < len(self._formats) else "General"
        stored = child(cell, "v")
        text = (stored.text or "") if stored is not None else ""
        match cell.get("t"):
            case "s":
                index = int(text) if text.isdecimal() else -1
                found = self._strings[index] if 0 <= index < len(self._strings) else ""
                return format_text(found, pattern)
            case "inlineStr":
                return format_text(_rich(child(cell, "is")), pattern)
            case "str":
                return format_text(text, pattern)
            case "b":
                return "TRUE" if text == "1" else "FALSE"
            case "e":
                return text
            case "d":
                return text.replace("T00:00:00", "").replace("T", " ")
        if not text:
            formula = child(cell, "f")
            if formula is None or not formula.text:
                return ""
            self._uncounted += 1
            return f"={formula.text}"
        try:
            return format_number(float(text), pattern, epoch_1904=self._epoch_1904).strip()
        except (ValueError, OverflowError, ArithmeticError):
            return text

    def _notes(self, sheet: Sheet, part: str) -> None:
        """Threaded comments in place of the notes that stand in for them in older programs."""
        people = self._people()
        threaded: set[str] = set()
        for target in self._package.related(part, "/threadedComment").values():
            for comment in _each(self._package.xml(target)):
                place, text = comment.get("ref", ""), child(comment, "text")
                threaded.add(place)
                author = people.get(comment.get("personId", ""), "")
                sheet.notes.append(_note(place, author, text.text if text is not None else ""))
        root = self._package.one(part, "/comments")
        authors = [author.text or "" for author in _each(child(root, "authors"))]
        for comment in _each(child(root, "commentList")):
            place = comment.get("ref", "")
            if place in threaded:
                continue
            index = integer(comment.get("authorId"), 0)
            author = authors[index] if index < len(authors) else ""
            text = squeeze(_rich(child(comment, "text")))
            sheet.notes.append(_note(place, author, text.removeprefix(f"{author}:").strip()))

    def _people(self) -> dict[str, str]:
        root = self._package.one(self._package.main, "/person")
        return {p.get("id", ""): p.get("displayName", "") for p in _each(root)}

    def _drawings(self, part: str) -> None:
        for target in self._package.related(part, "/drawing").values():
            root = self._package.xml(target)
            related = self._package.related(target)
            pictures = 0
            for element in root.iter() if root is not None else ():
                if kind(element) == "txBody":
                    self._writer.write(rich_text(element))
                elif kind(element) == "chart" and attribute(element, "id") in related:
                    chart(self._writer, self._package.xml(related[attribute(element, "id") or ""]))
                elif kind(element) == "pic":
                    pictures += 1
            self._writer.skipped(pictures, "picture", whole=False)
        self._writer.skipped(self._package.embedded(part), "embedded file", whole=False)


def write_sheet(writer: Writer, sheet: Sheet) -> None:
    """The name as a heading, then tables and lines, which are parted by empty rows."""
    hidden = []
    if sheet.hidden:
        hidden.append("the sheet itself")
    for noun, numbers in (("row", sheet.hidden_rows), ("column", sheet.hidden_columns)):
        used = [n for n in numbers if noun == "row" or any(n in c for c in sheet.cells.values())]
        if used:
            hidden.append(f"{len(used)} {noun}{'s' if len(used) > 1 else ''}")
    if hidden:
        writer.warn(
            WarningCode.HIDDEN_CONTENT,
            f"Hidden on sheet “{sheet.name}”, and read all the same: {', '.join(hidden)}.",
        )
    if sheet.cells or sheet.notes:
        writer.heading(sheet.name, 2)
    merged = {(top, left): (bottom, right) for top, left, bottom, right in sheet.merged}
    covered = _covered(sheet)
    columns: list[str] | None = None
    used_columns: list[int] = []
    for rows in _regions(sheet):
        width = sorted({column for row in rows for column in _reach(sheet, row)})
        if not width:
            continue
        inherited = columns if width == used_columns else None
        columns, used_columns = (
            _write_region(writer, sheet, rows, width, (merged, covered), inherited),
            width,
        )
    for note in sheet.notes:
        writer.write(note, BlockKind.NOTE)


def _regions(sheet: Sheet) -> Iterator[list[int]]:
    """Runs of rows without an empty one between them."""
    tall = {
        row for top, _, bottom, _ in sheet.merged if bottom > top
        for row in range(top, min(bottom, top + 10_000) + 1)
    }  # fmt: skip
    rows: list[int] = []
    for row in sorted(sheet.cells):
        if rows and any(between not in tall for between in range(rows[-1] + 1, row)):
            yield rows
            rows = []
        rows += range(rows[-1] + 1, row) if rows else ()
        rows.append(row)
    if rows:
        yield rows


def _reach(sheet: Sheet, row: int) -> list[int]:
    return list(sheet.cells.get(row, ()))


def _write_region(
    writer: Writer,
    sheet: Sheet,
    rows: list[int],
    width: list[int],
    merges: Merges,
    inherited: list[str] | None,
) -> list[str] | None:
    """Lines above the table are text; what is left has at least two columns."""
    while rows and len(sheet.cells.get(rows[0], ())) <= 1 and (len(width) > 1 or len(rows) == 1):
        if len(rows) > 1 and rows[0] in sheet.header_rows:
            break
        for text in sheet.cells.get(rows[0], {}).values():
            writer.write(text)
        rows = rows[1:]
    if not rows:
        return inherited
    if len(rows) * len(width) > MAX_CELLS:
        raise too_many_cells()
    grid = [_grid_row(sheet, row, width, merges, rows[-1]) for row in rows]
    texts, header_rows = spread(grid)
    if rows[0] in sheet.header_rows:
        header_rows = 1
    return writer.table(texts, header_rows, columns=inherited) or None


def _grid_row(
    sheet: Sheet,
    row: int,
    width: Sequence[int],
    merges: Merges,
    last_row: int,
) -> list[Cell]:
    """Cells of one row; those that a merged range covers are left to it."""
    found = sheet.cells.get(row, {})
    merged, covered = merges
    cells = []
    for column in width:
        if column in covered.get(row, ()):
            continue
        bottom, right = merged.get((row, column), (row, column))
        across = sum(column <= other <= right for other in width)
        cells.append(Cell(found.get(column, ""), max(across, 1), min(bottom, last_row) - row + 1))
    return cells


def _covered(sheet: Sheet) -> dict[int, set[int]]:
    """Columns of each row that a merged range covers which begins elsewhere."""
    columns = sorted({column for cells in sheet.cells.values() for column in cells})
    last = max(sheet.cells, default=0)
    covered: dict[int, set[int]] = {}
    for top, left, bottom, right in sheet.merged:
        across = columns[bisect_left(columns, left) : bisect_right(columns, right)]
        for row in range(top, min(bottom, last) + 1):
            covered.setdefault(row, set()).update(
                column for column in across if (row, column) != (top, left)
            )
    return covered


def _table_headers(sheet: Sheet, root: Element | None) -> None:
    area = _area(root.get("ref", "")) if root is not None else None
    if area and root is not None and root.get("headerRowCount") != "0":
        sheet.header_rows.add(area[0])


def _read_formats(root: Element | None) -> list[str]:
    """The number format of each style of cells."""
    own = {
        integer(element.get("numFmtId")): element.get("formatCode", "General")
        for element in _each(child(root, "numFmts"))
    }
    system = re.compile(r"\[\$-F[48]00\]", re.I)
    formats = []
    for element in _each(child(root, "cellXfs")):
        number = integer(element.get("numFmtId"), 0)
        pattern = own.get(number) or BUILT_IN.get(number, "General")
        if found := system.match(pattern):  # the computer's own long date, or time
            pattern = ISO_DATE if found[0][3:5] == "F8" else "h:mm:ss"
        formats.append(pattern)
    return formats


def _read_strings(root: Element | None) -> list[str]:
    return [_rich(item) for item in _each(root)]


def _rich(item: Element | None) -> str:
    """Runs of a text, without the readings of Japanese names."""
    text = ""
    for part in _each(item):
        if kind(part) == "t":
            text += part.text or ""
        elif kind(part) == "r":
            inner = child(part, "t")
            run = (inner.text or "") if inner is not None else ""
            script = value(child(part, "rPr"), "vertAlign")
            if script == "superscript":
                run = superscript(run, text)
            elif script == "subscript":
                run = subscript(run)
            text += run
    return text


def _note(place: str, author: str, text: str | None) -> str:
    return f"Comment on {place}{f' by {author}' if author else ''}: {squeeze(text or '')}"


def _each(element: Element | None) -> Iterator[Element]:
    return iter(element) if element is not None else iter(())


def _area(reference: str) -> Area | None:
    first, _, last = reference.replace("$", "").partition(":")
    begin, end = _PLACE.fullmatch(first), _PLACE.fullmatch(last or first)
    if not begin or not end:
        return None
    return int(begin[2]), _column(begin[1]), int(end[2]), _column(end[1])


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def too_many_cells() -> ParseFailure:
    return ParseFailure(
        ErrorCode.TOO_LARGE,
        f"The workbook has more than {MAX_CELLS:,} cells.",
        "Split it and upload the parts.",
    )
