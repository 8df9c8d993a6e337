"""Workbooks from before 2007 (BIFF), as `xlsx` reads the later ones."""

import io
from collections.abc import Iterator
from typing import Any

from providers.parsing import PageWindow
from providers.parsing.formats import Source
from providers.parsing.formats.numberformat import format_number, format_text
from providers.parsing.formats.package import damaged
from providers.parsing.formats.text import SECTION_CHARACTERS
from providers.parsing.formats.xlsx import MAX_CELLS, Sheet, too_many_cells, write_sheet
from providers.parsing.formats.zip import encrypted
from providers.parsing.writer import Writer

_TEXT, _NUMBER, _DATE, _BOOLEAN, _ERROR = 1, 2, 3, 4, 5


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`: MALFORMED, ENCRYPTED, EMPTY or TOO_LARGE."""
    import xlrd

    writer = Writer(10 * SECTION_CHARACTERS)
    try:
        book = xlrd.open_workbook(
            file_contents=source.read_bytes(), formatting_info=True, logfile=io.StringIO()
        )
    except xlrd.XLRDError as error:
        raise encrypted() if "encrypt" in str(error).lower() else damaged() from error
    except Exception as error:  # the library trips over damaged files in many ways
        raise damaged() from error
    for number, sheet in enumerate(book.sheets()):
        if number:
            writer.new_page()
        write_sheet(writer, _sheet(book, sheet))
    return writer.windows(source.max_pages)


def _sheet(book: Any, sheet: Any) -> Sheet:
    found = Sheet(sheet.name, hidden=sheet.visibility != 0)
    if sheet.nrows * sheet.ncols > MAX_CELLS:
        raise too_many_cells()
    for row in range(sheet.nrows):
        cells = {
            column + 1: text
            for column, cell in enumerate(sheet.row(row))
            if (text := _shown(book, cell))
        }
        if cells:
            found.cells[row + 1] = cells
            if row in sheet.rowinfo_map and sheet.rowinfo_map[row].hidden:
                found.hidden_rows.append(row + 1)
    found.hidden_columns = [column + 1 for column, info in sheet.colinfo_map.items() if info.hidden]
    found.merged = [
        (top + 1, left + 1, bottom, right) for top, bottom, left, right in sheet.merged_cells
    ]
    return found


def _shown(book: Any, cell: Any) -> str:
    import xlrd

    style = book.xf_list[cell.xf_index] if cell.xf_index is not None else None
    known = book.format_map.get(style.format_key) if style else None
    pattern = known.format_str if known else "General"
    match cell.ctype:
        case kind if kind == _TEXT:
            return format_text(cell.value, pattern)
        case kind if kind in (_NUMBER, _DATE):
            return format_number(cell.value, pattern, epoch_1904=bool(book.datemode)).strip()
        case kind if kind == _BOOLEAN:
            return "TRUE" if cell.value else "FALSE"
        case kind if kind == _ERROR:
            return str(xlrd.error_text_from_code.get(cell.value, "#ERROR"))
    return ""
