"""What a page's text is made of: headings, tables, records and the like, and what was not read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Span = tuple[int, int]
"""Characters of a page's text, from start up to and without end."""


class BlockKind(StrEnum):
    HEADING = "HEADING"
    PARAGRAPH = "PARAGRAPH"
    LIST_ITEM = "LIST_ITEM"
    TABLE = "TABLE"
    CODE = "CODE"
    NOTE = "NOTE"
    """A footnote, an endnote, a speaker's note or a comment."""
    RECORD = "RECORD"
    """What is read on its own: a line of a log, a line of JSON."""
    METADATA = "METADATA"
    """The headers of a mail, a running head or foot."""


@dataclass(frozen=True, slots=True)
class Table:
    """`columns` are the names of the columns, those of several header rows joined by a space, also
    where a table goes on over pages; empty where unknown. `rows` are the data rows with the place
    of each cell's text on the page; a merged cell stands in the text of every row it covers."""

    columns: list[str]
    rows: list[list[Span]]
    caption: Span | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """`level` is that of a heading, 1 to 6."""

    kind: BlockKind
    start: int
    end: int
    level: int | None = None
    table: Table | None = None


class WarningCode(StrEnum):
    """Codes of the public contract. Names never change once released."""

    NO_TEXT_LAYER = "NO_TEXT_LAYER"
    """Pages that are pictures, and that no text recognition read."""
    GARBLED_TEXT = "GARBLED_TEXT"
    """Pages whose text cannot be what people see there."""
    RECOGNIZED_TEXT = "RECOGNIZED_TEXT"
    """Pages that text recognition read; it may err."""
    HIDDEN_CONTENT = "HIDDEN_CONTENT"
    """Rows, columns, sheets or slides that are hidden, and were read nevertheless."""
    GUESSED_ENCODING = "GUESSED_ENCODING"
    """The file does not say how its characters are encoded."""
    SKIPPED_CONTENT = "SKIPPED_CONTENT"
    """Parts that were not read, such as pictures or attachments."""


@dataclass(frozen=True, slots=True)
class ReadingWarning:
    """What people should know before they trust what was read; `pages` empty: the whole."""

    code: WarningCode
    message: str
    pages: list[int] = field(default_factory=list)


def dump_blocks(blocks: Iterable[Block]) -> list[Any]:
    """As JSON: `[kind, start, end, level, [columns, rows, caption]]`, without trailing nulls; a row
    is flat, two integers a cell."""
    return [_dump_block(block) for block in blocks]


def load_blocks(data: Any, length: int) -> list[Block]:
    """The blocks of a page of so many characters; raises `ValueError` for anything else."""
    match data:
        case list(items):
            return [_load_block(item, length) for item in items]
    raise ValueError("no list of blocks")


def dump_warnings(warnings: Iterable[ReadingWarning]) -> list[Any]:
    return [[warning.code, warning.message, warning.pages] for warning in warnings]


def load_warnings(data: Any) -> list[ReadingWarning]:
    """Raises `ValueError` for what `dump_warnings` does not write."""
    match data:
        case list(items):
            return [_load_warning(item) for item in items]
    raise ValueError("no list of warnings")


def merge_warnings(warnings: Iterable[ReadingWarning]) -> list[ReadingWarning]:
    """One for each code and message, with all its pages."""
    pages: dict[tuple[WarningCode, str], list[int]] = {}
    for warning in warnings:
        pages.setdefault((warning.code, warning.message), []).extend(warning.pages)
    return [
        ReadingWarning(code, message, sorted(set(numbers)))
        for (code, message), numbers in pages.items()
    ]


def summary(warnings: Sequence[ReadingWarning], length: int = 500) -> str | None:
    """All of them in a few sentences; None when there is none."""
    sentences = []
    for warning in warnings:
        pages = ", ".join(map(str, warning.pages[:10])) + ("…" if len(warning.pages) > 10 else "")
        noun = "Page" if len(warning.pages) == 1 else "Pages"
        sentences.append(f"{noun} {pages}: {warning.message}" if pages else warning.message)
    text = " ".join(sentences)
    return (text if len(text) <= length else text[: length - 1] + "…") or None


def _dump_block(block: Block) -> list[Any]:
    item: list[Any] = [block.kind, block.start, block.end]
    if block.table is not None:
        table = block.table
        rows = [[place for cell in row for place in cell] for row in table.rows]
        caption = None if table.caption is None else list(table.caption)
        return [*item, block.level, [table.columns, rows, caption]]
    return item if block.level is None else [*item, block.level]


def _load_block(item: Any, length: int) -> Block:
    match item:
        case [str(kind), int(start), int(end), *rest] if 0 <= start <= end <= length:
            match rest:
                case []:
                    return Block(BlockKind(kind), start, end)
                case [int(level)] if 1 <= level <= 6:
                    return Block(BlockKind(kind), start, end, level)
                case [None, [list(columns), list(rows), caption]]:
                    table = _load_table(columns, rows, caption, length)
                    return Block(BlockKind(kind), start, end, None, table)
    raise ValueError("no block")


def _load_table(columns: Sequence[Any], rows: Sequence[Any], caption: Any, length: int) -> Table:
    if not all(type(column) is str and "\0" not in column for column in columns):
        raise ValueError("no columns")
    place = None if caption is None else _spans(caption, length)[0]
    return Table(list(columns), [_spans(row, length) for row in rows], place)


def _spans(flat: Any, length: int) -> list[Span]:
    if type(flat) is not list or not all(type(place) is int for place in flat):
        raise ValueError("no cells")
    spans = list(zip(flat[::2], flat[1::2], strict=True))
    if not all(0 <= start <= end <= length for start, end in spans):
        raise ValueError("cells outside the page")
    return spans


def _load_warning(item: Any) -> ReadingWarning:
    match item:
        case [str(code), str(message), list(pages)] if "\0" not in message and all(
            type(page) is int for page in pages
        ):
            return ReadingWarning(WarningCode(code), message, pages)
    raise ValueError("no warning")
