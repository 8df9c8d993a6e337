"""Word documents as they stand on the page."""

from pathlib import Path

import pytest

from core.blocks import BlockKind, WarningCode
from support.office import paragraph, part, run, write_docx
from support.reading import read_file

NUMBERING = part(
    "w:numbering",
    """
    <w:abstractNum w:abstractNumId="0">
      <w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1."/></w:lvl>
      <w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:lvlText w:val="%1.%2"/></w:lvl>
      <w:lvl w:ilvl="2"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="(%3)"/></w:lvl>
    </w:abstractNum>
    <w:abstractNum w:abstractNumId="1">
      <w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="bullet"/><w:lvlText w:val="\uf0b7"/></w:lvl>
    </w:abstractNum>
    <w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>
    <w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>
    <w:num w:numId="3"><w:abstractNumId w:val="0"/>
      <w:lvlOverride w:ilvl="0"><w:startOverride w:val="1"/></w:lvlOverride></w:num>
    """,
)


def numbered(text: str, level: int = 0, number: int = 1) -> str:
    properties = f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>'
    return paragraph(text, properties)


def cell(text: str, properties: str = "") -> str:
    return f"<w:tc><w:tcPr>{properties}</w:tcPr>{paragraph(text)}</w:tc>"


def test_clauses_carry_the_numbers_that_word_shows(tmp_path: Path) -> None:
    body = (
        numbered("Scope") + numbered("Ships", 1) + numbered("Berths", 1) + numbered("deep", 2)
        + numbered("Fees") + numbered("Dues", 1) + numbered("Late", 1) + numbered("interest", 2)
        + paragraph("Between.") + numbered("Anew", 0, 3) + numbered("Dot", 0, 2)
    )  # fmt: skip
    reading = read_file(write_docx(tmp_path, body, numbering=NUMBERING))
    assert reading.texts(BlockKind.LIST_ITEM) == [
        "1. Scope", "1.1 Ships", "1.2 Berths", "(a) deep", "2. Fees", "2.1 Dues", "2.2 Late",
        "(a) interest", "1. Anew", "- Dot",
    ]  # fmt: skip


def test_tabs_hyphens_and_scripts_stay_what_they_are(tmp_path: Path) -> None:
    body = (
        "<w:p><w:r><w:t>Total:</w:t><w:tab/><w:t>1,500</w:t></w:r></w:p>"
        "<w:p><w:r><w:t>KX</w:t><w:noBreakHyphen/><w:t>77</w:t><w:softHyphen/><w:t>41</w:t></w:r></w:p>"
        + "<w:p>" + run("10") + run("5", '<w:vertAlign w:val="superscript"/>') + run(" Pa, CO")
        + run("2", '<w:vertAlign w:val="subscript"/>') + run(", the 3")
        + run("rd", '<w:vertAlign w:val="superscript"/>') + "</w:p>"
        '<w:p><w:r><w:sym w:font="Wingdings" w:char="F0FC"/></w:r>' + run(" paid") + "</w:p>"
    )  # fmt: skip
    reading = read_file(write_docx(tmp_path, body))
    assert reading.text.split("\n\n") == [
        "Total: 1,500",
        "KX-7741",
        "10⁵ Pa, CO₂, the 3rd",
        "✓ paid",
    ]


def test_notes_stand_after_the_paragraph_that_calls_them(tmp_path: Path) -> None:
    body = (
        "<w:p>" + run("The lamp is lit") + '<w:r><w:footnoteReference w:id="2"/></w:r>' + run(".")
        + '<w:r><w:endnoteReference w:id="2"/></w:r></w:p>' + paragraph("Next.")
    )  # fmt: skip
    footnotes = part(
        "w:footnotes",
        '<w:footnote w:type="separator" w:id="0"><w:p/></w:footnote>'
        f'<w:footnote w:id="2">{paragraph("Except in 1987.")}</w:footnote>',
    )
    endnotes = part("w:endnotes", f'<w:endnote w:id="2">{paragraph("Folio 212.")}</w:endnote>')
    reading = read_file(write_docx(tmp_path, body, footnotes=footnotes, endnotes=endnotes))
    assert reading.text.split("\n\n") == [
        "The lamp is lit¹.ⁱ", "¹ Except in 1987.", "ⁱ Folio 212.", "Next.",
    ]  # fmt: skip
    assert len(reading.texts(BlockKind.NOTE)) == 2


def test_changes_are_shown_as_accepted_and_comments_are_kept(tmp_path: Path) -> None:
    body = (
        "<w:p>" + run("The fee is ") + f"<w:del>{run('40')}</w:del><w:ins>{run('55')}</w:ins>"
        + run(" euros.") + '<w:r><w:commentReference w:id="1"/></w:r></w:p>'
        f"<w:p><w:moveFrom>{run('Moved.')}</w:moveFrom></w:p>"
        f"<w:p><w:moveTo>{run('Moved.')}</w:moveTo></w:p>"
    )  # fmt: skip
    comments = part(
        "w:comments", f'<w:comment w:id="1" w:author="Ida">{paragraph("Since May")}</w:comment>'
    )
    reading = read_file(write_docx(tmp_path, body, comments=comments))
    assert reading.text == "The fee is 55 euros.\n\nComment by Ida: Since May\n\nMoved."


def test_hidden_text_is_not_read_and_that_is_said(tmp_path: Path) -> None:
    body = "<w:p>" + run("Seen. ") + run("Never seen.", "<w:vanish/>") + "</w:p>"
    reading = read_file(write_docx(tmp_path, body))
    assert reading.text == "Seen."
    assert [warning.code for warning in reading.warnings] == [WarningCode.SKIPPED_CONTENT]


def test_fields_show_their_result_alone(tmp_path: Path) -> None:
    body = (
        '<w:p><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>REF x</w:instrText></w:r>'
        '<w:r><w:fldChar w:fldCharType="separate"/></w:r>' + run("Table 4")
        + '<w:r><w:fldChar w:fldCharType="end"/></w:r>' + run(" tells.") + "</w:p>"
    )  # fmt: skip
    assert read_file(write_docx(tmp_path, body)).text == "Table 4 tells."


@pytest.mark.parametrize(
    ("math", "line"),
    [
        ("<m:r><m:t>Q=A·v</m:t></m:r>", "Q=A·v"),
        (
            "<m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r></m:den></m:f>",
            "(a+b)/2",
        ),
        (
            "<m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e><m:sup><m:r><m:t>n+1</m:t></m:r></m:sup></m:sSup>",
            "xⁿ⁺¹",
        ),
        (
            "<m:rad><m:deg/><m:e><m:r><m:t>2gh</m:t></m:r></m:e></m:rad>",
            "√2gh",
        ),
    ],
)
def test_formulas_stand_in_their_sentence(tmp_path: Path, math: str, line: str) -> None:
    body = "<w:p>" + run("Let ") + f"<m:oMath>{math}</m:oMath>" + run(" hold.") + "</w:p>"
    assert read_file(write_docx(tmp_path, body)).text == f"Let {line} hold."


def test_merged_cells_and_two_rows_of_names(tmp_path: Path) -> None:
    restart, goes_on = '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    rows = [
        cell("Length", restart) + cell("Season", '<w:gridSpan w:val="2"/>'),
        cell("", goes_on) + cell("Summer") + cell("Winter"),
        cell("to 8 m", restart) + cell("18.50") + cell("9.25"),
        cell("", goes_on) + cell("27.50") + cell("14.00"),
    ]
    body = f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in rows)}</w:tbl>"
    reading = read_file(write_docx(tmp_path, body))
    assert reading.tables == [
        (
            ["Length", "Season Summer", "Season Winter"],
            [["to 8 m", "18.50", "9.25"], ["to 8 m", "27.50", "14.00"]],
        )
    ]


def test_heads_and_feet_are_read_once_without_numbers_of_pages(tmp_path: Path) -> None:
    section = (
        '<w:sectPr><w:headerReference r:id="header"/><w:footerReference r:id="footer"/></w:sectPr>'
    )
    footer = part(
        "w:ftr", f'<w:p>{run("Page ")}<w:fldSimple w:instr=" PAGE ">{run("1")}</w:fldSimple></w:p>'
    )
    header = part("w:hdr", paragraph("Contract HB-2209-Q"))
    reading = read_file(
        write_docx(tmp_path, paragraph("Text.") + section, header=header, footer=footer)
    )
    assert reading.text == "Contract HB-2209-Q\n\nText."
    assert reading.texts(BlockKind.METADATA) == ["Contract HB-2209-Q"]


def test_pages_end_where_word_ended_them(tmp_path: Path) -> None:
    body = (
        paragraph("One.")
        + "<w:p><w:r><w:lastRenderedPageBreak/><w:t>Two.</w:t></w:r></w:p>"
        + '<w:p><w:r><w:br w:type="page"/></w:r></w:p>'
        + "<w:p><w:r><w:lastRenderedPageBreak/><w:t>Three.</w:t></w:r></w:p>"
    )
    reading = read_file(write_docx(tmp_path, body))
    assert [page.text for page in reading.pages] == ["One.", "Two.", "Three."]
