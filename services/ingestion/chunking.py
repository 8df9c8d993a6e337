"""A document's pages into passages of a size that embeds and reads well."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import PurePath

import regex
from semantic_text_splitter import MarkdownSplitter

from core.terms import search_terms
from db.chunks import Chunk
from db.documents import Page

PAGE_BREAK = "\n\n"
PASSAGE_CHARACTERS = (500, 1000)
"""About 130 to 260 tokens of the local model: it reads on until the upper bound only to end at a
sentence, paragraph or heading."""
DENSE_PASSAGE_CHARACTERS = (200, 400)
"""The same in tokens where a character is a syllable or a word."""
_DENSE = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]")
_HEADING = regex.compile(r"(?m)^(#{1,6}) +(.+?)\s*$")


def chunk_pages(filename: str, pages: Sequence[Page], language: str | None) -> list[Chunk]:
    """Passages in reading order; each is an exact slice of the pages joined by `PAGE_BREAK`."""
    document = PAGE_BREAK.join(page.text for page in pages)
    starts = [page.start for page in pages]
    title = _title(filename)
    headings = [(m.start(), len(m[1]), m[2]) for m in _HEADING.finditer(document)]
    languages = [language] if language else []
    chunks: list[Chunk] = []
    path: list[tuple[int, str]] = []
    for start, text in _splitter(*_capacity(document)).chunk_indices(document):
        while headings and headings[0][0] <= start:
            _, level, heading = headings.pop(0)
            path = [entry for entry in path if entry[0] < level] + [(level, heading)]
        context = " › ".join(filter(None, [title, *(heading for _, heading in path)]))[:300]
        chunks.append(
            Chunk(
                ordinal=len(chunks),
                start=start,
                first_page=pages[bisect_right(starts, start) - 1].number,
                last_page=pages[bisect_right(starts, start + len(text) - 1) - 1].number,
                context=context,
                text=text,
                terms=dict(Counter(search_terms(f"{context}\n{text}", languages))),
            )
        )
    return chunks


def _title(filename: str) -> str:
    """Empty for a name without letters, such as a scanner's: it would only be noise."""
    stem = PurePath(filename).stem.replace("_", " ").strip()
    return stem if any(character.isalpha() for character in stem) else ""


def _capacity(document: str) -> tuple[int, int]:
    sample = document[:20_000]
    dense = len(_DENSE.findall(sample)) > len(sample) / 5
    return DENSE_PASSAGE_CHARACTERS if dense else PASSAGE_CHARACTERS


@cache
def _splitter(desired: int, maximum: int) -> MarkdownSplitter:
    return MarkdownSplitter((desired, maximum))
