"""The extractive answerer beside a plain baseline, on XQuAD and SQuAD 2.0.

    python -m bench.extraction --data DIR [--questions 200]

DIR holds `qa/xquad.LANG.json` (https://github.com/google-deepmind/xquad) and `qa/squad2.json`
(https://github.com/rajpurkar/SQuAD-explorer), both as `{"paragraphs", "questions": [{"question",
"paragraph", "answers", "unanswerable"}]}`. A file is a library: its paragraphs are ranked by
reciprocal rank fusion of vectors and BM25, and the first eight are handed to the answerer.
The intervals are 95 % bootstrap percentiles over questions.
"""

import argparse
import asyncio
import json
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from core.settings import Settings
from core.terms import terms
from providers.answering import Question, Source
from providers.answering.extractive import GROUNDED, ExtractiveAnswerer
from providers.answering.sentences import split
from providers.embedding import Embedder, Vectors
from providers.embedding.factory import open_embedder

LANGUAGES = ("en", "de", "es", "zh", "ar", "hi")
SOURCES = 8
ROUNDS = 1_000


@dataclass(frozen=True, slots=True)
class Answered:
    """One question's outcome; `odds` is the log-odds of being answerable."""

    answerable: bool
    contained: bool
    cited: bool
    words: float
    odds: float = 0.0


class Remembering:
    """Embeds each text once: a bench asks about the same sentences again and again."""

    def __init__(self, embedder: Embedder) -> None:
        self.model = embedder.model
        self.dimensions = embedder.dimensions
        self._embedder = embedder
        self._passages: dict[str, Vectors] = {}

    async def embed_passages(self, texts: Sequence[str]) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in self._passages]
        if new:
            self._passages |= zip(new, await self._embedder.embed_passages(new), strict=True)
        return np.array([self._passages[text] for text in texts])

    async def embed_query(self, text: str) -> Vectors:
        return await self._embedder.embed_query(text)

    async def aclose(self) -> None:
        await self._embedder.aclose()


class Library:
    """Paragraphs with their vectors and BM25 weights (k1 1.2, b 0.75)."""

    def __init__(self, paragraphs: list[str], language: str, vectors: Vectors) -> None:
        self.paragraphs = paragraphs
        self.language = language
        self._vectors = vectors
        counts = [Counter(terms(text, [language])) for text in paragraphs]
        lengths = np.array([count.total() for count in counts])
        self._weights: dict[str, dict[int, float]] = {}
        for index, count in enumerate(counts):
            norm = 1.2 * (0.25 + 0.75 * lengths[index] / lengths.mean())
            for term, frequency in count.items():
                self._weights.setdefault(term, {})[index] = frequency * 2.2 / (frequency + norm)

    def search(
        self, question: str, query: Vectors, without: Collection[int] = ()
    ) -> list[tuple[int, float]]:
        """The best paragraphs with their cosines, as if those `without` were not here."""
        cosines = self._vectors @ query
        lexical = np.zeros(len(self.paragraphs))
        for term in dict.fromkeys(terms(question, [self.language])):
            weights = self._weights.get(term, {})
            rarity = np.log1p((len(lexical) - len(weights) + 0.5) / (len(weights) + 0.5))
            for index, weight in weights.items():
                lexical[index] += rarity * weight
        fused = sum(1 / (61 + np.argsort(np.argsort(-leg))) for leg in (cosines, lexical))
        ranking = [int(i) for i in np.argsort(-np.asarray(fused)) if i not in without]
        return [(i, float(cosines[i])) for i in ranking[:SOURCES]]


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=200, help="of each file; 0: all")
    arguments = parser.parse_args()

    embedder = Remembering(open_embedder(Settings()))
    answerer = ExtractiveAnswerer(embedder)
    table = Table("set", "", "gold contained", "cited first", "median words", "called ungrounded")
    refusals: list[Answered] = []
    strangers: list[Answered] = []
    for name in [*(f"xquad.{language}" for language in LANGUAGES), "squad2"]:
        data = json.loads((arguments.data / "qa" / f"{name}.json").read_text())
        language = name.partition(".")[2] or "en"
        paragraphs = [p if isinstance(p, str) else p["text"] for p in data["paragraphs"]]
        library = Library(paragraphs, language, await embedder.embed_passages(paragraphs))
        questions = data["questions"]
        if arguments.questions and arguments.questions < len(questions):
            questions = random.Random(0).sample(questions, arguments.questions)
        ours, plain = [], []
        for question in track(questions, name, transient=True):
            query = await embedder.embed_query(question["question"])
            found = library.search(question["question"], query)
            ours.append(await extract(answerer, library, question, found))
            plain.append(await baseline(embedder, library, question, query, found))
            if name == "squad2" and ours[-1].answerable:
                article = data["paragraphs"][question["paragraph"]]["article"]
                same = {i for i, p in enumerate(data["paragraphs"]) if p["article"] == article}
                others = library.search(question["question"], query, without=same)
                stranger = await extract(answerer, library, question, others)
                strangers.append(replace(stranger, answerable=False))
        for label, outcomes in (("extractive", ours), ("baseline", plain)):
            answerable = [outcome for outcome in outcomes if outcome.answerable]
            table.add_row(
                name,
                label,
                interval(lambda s: float(np.mean([o.contained for o in s])), answerable),
                interval(lambda s: float(np.mean([o.cited for o in s])), answerable),
                f"{np.median([o.words for o in answerable]):.0f}",
                f"{np.mean([o.odds < GROUNDED for o in answerable]):.3f}"
                if outcomes is ours
                else "",
            )
        refusals = ours
    console = Console(width=120)
    console.print(table)
    answerable = [outcome for outcome in refusals if outcome.answerable]
    for kind, outcomes in (
        ("SQuAD 2.0, unanswerable beside a paragraph on the matter", refusals),
        ("SQuAD 2.0, answerable and the same with their articles removed", answerable + strangers),
    ):
        best = max(sorted({o.odds for o in outcomes}), key=lambda limit: f1(outcomes, limit))
        console.print(f"\n{kind}, {len(outcomes)} questions")
        console.print("AUROC", interval(auroc, outcomes))
        console.print(
            f"F1 of refusing under {GROUNDED}", interval(lambda s: f1(s, GROUNDED), outcomes)
        )
        console.print(f"F1 of refusing under {best:.2f}, the best limit: {f1(outcomes, best):.3f}")
        console.print(f"F1 of refusing everything: {f1(outcomes, np.inf):.3f}")
    await embedder.aclose()


async def extract(
    answerer: ExtractiveAnswerer,
    library: Library,
    question: dict[str, Any],
    found: list[tuple[int, float]],
) -> Answered:
    sources = [
        Source(index, "", 1, library.paragraphs[paragraph], cosine)
        for index, (paragraph, cosine) in enumerate(found, start=1)
    ]
    findings = await answerer.find(Question(question["question"], [], sources))
    quotes = [(found[quote.source.index - 1][0], quote.text) for quote in findings.quotes]
    return judge(question, quotes, library.language, findings.odds)


async def baseline(
    embedder: Embedder,
    library: Library,
    question: dict[str, Any],
    query: Vectors,
    found: list[tuple[int, float]],
) -> Answered:
    """The best two sentences of the best three passages, by vector and by shared words."""
    sentences = [
        (paragraph, sentence.text)
        for paragraph, _ in found[:3]
        for sentence in split(library.paragraphs[paragraph], library.language)
    ]
    cosines = await embedder.embed_passages([text for _, text in sentences]) @ query
    asked = set(terms(question["question"], [library.language]))
    shared = np.array(
        [len(asked.intersection(terms(text, [library.language]))) for _, text in sentences]
    )
    scores = sum((leg - leg.mean()) / max(leg.std(), 1e-6) for leg in (cosines, shared))
    best = np.argsort(-np.asarray(scores))[:2]
    return judge(question, [sentences[i] for i in best], library.language)


def judge(
    question: dict[str, Any], quotes: list[tuple[int, str]], language: str, odds: float = 0.0
) -> Answered:
    text = " ".join(quote for _, quote in quotes)
    return Answered(
        answerable=not question.get("unanswerable", False),
        contained=any(normal(answer) in normal(text) for answer in question["answers"]),
        cited=bool(quotes) and quotes[0][0] == question["paragraph"],
        # A Chinese word is about 1.6 characters long.
        words=len(text) / 1.6 if language == "zh" else len(text.split()),
        odds=odds,
    )


def normal(text: str) -> str:
    """As SQuAD's own evaluation compares: no case, punctuation or English article."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    spaced = "".join(" " if unicodedata.category(c).startswith("P") else c for c in folded)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", spaced).split())


def auroc(outcomes: Iterable[Answered]) -> float:
    """Probability that an answerable question scores above an unanswerable one."""
    outcomes = list(outcomes)
    ranks = np.argsort(np.argsort([o.odds for o in outcomes])) + 1.0
    answerable = np.array([o.answerable for o in outcomes])
    positives, negatives = answerable.sum(), (~answerable).sum()
    above = ranks[answerable].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def f1(outcomes: Iterable[Answered], limit: float) -> float:
    refused = [(o.odds < limit, not o.answerable) for o in outcomes]
    right = sum(said and meant for said, meant in refused)
    return 2 * right / max(1, sum(said + meant for said, meant in refused))


def interval(statistic: Callable[[list[Answered]], float], outcomes: list[Answered]) -> str:
    draw = random.Random(0)
    values = [statistic(draw.choices(outcomes, k=len(outcomes))) for _ in range(ROUNDS)]
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return f"{statistic(outcomes):.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    asyncio.run(main())
