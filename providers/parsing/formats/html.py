"""Web pages as plain text: headings as `# ...`, list items as `- ...`, table rows as `a | b`."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from providers.parsing import PageWindow
from providers.parsing.formats import Source
from providers.parsing.formats.text import clean, decode, not_text
from providers.parsing.writer import Writer, write_text

_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w-]{3,20})", re.I)
_INVISIBLE = frozenset({"script", "style", "template", "svg", "math", "object", "iframe", "select"})
_INLINE = frozenset(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i img input ins kbd label mark "
    "meta output q rp rt ruby s samp small span strike strong sub sup time tt u var wbr".split()
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_CELLS = frozenset({"td", "th"})


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`."""
    writer = Writer()
    text = render_html(source.path.read_bytes())
    if text is None:
        raise not_text()
    write_text(writer, text)
    return writer.windows(source.max_pages)


def render_html(data: bytes) -> str | None:
    """The visible text, the title as heading where the page has none; None when it is no text."""
    text = _decode_html(data)
    if text is None:
        return None
    renderer = _Renderer()
    renderer.feed(text)
    renderer.close()
    return clean(renderer.text())


def _decode_html(data: bytes) -> str | None:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    declared = _META_CHARSET.search(data[:4096])
    if declared is not None:
        try:
            return data.decode(declared[1].decode())
        except (LookupError, UnicodeDecodeError):
            pass
    return decode(data)


class _Renderer(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self._blocks: list[tuple[str, str]] = []
        """Kind (`p`, `li`, `tr`, `pre`, `title` or a heading) and text."""
        self._kind = "p"
        self._buffer: list[str] = []
        self._hidden: list[str] = []
        self._lists: list[int | None] = []
        """Open lists: the number of the next item, None where items have bullets."""
        self._tables = 0

    def text(self) -> str:
        self._flush()
        blocks = self._blocks
        has_heading = any(kind in _HEADINGS for kind, _ in blocks)
        text, previous = "", ""
        for kind, content in blocks:
            if kind == "title":
                if has_heading:
                    continue
                content = "# " + content
            if text:
                text += "\n" if kind == previous and kind in ("li", "tr") else "\n\n"
            text += content
            previous = kind
        return text

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._hidden:
            if tag == self._hidden[-1]:
                self._hidden.append(tag)
        elif tag in _INVISIBLE:
            self._hidden.append(tag)
        elif tag == "br":
            self._buffer.append(" " if self._tables else "\n")
        elif tag in _CELLS and self._tables:
            if self._buffer:
                self._buffer.append("\0")
        elif tag not in _INLINE:
            self._open_block(tag)

    def _open_block(self, tag: str) -> None:
        if self._tables and tag not in ("table", "tr"):
            self._buffer.append(" ")
            return
        self._flush()
        if tag in _HEADINGS or tag in ("title", "pre", "tr"):
            self._kind = tag
        elif tag == "table":
            self._tables += 1
        elif tag in ("ul", "ol"):
            self._lists.append(1 if tag == "ol" else None)
        elif tag == "li":
            self._kind = tag

    def handle_endtag(self, tag: str) -> None:
        if self._hidden:
            if tag == self._hidden[-1]:
                self._hidden.pop()
        elif tag == "table" and self._tables:
            self._flush()
            self._tables -= 1
        elif tag in ("ul", "ol") and self._lists and not self._tables:
            self._flush()
            self._lists.pop()
        elif tag == "tr":
            self._flush()
        elif self._tables:
            self._buffer.append("" if tag in _INLINE | _CELLS else " ")
        elif tag not in _INLINE:
            self._flush()

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._buffer.append(data if self._kind == "pre" else re.sub(r"\s+", " ", data))

    def _flush(self) -> None:
        raw, kind = "".join(self._buffer), self._kind
        self._buffer.clear()
        self._kind = "p"
        if kind == "pre":
            text = raw.strip("\n")
        elif kind == "tr":
            cells = [" ".join(cell.split()) for cell in raw.split("\0")]
            text = " | ".join(cells) if any(cells) else ""
        else:
            text = "\n".join(line.strip() for line in raw.split("\n")).strip()
            text = re.sub(r"\n{3,}", "\n\n", re.sub(" {2,}", " ", text))
        if not text:
            return
        if kind in _HEADINGS:
            text = "#" * _HEADINGS[kind] + " " + " ".join(text.split())
        elif kind == "li":
            text = self._bullet() + text
        self._blocks.append((kind, text))

    def _bullet(self) -> str:
        indent = "  " * (len(self._lists) - 1)
        if not self._lists or self._lists[-1] is None:
            return indent + "- "
        number = self._lists[-1]
        self._lists[-1] = number + 1
        return f"{indent}{number}. "
