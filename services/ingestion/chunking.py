"""Cutting of pages into passages of a size that embeds and reads well."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import PurePath

import regex
from semantic_text_splitter import MarkdownSplitter

from core.blocks import Block, BlockKind, Span
from core.terms import search_terms
from db.chunks import Chunk
from db.documents import Page

PAGE_BREAK = "\n\n"
PASSAGE_CHARACTERS = (500, 1000)
"""About 130 to 260 tokens of the local model: it reads on until the upper bound only to end at a
sentence, paragraph or heading."""
DENSE_PASSAGE_CHARACTERS = (200, 400)
"""Bounds with as many tokens for scripts in which a character is a syllable or a word."""
LONGEST_RECORD = 4
"""Records and rows of so many times a passage's upper bound are cut; shorter ones never are."""
_DENSE = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]")
_HEADING = regex.compile(r"(?m)^(#{1,6}) +(.+?)\s*$")
_LINE = regex.compile(r"[^\n]+")


@dataclass(slots=True)
class _Stretch:
    """A part of the document that is cut in one way: prose where sentences and paragraphs end,
    what has `units` (rows, records, lines of code) between them alone."""

    start: int
    end: int
    units: list[Span] = field(default_factory=list)
    named: str = ""
    """Caption and columns of a table."""


def chunk_pages(
    filename: str, pages: Sequence[Page], languages: Sequence[str | None]
) -> list[Chunk]:
    """Passages in reading order; each is an exact slice of the pages joined by `PAGE_BREAK`.

    `languages` are those of the pages.
    """
    document = PAGE_BREAK.join(page.text for page in pages)
    starts = [page.start for page in pages]
    title = _title(filename)
    headings = list(_headings(document, pages))
    chunks: list[Chunk] = []
    path: list[tuple[int, str]] = []
    for start, end, named in _passages(document, pages):
        while headings and headings[0][0] <= start:
            _, level, heading = headings.pop(0)
            path = [entry for entry in path if entry[0] < level] + [(level, heading)]
        trail = " › ".join(filter(None, [title, *(heading for _, heading in path)]))[:300]
        context = "\n".join(filter(None, [trail, named]))
        text = document[start:end]
        first, last = (bisect_right(starts, place) - 1 for place in (start, end - 1))
        spoken = dict.fromkeys(filter(None, languages[first : last + 1]))
        chunks.append(
            Chunk(
                ordinal=len(chunks),
                start=start,
                first_page=pages[first].number,
                last_page=pages[last].number,
                context=context,
                text=text,
                terms=dict(Counter(search_terms(f"{context}\n{text}", spoken))),
            )
        )
    return chunks


def _headings(document: str, pages: Sequence[Page]) -> Iterator[tuple[int, int, str]]:
    """Place, level and text of each heading."""
    for page in pages:
        if page.blocks:
            for block in page.blocks:
                if block.kind is BlockKind.HEADING:
                    text = page.text[block.start : block.end].lstrip("# ")
                    yield page.start + block.start, block.level or 1, text
        else:
            end = page.start + len(page.text)
            for found in _HEADING.finditer(document, page.start, end):
                yield found.start(), len(found[1]), found[2]


def _passages(document: str, pages: Sequence[Page]) -> Iterator[tuple[int, int, str]]:
    """Start and end of each passage, and the names of what stands in it."""
    desired, maximum = _capacity(document)
    splitter = _splitter(desired, maximum)
    for stretch in _stretches(pages, desired // 2):
        if stretch.units:
            for start, end in _grouped(stretch.units, desired):
                if end - start <= LONGEST_RECORD * maximum:
                    yield start, end, stretch.named
                    continue
                for offset, text in splitter.chunk_indices(document[start:end]):
                    yield start + offset, start + offset + len(text), stretch.named
        else:
            for offset, text in splitter.chunk_indices(document[stretch.start : stretch.end]):
                yield stretch.start + offset, stretch.start + offset + len(text), stretch.named


def _stretches(pages: Sequence[Page], short: int) -> Iterator[_Stretch]:
    """The stretches of a document, in order.

    Prose that is `short` stays with the table, records or code that follow it.
    """
    prose: _Stretch | None = None
    for page in pages:
        blocks = page.blocks or [Block(BlockKind.PARAGRAPH, 0, len(page.text))]
        for group in _by_treatment(page, blocks):
            if not group.units:
                prose = _Stretch(prose.start if prose else group.start, group.end)
                continue
            if prose is not None:
                if prose.end - prose.start <= short:
                    group.units.insert(0, (prose.start, prose.end))
                else:
                    yield prose
                prose = None
            yield group
    if prose is not None:
        yield prose


def _by_treatment(page: Page, blocks: Iterable[Block]) -> Iterator[_Stretch]:
    """Blocks of prose one by one, each table and each run of records or code as a whole."""
    run: _Stretch | None = None
    for block in blocks:
        start, end = page.start + block.start, page.start + block.end
        if block.kind in (BlockKind.RECORD, BlockKind.CODE):
            units = [(start, end)] if block.kind is BlockKind.RECORD else _lines(page, block)
            if run is None:
                run = _Stretch(start, end)
            run.end = end
            run.units += units
            continue
        if run is not None:
            yield run
            run = None
        if block.table is not None:
            yield _Stretch(start, end, _rows(page, block), _names(page, block))
        else:
            yield _Stretch(start, end)
    if run is not None:
        yield run


def _lines(page: Page, block: Block) -> list[Span]:
    lines = _LINE.finditer(page.text, block.start, block.end)
    return [(page.start + line.start(), page.start + line.end()) for line in lines]


def _rows(page: Page, block: Block) -> list[Span]:
    """The rows of a table, the first with caption and header."""
    assert block.table is not None
    rows = [
        (page.start + row[0][0], page.start + max(end for _, end in row))
        for row in block.table.rows
        if row
    ]
    begin = page.start + block.start
    if not rows:
        return [(begin, page.start + block.end)]
    head = page.text[block.start : rows[0][0] - page.start].rstrip(" |\n")
    return [(begin, begin + len(head)), *rows] if head else [(begin, rows[0][1]), *rows[1:]]


def _names(page: Page, block: Block) -> str:
    assert block.table is not None
    caption = block.table.caption
    lines = [
        page.text[slice(*caption)] if caption else "",
        " | ".join(filter(None, block.table.columns)),
    ]
    return "\n".join(line for line in lines if line)[:500]


def _grouped(units: Sequence[Span], size: int) -> Iterator[Span]:
    start, end = units[0]
    for unit_start, unit_end in units[1:]:
        if unit_end - start > size:
            yield start, end
            start = unit_start
        end = unit_end
    yield start, end


def _title(filename: str) -> str:
    """The title in a file's name; empty for one without letters, such as a scanner's."""
    stem = PurePath(filename).stem.replace("_", " ").strip()
    return stem if any(character.isalpha() for character in stem) else ""


def _capacity(document: str) -> tuple[int, int]:
    sample = document[:20_000]
    dense = len(_DENSE.findall(sample)) > len(sample) / 5
    return DENSE_PASSAGE_CHARACTERS if dense else PASSAGE_CHARACTERS


@cache
def _splitter(desired: int, maximum: int) -> MarkdownSplitter:
    return MarkdownSplitter((desired, maximum))
