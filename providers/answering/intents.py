"""What a question wants, told by its words and their structure, without a model.

The words of a question that say what it wants ("what is ... about", "how many documents") are
labelled by `phrases.toml`; its intent follows from the labels and from what is left without them.
Where a word is left that names no document, a question about a document is one about a fact.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path

import regex

from core.terms import terms
from providers.answering.language import detect

UNSPACED = {"zh", "ja", "ko"}
"""Languages whose phrases are found anywhere, be it within a run of letters."""


class Intent(StrEnum):
    GREETING = "greeting"
    THANKS = "thanks"
    FAREWELL = "farewell"
    ABILITY = "ability"
    INSULT = "insult"
    SHORT = "short"
    """Too little to go on."""

    LIST = "list"
    COUNT = "count"
    NEWEST = "newest"
    FAILED = "failed"
    MENTION = "mention"
    NAMED = "named"

    OVERVIEW = "overview"
    CONTENTS = "contents"
    AUTHOR = "author"
    DATE = "date"
    PAGE_COUNT = "page_count"
    LANGUAGE = "language"
    PAGE = "page"
    SECTION = "section"

    COMPARE = "compare"
    BEYOND = "beyond"
    """Translation, arithmetic, writing, opinion: quotes alone cannot do it."""

    MORE = "more"
    FACT = "fact"


TALK = {
    Intent.GREETING,
    Intent.THANKS,
    Intent.FAREWELL,
    Intent.ABILITY,
    Intent.INSULT,
    Intent.SHORT,
}
LIBRARY = {
    Intent.LIST,
    Intent.COUNT,
    Intent.NEWEST,
    Intent.FAILED,
    Intent.MENTION,
    Intent.NAMED,
}
DOCUMENT = {
    Intent.OVERVIEW,
    Intent.CONTENTS,
    Intent.AUTHOR,
    Intent.DATE,
    Intent.PAGE_COUNT,
    Intent.LANGUAGE,
    Intent.PAGE,
    Intent.SECTION,
}


@dataclass(frozen=True, slots=True)
class Understood:
    intent: Intent
    language: str
    """Of the question, ISO 639-1."""
    subject: str = ""
    """What is left of the question: a document, a topic."""
    label: str = ""
    """Number of a page, number or name of a section."""
    labels: frozenset[str] = field(default=frozenset(), compare=False)


@dataclass(frozen=True, slots=True)
class Scan:
    """A text in the light of one language's phrases."""

    labels: frozenset[str]
    rest: str
    covered: int
    """Characters that the phrases take."""
    opening: frozenset[str]
    """Labels of what stands before anything else."""


def understand(text: str) -> Understood:
    language, scan = _scan(text)
    if scan is None:
        return Understood(Intent.SHORT, language)
    text = _unmarked(text)
    label = _page(text, language)
    if label is not None:
        rest = _without(text, label[1], language)
        if _pointing(rest):
            return Understood(Intent.PAGE, language, rest.rest, label[0], rest.labels)
    label = _section(text, language)
    if label is not None:
        rest = _without(text, label[1], language)
        if _pointing(rest):
            return Understood(Intent.SECTION, language, rest.rest, label[0], rest.labels)
    if _ARITHMETIC.search(text) or _SUM.fullmatch(text.strip()):
        return Understood(Intent.BEYOND, language, scan.rest, labels=scan.labels)
    intent = _intent(scan)
    if intent is Intent.FACT and _is_one_word(text):
        intent = Intent.SHORT
    return Understood(intent, language, scan.rest, labels=scan.labels)


def says(label: str, text: str, language: str) -> bool:
    """Whether a phrase of that label stands in a text of that language."""
    return language in _phrases() and label in _scanned(_plain(text), language).labels


def _intent(scan: Scan) -> Intent:
    labels, rest = scan.labels, scan.rest
    document = "document" in labels
    # The verb is first where it orders, or last in some languages, and then nothing is asked.
    questions = {"which", "who", "when", "how_many"}
    ordered = labels if not labels & questions else scan.opening
    ordered = frozenset() if scan.opening & questions else ordered
    if ordered & {"translate", "write"} or "opinion" in labels:
        return Intent.BEYOND
    if "compare" in scan.opening or "compare" in ordered:
        return Intent.COMPARE
    if document and rest:
        if "named" in labels and labels & {"find", "have", "which"}:
            return Intent.NAMED
        if labels & {"mention", "overview"} and labels & {"which", "list"} and "this" not in labels:
            return Intent.MENTION
    if not rest and not labels & {"document", "overview", "contents", "written", "more", "pages"}:
        for talk in (
            Intent.INSULT,
            Intent.THANKS,
            Intent.ABILITY,
            Intent.GREETING,
            Intent.FAREWELL,
        ):
            if talk.value in labels:
                return talk
        if labels <= {"assent", "filler"}:
            return Intent.SHORT
    if document and not rest:
        if "how_many" in labels and "pages" not in labels and "section" not in labels:
            return Intent.COUNT
        if "failed" in labels:
            return Intent.FAILED
        if "newest" in labels:
            return Intent.NEWEST
    if "how_many" in labels and "pages" in labels:
        return Intent.PAGE_COUNT
    if "language" in labels and (document or "this" in labels):
        return Intent.LANGUAGE
    if "written" in labels and "when" in labels:
        return Intent.DATE
    if "written" in labels and (labels & {"who", "which"} or not rest):
        return Intent.AUTHOR
    if "contents" in labels and "failed" not in labels:
        return Intent.CONTENTS
    if "overview" in labels:
        asks_for_all = document and not rest and "list" in labels and "this" not in labels
        return Intent.LIST if asks_for_all and "have" in labels else Intent.OVERVIEW
    if document and not rest and "this" not in labels and labels & {"have", "list", "which"}:
        return Intent.LIST
    if "more" in labels and not rest:
        return Intent.MORE
    return Intent.FACT


def _scan(text: str) -> tuple[str, Scan | None]:
    """In the language whose phrases take most of the text; none for a text without words."""
    plain = _plain(_SUFFIX.sub("", text))
    guess = detect(text)
    if not plain:
        return guess, None
    scans = {language: _scanned(plain, language) for language in _phrases()}
    # Of languages that fit alike the detected one.
    language = max(scans, key=lambda code: (scans[code].covered, code == guess))
    if scans[language].covered < 2 and guess not in scans:
        return guess, Scan(frozenset(), plain, 0, frozenset())
    if guess in scans and scans[guess].covered >= 0.8 * scans[language].covered:
        language = guess
    return language, scans[language]


def _scanned(plain: str, language: str) -> Scan:
    labelled = _phrases()[language]
    labels: set[str] = set()
    opening: set[str] = set()
    covered = 0
    until = 0

    def take(match: regex.Match[str]) -> str:
        nonlocal covered, until
        found = set(_labels_of(match[0], labelled))
        if not plain[until : match.start()].strip() and until >= 0:
            opening.update(found)
            until = match.end()
        else:
            until = -1
        labels.update(found)
        covered += len(match[0])
        return " "

    rest = _pattern(language).sub(take, plain)
    return Scan(frozenset(labels), " ".join(rest.split()), covered, frozenset(opening))


def _labels_of(found: str, labelled: dict[str, frozenset[str]]) -> Iterator[str]:
    if found in labelled:
        yield from labelled[found]
        return
    for phrase, labels in labelled.items():
        if phrase.endswith("*") and found.startswith(phrase[:-1]):
            yield from labels


def _pointing(scan: Scan) -> bool:
    """Whether nothing but a document is named beside a page or section."""
    return not scan.labels & {"translate", "write", "compare", "how_many"}


def _without(text: str, span: tuple[int, int], language: str) -> Scan:
    return _scanned(_plain(f"{text[: span[0]]} {text[span[1] :]}"), language)


_ARITHMETIC = re.compile(
    r"(?<![\w.,/-])\d[\d.,]*\s*(?:[x×*+÷]|times|plus|minus|divided by|mal|geteilt durch|fois|por"
    r"|per|vezes|умножить на|乘以|乘|加|掛ける|곱하기)\s*\d"
)
_SUM = re.compile(r"[\d\s.,+\-*/×÷()=?]*[+\-*/×÷][\d\s.,+\-*/×÷()=?]*")
_NUMBER = r"(?P<label>\p{Nd}{1,5})"
_LABEL = (
    r"(?P<label>\p{Nd}{1,4}(?:\.\p{Nd}{1,3})*(?:\s?\([a-z0-9]{1,4}\))*|[ivxlc]{1,6}(?![\p{L}\p{N}])"
    r"|[A-Z](?![\p{L}\p{N}])(?:\.\p{Nd}{1,3})*)"
)
_HAN_DIGITS = {character: number for number, character in enumerate("〇一二三四五六七八九十")}


def _page(text: str, language: str) -> tuple[str, tuple[int, int]] | None:
    match = _reference("page", _NUMBER, language).search(text)
    if match is None:
        return None
    return str(int(match["label"])), match.span()


def _section(text: str, language: str) -> tuple[str, tuple[int, int]] | None:
    """Its number (`2.2 (a)` without spaces), or what names it."""
    match = _reference("section", _LABEL, language).search(text) or _SIGN.search(text)
    if match is not None:
        return match["label"].replace(" ", "").lower(), match.span()
    match = _named_section(language).search(text)
    if match is not None and match["label"].strip():
        return match["label"].strip(" ?？.!\"'“”„«»"), match.span()
    return None


_SIGN = regex.compile(rf"§+\s*{_LABEL}")


@cache
def _reference(label: str, number: str, language: str) -> "regex.Pattern[str]":
    """ "page 3", "第3页", "3. Kapitel"; in the language and in English."""
    words = sorted({*_words(label, language), *_words(label, "en")}, key=len, reverse=True)
    alternatives = "|".join(regex.escape(word) for word in words)
    if language in UNSPACED:
        han = r"(?P<label>[\p{Nd}.]+|[一二三四五六七八九十]+)"
        return regex.compile(
            rf"(?:第|제)?\s*{han}\s*(?:{alternatives})|\b(?:{alternatives})\s*{number}", regex.I
        )
    return regex.compile(
        rf"(?<!\p{{L}})(?:{alternatives})(?!\p{{L}})\.?\s*(?:no\.?|nr\.?|number|n[°º])?\s*{number}",
        regex.I,
    )


@cache
def _named_section(language: str) -> "regex.Pattern[str]":
    """`What does the section Tools say`, `the chapter on oil`; what it may end with left out."""
    words = {*_words("section", language), *_words("section", "en")} - _VAGUE
    alternatives = "|".join(sorted(map(regex.escape, words), key=len, reverse=True))
    return regex.compile(
        r"^(?:what|was|que|qué|cosa|che|o que|что)\b.{0,40}?"
        rf"(?<!\p{{L}})(?:{alternatives})\s+(?:(?:{_ABOUT})\s+)?[\"'“„«]?"
        r"(?P<label>\p{L}[^?]{1,60}?)[\"'”“»]?\s*(?:say|says|about|contain|contains)?\s*\??$",
        regex.I,
    )


_VAGUE = {"part", "item", "rule", "punkt", "point", "teil", "parte", "partie", "punto"}
"""Words for sections that mean much else before a word."""
_ABOUT = "on|about|named|called|über|zu|zum|zur|sur|sobre|su|о|об"


@cache
def _words(label: str, language: str) -> tuple[str, ...]:
    """Plain phrases of one label, as they are written."""
    return tuple(
        part.strip("*") for part in _table().get(language, {}).get(label, "").split("|") if part
    )


@cache
def _table() -> dict[str, dict[str, str]]:
    return tomllib.loads((Path(__file__).parent / "phrases.toml").read_text(encoding="utf-8"))


@cache
def _phrases() -> dict[str, dict[str, frozenset[str]]]:
    """Labels of each phrase, by language."""
    tables: dict[str, dict[str, frozenset[str]]] = {}
    for language, labels in _table().items():
        table: dict[str, set[str]] = {}
        for label, phrases in labels.items():
            for phrase in phrases.split("|"):
                star = "*" if phrase.endswith("*") else ""
                table.setdefault(_plain(phrase) + star, set()).add(label)
        table.pop("", None)
        tables[language] = {phrase: frozenset(found) for phrase, found in table.items()}
    return tables


@cache
def _pattern(language: str) -> "regex.Pattern[str]":
    phrases = sorted(_phrases()[language], key=len, reverse=True)
    alternatives = "|".join(
        regex.escape(phrase.rstrip("*")) + (r"[\p{L}\p{M}\p{N}]*" if phrase.endswith("*") else "")
        for phrase in phrases
    )
    if language in UNSPACED:
        return regex.compile(alternatives)
    return regex.compile(
        rf"(?<![\p{{L}}\p{{M}}\p{{N}}])(?:{alternatives})(?![\p{{L}}\p{{M}}\p{{N}}])"
    )


_SUFFIX = regex.compile(r"(?<=[\p{L}\p{N}])\.(?:pdf|docs?|text)\b", regex.I)
"""Of a file's name; alone these are words for documents."""
_MARKS = regex.compile(r"[\u0300-\u036f\u0640\u064b-\u065f\u0670]")
_SPACES = regex.compile(r"[^\p{L}\p{M}\p{N}]+")


def _plain(text: str) -> str:
    """Words with single spaces, without case, accents and punctuation."""
    return str(_SPACES.sub(" ", _unmarked(text.casefold()))).strip()


def _unmarked(text: str) -> str:
    return unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFKD", text)))


def _is_one_word(text: str) -> bool:
    """An identifier says enough, any other word alone does not."""
    words = terms(text, ())
    return len(words) <= 1 and not any(character.isdigit() for character in text)
