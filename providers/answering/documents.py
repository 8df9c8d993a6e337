"""What is answered from the library itself: its list, and what one document holds where."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

import regex

from core.overview import Overview, Place, Point, Section
from core.terms import terms
from providers.answering import Card, Library, Source
from providers.answering.intents import UNSPACED, Intent, Understood
from providers.answering.language import detect, reply
from providers.answering.quotes import Quote, Text, Written
from providers.answering.sentences import split

MAX_LISTED = 50
MAX_NAMED = 10
"""Of those that were counted."""
MAX_NEWEST = 3
MAX_ASKED_BACK = 10
MAX_QUOTED_WORDS = 220
"""Of a page or a section that is asked for; three characters count as one where words are not
spaced."""
MAX_CONTENTS = 60
TITLES_FOUND = 3

LANGUAGES = {
    "ar": "العربية (Arabic)",
    "cs": "čeština (Czech)",
    "da": "dansk (Danish)",
    "de": "Deutsch (German)",
    "el": "ελληνικά (Greek)",
    "en": "English",
    "es": "español (Spanish)",
    "fi": "suomi (Finnish)",
    "fr": "français (French)",
    "he": "עברית (Hebrew)",
    "hi": "हिन्दी (Hindi)",
    "hu": "magyar (Hungarian)",
    "it": "italiano (Italian)",
    "ja": "日本語 (Japanese)",
    "ko": "한국어 (Korean)",
    "nl": "Nederlands (Dutch)",
    "no": "norsk (Norwegian)",
    "pl": "polski (Polish)",
    "pt": "português (Portuguese)",
    "ro": "română (Romanian)",
    "ru": "русский (Russian)",
    "sv": "svenska (Swedish)",
    "th": "ไทย (Thai)",
    "tr": "Türkçe (Turkish)",
    "uk": "українська (Ukrainian)",
    "vi": "Tiếng Việt (Vietnamese)",
    "zh": "中文 (Chinese)",
}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The document that a question is about, or those that it may be about."""

    card: Card | None
    among: Sequence[Card] = ()


async def about_library(understood: Understood, library: Library) -> Written:
    language, subject = understood.language, understood.subject
    cards = await library.documents()
    if not cards:
        return Written([Text(reply(language, "empty"))])
    match understood.intent:
        case Intent.COUNT:
            shown = cards[:MAX_NAMED]
            more = len(cards) - len(shown)
            return _listed(reply(language, "list", count=len(cards)), shown, language, more=more)
        case Intent.NEWEST:
            return _listed(reply(language, "newest"), cards[:MAX_NEWEST], language, whole=True)
        case Intent.FAILED:
            failed = [card for card in cards if card.failure is not None]
            line = reply(language, "failed" if failed else "none_failed")
            return _listed(line, failed, language)
        case Intent.NAMED:
            named = by_name(subject, cards, language)
            line = "named" if named else "no_named"
            return _listed(reply(language, line, subject=subject), named, language)
        case Intent.MENTION:
            return await _mentions(understood, library)
        case _:
            return _listed(reply(language, "list", count=len(cards)), cards, language)


async def about_document(understood: Understood, library: Library) -> Written | None:
    """None if the question is about something else, such as a fact."""
    chosen = await choose(understood, library)
    language = understood.language
    if chosen is None:
        return None
    if chosen.card is None:
        shown = chosen.among[:MAX_ASKED_BACK]
        return _listed(
            reply(language, "which"), shown, language, more=len(chosen.among) - len(shown)
        )
    card = chosen.card
    title = card.title
    overview = await library.overview(card.document)
    match understood.intent:
        case Intent.PAGE_COUNT if card.page_count is not None:
            line = reply(language, "page_count", title=title, count=card.page_count)
            return Written([Text(line)], grounded=True)
        case Intent.LANGUAGE if card.language is not None:
            name = LANGUAGES.get(card.language, card.language)
            return Written([Text(reply(language, "language", title=title, name=name))])
        case Intent.PAGE:
            place = await library.page(card.document, int(understood.label))
            if place is None:
                count = card.page_count or 0
                line = reply(language, "no_page", title=title, count=count, label=understood.label)
                return Written([Text(line)])
            return await _read(library, card, place)
    if overview is None:
        return None
    match understood.intent:
        case Intent.CONTENTS:
            return _contents(title, overview, language)
        case Intent.SECTION:
            return await _section(understood, library, card, overview)
        case Intent.AUTHOR | Intent.DATE:
            author = understood.intent is Intent.AUTHOR
            point = overview.author if author else overview.date
            if point is None:
                line = reply(language, "no_author" if author else "no_date", title=title)
                return Written([Text(line)])
            return Written([part async for part in _points(library, card, [point])], grounded=True)
        case Intent.OVERVIEW:
            parts = [part async for part in _points(library, card, overview.points)]
            if not parts:
                return None
            head = Text(reply(language, "overview", title=overview.title or title))
            return Written([head, *parts], grounded=True)
    return None


async def gather(understood: Understood, library: Library) -> list[Source]:
    """The passages that hold what is asked of a document, for those who read on by themselves."""
    chosen = await choose(understood, library)
    if chosen is None or chosen.card is None:
        return []
    document = chosen.card.document
    if understood.intent is Intent.PAGE:
        place = await library.page(document, int(understood.label))
        return await library.excerpt(document, place) if place else []
    overview = await library.overview(document)
    if overview is None:
        return []
    section = _find_section(understood.label, overview) if understood.label else None
    if section is not None:
        return await library.excerpt(document, (section.start, section.end))
    points = [point for point in (overview.author, overview.date, *overview.points) if point]
    found: dict[int, Source] = {}
    for point in points:
        for source in await library.excerpt(document, point.place):
            found.setdefault(source.index, source)
    return list(found.values())


async def choose(understood: Understood, library: Library) -> Chosen | None:
    """None if the subject of the question is no document."""
    cards = [card for card in await library.documents() if card.is_readable]
    subject = understood.subject
    points = "this" in understood.labels and len(subject.split()) == 1
    if subject and not points:
        named = by_name(subject, cards, understood.language)
        named = named or await _by_title(subject, cards, understood.language, library)
        return Chosen(named[0] if len(named) == 1 else None, named) if named else None
    if len(cards) == 1:
        return Chosen(cards[0])
    by_id = {card.document: card for card in cards}
    recent = [by_id[document] for document in await library.recent() if document in by_id]
    return Chosen(recent[0]) if recent else Chosen(None, cards)


def by_name(subject: str, cards: Sequence[Card], language: str) -> list[Card]:
    """Those whose file name has all words of the subject; one with hardly another first alone."""
    fitting = [card for card in cards if _is_named(subject, card.title, language)]
    exact = [card for card in fitting if _words(card.title, language) == _words(subject, language)]
    stems = [
        card for card in fitting if _words(_stem(card.title), language) == _words(subject, language)
    ]
    return exact or stems or fitting


async def _by_title(
    subject: str, cards: Sequence[Card], language: str, library: Library
) -> list[Card]:
    """The document found by its subject, if its title has all words of it."""
    by_id = {card.document: card for card in cards}
    documents = dict.fromkeys(source.document for source in await library.search(subject))
    for document in list(documents)[:TITLES_FOUND]:
        if document in by_id and (overview := await library.overview(document)) is not None:
            if _is_named(subject, overview.title, language):
                return [by_id[document]]
    return []


def _is_named(subject: str, title: str, language: str) -> bool:
    wanted = _words(subject, language)
    if language in UNSPACED or any(map(_unspaced, subject)):
        return subject.replace(" ", "") in title.casefold()
    return bool(wanted) and wanted <= _words(title, language)


def _unspaced(character: str) -> bool:
    return "\u3040" <= character <= "\u9fff" or "\uac00" <= character <= "\ud7af"


def _words(text: str, language: str) -> set[str]:
    plain = regex.sub(r"[-_./:]+", " ", text)
    return set(terms(plain, dict.fromkeys([language, "en"])))


def _stem(filename: str) -> str:
    return filename.rpartition(".")[0] or filename


def _listed(
    line: str, cards: Sequence[Card], language: str, more: int = 0, whole: bool = False
) -> Written:
    shown = cards[:MAX_LISTED]
    lines = [line]
    for card in shown:
        note = card.failure or ""
        if whole and card.page_count:
            note = note or f"{card.created_at:%Y-%m-%d}"
        lines.append(f"- {card.title}" + (f": {note}" if note else ""))
    if more := more or len(cards) - len(shown):
        lines.append(f"- {reply(language, 'more', count=more)}")
    return Written([Text("\n".join(lines))])


async def _mentions(understood: Understood, library: Library) -> Written:
    """Documents with a passage that has all words of the subject, and a sentence of each."""
    language, subject = understood.language, understood.subject
    quotes: dict[object, Quote] = {}
    for source in await library.mentions(subject):
        spoken = detect(source.text)
        wanted = set(terms(subject, [spoken]))
        best: tuple[int, str] = (0, "")
        for sentence in split(source.text, spoken, source.blocks):
            held = len(wanted & set(terms(sentence.text, [spoken])))
            if held > best[0]:
                best = held, sentence.text
        if best[0] and source.document not in quotes:
            quotes[source.document] = Quote(source, best[1])
    if not quotes:
        return Written([Text(reply(language, "no_mention", subject=subject))])
    line = reply(language, "mention", subject=subject, count=len(quotes))
    parts = [replace(quote, lead=f"- {quote.source.title}: ") for quote in quotes.values()]
    return Written([Text(line), *parts], grounded=True, tight=True)


async def _points(library: Library, card: Card, points: Sequence[Point]) -> AsyncIterator[Quote]:
    for point in points:
        for source in (await library.excerpt(card.document, point.place))[:1]:
            heading = point.heading if not point.text.startswith(point.heading) else ""
            lead = f"- **{heading}**: " if heading else ("- " if len(points) > 1 else "")
            yield Quote(source, " ".join(source.text.split()), lead=lead)


def _contents(title: str, overview: Overview, language: str) -> Written:
    if not overview.sections:
        return Written([Text(reply(language, "no_contents", title=title))])
    top = min(section.level for section in overview.sections)
    lines = [reply(language, "contents", title=title)]
    for section in overview.sections[:MAX_CONTENTS]:
        indent = "  " * (section.level - top)
        lines.append(f"{indent}- {section.heading} (p. {section.page})")
    return Written([Text("\n".join(lines))], grounded=True)


async def _section(
    understood: Understood, library: Library, card: Card, overview: Overview
) -> Written | None:
    label = understood.label
    section = _find_section(label, overview)
    if section is not None:
        return await _read(library, card, (section.start, section.end), section.heading)
    numbered = any(map(str.isdigit, label))
    clause = await _clause(label, library, card, overview) if numbered else None
    if clause is not None or not numbered:
        return clause
    line = reply(understood.language, "no_section", title=card.title, label=label)
    return Written([Text(line)])


def _find_section(label: str, overview: Overview) -> Section | None:
    """By the number before its heading, or by its words."""
    number = regex.escape(label)
    numbered = regex.compile(rf"(?:\p{{L}}+\s+|§\s*|第)?{number}(?:[.:)\s]|[章节条]|$)", regex.I)
    for section in overview.sections:
        if numbered.match(section.heading):
            return section
    language = detect(label)
    wanted = _words(label, language)
    for section in overview.sections:
        if wanted and not label[:1].isdigit() and wanted <= _words(section.heading, language):
            return section
    if label.isdecimal():  # counted, where headings have no numbers
        level = max((section.level for section in overview.sections[1:2]), default=1)
        plain = [section for section in overview.sections if section.level == level]
        if not any(section.heading[:1].isdigit() for section in plain):
            return plain[int(label) - 1] if 0 < int(label) <= len(plain) else None
    return None


async def _clause(label: str, library: Library, card: Card, overview: Overview) -> Written | None:
    """`2.2` or `2.2(a)` that no heading announces, but the beginning of a paragraph."""
    parts = regex.findall(r"\p{Nd}+(?:\.\p{Nd}+)*|\([a-z0-9]+\)", label)
    end = max((section.end for section in overview.sections), default=2**31 - 1)
    parent = _find_section(parts[0].partition(".")[0], overview) if parts else None
    place = (parent.start, parent.end) if parent else (0, end)
    sources = await library.excerpt(card.document, place)
    marks = [
        (source, line, mark)
        for source in sources
        for line in regex.split(
            r"\n\s*\n|\n(?=\s*(?:\p{Nd}+(?:\.\p{Nd}+)+|\([a-z0-9]+\))\s)", source.text
        )
        if (mark := _mark(line)) or line.strip()
    ]
    inside = not parts[0].count(".") and len(parts) > 1
    for source, line, mark in marks:
        if mark == parts[0]:
            inside = True
            if len(parts) == 1:
                return Written([Quote(source, " ".join(line.split()))], grounded=True)
        elif mark and not mark.startswith("("):
            inside = False
        elif inside and len(parts) > 1 and mark == parts[1]:
            return Written([Quote(source, " ".join(line.split()))], grounded=True)
    return None


def _mark(paragraph: str) -> str:
    found = regex.match(r"\s*(?:§\s*)?(\p{Nd}+(?:\.\p{Nd}+)*|\([a-z0-9]{1,3}\))[.)]?\s", paragraph)
    return found[1] if found else ""


async def _read(library: Library, card: Card, place: Place, heading: str = "") -> Written | None:
    """What stands there, sentence by sentence of each passage, up to a bound."""
    parts: list[Text | Quote] = [Text(f"**{heading}**")] if heading else []
    room = MAX_QUOTED_WORDS
    for source in await library.excerpt(card.document, place):
        sentences = list(split(source.text, detect(source.text), source.blocks))
        for sentence in sentences:
            if sentence.is_fragment:
                continue
            dense = sum(map(_unspaced, sentence.text))
            room -= dense // 3 or len(sentence.text.split())
            if room < 0:
                parts.append(Text("…"))
                return Written(parts, grounded=True)
            parts.append(Quote(source, sentence.text, row=sentence.row, kind=sentence.kind))
    return Written(parts, grounded=True) if len(parts) > bool(heading) else None
