"""Web pages as a browser shows them: the visible text, with headings, lists, tables and code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from core.blocks import BlockKind, WarningCode
from providers.parsing import PageWindow
from providers.parsing.formats import Source
from providers.parsing.formats.numbering import format_number
from providers.parsing.formats.package import damaged
from providers.parsing.formats.scripts import subscript, superscript
from providers.parsing.formats.text import decode, not_text
from providers.parsing.grid import Cell, spread
from providers.parsing.writer import Writer

_MAX_OPEN = 10_000
"""Elements that are never closed: the parser's time grows with the square of their number."""
_SKIPPED = frozenset(
    "head script style template svg object iframe embed noscript datalist rp audio video canvas "
    "map -comment col colgroup".split()
)
_INLINE = frozenset(
    "a abbr acronym b bdi bdo big br cite code data del dfn em font i img input ins kbd label mark "
    "meta output q rt ruby s samp small span strike strong sub sup time tt u var wbr button select "
    "textarea math link option optgroup".split()
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|font-size\s*:\s*[01](?:px|pt)?\s*(?:;|$)"
    r"|opacity\s*:\s*0(?:\.0*)?\s*(?:;|$)|mso-hide\s*:\s*all",
    re.I,
)
_HIDDEN_RULE = re.compile(r"(?:^|[},])\s*([.#][\w-]+)\s*\{([^{}]*)\}")
_AT_RULE = re.compile(r"@[^{};]{0,200}\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{3,30})", re.I)
_XML_CHARSET = re.compile(rb"<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([\w.:-]{3,30})", re.I)
_OPENING = re.compile(
    r"<(?!p\b|li\b|t[drh]\b|tbody\b|d[td]\b|option\b|br\b|img\b|input\b|hr\b|meta\b|link\b|a\b)[a-z]",
    re.I,
)
_LIST_STYLES = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}

Node = Any


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`: MALFORMED, EMPTY or TOO_LARGE."""
    writer = Writer()
    write_html(writer, source.read_bytes())
    return writer.windows(source.max_pages)


def write_html(writer: Writer, data: bytes, declared: str | None = None) -> None:
    """`declared` is the encoding by a header of HTTP or MIME. Raises `ParseFailure`: MALFORMED."""
    from selectolax.lexbor import LexborHTMLParser

    said = _META_CHARSET.search(data[:4096]) or _XML_CHARSET.match(data)
    decoded = decode(data, declared or (said[1].decode() if said else None))
    if decoded is None:
        raise not_text()
    if decoded.doubt:
        writer.warn(WarningCode.GUESSED_ENCODING, decoded.doubt, whole=True)
    text = decoded.text
    if len(_OPENING.findall(text)) - text.count("</") > _MAX_OPEN:
        raise damaged()
    tree = LexborHTMLParser(text)
    title = tree.css_first("head > title")
    if title is not None and tree.css_first("h1,h2,h3,h4,h5,h6") is None:
        writer.heading(title.text(), 1)
    if tree.body is not None:
        hidden = {
            rule[1]
            for style in tree.css("style")
            for rule in _HIDDEN_RULE.finditer(_AT_RULE.sub("", style.text()[:100_000]))
            if _HIDDEN_STYLE.search(rule[2])
        }
        _Renderer(writer, hidden).render(tree.body)


@dataclass(slots=True)
class _List:
    style: str | None
    """None: with bullets."""
    number: int
    step: int


@dataclass(slots=True)
class _Table:
    rows: list[list[Cell]] = field(default_factory=list)
    in_head: bool = False
    caption: str = ""


class _Renderer:
    def __init__(self, writer: Writer, hidden: set[str]) -> None:
        self._writer = writer
        self._hidden = hidden
        """Classes and ids that a style sheet hides."""
        self._text = ""
        self._kind = "p"
        self._lists: list[_List] = []
        self._label = ""
        self._tables: list[_Table] = []
        """Open tables of data; those that only arrange text are passed over."""
        self._cells: list[str] = []
        """For each open cell the text that stood before it."""

    def render(self, body: Node) -> None:
        for node, enters in _walk(body, self._is_skipped):
            if node.tag == "-text":
                self._characters(node.text_content or "")
            elif enters:
                self._enter(node, node.tag)
            else:
                self._leave(node, node.tag)
        self._flush()

    def _is_skipped(self, node: Node) -> bool:
        if node.tag in _SKIPPED:
            return True
        if node.tag.startswith("-"):
            return False
        attributes = node.attributes
        if not attributes:
            return False
        if "hidden" in attributes or _HIDDEN_STYLE.search(attributes.get("style") or ""):
            return True
        if node.tag == "input" and (attributes.get("type") or "").lower() == "hidden":
            return True
        if not self._hidden:
            return False
        names = [f".{name}" for name in (attributes.get("class") or "").split()]
        return not self._hidden.isdisjoint([*names, f"#{attributes.get('id')}"])

    def _characters(self, text: str) -> None:
        if self._kind != "pre" or self._tables:
            text = re.sub(r"[ \t\r\n\f]+", " ", text)
        self._text += text

    def _enter(self, node: Node, tag: str) -> None:
        if tag == "br":
            self._text += " " if self._tables else "\n"
        elif tag in ("sup", "sub"):
            self._cells.append(self._text)
            self._text = ""
        elif tag == "table" and _is_data(node):
            if not self._tables:
                self._flush()
            self._tables.append(_Table())
        elif self._tables:
            self._enter_in_table(node, tag)
        elif tag == "rt":
            self._text += "("
        elif tag == "input":
            self._input(node)
        elif tag == "math":
            self._text += " "
        elif tag not in _INLINE:
            self._flush()
            if tag in ("ul", "ol", "menu"):
                self._lists.append(_list_of(node, tag))
            elif tag == "li":
                self._label = self._next_label(node)
                self._kind = "li"
            elif tag in ("dt", "dd"):
                self._kind = tag
            elif tag in _HEADINGS or tag == "pre":
                self._kind = tag

    def _enter_in_table(self, node: Node, tag: str) -> None:
        table = self._tables[-1]
        if tag in ("thead", "tbody", "tfoot"):
            table.in_head = tag == "thead"
        elif tag == "tr":
            table.rows.append([])
        elif tag in ("td", "th", "caption"):
            self._cells.append(self._text)
            self._text = ""
        elif tag == "input":
            self._input(node)
        elif tag == "li":
            self._text += " • "
        elif tag == "rt":
            self._text += "("
        elif tag not in _INLINE:
            self._text += " "

    def _leave(self, node: Node, tag: str) -> None:
        if tag in ("sup", "sub"):
            inner, self._text = self._text, self._cells.pop() if self._cells else ""
            raised = superscript(inner, self._text) if tag == "sup" else subscript(inner)
            self._text += raised
        elif tag == "rt":
            self._text += ")"
        elif self._tables:
            self._leave_in_table(node, tag)
        elif tag not in _INLINE:
            self._flush()
            if tag in ("ul", "ol", "menu") and self._lists:
                self._lists.pop()
            elif tag == "li":
                self._label = ""

    def _leave_in_table(self, node: Node, tag: str) -> None:
        table = self._tables[-1]
        if tag == "table" and _is_data(node):
            self._tables.pop()
            self._write_table(table)
        elif tag in ("td", "th"):
            text, self._text = self._text, self._cells.pop()
            is_header = tag == "th" or table.in_head
            columns, rows = (_span(node, name) for name in ("colspan", "rowspan"))
            if not table.rows:
                table.rows.append([])
            table.rows[-1].append(Cell(text, columns, rows, is_header))
        elif tag == "caption":
            table.caption, self._text = self._text, self._cells.pop()
        elif tag not in _INLINE:
            self._text += " "

    def _write_table(self, table: _Table) -> None:
        rows, header_rows = spread(table.rows)
        if self._tables:  # within a cell: its rows on one line
            inner = "; ".join(", ".join(filter(None, row)) for row in rows)
            self._text += f" {inner} "
            return
        self._writer.table(rows, header_rows, table.caption)

    def _input(self, node: Node) -> None:
        attributes = node.attributes
        kind = (attributes.get("type") or "text").lower()
        if kind in ("checkbox", "radio"):
            self._text += " ☑ " if "checked" in attributes else " ☐ "
        elif kind not in ("password", "file", "image"):
            self._text += f" {attributes.get('value') or ''} "

    def _next_label(self, node: Node) -> str:
        indent = "  " * (len(self._lists) - 1)
        if not self._lists or self._lists[-1].style is None:
            return f"{indent}- "
        current = self._lists[-1]
        said = node.attributes.get("value")
        if said and said.lstrip("-").isdecimal():
            current.number = int(said)
        number = current.number
        current.number += current.step
        return f"{indent}{format_number(number, current.style or '')}. "

    def _flush(self) -> None:
        raw, kind = self._text, self._kind
        self._text, self._kind = "", "p"
        if kind == "pre":
            self._writer.write(raw, BlockKind.CODE)
            return
        text = "\n".join(line.strip() for line in raw.split("\n")).strip()
        text = re.sub(r"\n{3,}", "\n\n", re.sub(" {2,}", " ", text))
        if not text:
            if kind in ("li", "dt", "dd", *_HEADINGS):
                self._kind = kind  # an element that holds it has begun before
            return
        if kind in _HEADINGS:
            self._writer.heading(text, _HEADINGS[kind])
        elif kind == "li":
            self._writer.write(self._label + text, BlockKind.LIST_ITEM)
            self._label = ""
        elif kind in ("dt", "dd"):
            self._writer.write(text if kind == "dt" else f"  {text}", BlockKind.LIST_ITEM)
        else:
            self._writer.write(text)


def _walk(root: Node, is_skipped: Any) -> Iterator[tuple[Node, bool]]:
    """Every node as it begins and as it ends, without recursion: pages nest without bound."""
    node = root
    open_nodes: list[Node] = []
    while True:
        if not is_skipped(node):
            yield node, True
            below = _options(node) if node.tag == "select" else node.child
            if below is not None and node.tag != "-text":
                open_nodes.append(node)
                node = below
                continue
            if node.tag != "-text":
                yield node, False
        while node.next is None or (node.tag == "option"):
            if not open_nodes:
                return
            node = open_nodes.pop()
            yield node, False
            if node is root or not open_nodes:
                return
        node = node.next


def _options(select: Node) -> Node | None:
    """The option that shows; None when nothing does."""
    return select.css_first("option[selected]") or select.css_first("option")


def _is_data(table: Node) -> bool:
    """Not a frame that arranges text on the page."""
    if (table.attributes.get("role") or "").lower() == "presentation":
        return False
    if table.css_first("th,caption,thead") is not None:
        return True
    if table.css_first("td table,td h1,td h2,td h3") is not None:
        return False
    rows = table.css("tr")
    return any(len(row.css("td")) > 1 for row in rows)


def _list_of(node: Node, tag: str) -> _List:
    attributes = node.attributes
    start = attributes.get("start") or ""
    step = -1 if "reversed" in attributes else 1
    number = int(start) if start.lstrip("-").isdecimal() else 1
    if step < 0 and not start:
        number = sum(child.tag == "li" for child in node.iter())
    style = _LIST_STYLES.get(attributes.get("type") or "", "decimal")
    return _List(style if tag == "ol" else None, number, step)


def _span(node: Node, name: str) -> int:
    said = (node.attributes.get(name) or "").strip()
    if name == "rowspan" and said == "0":
        return 65_534
    return min(int(said), 65_534) if said.isdecimal() and len(said) < 6 else 1
