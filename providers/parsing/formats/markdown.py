"""Markdown (CommonMark, with tables): the text as it is written, tables as tables."""

import re
from collections.abc import Iterator

from core.blocks import BlockKind
from providers.parsing import PageWindow
from providers.parsing.formats import Source
from providers.parsing.formats.html import write_html
from providers.parsing.formats.reading import read_text
from providers.parsing.formats.text import clean
from providers.parsing.writer import Writer

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)
_LISTS = frozenset({"bullet_list_open", "ordered_list_open"})


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`: MALFORMED, EMPTY or TOO_LARGE."""
    writer = Writer()
    write_markdown(writer, read_text(source, writer))
    return writer.windows(source.max_pages)


def write_markdown(writer: Writer, text: str) -> None:
    from markdown_it import MarkdownIt

    text = clean(text)
    if front := _FRONT_MATTER.match(text):
        writer.write(front[1], BlockKind.METADATA)
        text = text[front.end() :]
    lines = text.split("\n")
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    for index, token in enumerate(tokens):
        if token.map is None or token.level > (1 if token.type == "list_item_open" else 0):
            continue
        raw = "\n".join(lines[slice(*token.map)])
        match token.type:
            case "heading_open":
                writer.heading(tokens[index + 1].content, int(token.tag[1:]))
            case "list_item_open":
                writer.write(raw, BlockKind.LIST_ITEM)
            case "fence":
                writer.write(token.content, BlockKind.CODE)
            case "code_block":
                writer.write(token.content, BlockKind.CODE)
            case "table_open":
                rows: list[list[str]] = []
                for cell in tokens[index + 1 :]:
                    if cell.type == "table_close":
                        break
                    if cell.type == "tr_open":
                        rows.append([])
                    elif cell.type == "inline":
                        rows[-1].append(cell.content)
                writer.table(rows, 1)
            case "html_block":
                _write_block(writer, token.content)
            case "hr":
                continue
            case name if name not in _LISTS:
                writer.write(raw)


def _write_block(writer: Writer, markup: str) -> None:
    scratch = Writer()
    write_html(scratch, markup.encode())
    writer.adopt(scratch.page())
