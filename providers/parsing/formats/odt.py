"""OpenDocument text (ISO/IEC 26300), as it stands on the page."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from core.blocks import BlockKind
from providers.parsing import PageWindow
from providers.parsing.formats import Source
from providers.parsing.formats.equation import mathml
from providers.parsing.formats.numbering import format_number
from providers.parsing.formats.package import (
    Element,
    Package,
    attribute,
    child,
    integer,
    kind,
    open_package,
)
from providers.parsing.formats.scripts import subscript, superscript
from providers.parsing.grid import Cell, spread
from providers.parsing.writer import Writer, squeeze

PAGE_CHARACTERS = 12_000
_WITHOUT_BREAKS = 3_000
_MAX_REPEATED = 1_000
_FORMATS = {
    "1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman",
    "": "none",
}  # fmt: skip
_SECTIONS = frozenset(
    "section index-body table-of-content illustration-index table-index alphabetical-index "
    "bibliography user-index index-title text-box".split()
)
_PAGE_NUMBERS = frozenset({"page-number", "page-count"})
_SILENT = frozenset(
    "tracked-changes sequence-decls variable-decls user-field-decls forms title desc".split()
)


@dataclass(slots=True)
class _ListLevel:
    format: str | None
    """None: a bullet."""
    prefix: str
    suffix: str
    start: int
    shown: int


@dataclass(slots=True)
class _Line:
    text: str = ""
    notes: list[str] = field(default_factory=list)
    boxes: list[Element] = field(default_factory=list)
    breaks: bool = False


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`: MALFORMED, ENCRYPTED, EMPTY or TOO_LARGE."""
    with open_package(source) as package:
        root = package.xml("content.xml")
        paged = root is not None and any(kind(e) == "soft-page-break" for e in root.iter())
        writer = Writer(PAGE_CHARACTERS if paged else _WITHOUT_BREAKS)
        body = child(root, "body", "text")
        if body is not None:
            _Document(package, writer, root).read(body)
    return writer.windows(source.max_pages)


class _Document:
    def __init__(self, package: Package, writer: Writer, root: Element) -> None:
        self._package = package
        self._writer = writer
        self._styles: dict[str, Element] = {}
        self._lists: dict[str, dict[int, _ListLevel]] = {}
        self._counters: dict[str, dict[int, int]] = {}
        """By list style, for lists that continue; else each list begins anew."""
        self._styles_root = package.xml("styles.xml")
        for tree in (self._styles_root, root):
            for element in tree.iter() if tree is not None else ():
                if kind(element) == "style":
                    self._styles[attribute(element, "name") or ""] = element
                elif kind(element) in ("list-style", "outline-style"):
                    name = attribute(element, "name") or kind(element)
                    self._lists["outline-style" if kind(element) == "outline-style" else name] = (
                        _list_levels(element)
                    )
        self._outline: dict[int, int] = {}
        self._pictures = 0

    def read(self, body: Element) -> None:
        self._heads(("header", "header-first", "header-left"))
        self._blocks(body)
        self._heads(("footer", "footer-first", "footer-left"))
        self._writer.skipped(self._pictures, "picture")

    def _blocks(self, parent: Element) -> None:
        for element in parent:
            match kind(element):
                case "h" | "p":
                    self._paragraph(element)
                case "list":
                    self._list(element, 1, "", {})
                case "table":
                    self._table(element)
                case "soft-page-break":
                    self._new_page()
                case "frame" | "custom-shape":
                    self._frame(element)
                case name if name in _SECTIONS and attribute(element, "display") != "none":
                    self._blocks(element)

    def _new_page(self) -> None:
        if not self._writer.page_is_empty:
            self._writer.new_page()

    def _paragraph(self, element: Element, label: str = "") -> None:
        style = attribute(element, "style-name") or ""
        if self._property(style, "break-before") == "page":
            self._new_page()
        line = _Line()
        self._inline(element, line)
        text = "\n".join(squeeze(part) for part in line.text.split("\n")).strip("\n")
        if kind(element) == "h" or self._style_name(style) in ("Title",):
            level = integer(attribute(element, "outline-level"), 1)
            number = self._heading_number(level) if kind(element) == "h" and text else ""
            self._writer.heading(f"{label or number} {text}".strip(), level)
        elif label:
            self._writer.write(f"{label} {text}", BlockKind.LIST_ITEM)
        else:
            self._writer.write(text)
        for note in line.notes:
            self._writer.write(note, BlockKind.NOTE)
        for box in line.boxes:
            self._frame(box)
        if line.breaks or self._property(style, "break-after") == "page":
            self._new_page()

    def _heading_number(self, level: int) -> str:
        levels = self._lists.get("outline-style", {})
        first = levels[level].start if level in levels else 1
        self._outline[level] = self._outline.get(level, first - 1) + 1
        for deeper in [key for key in self._outline if key > level]:
            del self._outline[deeper]
        return _label(levels, level, self._outline) if level in levels else ""

    def _list(self, element: Element, level: int, style: str, counters: dict[int, int]) -> None:
        style = attribute(element, "style-name") or style
        levels = self._lists.get(style, {})
        if level == 1:
            continues = attribute(element, "continue-numbering") == "true"
            continues = continues or attribute(element, "continue-list") is not None
            counters = self._counters.get(style, {}) if continues else {}
            self._counters[style] = counters
        else:
            counters.pop(level, None)
        for item in element:
            if kind(item) not in ("list-item", "list-header"):
                continue
            label = ""
            if kind(item) == "list-item":
                start = attribute(item, "start-value")
                first = levels[level].start if level in levels else 1
                counters[level] = integer(start, counters.get(level, first - 1) + 1)
                label = _label(levels, level, counters)
            for part in item:
                if kind(part) == "list":
                    self._list(part, level + 1, style, counters)
                elif kind(part) in ("p", "h"):
                    indent = "  " * (level - 1) if label == "-" else ""
                    self._paragraph(part, indent + label if label else "")
                    label = ""

    def _inline(self, parent: Element, line: _Line) -> None:
        line.text += _spaces(parent.text)
        for element in parent:
            if isinstance(element.tag, str):
                self._inline_part(element, line)
            line.text += _spaces(element.tail)

    def _inline_part(self, element: Element, line: _Line) -> None:
        match kind(element):
            case "s" | "tab":
                line.text += " "
            case "line-break":
                line.text += "\n"
            case "soft-page-break":
                line.breaks = True
            case "note":
                self._note(element, line)
            case "annotation":
                author = next((e.text for e in element if kind(e) == "creator"), "")
                text = self._flat(element, line)
                line.notes.append(f"Comment by {author}: {text}" if author else f"Comment: {text}")
            case "frame" | "custom-shape" | "g" | "rect" | "text-box":
                formula = self._formula(element)
                if formula:
                    line.text += formula
                else:
                    line.boxes.append(element)
            case "ruby":
                base, reading = child(element, "ruby-base"), child(element, "ruby-text")
                self._inline(base if base is not None else element, line)
                if reading is not None and reading.text:
                    line.text += f"({reading.text})"
            case "span":
                self._span(element, line)
            case "hidden-text" | "hidden-paragraph":
                return
            case name if name not in _SILENT:
                self._inline(element, line)

    def _span(self, element: Element, line: _Line) -> None:
        style = attribute(element, "style-name") or ""
        if self._property(style, "display") == "none":
            return
        position = (self._property(style, "text-position") or "").split(" ")[0]
        if not position or position.startswith("0"):
            self._inline(element, line)
            return
        inner = _Line()
        self._inline(element, inner)
        lowered = position.startswith(("sub", "-"))
        line.text += subscript(inner.text) if lowered else superscript(inner.text, line.text)
        line.notes += inner.notes
        line.boxes += inner.boxes

    def _note(self, element: Element, line: _Line) -> None:
        citation = child(element, "note-citation")
        mark = superscript((citation.text or "") if citation is not None else "")
        line.text += mark
        body = child(element, "note-body")
        text = self._flat(body, line) if body is not None else ""
        if text:
            line.notes.append(f"{mark} {text}".strip())

    def _flat(self, parent: Element, line: _Line) -> str:
        """All paragraphs below on one line."""
        texts = []
        for element in parent:
            if kind(element) in ("p", "h"):
                own = _Line()
                self._inline(element, own)
                texts.append(squeeze(own.text))
                line.notes += own.notes
                line.boxes += own.boxes
            elif kind(element) in ("list", "list-item", "list-header", "section", "table-cell"):
                texts.append(self._flat(element, line))
            elif kind(element) == "table":
                line.boxes.append(element)
        return " ".join(filter(None, texts))

    def _frame(self, element: Element) -> None:
        name = kind(element)
        if name == "table":
            self._table(element)
        elif name in ("custom-shape", "rect", "text-box"):
            self._blocks(element)
        else:
            for part in element:
                if kind(part) == "text-box":
                    self._blocks(part)
                elif kind(part) in ("frame", "custom-shape", "g", "rect"):
                    self._frame(part)
                elif kind(part) == "image" and child(element, "object") is None:
                    self._pictures += 1

    def _formula(self, frame: Element) -> str:
        """A formula is a document of its own, in MathML."""
        embedded = child(frame, "object")
        if embedded is None:
            return ""
        math = next((e for e in embedded.iter() if kind(e) == "math"), None)
        if math is None:
            folder = posixpath.normpath(attribute(embedded, "href") or "").lstrip("./")
            root = self._package.xml(f"{folder}/content.xml") if folder else None
            math = root if root is not None and kind(root) == "math" else None
        return "" if math is None else mathml(math)

    def _table(self, table: Element) -> None:
        line = _Line()
        grid: list[list[Cell]] = []
        header_rows = 0
        for row, in_header in _rows(table, False):
            cells = []
            for cell in row:
                if kind(cell) != "table-cell":
                    continue
                repeated = min(
                    integer(attribute(cell, "number-columns-repeated"), 1), _MAX_REPEATED
                )
                text = self._flat(cell, line)
                columns = integer(attribute(cell, "number-columns-spanned"), 1)
                rows = integer(attribute(cell, "number-rows-spanned"), 1)
                cells += [
                    Cell(text, columns, rows)
                    for _ in range(min(repeated, _MAX_REPEATED) if text else 1)
                ]
            grid.append(cells)
            header_rows += in_header
        if len(grid) == 1 and len(grid[0]) == 1:
            for cell in table.iter():
                if kind(cell) == "table-cell":
                    self._blocks(cell)
                    return
        texts, found = spread(grid, header_rows or None)
        self._writer.table(texts, found)
        for note in line.notes:
            self._writer.write(note, BlockKind.NOTE)
        for box in line.boxes:
            self._frame(box)

    def _property(self, style: str, name: str) -> str | None:
        """Of a style or those that it is based on."""
        for _ in range(20):
            element = self._styles.get(style)
            if element is None:
                return None
            for part in element:
                if (found := attribute(part, name)) is not None:
                    return found
            style = attribute(element, "parent-style-name") or ""
        return None

    def _style_name(self, style: str) -> str:
        element = self._styles.get(style)
        parent = attribute(element, "parent-style-name") if element is not None else None
        return parent if parent == "Title" else style

    def _heads(self, places: tuple[str, ...]) -> None:
        shown: set[str] = set()
        root = self._styles_root
        for element in root.iter() if root is not None else ():
            if kind(element) not in places or kind(element.getparent()) != "master-page":
                continue
            counted = any(kind(part) in _PAGE_NUMBERS for part in element.iter())
            for part in element.iter():
                if kind(part) != "p":
                    continue
                line = _Line()
                self._inline(part, line)
                text = squeeze(line.text)
                if text and text not in shown and not (counted and len(text) < 16):
                    shown.add(text)
                    self._writer.write(text, BlockKind.METADATA)


def _rows(table: Element, in_header: bool) -> Iterator[tuple[Element, bool]]:
    for element in table:
        if kind(element) == "table-row":
            yield element, in_header
        elif kind(element) in ("table-header-rows", "table-rows", "table-row-group"):
            yield from _rows(element, in_header or kind(element) == "table-header-rows")


def _list_levels(element: Element) -> dict[int, _ListLevel]:
    levels = {}
    for item in element:
        level = integer(attribute(item, "level"), 1)
        bullet = "bullet" in kind(item) or "image" in kind(item)
        number_format = attribute(item, "num-format")
        levels[level] = _ListLevel(
            None if bullet else _FORMATS.get(number_format or "", "decimal"),
            attribute(item, "num-prefix") or "",
            attribute(item, "num-suffix") or "",
            integer(attribute(item, "start-value"), 1),
            integer(attribute(item, "display-levels"), 1),
        )
    return levels


def _label(levels: dict[int, _ListLevel], level: int, counters: dict[int, int]) -> str:
    found = levels.get(level)
    if found is None or found.format is None:
        return "-"
    if found.format == "none":
        return ""
    numbers = [
        format_number(counters.get(index, 1), levels[index].format or "decimal")
        for index in range(max(1, level - found.shown + 1), level + 1)
        if index in levels and levels[index].format not in (None, "none")
    ]
    return f"{found.prefix}{'.'.join(numbers)}{found.suffix}".strip()


def _spaces(text: str | None) -> str:
    return re.sub(r"[ \t\r\n]+", " ", text or "")
