"""Answers in the documents' own words: no model writes, so nothing can be made up."""

import asyncio
import math
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import regex

from core.blocks import BlockKind
from core.errors import ProviderUnavailable
from core.terms import terms
from providers.answering import Delta, Question, Source, Tokens, Turn, Verdict
from providers.answering.documents import about_document, about_library
from providers.answering.followup import FollowUp, follow_up
from providers.answering.identifiers import Identifier, identifiers, missing, nearest
from providers.answering.intents import DOCUMENT, LIBRARY, TALK, Intent, Understood, understand
from providers.answering.language import closest, detect, not_found, reply
from providers.answering.quotes import Quote, Text, Written, deltas
from providers.answering.scoring import (
    CALIBRATED,
    FOREIGN_DOUBT,
    Evidence,
    Floats,
    groundedness,
    score_vectors,
    score_words,
    weigh_words,
)
from providers.answering.sentences import Sentence, split
from providers.answering.suggestions import from_headings
from providers.answering.tables import about_table
from providers.embedding import Embedder

SHORTLIST = 12
"""Sentences that are embedded, best by words. More take longer and do not answer better: the gold
answer is among the best two of 10, 24 or all in .898, .899 and .898 of XQuAD."""

AT_ONCE = 2
"""Answers being found; more would take the interpreter from whoever streams."""

MAX_QUOTES = 3
MAX_TERMS = 75
"""Of all quotes together before a third is too many."""
ENOUGH = (0.95, 0.9)
"""Probability that the answer is among the first one or two quotes, from which no more follow."""

GROUNDED, HOPELESS = -0.5, -2.0
"""Log-odds of "answerable" from which an answer counts, and under which nothing is quoted.

Of SQuAD's answerable questions 8 in 100 are under the first and 1 in 100 under the second; of those
whose article is not in the library 97 and 80. SQuAD's unanswerable questions are written to look
answerable beside the right paragraph, and vectors and words do not read: AUROC .67, F1 .32."""

NAMED = 100.0
"""What a sentence gains that holds an identifier of the question: more than any likeness."""
SAID = 6.0
"""What a sentence loses that the last answer quoted."""
TELLING = 0.1
"""Share of the question's words, by rarity, for which a quote goes on to the next sentence."""
MAX_EXTENDED = 500
"""Characters of a quote that goes on."""
NEAREST = 2
"""Quotes beside what only a language model can do."""

_AND = regex.compile(
    r"\s(?:and|with|to|vs\.?|versus|und|mit|et|avec|y|con|e|com|и|с|مع|और|से)\s|[和与跟同]|と|와|과",
    regex.I,
)


@dataclass(frozen=True, slots=True)
class Shortlist:
    languages: list[str]
    """Of each source."""
    everything: list[tuple[int, Sentence]]
    """All sentences with the source of each; `evidence.place` counts these."""
    asked: dict[str, float]
    """Rarity of the question's terms, which add up to 1."""
    evidence: Evidence

    contexts: list[str]
    """Of each source."""

    def sentence(self, index: int) -> Sentence:
        return self.everything[int(self.evidence.place[index])][1]

    def about(self, index: int) -> str:
        """What a sentence does not say for itself: its heading; of a line of data all above it."""
        sentence = self.sentence(index)
        if sentence.kind not in (BlockKind.RECORD, BlockKind.TABLE):
            return sentence.lead
        context = self.contexts[int(self.evidence.passage[index])]
        return context if sentence.lead in context else f"{context} {sentence.lead}"


@dataclass(frozen=True, slots=True)
class Findings:
    language: str
    """Of the question, ISO 639-1."""
    odds: float
    """Log-odds that the sources hold the answer."""
    quotes: list[Quote]
    """In the order to be read."""
    absent: Identifier | None = None
    """What was asked for to the letter and stands nowhere."""


class ExtractiveAnswerer:
    """Quotes the two or three sentences most likely to hold the answer.

    Sentences are scored by vectors and by words; while the embedder is down, by words alone.
    Between "grounded" and "hopeless" the quotes come with the warning that they may miss the
    question. What is asked of the library or of a document as such is told by their structure.
    """

    name = "extractive"

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def answer(self, question: Question) -> AsyncGenerator[Delta | Verdict]:
        understood = await asyncio.to_thread(understand, question.text)
        understood = _in_conversation(understood, question)
        written = await self._directly(understood, question)
        suggestions: Sequence[str] = ()
        if written is None:
            async with self._turns:
                findings = await self.find(question)
            written = _written(findings)
            if written.grounded:
                quoted = [quote.source for quote in findings.quotes]
                suggestions = from_headings(
                    question.sources, quoted, question.text, findings.language
                )
        for delta in deltas(written):
            yield delta
        yield Verdict(written.grounded, self.name, suggestions)

    async def _directly(self, understood: Understood, question: Question) -> Written | None:
        """What needs no weighing of sentences; None for questions about facts."""
        intent, library = understood.intent, question.library
        if intent in TALK:
            return Written([Text(reply(understood.language, intent))])
        if intent in LIBRARY and library is not None:
            return await about_library(understood, library)
        if intent in DOCUMENT and library is not None:
            return await about_document(understood, library)
        if intent in (Intent.BEYOND, Intent.COMPARE):
            return await self._beyond(understood, question)
        if library is not None and not question.history:
            return await about_table(
                question.text, understood, library, question.sources, self._embedder
            )
        return None

    async def _beyond(self, understood: Understood, question: Question) -> Written:
        """That only a model can do it, and the passages that it would read: of a comparison, those
        of both sides."""
        language = understood.language
        sides = _AND.split(question.text) if understood.intent is Intent.COMPARE else []
        asked = [side for side in sides if terms(side, ())] if len(sides) > 1 else [question.text]
        found: dict[str, Quote] = {}
        for side in asked[:3]:
            sources = question.sources
            if len(asked) > 1 and question.library is not None:
                sources = await question.library.search(side)
            findings = await self.find(replace(question, text=side, history=(), sources=sources))
            wanted = 1 if len(asked) > 1 else NEAREST
            for quote in findings.quotes[:wanted]:
                found.setdefault(quote.text, quote)
        parts: list[Text | Quote] = [Text(reply(language, "beyond"))]
        if found:
            parts += [Text(reply(language, "nearest")), *found.values()]
        return Written(parts)

    async def find(self, question: Question) -> Findings:
        asked = await asyncio.to_thread(follow_up, question.text, question.history)
        findings = await self._find(asked, question.sources)
        if findings.odds < GROUNDED and asked.earlier and not asked.leans and question.library:
            # Perhaps it goes on with the last question, though nothing in it says so.
            leaning = replace(asked, leans=True)
            sources = await question.library.search(leaning.text)
            again = await self._find(leaning, sources)
            if again.odds >= GROUNDED and again.absent is None:
                return again
        return findings

    async def _find(self, asked: FollowUp, sources: Sequence[Source]) -> Findings:
        text = asked.text
        wanted = identifiers(text)
        language, shortlist = await asyncio.to_thread(_prepare, asked, sources, wanted)
        if shortlist is None:
            return Findings(language, -math.inf, [])
        scores, cosines = await self._score(text, shortlist)
        best = int(scores.argmax())
        foreign = shortlist.evidence.foreign
        odds = groundedness(
            float(shortlist.evidence.near[best]),
            None if cosines is None else float(cosines[foreign == foreign[best]].max()),
            same_language=not foreign[best],
        )
        if foreign[best] and not foreign.all():
            odds -= FOREIGN_DOUBT
        everywhere = [f"{s.title} {s.context} {s.text}" for s in sources]
        absent = missing(wanted, everywhere)
        strict = [one for one in absent if one.strict] or absent
        named = [one for one in wanted if one.strict and one not in absent]
        for index in range(len(scores)):
            sentence = shortlist.sentence(index)
            if any(one.stands_in(sentence.text) for one in named):
                scores[index] += NAMED
            elif asked.leans and sentence.row is None and sentence.text in asked.said:
                scores[index] -= 0 if _is_asked_by(asked.own, sentence, language) else SAID
        if strict:
            close = nearest(strict[0], (s.text for s in sources))
            for index in range(len(scores)):
                if close and close in shortlist.sentence(index).text:
                    scores[index] += NAMED
            quotes = _quotes(shortlist, scores, sources, only=NAMED) if close else []
            return Findings(language, min(odds, GROUNDED - 0.1), quotes[:1], strict[0])
        if named and scores.max() > NAMED / 2:
            return Findings(
                language, max(odds, 0.5), _quotes(shortlist, scores, sources, only=NAMED)
            )
        return Findings(language, odds, _quotes(shortlist, scores, sources))

    async def rewrite(self, question: str, history: Sequence[Turn], spent: Tokens) -> str:
        if not history:
            return question
        return (await asyncio.to_thread(follow_up, question, history)).text

    async def aclose(self) -> None:
        """The embedder belongs to who opened it."""

    async def _score(self, text: str, shortlist: Shortlist) -> tuple[Floats, Floats | None]:
        """Log-odds of each sentence, and the cosines if they can be interpreted."""
        scores = score_words(shortlist.evidence)
        passages = [
            f"{shortlist.about(index)} {shortlist.sentence(index).text}".strip()
            for index in range(len(scores))
        ]
        try:
            query, vectors = await asyncio.gather(
                self._embedder.embed_query(text), self._embedder.embed_passages(passages)
            )
        except ProviderUnavailable:
            return scores, None
        scores += score_vectors(shortlist.evidence, query, vectors)
        calibrated = self._embedder.model.startswith(CALIBRATED)
        return scores, vectors @ query if calibrated else None


def _in_conversation(understood: Understood, question: Question) -> Understood:
    """A word alone may follow what was said; nothing goes on where nothing was."""
    asks = understood.subject or not understood.labels <= {"assent", "filler"}
    if question.history and understood.intent is Intent.SHORT and asks:
        return replace(understood, intent=Intent.FACT)
    if not question.history and understood.intent is Intent.MORE:
        return replace(understood, intent=Intent.SHORT)
    return understood


def _is_asked_by(own: str, sentence: Sentence, language: str) -> bool:
    """Whether the follow-up itself has words of the sentence, and not only words that ask."""
    own_words = set(terms(understand(own).subject, [language]))
    return not own_words.isdisjoint(terms(sentence.text, [language]))


def _written(findings: Findings) -> Written:
    language, quotes = findings.language, findings.quotes
    if findings.absent is not None:
        absent = Text(reply(language, "absent", subject=findings.absent.text))
        if not quotes:
            return Written([absent])
        close = nearest(findings.absent, [quotes[0].text]) or quotes[0].source.title
        return Written([absent, Text(reply(language, "nearest_is", subject=close)), *quotes])
    if findings.odds < HOPELESS or not quotes:
        return Written([Text(not_found(language))])
    if findings.odds < GROUNDED:
        return Written([Text(closest(language)), *quotes])
    return Written(quotes, grounded=True)


def _prepare(
    asked: FollowUp, sources: Sequence[Source], wanted: Sequence[Identifier]
) -> tuple[str, Shortlist | None]:
    """The question's language and the sentences worth a closer look, in order."""
    language = detect(asked.text)
    languages = [detect(source.text) for source in sources]
    found = [
        (passage, sentence)
        for passage, source in enumerate(sources)
        for sentence in split(source.text, languages[passage], source.blocks)
        if not sentence.is_fragment
    ]
    words = dict.fromkeys(terms(asked.text, [language]))
    if not found or not words:
        return language, None
    leads = [
        {*terms(sentence.lead, [language]), *terms(sources[passage].context, [language])}
        for passage, sentence in found
    ]
    evidence, rarity = weigh_words(
        words,
        [set(terms(sentence.text, [language])) for _, sentence in found],
        leads,
        np.array([passage for passage, _ in found]),
        [source.similarity for source in sources],
        set(terms(asked.own, [language])) if asked.leans else (),
        [
            languages[passage] != language and sentence.kind is not BlockKind.RECORD
            for passage, sentence in found
        ],
    )
    by_words = score_words(evidence)
    for index, (_, sentence) in enumerate(found):
        if any(one.stands_in(sentence.text) for one in wanted if one.strict):
            by_words[index] += NAMED
    best = np.sort(np.argsort(-by_words, kind="stable")[:SHORTLIST])
    weights = dict(zip(words, map(float, rarity), strict=True))
    return language, Shortlist(
        languages, found, weights, evidence.take(best), [source.context for source in sources]
    )


def _quotes(
    shortlist: Shortlist, scores: Floats, sources: Sequence[Source], only: float = -math.inf
) -> list[Quote]:
    """The best passage's quotes first, within a passage in the order of the document; what stands
    side by side is one quote. `only` scores that are near or above it count."""
    language = detect(" ".join(shortlist.asked))
    odds = np.exp(scores - scores.max())
    probability = odds / odds.sum()
    chosen: list[int] = []
    length = 0
    for index in map(int, np.argsort(-scores, kind="stable")[:MAX_QUOTES]):
        if scores[index] < only / 2 or (
            chosen and probability[chosen].sum() >= ENOUGH[len(chosen) - 1]
        ):
            break
        length += len(terms(shortlist.sentence(index).text, [language]))
        if len(chosen) == MAX_QUOTES - 1 and length > MAX_TERMS:
            break
        chosen.append(index)
    places = [int(shortlist.evidence.place[index]) for index in chosen]
    order = {shortlist.everything[place][0]: n for n, place in reversed(list(enumerate(places)))}
    for place in list(places):
        places += _beside(shortlist, place, language, TELLING if only < 0 else 0)
    runs: list[list[int]] = []
    for place in sorted(set(places), key=lambda at: (order[shortlist.everything[at][0]], at)):
        if runs and _follows(shortlist, runs[-1][-1], place):
            runs[-1].append(place)
        else:
            runs.append([place])
    return [_quote(shortlist, run, sources) for run in runs]


def _beside(shortlist: Shortlist, place: int, language: str, telling: float) -> list[int]:
    """The next sentence, or the one before, if it has words of the question that this one lacks."""
    _, sentence = shortlist.everything[place]
    if sentence.kind is not BlockKind.PARAGRAPH:
        return []
    here = set(terms(f"{sentence.lead} {sentence.text}", [language]))
    for other in (place + 1, place - 1):
        if not 0 <= other < len(shortlist.everything) or not _follows(
            shortlist, min(place, other), max(place, other)
        ):
            continue
        beside = shortlist.everything[other][1]
        there = set(terms(beside.text, [language]))
        gained = sum(weight for term, weight in shortlist.asked.items() if term in there - here)
        if gained > telling and len(sentence.text) + len(beside.text) <= MAX_EXTENDED:
            return [other]
    return []


def _follows(shortlist: Shortlist, place: int, other: int) -> bool:
    """Whether `other` is the next sentence of the same prose."""
    (passage, sentence), (same, following) = (
        shortlist.everything[place],
        shortlist.everything[other],
    )
    return (
        other == place + 1
        and passage == same
        and sentence.kind is following.kind is BlockKind.PARAGRAPH
        and sentence.lead == following.lead
    )


def _quote(shortlist: Shortlist, run: Sequence[int], sources: Sequence[Source]) -> Quote:
    passage, first = shortlist.everything[run[0]]
    text = " ".join(shortlist.everything[place][1].text for place in run)
    return Quote(sources[passage], text if len(run) > 1 else first.text, first.row, first.kind)
