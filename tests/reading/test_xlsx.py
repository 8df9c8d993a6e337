"""Workbooks as their sheets show them."""

from pathlib import Path

from core.blocks import BlockKind, WarningCode
from support.office import part, write_package, write_xlsx
from support.reading import read_file


def text(place: str, content: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{content}</t></is></c>'


def number(place: str, value: float, style: int = 0) -> str:
    return f'<c r="{place}" s="{style}"><v>{value}</v></c>'


def row(index: int, *cells: str, attributes: str = "") -> str:
    return f'<row r="{index}" {attributes}>{"".join(cells)}</row>'


def test_cells_stand_as_they_are_shown_under_the_names_of_their_columns(tmp_path: Path) -> None:
    rows = row(1, text("A1", "Grant"), text("B1", "Start"), text("C1", "Rate"), text("D1", "ZIP"))
    rows += row(2, text("A2", "Heron"), number("B2", 45761, 1), number("C2", 0.475, 2),
                number("D2", 2134, 3))  # fmt: skip
    formats = ("dd.mm.yyyy", "0.0%", "00000")
    reading = read_file(write_xlsx(tmp_path, rows, formats=formats))
    assert reading.text.startswith("## Stock\n\nGrant | Start | Rate | ZIP\n")
    assert reading.tables == [
        (["Grant", "Start", "Rate", "ZIP"], [["Heron", "14.04.2025", "47.5%", "02134"]])
    ]


def test_a_title_and_rows_apart_are_not_one_table(tmp_path: Path) -> None:
    rows = row(1, text("A1", "Dues of 2026"))
    rows += row(3, text("A3", "Length"), text("B3", "Fee")) + row(
        4, text("A4", "8 m"), number("B4", 18)
    )
    rows += row(6, text("A6", "12 m"), number("B6", 27))
    reading = read_file(write_xlsx(tmp_path, rows))
    assert reading.texts(BlockKind.PARAGRAPH) == ["Dues of 2026"]
    assert reading.tables == [
        (["Length", "Fee"], [["8 m", "18"]]),
        (["Length", "Fee"], [["12 m", "27"]]),
    ]


def test_a_merged_cell_stands_in_every_row_and_column_it_covers(tmp_path: Path) -> None:
    rows = row(1, text("A1", "Length"), text("B1", "Season"))
    rows += row(2, text("B2", "Summer"), text("C2", "Winter"))
    rows += row(3, text("A3", "8 m"), number("B3", 18), number("C3", 9))
    rows += row(4, number("B4", 27), number("C4", 14))
    merged = '<mergeCells><mergeCell ref="A1:A2"/><mergeCell ref="B1:C1"/><mergeCell ref="A3:A4"/></mergeCells>'
    reading = read_file(write_xlsx(tmp_path, rows, after=merged))
    assert reading.tables == [
        (["Length", "Season Summer", "Season Winter"], [["8 m", "18", "9"], ["8 m", "27", "14"]])
    ]


def test_hidden_rows_and_columns_are_read_and_that_is_said(tmp_path: Path) -> None:
    rows = row(1, text("A1", "Part"), text("B1", "Cost"))
    rows += row(2, text("A2", "hinge"), number("B2", 4), attributes='hidden="1"')
    columns = '<cols><col min="2" max="2" hidden="1"/></cols>'
    reading = read_file(write_xlsx(tmp_path, rows, before=columns))
    assert "hinge | 4" in reading.text
    (warning,) = reading.warnings
    assert warning.code is WarningCode.HIDDEN_CONTENT
    assert "1 row, 1 column" in warning.message
    assert warning.pages == [1]


def test_formulas_stand_by_their_value_or_as_formulas(tmp_path: Path) -> None:
    rows = row(
        1, text("A1", "Sum"), '<c r="B1"><f>1+1</f><v>2</v></c>', '<c r="C1"><f>A1&amp;B1</f></c>'
    )
    rows += row(2, '<c r="A2" t="e"><v>#DIV/0!</v></c>', '<c r="B2" t="b"><v>1</v></c>')
    reading = read_file(write_xlsx(tmp_path, rows))
    assert "Sum | 2 | =A1&B1\n#DIV/0! | TRUE" in reading.text
    assert [warning.code for warning in reading.warnings] == [WarningCode.SKIPPED_CONTENT]


def test_comments_are_notes(tmp_path: Path) -> None:
    namespace = "xmlns:r='http://schemas.openxmlformats.org/officeDocument/2006/relationships'"
    comments = part(
        "comments",
        "<authors><author>Ida</author></authors><commentList><comment ref='A1' authorId='0'>"
        "<text><r><t>Ida:</t></r><r><t>checked</t></r></text></comment></commentList>",
    )
    files = {
        "xl/workbook.xml": f"<workbook {namespace}><sheets><sheet name='S' r:id='worksheet'/></sheets></workbook>",
        "xl/sheet.xml": part("worksheet", f"<sheetData>{row(1, text('A1', 'x'))}</sheetData>"),
        "xl/comments.xml": comments,
    }
    related = {
        "xl/workbook.xml": {"worksheet": "sheet.xml"},
        "xl/sheet.xml": {"comments": "comments.xml"},
    }
    reading = read_file(write_package(tmp_path / "made.xlsx", "xl/workbook.xml", files, related))
    assert reading.texts(BlockKind.NOTE) == ["Comment on A1 by Ida: checked"]
