"""Answers in the documents' own words: no model writes, so nothing can be made up."""

import asyncio
import math
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

import numpy as np
import regex

from core.errors import ProviderUnavailable
from core.terms import terms
from providers.answering import Delta, Question, Source, Tokens, Turn, Verdict
from providers.answering.followup import stand_alone
from providers.answering.language import closest, detect, not_found
from providers.answering.scoring import (
    CALIBRATED,
    Evidence,
    Floats,
    groundedness,
    score_vectors,
    score_words,
    weigh_words,
)
from providers.answering.sentences import Sentence, split
from providers.answering.suggestions import from_headings
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

_BRACKETED_NUMBER = regex.compile(r"(?<=[\[［【])(?=[\d\s,;，、–-]+[\]］】])")
_WORD_JOINER = "\u2060"


@dataclass(frozen=True, slots=True)
class Shortlist:
    languages: list[str]
    """Of each source."""
    sentences: list[Sentence]
    terms: list[list[str]]
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Findings:
    language: str
    """Of the question, ISO 639-1."""
    odds: float
    """Log-odds that the sources hold the answer."""
    quotes: list[tuple[Source, str]]
    """Each sentence with where it stands, in the order to be read."""


class ExtractiveAnswerer:
    """Quotes the two or three sentences most likely to hold the answer.

    Sentences are scored by vectors and by words; while the embedder is down, by words alone.
    Between "grounded" and "hopeless" the quotes come with the warning that they may miss the
    question.
    """

    name = "extractive"

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def answer(self, question: Question) -> AsyncGenerator[Delta | Verdict]:
        async with self._turns:
            findings = await self.find(question)
        suggestions: Sequence[str] = ()
        if findings.odds < HOPELESS:
            yield Delta(not_found(findings.language))
        else:
            if findings.odds < GROUNDED:
                yield Delta(closest(findings.language) + " ")
            space = ""
            for source, quote in findings.quotes:
                yield Delta(f"{space}{_plain(quote)} [{source.index}]", quotes=True)
                space = " "
            quoted = [source for source, _ in findings.quotes]
            suggestions = from_headings(question.sources, quoted, question.text, findings.language)
        yield Verdict(findings.odds >= GROUNDED, self.name, suggestions)

    async def find(self, question: Question) -> Findings:
        text = await self.rewrite(question.text, question.history, question.spent)
        language, shortlist = await asyncio.to_thread(_prepare, text, question.sources)
        if shortlist is None:
            return Findings(language, -math.inf, [])
        scores, cosine = await self._score(text, shortlist)
        best = int(scores.argmax())
        passage = shortlist.evidence.passage
        odds = groundedness(
            float(shortlist.evidence.near[best]),
            cosine,
            same_language=shortlist.languages[passage[best]] == language,
        )
        quotes = [
            (question.sources[passage[index]], shortlist.sentences[index].text)
            for index in _select(shortlist, scores)
        ]
        return Findings(language, odds, quotes)

    async def rewrite(self, question: str, history: Sequence[Turn], spent: Tokens) -> str:
        return await asyncio.to_thread(stand_alone, question, history) if history else question

    async def aclose(self) -> None:
        """The embedder belongs to who opened it."""

    async def _score(self, text: str, shortlist: Shortlist) -> tuple[Floats, float | None]:
        """Log-odds of each sentence, and the highest cosine if it can be interpreted."""
        scores = score_words(shortlist.evidence)
        passages = [f"{s.lead} {s.text}".strip() for s in shortlist.sentences]
        try:
            query, vectors = await asyncio.gather(
                self._embedder.embed_query(text), self._embedder.embed_passages(passages)
            )
        except ProviderUnavailable:
            return scores, None
        scores += score_vectors(shortlist.evidence, query, vectors)
        calibrated = self._embedder.model.startswith(CALIBRATED)
        return scores, float((vectors @ query).max()) if calibrated else None


def _plain(quote: str) -> str:
    """A number in brackets would be taken for a citation of ours, a backtick would hide ours."""
    return str(_BRACKETED_NUMBER.sub(_WORD_JOINER, quote)).replace("`", "'")


def _prepare(text: str, sources: Sequence[Source]) -> tuple[str, Shortlist | None]:
    """The question's language and the sentences worth a closer look, in order."""
    language = detect(text)
    languages = [detect(source.text) for source in sources]
    found = [
        (passage, sentence)
        for passage, source in enumerate(sources)
        for sentence in split(source.text, languages[passage])
    ]
    asked = dict.fromkeys(terms(text, [language]))
    if not found or not asked:
        return language, None
    sentences = [sentence for _, sentence in found]
    words = [terms(sentence.text, [language]) for sentence in sentences]
    leads = [
        {*terms(sentence.lead, [language]), *terms(sources[passage].context, [language])}
        for passage, sentence in found
    ]
    evidence = weigh_words(
        asked,
        [set(part) for part in words],
        leads,
        np.array([passage for passage, _ in found]),
        [source.similarity for source in sources],
    )
    best = np.sort(np.argsort(-score_words(evidence), kind="stable")[:SHORTLIST])
    return language, Shortlist(
        languages, [sentences[i] for i in best], [words[i] for i in best], evidence.take(best)
    )


def _select(shortlist: Shortlist, scores: Floats) -> list[int]:
    """The best passage's quotes first, within a passage in the order of the document."""
    odds = np.exp(scores - scores.max())
    probability = odds / odds.sum()
    chosen: list[int] = []
    for index in map(int, np.argsort(-scores, kind="stable")[:MAX_QUOTES]):
        if chosen and probability[chosen].sum() >= ENOUGH[len(chosen) - 1]:
            break
        length = sum(len(shortlist.terms[i]) for i in [*chosen, index])
        if len(chosen) == MAX_QUOTES - 1 and length > MAX_TERMS:
            break
        chosen.append(index)
    passage = shortlist.evidence.passage
    first = {p: place for place, p in reversed(list(enumerate(passage[chosen])))}
    return sorted(chosen, key=lambda index: (first[passage[index]], index))
