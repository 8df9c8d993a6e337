"""Presentations (ECMA-376, part 1, 19): each slide a page, its shapes in the order of reading."""

from collections.abc import Iterator
from dataclasses import dataclass

from core.blocks import BlockKind, WarningCode
from providers.parsing import PageWindow
from providers.parsing.formats import Source
from providers.parsing.formats.drawing import chart, diagram
from providers.parsing.formats.equation import linear
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
from providers.parsing.formats.text import SECTION_CHARACTERS
from providers.parsing.grid import Cell, spread
from providers.parsing.writer import Writer, squeeze

_TITLES = frozenset({"title", "ctrTitle"})
_FURNITURE = frozenset({"dt", "sldNum", "ftr", "hdr"})
_AUTO_NUMBERS = {
    "alphaLc": "lowerLetter", "alphaUc": "upperLetter", "romanLc": "lowerRoman",
    "romanUc": "upperRoman", "arabic": "decimal",
}  # fmt: skip

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass(frozen=True, slots=True)
class _Shape:
    element: Element
    box: Box
    title: bool = False
    body: bool = False


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`: MALFORMED, ENCRYPTED, EMPTY or TOO_LARGE."""
    writer = Writer(10 * SECTION_CHARACTERS)
    with open_package(source) as package:
        related = package.related(package.main)
        deck = package.xml(package.main)
        slides = [
            related[key]
            for element in (deck.iter() if deck is not None else ())
            if kind(element) == "sldId" and (key := _relation(element)) in related
        ]
        feet: set[str] = set()
        for number, part in enumerate(slides):
            if number:
                writer.new_page()
            _Slide(package, writer, part, feet).read()
    return writer.windows(source.max_pages)


class _Slide:
    def __init__(self, package: Package, writer: Writer, part: str, feet: set[str]) -> None:
        self._package = package
        self._writer = writer
        self._part = part
        self._related = package.related(part)
        self._feet = feet
        self._pictures = 0
        self._places = self._inherited_places()

    def read(self) -> None:
        root = self._package.xml(self._part)
        if root is None:
            return
        if root.get("show") in ("0", "false"):
            self._writer.warn(
                WarningCode.HIDDEN_CONTENT, "A hidden slide, which was read all the same."
            )
        shapes = list(self._shapes(child(root, "cSld", "spTree")))
        for shape in [s for s in shapes if s.title]:
            self._writer.heading(" ".join(text for text, _ in _paragraphs(shape.element)), 2)
        for shape in in_reading_order([s for s in shapes if not s.title]):
            self._shape(shape)
        self._notes()
        self._comments()
        self._writer.skipped(self._pictures, "picture", whole=False)
        self._writer.skipped(self._package.embedded(self._part), "embedded file", whole=False)

    def _shapes(self, tree: Element | None) -> Iterator[_Shape]:
        """A group is one shape to its neighbours: what it holds stays together."""
        for element in tree if tree is not None else ():
            name = kind(element)
            if name == "AlternateContent":
                chosen = next((part for part in element if len(part)), None)
                yield from self._shapes(chosen)
                continue
            if name not in ("sp", "graphicFrame", "grpSp", "pic"):
                continue
            holder = child(element, "nvSpPr", "nvPr", "ph")
            hidden = next((p.get("hidden") for p in element.iter() if kind(p) == "cNvPr"), None)
            if hidden in ("1", "true"):
                continue
            role = (attribute(holder, "type") or "body") if holder is not None else ""
            box = _box(element) or self._places.get(_key(holder)) or (0.0, 0.0, 0.0, 0.0)
            if role in _FURNITURE:
                self._foot(element, role)
            else:
                body = role in ("body", "obj", "subTitle")
                yield _Shape(element, box, role in _TITLES, body)

    def _shape(self, shape: _Shape) -> None:
        element = shape.element
        match kind(element):
            case "grpSp":
                inner = list(self._shapes(element))
                for member in in_reading_order(inner):
                    self._shape(member)
            case "pic":
                self._pictures += 1
            case "graphicFrame":
                self._graphic(element)
            case _:
                counters: dict[int, int] = {}
                for text, paragraph in _paragraphs(element):
                    self._paragraph(text, paragraph, shape.body, counters)

    def _paragraph(
        self, text: str, paragraph: Element, body: bool, counters: dict[int, int]
    ) -> None:
        properties = child(paragraph, "pPr")
        level = min(integer(attribute(properties, "lvl")), 8)
        numbered = child(properties, "buAutoNum")
        bulleted = child(properties, "buChar") is not None
        if not text.strip():
            return
        for deeper in [key for key in counters if key > level]:
            del counters[deeper]
        if numbered is not None:
            start = integer(attribute(numbered, "startAt"), 1)
            counters[level] = counters.get(level, start - 1) + 1
            text = f"{_auto_number(counters[level], attribute(numbered, 'type') or '')} {text}"
        else:
            counters.pop(level, None)
            text = f"- {text}" if bulleted else text
        if numbered is not None or bulleted or body:
            self._writer.write("  " * level + text, BlockKind.LIST_ITEM)
        else:
            self._writer.write(text)

    def _graphic(self, frame: Element) -> None:
        for element in frame.iter():
            name = kind(element)
            if name == "tbl":
                self._table(element)
            elif name == "chart" and (target := self._related.get(_relation(element))):
                chart(self._writer, self._package.xml(target))
            elif name == "relIds":
                target = self._related.get(attribute(element, "dm") or "", "")
                diagram(self._writer, self._package.xml(target))

    def _table(self, table: Element) -> None:
        rows = [
            [
                Cell(
                    " ".join(text for text, _ in _paragraphs(cell)),
                    integer(cell.get("gridSpan"), 1),
                    integer(cell.get("rowSpan"), 1),
                )
                for cell in row
                if kind(cell) == "tc"
                and cell.get("hMerge") not in ("1", "true")
                and cell.get("vMerge") not in ("1", "true")
            ]
            for row in table
            if kind(row) == "tr"
        ]
        texts, header_rows = spread(rows)
        if header_rows is None and attribute(child(table, "tblPr"), "firstRow") in ("1", "true"):
            header_rows = 1
        self._writer.table(texts, header_rows)

    def _notes(self) -> None:
        for target in self._package.related(self._part, "/notesSlide").values():
            root = self._package.xml(target)
            for element in root.iter() if root is not None else ():
                holder = child(element, "nvSpPr", "nvPr", "ph") if kind(element) == "sp" else None
                if holder is None or attribute(holder, "type") not in ("body", None):
                    continue
                text = "\n".join(text for text, _ in _paragraphs(element) if text.strip())
                if text:
                    self._writer.write(f"Notes: {text}", BlockKind.NOTE)

    def _comments(self) -> None:
        for target in self._package.related(self._part, "/comments").values():
            root = self._package.xml(target)
            authors = self._authors()
            for comment in root.iter() if root is not None else ():
                if kind(comment) not in ("cm", "reply"):
                    continue
                plain = child(comment, "text")
                body = child(comment, "txBody")
                text = plain.text if plain is not None else ""
                if body is not None:
                    text = " ".join(text for text, _ in _paragraphs(body))
                author = authors.get(comment.get("authorId", ""), "")
                label = f"Comment by {author}" if author else "Comment"
                if squeeze(text or ""):
                    self._writer.write(f"{label}: {squeeze(text or '')}", BlockKind.NOTE)

    def _authors(self) -> dict[str, str]:
        found = {}
        for part in self._package.related(self._package.main).values():
            if part.lower().endswith(("commentauthors.xml", "authors.xml")):
                root = self._package.xml(part)
                for author in root if root is not None else ():
                    found[author.get("id", "")] = author.get("name", "")
        return found

    def _foot(self, element: Element, role: str) -> None:
        text = squeeze(" ".join(text for text, _ in _paragraphs(element)))
        if role != "sldNum" and text and text not in self._feet:
            self._feet.add(text)
            self._writer.write(text, BlockKind.METADATA)

    def _inherited_places(self) -> dict[tuple[str, str], Box]:
        """Where the layout, or the master, puts placeholders that do not say it themselves."""
        places: dict[tuple[str, str], Box] = {}
        for layout in self._package.related(self._part, "/slideLayout").values():
            masters = self._package.related(layout, "/slideMaster").values()
            for part in [*masters, layout]:
                root = self._package.xml(part)
                for element in root.iter() if root is not None else ():
                    holder = (
                        child(element, "nvSpPr", "nvPr", "ph") if kind(element) == "sp" else None
                    )
                    if holder is not None and (box := _box(element)):
                        places[_key(holder)] = box
        return places


def in_reading_order(items: list[_Shape]) -> list[_Shape]:
    """Columns from left to right where a gap runs through all items, else rows from the top.

    Recursive XY cut: G. Nagy and S. Seth, "Hierarchical representation of optically scanned
    documents", ICPR 1984.
    """
    if len(items) < 2:
        return items
    for low, high in ((0, 2), (1, 3)):
        groups = _cut(items, low, high)
        if len(groups) > 1:
            return [item for group in groups for item in in_reading_order(group)]
    return sorted(items, key=lambda item: (item.box[1], item.box[0]))


def _cut(items: list[_Shape], low: int, high: int) -> list[list[_Shape]]:
    groups: list[list[_Shape]] = []
    end = float("-inf")
    for item in sorted(items, key=lambda item: item.box[low]):
        box = item.box
        overlap = (box[high] - box[low]) * 0.05
        if not groups or box[low] + overlap >= end:
            groups.append([])
        groups[-1].append(item)
        end = max(end, box[high])
    return groups


def _paragraphs(element: Element) -> list[tuple[str, Element]]:
    return [
        (_text(paragraph), paragraph)
        for paragraph in element.iter()
        if kind(paragraph) == "p" and kind(paragraph.getparent()) in ("txBody", "txbxContent")
    ]


def _text(paragraph: Element) -> str:
    text = ""
    for part in paragraph:
        name = kind(part)
        if name == "AlternateContent":
            part = next((choice for choice in part if len(choice)), part)
            text += "".join(linear(math) for math in part if kind(math) == "m")
        elif name == "m":
            text += linear(part)
        elif name == "br":
            text += "\n"
        elif name in ("r", "fld"):
            if name == "fld" and (part.get("type") or "").startswith("slidenum"):
                continue
            inner = child(part, "t")
            run = (inner.text or "") if inner is not None else ""
            raised = integer(attribute(child(part, "rPr"), "baseline"), 0)
            if raised > 0:
                run = superscript(run, text)
            elif raised < 0:
                run = subscript(run)
            text += run
    return "\n".join(squeeze(line) for line in text.split("\n")).strip()


def _box(element: Element) -> Box | None:
    transform = (
        child(element, "xfrm") if kind(element) == "graphicFrame"
        else child(element, "grpSpPr" if kind(element) == "grpSp" else "spPr", "xfrm")
    )  # fmt: skip
    offset, extent = child(transform, "off"), child(transform, "ext")
    if offset is None or extent is None:
        return None
    left, top = integer(offset.get("x")), integer(offset.get("y"))
    return left, top, left + integer(extent.get("cx")), top + integer(extent.get("cy"))


def _key(holder: Element | None) -> tuple[str, str]:
    role = attribute(holder, "type") or "body"
    index = attribute(holder, "idx") or ""
    return ("", index) if index and role not in _TITLES else (role, "")


def _relation(element: Element) -> str:
    """The id of a relation, which stands beside a plain id."""
    for name, text in element.attrib.items():
        if name.endswith("/relationships}id"):
            return str(text)
    return ""


def _auto_number(number: int, scheme: str) -> str:
    for name, style in _AUTO_NUMBERS.items():
        if scheme.startswith(name):
            shown = format_number(number, style)
            if scheme.endswith("ParenBoth"):
                return f"({shown})"
            return shown + (")" if scheme.endswith("ParenR") else "." if "Period" in scheme else "")
    return f"{number}."
