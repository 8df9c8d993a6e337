"""An overview of a document from its pages."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath

import regex

from core.blocks import BlockKind
from core.overview import Overview, Point, Section
from db.documents import Page
from providers.answering.intents import says
from providers.answering.sentences import Sentence, split

MAX_SECTIONS = 500
MAX_POINTS = 8
MAX_HEADING = 200
BEGINNING, ENDING = 6, 3
"""Sentences at both ends of a document among which author and date are looked for."""

_HEADING = regex.compile(r"(?m)^(#{1,6})\s+(\S.*?)\s*$")
_DATED = regex.compile(
    r"(?<!\p{Nd})(?:1[5-9]|20)\p{Nd}{2}(?!\p{Nd})|[一二][〇零一二三四五六七八九]{3}年"
)
_NAME = regex.compile(
    r"(?:\b(?:by|of|from|von|vom|par|de|por|da|di|от)\s+(?:\p{Ll}+\s+)?|[:：]\s*)"
    r"(?:\p{Lu}\p{Ll}+\.?\s+){1,3}\p{Lu}\p{Ll}+"
    r"|\p{Lu}\p{Ll}+\s+\p{Lu}\p{Ll}+\s*<[^>]+@|由?\p{Han}{2,8}(?:编写|撰写|著)"
)


def make_overview(filename: str, pages: Sequence[Page], language: str | None) -> Overview:
    headings = list(_headings(pages))[:MAX_SECTIONS]
    end = pages[-1].start + len(pages[-1].text)
    title = headings[0][2] if headings and _is_title(headings) else PurePath(filename).stem
    sections = [
        Section(
            heading=heading,
            level=level,
            page=_page_at(pages, start).number,
            start=start,
            end=next((s for s, other, _ in headings[n + 1 :] if other <= level), end),
        )
        for n, (start, level, heading) in enumerate(headings)
    ]
    sentences = list(_sentences(pages, language or "en"))
    ends = [point for _, point in [*sentences[:BEGINNING], *sentences[BEGINNING:][-ENDING:]]]
    head = _metadata(pages)
    return Overview(
        title=title[:MAX_HEADING],
        sections=sections,
        points=list(_points(sentences, sections)),
        author=_first([*head, *ends], lambda text: bool(_NAME.search(text)), language or "en"),
        date=_first([*head, *ends], lambda text: bool(_DATED.search(text))),
    )


def _is_title(headings: Sequence[tuple[int, int, str]]) -> bool:
    """Whether the first heading is above all others, and so that of the document."""
    return headings[0][1] < min((level for _, level, _ in headings[1:]), default=7)


def _headings(pages: Sequence[Page]) -> Iterator[tuple[int, int, str]]:
    """Place in the document, level and words of each heading."""
    for page in pages:
        blocks = [block for block in page.blocks if block.kind is BlockKind.HEADING]
        spans = [(block.start, block.end, block.level) for block in blocks]
        if not page.blocks:
            spans = [(*found.span(), len(found[1])) for found in _HEADING.finditer(page.text)]
        for start, end, level in spans:
            heading = " ".join(page.text[start:end].lstrip("#").split())
            if any(map(str.isalnum, heading)):
                yield page.start + start, level or 1, heading[:MAX_HEADING]


def _sentences(pages: Sequence[Page], language: str) -> Iterator[tuple[Sentence, Point]]:
    """Sentences that may be quoted, in order; `Point.heading` is the heading right above."""
    for page in pages:
        at = 0
        for sentence in split(page.text, language, page.blocks):
            words = map(regex.escape, sentence.text.split())
            found = regex.compile(r"\s+".join(words)).search(page.text, at)
            if found is None or sentence.is_fragment or sentence.kind is BlockKind.CODE:
                continue
            at = found.start()
            place = (page.start + found.start(), page.start + found.end())
            yield sentence, Point(sentence.text, sentence.lead, page.number, place)


def _metadata(pages: Sequence[Page]) -> Iterator[Point]:
    """Sender and date in the headers of a mail."""
    page = pages[0]
    heads = [page.text[b.start : b.end] for b in page.blocks if b.kind is BlockKind.METADATA]
    for line in "\n".join(heads).splitlines() or page.text[:2_000].splitlines():
        if line.startswith(("From: ", "Date: ")):
            start = page.start + page.text.index(line)
            yield Point(line.strip(), "", page.number, (start, start + len(line)))


def _points(
    sentences: Sequence[tuple[Sentence, Point]], sections: Sequence[Section]
) -> Iterator[Point]:
    """The first sentence before all sections and of each of the highest ones; of a document without
    sections, the first and some others at even distances."""
    prose = [point for sentence, point in sentences if sentence.kind is not BlockKind.TABLE]
    prose = prose or [point for _, point in sentences]
    if len(sections) < 2:
        step = max(1, len(prose) // MAX_POINTS)
        yield from prose[::step][:MAX_POINTS]
        return
    starts = [section.start for section in sections]
    parts = [bisect_right(starts, point.place[0]) - 1 for point in prose]
    highest = min(section.level for section in sections[1:])
    shown = [n for n in sorted(set(parts)) if n < 1 or sections[n].level <= highest]
    for part in _evenly(shown, MAX_POINTS):
        point = prose[parts.index(part)]
        heading = sections[part].heading if part >= 0 else ""
        yield Point(point.text, heading, point.page, point.place)


def _evenly(items: Sequence[int], count: int) -> list[int]:
    if len(items) <= count:
        return list(items)
    return [items[n * len(items) // count] for n in range(count)]


def _first(
    points: Sequence[Point], holds: Callable[[str], bool], written_in: str | None = None
) -> Point | None:
    """The first point that holds.

    With a language, one that speaks of writing or stands at the top.
    """
    fitting = [point for point in points if holds(point.text)]
    if written_in is not None:
        spoken = [point for point in fitting if says("written", point.text, written_in)]
        mails = [point for point in fitting if point.text.startswith("From: ")]
        fitting = mails or spoken or [point for point in points[:2] if point in fitting]
    return next(iter(fitting), None)


def _page_at(pages: Sequence[Page], start: int) -> Page:
    return pages[bisect_right([page.start for page in pages], start) - 1]
