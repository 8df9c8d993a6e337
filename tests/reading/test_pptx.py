"""Presentations: what a slide shows, in the order in which people read it."""

from pathlib import Path

from core.blocks import BlockKind, WarningCode
from support.office import part, shape, write_pptx
from support.reading import read_file

CHART = """<c:chart><c:title><c:tx><c:rich><a:p><a:r><a:t>Output</a:t></a:r></a:p></c:rich></c:tx></c:title>
<c:plotArea><c:barChart><c:ser><c:tx><c:strRef><c:strCache><c:pt idx="0"><c:v>GWh</c:v></c:pt></c:strCache>
</c:strRef></c:tx><c:cat><c:strRef><c:strCache><c:pt idx="0"><c:v>Q1</c:v></c:pt><c:pt idx="1"><c:v>Q2</c:v>
</c:pt></c:strCache></c:strRef></c:cat><c:val><c:numRef><c:numCache><c:formatCode>0.0</c:formatCode>
<c:pt idx="0"><c:v>12.4</c:v></c:pt><c:pt idx="1"><c:v>15.900000001</c:v></c:pt></c:numCache></c:numRef></c:val>
</c:ser></c:barChart></c:plotArea></c:chart>"""


def frame(graphic: str) -> str:
    return (
        '<p:graphicFrame><p:xfrm><a:off x="0" y="0"/><a:ext cx="9" cy="9"/></p:xfrm>'
        f"<a:graphic><a:graphicData>{graphic}</a:graphicData></a:graphic></p:graphicFrame>"
    )


def table_cell(text: str, attributes: str = "") -> str:
    return f"<a:tc {attributes}><a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody></a:tc>"


def test_the_title_comes_first_and_columns_one_after_the_other(tmp_path: Path) -> None:
    shapes = (
        shape("right below", 500, 300) + shape("left below", 0, 300) + shape("right above", 500, 100)
        + shape("left above", 0, 100) + shape("Title", 0, 900, placeholder="title")
    )  # fmt: skip
    reading = read_file(write_pptx(tmp_path, shapes))
    assert reading.text.split("\n\n") == [
        "## Title", "left above", "left below", "right above", "right below",
    ]  # fmt: skip


def test_a_group_stays_together(tmp_path: Path) -> None:
    group = (
        '<p:grpSp><p:grpSpPr><a:xfrm><a:off x="0" y="200"/><a:ext cx="90" cy="90"/></a:xfrm>'
        f"</p:grpSpPr>{shape('inner two', 0, 50)}{shape('inner one', 0, 0)}</p:grpSp>"
    )
    # boxes within a group count in the group's own measure
    reading = read_file(write_pptx(tmp_path, group + shape("first", 0, 0) + shape("last", 0, 500)))
    assert reading.text.split("\n\n") == ["first", "inner one", "inner two", "last"]


def test_charts_are_tables_with_their_title(tmp_path: Path) -> None:
    slide = frame('<c:chart r:id="chart"/>')
    reading = read_file(write_pptx(tmp_path, slide, chart=part("c:chartSpace", CHART)))
    assert reading.tables == [(["", "GWh"], [["Q1", "12.4"], ["Q2", "15.9"]])]
    assert reading.text.startswith("Output\n")


def test_tables_repeat_what_covers_several_cells(tmp_path: Path) -> None:
    rows = [
        table_cell("Shift") + table_cell("Team", 'gridSpan="2"') + table_cell("", 'hMerge="1"'),
        table_cell("Day", 'rowSpan="2"') + table_cell("Alder") + table_cell("Birch"),
        table_cell("", 'vMerge="1"') + table_cell("Cedar") + table_cell("Dogwood"),
    ]
    table = f'<a:tbl><a:tblPr firstRow="1"/>{"".join(f"<a:tr>{r}</a:tr>" for r in rows)}</a:tbl>'
    reading = read_file(write_pptx(tmp_path, frame(table)))
    assert reading.tables == [
        (["Shift", "Team", "Team"], [["Day", "Alder", "Birch"], ["Day", "Cedar", "Dogwood"]])
    ]


def test_notes_of_the_speaker_are_read(tmp_path: Path) -> None:
    notes = part("p:notes", shape("Slips to November.", 0, 0, placeholder="body"))
    reading = read_file(write_pptx(tmp_path, shape("Plan", 0, 0), notesSlide=notes))
    assert reading.texts(BlockKind.NOTE) == ["Notes: Slips to November."]


def test_a_hidden_slide_is_read_and_that_is_said(tmp_path: Path) -> None:
    reading = read_file(write_pptx(tmp_path, shape("Backup", 0, 0), slide='show="0"'))
    assert reading.text == "Backup"
    assert [(w.code, w.pages) for w in reading.warnings] == [(WarningCode.HIDDEN_CONTENT, [1])]
