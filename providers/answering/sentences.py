"""A passage into what can be quoted: sentences, list items, table rows, records and code."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import regex
from semantic_text_splitter import TextSplitter
from sentencex import segment

from core.blocks import Block, BlockKind

MAX_CHARACTERS = 400
"""Longer sentences are cut, at semicolons if they can: an answer quotes, it does not recite."""

MIN_WORDS, MIN_CHARACTERS = 4, 6
"""Shorter prose is a fragment; characters count where words are not spaced."""

_splitter = TextSplitter(MAX_CHARACTERS)
_CLAUSE = re.compile(r"(?<=[;；؛])\s*")
_HEADING = re.compile(r"#{1,6}\s")
_ITEM_MARK = re.compile(r"^\s*(?:[-*•‣◦▪\u2013]|\d{1,3}[.)])\s+")
_RULE = re.compile(r"(?=.*\S)[\s|:=_-]+")
"""A line that only draws, such as the one under a table's header."""
_FIELD = regex.compile(r"\s*[\p{L}\p{M}\p{N}][\p{L}\p{M}\p{N} '()./°#-]{0,40}: ?\S.{0,300}")
"""A label and its value."""
_HEADER = re.compile(r"(?:subject|from|to|cc|bcc|date|sent|reply-to|attachments):\s", re.I)
"""Of a mail."""
_ENDED = regex.compile(r"[.!?。！？।؟:;…][\p{Pe}\p{Pf}\p{Po}]*$")
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")


@dataclass(frozen=True, slots=True)
class Row:
    """Of a table: names of columns, some empty, and as many cells."""

    columns: tuple[str, ...]
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text` is the document's own words, white space folded but in code; `lead` is what stands
    over it.

    The lead (a heading, the columns of a table) tells what a sentence is about: it is scored with
    the sentence and never quoted.
    """

    text: str
    lead: str = ""
    kind: BlockKind = BlockKind.PARAGRAPH
    row: Row | None = None

    @property
    def is_fragment(self) -> bool:
        """Prose too short to say anything."""
        if self.kind is not BlockKind.PARAGRAPH or any(map(str.isdigit, self.text)):
            return not any(map(str.isalnum, self.text))
        if _UNSPACED.search(self.text):
            return len(self.text) < MIN_CHARACTERS
        return len(self.text.split()) < MIN_WORDS


def split(passage: str, language: str, blocks: Sequence[Block] = ()) -> Iterator[Sentence]:
    """In order. `language` (ISO 639-1) decides which dots end a sentence; `blocks` are those of the
    passage, its lines tell where there are none."""
    heading = ""
    for block in blocks or [Block(BlockKind.PARAGRAPH, 0, len(passage))]:
        text = passage[block.start : block.end]
        if block.kind is BlockKind.HEADING:
            heading = _folded(text.lstrip("# "))
        elif block.kind is BlockKind.METADATA:
            heading = heading or _folded(text.splitlines()[0].partition(": ")[2] if text else "")
        elif block.table is not None:
            yield from _rows(passage, block, heading)
        elif block.kind in (BlockKind.RECORD, BlockKind.CODE):
            if text.strip():
                code = block.kind is BlockKind.CODE
                yield Sentence(text.strip("\n") if code else _folded(text), heading, block.kind)
        elif block.kind is BlockKind.LIST_ITEM:
            yield from _item(text, heading, language)
        else:
            for sentence in _split_lines(text, language, heading):
                yield sentence
                heading = sentence.lead if sentence.row is None else heading


def _rows(passage: str, block: Block, heading: str) -> Iterator[Sentence]:
    assert block.table is not None
    table = block.table
    caption = _folded(passage[slice(*table.caption)]) if table.caption else ""
    lead = " ".join(part for part in (heading, caption, *table.columns) if part)
    for cells in table.rows:
        if not cells or not any(start < end for start, end in cells):
            continue
        texts = tuple(_folded(passage[start:end]) for start, end in cells)
        whole = _folded(passage[min(s for s, _ in cells) : max(e for _, e in cells)])
        columns = tuple(table.columns) if len(table.columns) == len(texts) else ("",) * len(texts)
        yield Sentence(whole.strip("| "), lead, BlockKind.TABLE, Row(columns, texts))


def _split_lines(passage: str, language: str, heading: str) -> Iterator[Sentence]:
    """By what its lines look like."""
    written = (line for line in passage.splitlines() if not _RULE.fullmatch(line))
    for kind, lines in _joined(written):
        if kind == "heading":
            heading = " ".join(line.lstrip("# ") for line in lines)
        elif kind == "row":
            rows = [tuple(cell.strip() for cell in line.strip("| ").split(" | ")) for line in lines]
            if len(rows) == 1:
                yield Sentence(lines[0].strip("| "), heading, BlockKind.TABLE)
            lead = " ".join(part for part in (heading, *rows[0]) if part)
            for line, cells in zip(lines[1:], rows[1:], strict=True):
                columns = rows[0] if len(rows[0]) == len(cells) else ("",) * len(cells)
                row = Row(columns, cells)
                yield Sentence(line.strip("| "), lead, BlockKind.TABLE, row)
        elif kind == "item":
            for item in lines:
                yield from _item(item, heading, language)
        elif kind == "header":
            heading = heading or lines[0].partition(": ")[2]
        elif kind == "field":
            yield from (Sentence(line, heading, BlockKind.RECORD) for line in lines)
        elif kind == "prose":
            for sentence in segment(language, " ".join(lines)):
                yield from (Sentence(part, heading) for part in _cut(sentence.strip()) if part)


def _joined(lines: Iterator[str]) -> Iterator[tuple[str, list[str]]]:
    """Runs of lines of a kind. A sentence goes on over the blank lines that a page's end makes."""
    waiting: list[str] = []
    for kind, group in groupby(lines, key=_kind):
        run = [_folded(line) for line in group]
        if kind == "field" and (len(run) < 2 or waiting):
            kind = "prose"
        if kind == "header" and len(run) < 2:
            kind = "prose"
        if kind == "blank":
            continue
        if waiting and (kind != "prose" or not _goes_on(waiting[-1], run[0])):
            yield "prose", waiting
            waiting = []
        if kind == "prose":
            waiting += run
        else:
            yield kind, run
    if waiting:
        yield "prose", waiting


def _goes_on(end: str, beginning: str) -> bool:
    return not _ENDED.search(end) and beginning[:1].islower()


def _item(text: str, heading: str, language: str) -> Iterator[Sentence]:
    item = _folded(_ITEM_MARK.sub("", text))
    yield from (Sentence(part, heading, BlockKind.LIST_ITEM) for part in _cut(item) if part)


def _kind(line: str) -> str:
    if not line.strip():
        return "blank"
    if _HEADING.match(line):
        return "heading"
    if " | " in line:
        return "row"
    if _ITEM_MARK.match(line):
        return "item"
    if _HEADER.match(line):
        return "header"
    return "field" if _FIELD.fullmatch(line) else "prose"


def _cut(sentence: str) -> list[str]:
    if len(sentence) <= MAX_CHARACTERS:
        return [sentence]
    return [part for clause in _CLAUSE.split(sentence) for part in _splitter.chunks(clause)]


def _folded(text: str) -> str:
    return " ".join(text.split())
