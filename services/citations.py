"""Markers in an answer into citations that stand, word for word, on the cited page."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import regex

from core.terms import terms
from db.answers import Citation
from db.documents import Page
from db.retrieval import Hit

_MARKER = regex.compile(r"\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
_OPEN_MARKER = regex.compile(r"\s*\[[\d,\s]{0,24}$|\s+$")
"""The end of a text that may yet become a marker."""
_SENTENCE = regex.compile(
    r"[^\n.!?。！？؟।]+(?:[.!?](?!\s)[^\n.!?。！？؟।]+)*[.!?。！？؟।]*[\"'»”’)]*"
)
_JOINERS = frozenset("-\u00ad\u2010\u2011\u200b\u200c\u200d\ufeff")


@dataclass(frozen=True, slots=True)
class Marker:
    """`[index]` cites `text[start:end]` of the clean answer."""

    index: int
    start: int
    end: int


class MarkerReader:
    """Cleans a streamed answer: markers of unknown sources never reach the reader."""

    def __init__(self, source_count: int) -> None:
        self._source_count = source_count
        self._held = ""
        self.text = ""
        self._cited_until = 0
        self._last_span = (0, 0)

    def feed(self, delta: str, final: bool = False) -> tuple[str, list[Marker]]:
        """The clean text to send on, and the markers in it."""
        raw = self._held + delta
        cut = len(raw)
        if not final and (open_marker := _OPEN_MARKER.search(raw)):
            cut = open_marker.start()
        self._held = raw[cut:]
        before = len(self.text)
        markers: list[Marker] = []
        position = 0
        for match in _MARKER.finditer(raw[:cut]):
            self.text += raw[position : match.start()]
            position = match.end()
            known = [n for n in map(int, match[1].split(",")) if 1 <= n <= self._source_count]
            if not known:
                self.text = self.text.rstrip(" ")
            for index in dict.fromkeys(known):
                start, end = self._cited_span()
                self.text += f"[{index}]"
                self._cited_until = len(self.text)
                markers.append(Marker(index, start, end))
        self.text += raw[position:cut]
        return self.text[before:], markers

    def _cited_span(self) -> tuple[int, int]:
        """The sentence before the marker; markers side by side cite the same one."""
        fresh = self.text[self._cited_until :]
        sentences = [m for m in _SENTENCE.finditer(fresh) if m[0].strip()]
        if sentences:
            last = sentences[-1]
            start = self._cited_until + last.start() + len(last[0]) - len(last[0].lstrip())
            self._last_span = (start, self._cited_until + last.start() + len(last[0].rstrip()))
        return self._last_span


def cite(marker: Marker, sentence: str, hit: Hit, pages: Sequence[Page]) -> Citation:
    """The exact words behind a cited sentence.

    `pages` are those that the passage stands on. A sentence that stands there is quoted itself;
    otherwise the passage's sentence that shares most terms with it is the quote.
    """
    page, start, end = _find(sentence, pages) or _closest(sentence, hit, pages)
    return Citation(
        index=marker.index,
        start=marker.start,
        end=marker.end,
        document_id=hit.document_id,
        version_id=hit.version_id,
        page_number=page.number,
        page_start=start,
        page_end=end,
        quote=page.text[start:end],
        verified=end > start,
    )


def _find(sentence: str, pages: Sequence[Page]) -> tuple[Page, int, int] | None:
    wanted, _ = _fold(sentence)
    if not wanted:
        return None
    for page in pages:
        folded, offsets = _fold(page.text)
        at = folded.find(wanted)
        if at >= 0:
            return page, offsets[at], offsets[at + len(wanted) - 1] + 1
    return None


def _closest(sentence: str, hit: Hit, pages: Sequence[Page]) -> tuple[Page, int, int]:
    wanted = set(terms(sentence, ()))
    candidates = []
    for page in pages:
        first = max(hit.start - page.start, 0)
        last = min(hit.start + len(hit.text) - page.start, len(page.text))
        for match in _SENTENCE.finditer(page.text, first, max(first, last)):
            text = match[0].strip()
            if text:
                start = match.start() + match[0].index(text)
                candidates.append((page, start, start + len(text)))
    if not candidates:
        return pages[0], 0, 0
    return max(candidates, key=lambda c: len(wanted & set(terms(c[0].text[c[1] : c[2]], ()))))


def _fold(text: str) -> tuple[str, list[int]]:
    """Without case, width, ligatures, white space and hyphens; with each character's origin."""
    folded: list[str] = []
    offsets: list[int] = []
    for offset, character in enumerate(text):
        if character.isspace() or character in _JOINERS:
            continue
        for part in unicodedata.normalize("NFKC", character).casefold():
            folded.append(part)
            offsets.append(offset)
    return "".join(folded), offsets
