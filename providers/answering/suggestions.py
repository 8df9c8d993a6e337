"""Questions that one may ask next, as plain text."""

import re
from collections.abc import Iterable, Sequence

from core.terms import terms
from core.text import storable
from providers.answering import Source
from providers.answering.language import about

MAX_SUGGESTIONS = 3
MAX_CHARACTERS = 200
MAX_HEADING = 100
"""Characters; longer headings are paragraphs that a parser took for one."""

_BULLET = re.compile(r"\s*(?:[-*•–]|\d{1,2}[.)])\s+")
_CITATION = re.compile(r"\s?\[\d+\]")
_MARKUP = " \t\"'“”«»*_`#"


def from_lines(text: str, question: str) -> tuple[str, ...]:
    """What a model lists below its answer, one a line."""
    lines = (_CITATION.sub("", _BULLET.sub("", line, count=1)) for line in text.splitlines())
    return _best(lines, question)


def from_headings(
    sources: Sequence[Source], quoted: Iterable[Source], question: str, language: str
) -> tuple[str, ...]:
    """What else the sources are about, by the headings above those that were not quoted."""
    said = {*terms(question, [language])}.union(
        *(terms(source.context, [language]) for source in quoted)
    )
    headings = (source.context.partition("\n")[0].rpartition(" › ")[1:] for source in sources)
    new = (
        heading.strip(_MARKUP)
        for separator, heading in headings
        if separator
        and len(heading) <= MAX_HEADING
        and not said.issuperset(terms(heading, [language]))
    )
    return _best((about(heading, language) for heading in new), question)


def _best(candidates: Iterable[str], question: str) -> tuple[str, ...]:
    """The first ones that are new, short and not the question itself."""
    known = {question.strip().casefold()}
    best: list[str] = []
    for candidate in candidates:
        text = " ".join(storable(candidate).strip(_MARKUP).split())
        has_words = any(character.isalpha() for character in text)
        if has_words and len(text) <= MAX_CHARACTERS and text.casefold() not in known:
            known.add(text.casefold())
            best.append(text)
    return tuple(best[:MAX_SUGGESTIONS])
