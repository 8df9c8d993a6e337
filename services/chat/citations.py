"""Citations: markers in an answer become quotations that are checked word for word."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import regex
from sentencex import get_sentence_boundaries

from core.terms import terms
from db.citations import Citation
from db.documents import Page
from db.retrieval import Hit

_MARKER = r"[\[［【]\s?(\d{1,3}(?:\s*[,;，、–-]\s*\d{1,3})*)\s?[\]］】]"
_TOKEN = regex.compile(rf"`+|\n|{_MARKER}")
_UNFINISHED = regex.compile(r"((?<!\s)\s*+(?:[\[［【][\d\s,;，、–-]{0,200})?+|`+)$")
"""The end of a text that may yet become a marker, a fence, or the space before a marker."""
_QUOTATION = regex.compile(
    r"\"([^\"]{8,})\"|“([^“”]{8,})”|„([^„“]{8,})“|«([^«»]{8,})»|「([^「」]{5,})」"
)
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
_LOOSE_ENDS = " \t\r\n.,;:!?。，、！？؟،।"


@dataclass(frozen=True, slots=True)
class Marker:
    """The answer's `position`-th marker: source `index` for `text[start:end]` of the answer."""

    position: int
    index: int
    start: int
    end: int


class MarkerReader:
    """Takes the markers out of a streamed answer, those of unknown sources too.

    `[1, 2]` and `[1-2]` become `[1][2]`. Brackets in code are code.
    """

    def __init__(self, source_count: int) -> None:
        self.source_count = source_count
        self.text = ""
        self._held = ""
        self._marker_count = 0
        self._fenced = False
        self._inline_code = False
        self._cited_until = 0
        self._last_span = (0, 0)
        self._quoted_from: int | None = None

    def feed(
        self, delta: str, final: bool = False, *, quotes: bool = False
    ) -> tuple[str, list[Marker]]:
        """The clean text to send on, and the markers in it.

        One that `quotes` is cited from its beginning, any other from that of its last sentence.
        """
        raw = self._held + delta
        self._quoted_from = len(self.text) + len(self._held) if quotes else None
        unfinished = None if final else _UNFINISHED.search(raw)
        cut = unfinished.start() if unfinished else len(raw)
        self._held = raw[cut:]
        before = len(self.text)
        markers: list[Marker] = []
        position = 0
        for token in _TOKEN.finditer(raw, endpos=cut):
            if token[1] is None:
                self._enter_or_leave_code(token[0])
            elif not (self._fenced or self._inline_code):
                self.text += raw[position : token.start()]
                position = token.end()
                markers += self._mark(token[1])
        self.text += raw[position:cut]
        return self.text[before:], markers

    def _enter_or_leave_code(self, token: str) -> None:
        if len(token) >= 3:
            self._fenced = not self._fenced
        elif token == "\n":
            self._inline_code = False
        elif not self._fenced:
            self._inline_code = not self._inline_code

    def _mark(self, numbers: str) -> Iterator[Marker]:
        known = [n for n in dict.fromkeys(_numbers(numbers)) if 1 <= n <= self.source_count]
        if not known:
            self.text = self.text.rstrip(" ")
        for index in known:
            start, end = self._cited_span()
            self.text += f"[{index}]"
            self._cited_until = len(self.text)
            yield Marker(self._marker_count, index, start, end)
            self._marker_count += 1

    def _cited_span(self) -> tuple[int, int]:
        """The sentence before the marker; markers side by side cite the same one."""
        if self._quoted_from is not None:
            quotation = self.text[self._quoted_from :].strip()
            start = self.text.index(quotation, self._quoted_from)
            return start, start + len(quotation)
        fresh = self.text[self._cited_until :].rstrip()
        line = fresh.rpartition("\n")[2].lstrip(_LOOSE_ENDS)
        if line:
            end = self._cited_until + len(fresh)
            last = get_sentence_boundaries("en", line)[-1]["text"]
            self._last_span = (end - len(last), end)
        return self._last_span


def cite(marker: Marker, sentence: str, hit: Hit, pages: Sequence[Page]) -> Citation:
    """The exact words behind a cited sentence; `pages` are those that the passage stands on.

    A sentence that stands there is quoted itself, or else the quotation in it; otherwise the
    passage's sentence that shares most terms with it. A quotation that stands nowhere is shown as
    claimed and not verified.
    """
    claims = [part for groups in _QUOTATION.findall(sentence) for part in groups if part]
    found = _find(sentence, hit, pages)
    for claim in claims:
        found = found or _find(claim, hit, pages)
    if found is None and not claims:
        found = _closest(sentence, hit, pages)
    page, start, end = found or (pages[0], 0, 0)
    return Citation(
        position=marker.position,
        index=marker.index,
        start=marker.start,
        end=marker.end,
        document_id=hit.document_id,
        version_id=hit.version_id,
        page_number=page.number,
        page_start=start,
        page_end=end,
        quote=page.text[start:end] or "".join(claims[:1]),
        verified=end > start,
        filename=hit.filename,
    )


Place = tuple[Page, int, int]
"""A page and the span of its text."""


def _find(words: str, hit: Hit, pages: Sequence[Page]) -> Place | None:
    """The place of the words: in the passage if they stand there, else on its pages.

    Words that run over a page break are placed on the page that has more of them.
    """
    wanted, _ = _fold(words)
    if not wanted:
        return None
    folded, origins = "", []
    for page in pages:
        part, offsets = _fold(page.text)
        folded += part
        origins += [page.start + offset for offset in offsets]
    places = [
        (origins[at], origins[at + len(wanted) - 1] + 1)
        for at in _occurrences(wanted, folded)
        if not _cuts_word(folded, origins, at) and not _cuts_word(folded, origins, at + len(wanted))
    ]
    if not places:
        return None
    passage_end = hit.start + len(hit.text)
    start, end = max(places, key=lambda p: min(p[1], passage_end) - max(p[0], hit.start))
    shares = [
        (page, max(start - page.start, 0), min(end - page.start, len(page.text))) for page in pages
    ]
    return max(shares, key=lambda share: share[2] - share[1])


def _occurrences(wanted: str, text: str) -> Iterator[int]:
    at = text.find(wanted)
    while at >= 0:
        yield at
        at = text.find(wanted, at + 1)


def _cuts_word(folded: str, origins: Sequence[int], at: int) -> bool:
    """Whether `at` is inside of a word: letters that stand side by side in the original."""
    if not 0 < at < len(folded) or origins[at] - origins[at - 1] > 1:
        return False
    left, right = folded[at - 1], folded[at]
    return left.isalnum() and right.isalnum() and not _UNSPACED.match(left + right)


def _closest(sentence: str, hit: Hit, pages: Sequence[Page]) -> Place:
    """The sentence of the passage that has most of the terms; the whole passage if none has any."""
    wanted = set(terms(sentence, ()))
    candidates: list[tuple[int, int, Place]] = []
    for page in pages:
        first = max(hit.start - page.start, 0)
        passage = page.text[first : max(hit.start + len(hit.text) - page.start, first)]
        for boundary in get_sentence_boundaries("en", passage):
            text = boundary["text"].strip()
            if text:
                start = first + boundary["start_index"] + boundary["text"].index(text)
                shared = len(wanted & set(terms(text, ())))
                candidates.append((shared, -len(text), (page, start, start + len(text))))
    shared, _, best = max(candidates, key=lambda c: c[:2], default=(0, 0, None))
    if best is not None and shared:
        return best
    page = pages[0]
    start = hit.start - page.start
    return page, start, min(start + len(hit.text), len(page.text))


@lru_cache(maxsize=64)
def _fold(text: str) -> tuple[str, list[int]]:
    """The text without what quotations may change, and the offset of each character in it.

    Left out are case, width, ligatures, white space, hyphens and invisible characters;
    typographic quotes are made plain.
    """
    folded: list[str] = []
    offsets: list[int] = []
    for offset, character in enumerate(text):
        for part in _fold_character(character):
            folded.append(part)
            offsets.append(offset)
    return "".join(folded), offsets


@lru_cache(maxsize=8192)
def _fold_character(character: str) -> str:
    if character.isspace() or unicodedata.category(character) in ("Cf", "Pd"):
        return ""
    plain = _PLAIN_QUOTES.get(character, character)
    return unicodedata.normalize("NFKD", plain).casefold()


_PLAIN_QUOTES = dict.fromkeys("‘’‚‛`´′", "'") | dict.fromkeys("“”„‟«»″", '"')


def _numbers(text: str) -> Iterator[int]:
    for part in regex.split(r"\s*[,;，、]\s*", text):
        bounds = [int(number) for number in regex.split(r"\s*[–-]\s*", part)]
        yield from range(bounds[0], bounds[-1] + 1)
