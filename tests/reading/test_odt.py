"""OpenDocument text."""

import zipfile
from pathlib import Path

from core.blocks import BlockKind
from support.reading import Reading, read_file

NAMESPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{path}:1.0"'
    for name, path in (
        ("office", "office"), ("text", "text"), ("table", "table"), ("style", "style"),
        ("draw", "drawing"), ("fo", "xsl-fo-compatible"),
    )
)  # fmt: skip
STYLES = """
<text:list-style style:name="L1">
  <text:list-level-style-number text:level="1" style:num-format="1" style:num-suffix="."/>
  <text:list-level-style-number text:level="2" style:num-format="a" style:num-prefix="(" style:num-suffix=")"/>
</text:list-style>
<style:style style:name="up"><style:text-properties style:text-position="super 58%"/></style:style>
<style:style style:name="new"><style:paragraph-properties fo:break-before="page"/></style:style>
"""


def reading_of(folder: Path, body: str) -> Reading:
    path = folder / "made.odt"
    content = (
        f"<office:document-content {NAMESPACES}><office:automatic-styles>{STYLES}"
        f"</office:automatic-styles><office:body><office:text>{body}</office:text></office:body>"
        "</office:document-content>"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", content)
    return read_file(path)


def test_lists_are_numbered_as_they_are_shown(tmp_path: Path) -> None:
    body = """<text:list text:style-name="L1">
      <text:list-item><text:p>Scope</text:p><text:list>
        <text:list-item><text:p>ships</text:p></text:list-item>
        <text:list-item><text:p>berths</text:p></text:list-item></text:list></text:list-item>
      <text:list-item><text:p>Fees</text:p></text:list-item></text:list>"""
    reading = reading_of(tmp_path, body)
    assert reading.texts(BlockKind.LIST_ITEM) == ["1. Scope", "(a) ships", "(b) berths", "2. Fees"]


def test_notes_spaces_and_scripts(tmp_path: Path) -> None:
    body = (
        '<text:h text:outline-level="2">Head</text:h><text:p>10<text:span text:style-name="up">5'
        '</text:span><text:s text:c="3"/>Pa<text:tab/>now<text:note text:note-class="footnote">'
        "<text:note-citation>1</text:note-citation><text:note-body><text:p>A note.</text:p>"
        "</text:note-body></text:note>.</text:p>"
        "<text:tracked-changes><text:p>never</text:p></text:tracked-changes>"
    )
    assert reading_of(tmp_path, body).text.split("\n\n") == ["## Head", "10⁵ Pa now¹.", "¹ A note."]


def test_tables_with_spans(tmp_path: Path) -> None:
    def cell(text: str, attributes: str = "") -> str:
        return f"<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>"

    covered = "<table:covered-table-cell/>"
    body = (
        "<table:table><table:table-header-rows><table:table-row>"
        + cell("Length") + cell("Fee", 'table:number-columns-spanned="2"') + covered
        + "</table:table-row></table:table-header-rows><table:table-row>"
        + cell("8 m", 'table:number-rows-spanned="2"') + cell("18") + cell("9")
        + f"</table:table-row><table:table-row>{covered}" + cell("27") + cell("14")
        + "</table:table-row></table:table>"
    )  # fmt: skip
    assert reading_of(tmp_path, body).tables == [
        (["Length", "Fee", "Fee"], [["8 m", "18", "9"], ["8 m", "27", "14"]])
    ]


def test_pages_begin_where_a_style_says_so(tmp_path: Path) -> None:
    body = '<text:p>One.</text:p><text:p text:style-name="new">Two.</text:p>'
    assert [page.text for page in reading_of(tmp_path, body).pages] == ["One.", "Two."]
