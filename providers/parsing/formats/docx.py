"""Word documents (ECMA-376, part 1, 17), as they stand on the page."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes

from core.blocks import BlockKind, WarningCode
from providers.parsing import PageWindow
from providers.parsing.formats import Source
from providers.parsing.formats.drawing import chart, diagram
from providers.parsing.formats.equation import linear
from providers.parsing.formats.html import write_html
from providers.parsing.formats.numbering import Numbering, format_number
from providers.parsing.formats.package import (
    Element,
    Package,
    attribute,
    child,
    integer,
    is_on,
    kind,
    open_package,
    value,
)
from providers.parsing.formats.scripts import subscript, superscript
from providers.parsing.formats.symbols import symbol
from providers.parsing.grid import Cell, spread
from providers.parsing.writer import Writer, squeeze

PAGE_CHARACTERS = 12_000
"""Longer pages than are ever printed: a document that does not say where its pages end."""
_WITHOUT_BREAKS = 3_000
_PASS_THROUGH = frozenset(
    "hyperlink ins moveTo smartTag sdt sdtContent customXml dir bdo r fldSimple".split()
)
_REMOVED = frozenset({"del", "moveFrom", "rPr", "pPr", "instrText", "delText", "delInstrText"})
_HEADING_NAME = re.compile(r"heading ([1-9])")
_COUNTED_FIELD = re.compile(r"\s*(PAGE|NUMPAGES|SECTIONPAGES)\b", re.I)
_JOINED = frozenset({"ideographic", "none"})
_MAX_COLUMNS = 63
"""As Word has them."""
_INVISIBLE_SIZE = 2
"""Half points."""


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`: MALFORMED, ENCRYPTED, EMPTY or TOO_LARGE."""
    with open_package(source) as package:
        body = package.xml(package.main)
        paged = body is not None and any(
            kind(element) == "lastRenderedPageBreak" for element in body.iter()
        )
        writer = Writer(PAGE_CHARACTERS if paged else _WITHOUT_BREAKS)
        if body is not None:
            _Document(package, writer).read(body)
    return writer.windows(source.max_pages)


@dataclass(slots=True)
class _Line:
    """A paragraph's text as it grows, and what is to follow it."""

    text: str = ""
    notes: list[str] = field(default_factory=list)
    boxes: list[Element] = field(default_factory=list)
    graphics: list[Element] = field(default_factory=list)
    tables: list[tuple[str, Element]] = field(default_factory=list)
    breaks: bool = False
    counted: bool = False
    """Whether a number of a page was left out."""


@dataclass(slots=True)
class _Style:
    name: str
    based_on: str
    properties: Element | None
    character: Element | None


class _Document:
    def __init__(self, package: Package, writer: Writer) -> None:
        self._package = package
        self._writer = writer
        main = package.main
        self._styles, self._default_style = _read_styles(package.one(main, "/styles"))
        self._numbering = Numbering(package.one(main, "/numbering"))
        self._footnotes = _by_id(package.one(main, "/footnotes"))
        self._endnotes = _by_id(package.one(main, "/endnotes"))
        self._comments = _by_id(package.one(main, "/comments"))
        self._note_counts = {"footnote": 0, "endnote": 0}
        self._related = package.related(main)
        self._shown_heads: set[str] = set()
        self._fields: list[str] = []
        """Instructions of the complex fields that are open; those that show their result end in a
        line feed."""
        self._drop_cap = ""
        self._hidden = False
        self._pictures = 0

    def read(self, root: Element) -> None:
        body = child(root, "body")
        if body is None:
            return
        sections = [element for element in body.iter() if kind(element) == "sectPr"]
        self._heads(sections[0] if sections else None, "header")
        self._blocks(body)
        for section in sections:
            self._heads(section, "footer")
        if self._hidden:
            self._writer.warn(
                WarningCode.SKIPPED_CONTENT,
                "Text that is formatted as hidden was not read.",
                whole=True,
            )
        self._writer.skipped(self._pictures, "picture")
        self._writer.skipped(self._package.embedded(self._package.main), "embedded file")

    def _blocks(self, parent: Element) -> None:
        for element in parent:
            match kind(element):
                case "p":
                    self._paragraph(element)
                case "tbl":
                    self._table(element)
                case "sdt" | "sdtContent" | "customXml" | "ins" | "moveTo":
                    self._blocks(element)
                case "AlternateContent":
                    self._blocks(_chosen(element))
                case "altChunk":
                    self._part_in_html(self._related.get(attribute(element, "id") or "", ""))

    def _paragraph(self, element: Element) -> None:
        properties = child(element, "pPr")
        if is_on(properties, "pageBreakBefore") and not self._writer.page_is_empty:
            self._writer.new_page()
        if value(properties, "framePr") is None and attribute(
            child(properties, "framePr"), "dropCap"
        ) in ("drop", "margin"):
            self._drop_cap += self._line(element).text.strip()
            return
        line = self._line(element)
        line.text, self._drop_cap = self._drop_cap + line.text, ""
        removed = is_on(properties, "rPr", "del") and not line.text.strip()
        if not removed:
            self._write(line, properties)
        self._follow(line)
        section = child(properties, "sectPr")
        if section is not None and value(section, "type") not in ("continuous", "nextColumn"):
            self._new_page()
            following = _next_section(element)
            self._heads(following, "header")
        elif line.breaks:
            self._new_page()

    def _part_in_html(self, name: str) -> None:
        """A part that Word has yet to convert: HTML, or a page saved with its pictures."""
        data = self._package.read(name) or b""
        if name.endswith((".mht", ".mhtml")):
            parts = message_from_bytes(data).walk()
            page = next((part for part in parts if part.get_content_type() == "text/html"), None)
            payload = page.get_payload(decode=True) if page is not None else None
            data = payload if isinstance(payload, bytes) else b""
        elif not name.endswith((".html", ".htm", ".xhtml")):
            self._writer.skipped(1, "part in another format")
            return
        write_html(self._writer, data)

    def _new_page(self) -> None:
        if not self._writer.page_is_empty:
            self._writer.new_page()

    def _write(self, line: _Line, properties: Element | None) -> None:
        text = "\n".join(squeeze(part) for part in line.text.split("\n")).strip("\n")
        label = self._label(properties) if text.strip() or line.boxes else None
        level = self._heading_level(properties)
        if not text.strip():
            return
        if level is not None:
            self._writer.heading(f"{label} {text}" if label not in (None, "-", "") else text, level)
        elif label:
            depth = min(integer(value(properties, "numPr", "ilvl")), 8)
            indent = "  " * depth if label == "-" else ""
            self._writer.write(f"{indent}{label} {text}", BlockKind.LIST_ITEM)
        else:
            self._writer.write(text)

    def _follow(self, line: _Line) -> None:
        """What hangs on a paragraph: notes and comments, text boxes, charts and diagrams."""
        for note in line.notes:
            self._writer.write(note, BlockKind.NOTE)
        for box in line.boxes:
            self._blocks(box)
        for graphic in line.graphics:
            self._graphic(graphic)
        for caption, table in line.tables:
            self._table(table, caption)

    def _graphic(self, data: Element) -> None:
        for element in data.iter():
            target = self._related.get(attribute(element, "id") or "", "")
            if kind(element) == "chart" and target:
                chart(self._writer, self._package.xml(target))
            elif kind(element) == "relIds":
                target = self._related.get(attribute(element, "dm") or "", "")
                diagram(self._writer, self._package.xml(target))
            elif kind(element) == "blip":
                self._pictures += 1

    # Properties ----------------------------------------------------------------------------------

    def _chain(self, properties: Element | None) -> Iterator[tuple[str, Element | None]]:
        """The paragraph's own properties and those of its styles, nearest first."""
        yield "", properties
        name = value(properties, "pStyle") or self._default_style
        for _ in range(20):
            style = self._styles.get(name)
            if style is None:
                return
            yield name, style.properties
            name = style.based_on

    def _heading_level(self, properties: Element | None) -> int | None:
        for name, found in self._chain(properties):
            outline = value(found, "outlineLvl")
            if outline is not None:
                return integer(outline) + 1 if outline < "9" else None
            style = self._styles.get(name)
            if style and (level := _HEADING_NAME.fullmatch(style.name)):
                return int(level[1])
            if style and style.name == "title":
                return 1
        return None

    def _label(self, properties: Element | None) -> str | None:
        number = level = None
        for name, found in self._chain(properties):
            numbered = child(found, "numPr")
            if numbered is None:
                continue
            if level is None and (said := value(numbered, "ilvl")) is not None:
                level = integer(said)
            if number is None and (said := value(numbered, "numId")) is not None:
                number = said
                if level is None and name:
                    level = self._numbering.level_of_style(number, name)
            if number is not None:
                break
        return None if number in (None, "0") else self._numbering.label(str(number), level or 0)

    def _is_hidden(self, properties: Element | None) -> bool:
        if properties is None:
            return False
        if is_on(properties, "vanish") or is_on(properties, "webHidden"):
            return True
        size = value(properties, "sz")
        if size is not None and size.isdecimal() and int(size) <= _INVISIBLE_SIZE:
            return True
        style = self._styles.get(value(properties, "rStyle") or "")
        return (
            style is not None
            and child(properties, "vanish") is None
            and is_on(style.character, "vanish")
        )

    # Runs ----------------------------------------------------------------------------------------

    def _line(self, paragraph: Element) -> _Line:
        line = _Line()
        self._inline(paragraph, line)
        return line

    def _inline(self, parent: Element, line: _Line) -> None:
        for element in parent:
            name = kind(element)
            if name in _REMOVED:
                continue
            if name == "r":
                self._run(element, line)
            elif name == "oMath":
                line.text += linear(element)
            elif name == "oMathPara":
                line.text += " " + "; ".join(
                    linear(part) for part in element if kind(part) == "oMath"
                )
            elif name == "fldSimple":
                if _COUNTED_FIELD.match(attribute(element, "instr") or ""):
                    line.counted = True
                else:
                    self._inline(element, line)
            elif name == "AlternateContent":
                self._inline(_chosen(element), line)
            elif name in _PASS_THROUGH:
                self._inline(element, line)

    def _run(self, run: Element, line: _Line) -> None:
        properties = child(run, "rPr")
        if self._is_hidden(properties):
            self._hidden = self._hidden or any(kind(part) == "t" for part in run)
            return
        script = value(properties, "vertAlign")
        for element in run:
            self._run_part(element, line, script)

    def _run_part(self, element: Element, line: _Line, script: str | None) -> None:
        match kind(element):
            case "fldChar":
                self._field(element)
            case "instrText" if self._fields and not self._fields[-1].endswith("\n"):
                self._fields[-1] += element.text or ""
            case "t":
                if any(_COUNTED_FIELD.match(instruction) for instruction in self._fields):
                    line.counted = True
                    return
                text = element.text or ""
                if script == "superscript":
                    text = superscript(text, line.text)
                elif script == "subscript":
                    text = subscript(text)
                line.text += text
            case "tab" | "ptab":
                line.text += " "
            case "br" if attribute(element, "type") == "page":
                line.breaks = True
                line.text += "\n"
            case "lastRenderedPageBreak":
                # A paragraph that goes on over the end of a page belongs to where it begins.
                if line.text.strip():
                    line.breaks = True
                else:
                    self._new_page()
            case "br" | "cr":
                line.text += "\n"
            case "noBreakHyphen":
                line.text += "-"
            case "sym":
                line.text += symbol(attribute(element, "font"), attribute(element, "char") or "")
            case "footnoteReference" | "endnoteReference":
                self._note(element, line)
            case "commentReference":
                self._comment(element, line)
            case "drawing" | "pict" | "object":
                self._drawing(element, line)
            case "AlternateContent":
                for part in _chosen(element):
                    self._run_part(part, line, script)
            case "ruby":
                base, reading = _Line(), _Line()
                for name, line_of in (("rubyBase", base), ("rt", reading)):
                    if (part := child(element, name)) is not None:
                        self._inline(part, line_of)
                line.text += f"{base.text}({reading.text})" if reading.text else base.text

    def _field(self, element: Element) -> None:
        match attribute(element, "fldCharType"):
            case "begin":
                self._fields.append("")
            case "separate" if self._fields:
                self._fields[-1] += "\n"
            case "end" if self._fields:
                self._fields.pop()

    def _drawing(self, element: Element, line: _Line) -> None:
        boxes = [found for found in element.iter() if kind(found) == "txbxContent"]
        line.boxes += [box for box in boxes if not any(_within(box, other) for other in boxes)]
        if not boxes:
            line.graphics.append(element)
        if any(kind(found) == "imagedata" for found in element.iter()):
            self._pictures += 1

    def _note(self, reference: Element, line: _Line) -> None:
        name = kind(reference).removesuffix("Reference")
        notes = self._footnotes if name == "footnote" else self._endnotes
        note = notes.get(attribute(reference, "id") or "")
        if note is None:
            return
        mark = ""
        if attribute(reference, "customMarkFollows") not in ("1", "true", "on"):
            self._note_counts[name] += 1
            count = self._note_counts[name]
            mark = superscript(
                str(count) if name == "footnote" else format_number(count, "lowerRoman")
            )
            line.text += mark
        text = self._text_of(note, line)
        if text:
            line.notes.append(f"{mark} {text}".strip())

    def _comment(self, reference: Element, line: _Line) -> None:
        comment = self._comments.get(attribute(reference, "id") or "")
        if comment is None:
            return
        author = attribute(comment, "author")
        if text := self._text_of(comment, line):
            line.notes.append(f"Comment by {author}: {text}" if author else f"Comment: {text}")

    def _text_of(self, parent: Element, line: _Line) -> str:
        """The paragraphs of a note, a comment or a cell on one line; what hangs on them follows
        the paragraph that they belong to."""
        texts = []
        for element in parent:
            name = kind(element)
            if name == "p":
                own = self._line(element)
                text, properties = squeeze(own.text), child(element, "pPr")
                label = self._label(properties) if text else None
                texts.append(f"{label} {text}" if label else text)
                line.notes += own.notes
                line.boxes += own.boxes
                line.graphics += own.graphics
                line.counted = line.counted or own.counted
            elif name == "tbl":
                line.tables.append((" ".join(filter(None, texts)), element))
            elif name in ("sdt", "sdtContent", "customXml", "ins", "moveTo"):
                texts.append(self._text_of(element, line))
        return " ".join(filter(None, texts))

    # Tables, heads and feet ----------------------------------------------------------------------

    def _table(self, table: Element, caption: str = "") -> None:
        rows = [row for row in _rows(table) if not is_on(row, "trPr", "del")]
        if not rows:
            return
        if len(rows) == 1 and len(list(_cells(rows[0]))) == 1:  # a frame around text
            for cell in _cells(rows[0]):
                self._blocks(cell)
            return
        line = _Line()
        grid: list[list[Cell]] = []
        open_cells: dict[int, Cell] = {}
        """By column: the cell that a vertical merge began with."""
        for row in rows:
            cells: list[Cell] = []
            column = min(integer(value(row, "trPr", "gridBefore")), _MAX_COLUMNS)
            cells += [Cell("") for _ in range(column)]
            for element in _cells(row):
                properties = child(element, "tcPr")
                width = integer(value(properties, "gridSpan"), 1)
                merge = child(properties, "vMerge")
                if merge is not None and attribute(merge, "val") != "restart":
                    if above := open_cells.get(column):
                        above.rows += 1
                        self._text_of(element, line)
                        column += width
                        continue
                cell = Cell(self._cell(element, line, cells), width)
                cells.append(cell)
                open_cells.pop(column, None)
                if merge is not None:
                    open_cells[column] = cell
                column += width
            grid.append(cells)
        headed = 0
        while headed < len(rows) - 1 and is_on(rows[headed], "trPr", "tblHeader"):
            headed += 1
        texts, header_rows = spread(grid, headed or None)
        self._writer.table(texts, header_rows, caption)
        self._follow(line)

    def _cell(self, element: Element, line: _Line, before: list[Cell]) -> str:
        nested = len(line.tables)
        text = self._text_of(element, line)
        label = before[0].text if before else ""
        for index in range(nested, len(line.tables)):
            own, table = line.tables[index]
            line.tables[index] = (own or label, table)
        return text

    def _heads(self, section: Element | None, place: str) -> None:
        """Running heads or feet of a section, each wording once."""
        for reference in section if section is not None else ():
            if kind(reference) != f"{place}Reference":
                continue
            root = self._package.xml(self._related.get(attribute(reference, "id") or "", ""))
            for element in root.iter() if root is not None else ():
                if kind(element) != "p":
                    continue
                line = self._line(element)
                text = squeeze(line.text)
                numbered_only = line.counted and len(text) < 16
                if text and not numbered_only and text not in self._shown_heads:
                    self._shown_heads.add(text)
                    self._writer.write(text, BlockKind.METADATA)


def _read_styles(root: Element | None) -> tuple[dict[str, _Style], str]:
    styles, default = {}, ""
    for element in root if root is not None else ():
        if kind(element) != "style":
            continue
        key = attribute(element, "styleId") or ""
        styles[key] = _Style(
            (value(element, "name") or "").lower(),
            value(element, "basedOn") or "",
            child(element, "pPr"),
            child(element, "rPr"),
        )
        if attribute(element, "type") == "paragraph" and attribute(element, "default") == "1":
            default = key
    return styles, default


def _by_id(root: Element | None) -> dict[str, Element]:
    """Notes or comments; not the lines that part notes from text."""
    return {
        attribute(element, "id") or "": element
        for element in (root if root is not None else ())
        if attribute(element, "type") in (None, "normal")
    }


def _rows(table: Element) -> Iterator[Element]:
    for element in table:
        if kind(element) == "tr":
            yield element
        elif kind(element) in ("sdt", "sdtContent", "customXml", "ins"):
            yield from _rows(element)


def _cells(row: Element) -> Iterator[Element]:
    for element in row:
        if kind(element) == "tc":
            yield element
        elif kind(element) in ("sdt", "sdtContent", "customXml"):
            yield from _cells(element)


def _chosen(alternate: Element) -> Element:
    """The newest form of what is written for several editions of Word."""
    choices = [part for part in alternate if kind(part) in ("Choice", "Fallback")]
    return next((part for part in choices if len(part)), ())


def _within(element: Element, other: Element) -> bool:
    return element is not other and any(above is other for above in element.iterancestors())


def _next_section(paragraph: Element) -> Element | None:
    """The properties of the section that begins after the one which a paragraph ends."""
    following: Iterable[Element] = paragraph.itersiblings()
    for element in following:
        if kind(element) == "sectPr":
            return element
        if (found := child(element, "pPr", "sectPr")) is not None:
            return found
    return None
