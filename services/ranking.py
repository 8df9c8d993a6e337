"""Changes to a ranking before it is shown."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.terms import fold, word_terms
from db.retrieval import Hit

SAME = 0.9
"""Share of common words from which on two passages say the same."""
SENTENCES_OF = 10
"""How many passages are read sentence by sentence."""
_WORD = re.compile(r"\w+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？।؟۔])|\n+")


def distinct(hits: Sequence[Hit]) -> list[Hit]:
    """The passages without those that say the same as an earlier one.

    Passages with different numbers never say the same.

    Likeness is Jaccard's of the sets of words; where words are not spaced, of clauses.
    """
    kept: list[tuple[Hit, set[str], set[str]]] = []
    for hit in hits:
        words = set(_WORD.findall(fold(hit.text)))
        numbers = {word for word in words if not word.isalpha()}
        if not any(
            numbers == other_numbers and _alike(words, others) for _, others, other_numbers in kept
        ):
            kept.append((hit, words, numbers))
    return [hit for hit, _, _ in kept]


def by_best_sentence(
    hits: Sequence[Hit], weights: Mapping[str, float], languages: tuple[str, ...], share: float
) -> list[Hit]:
    """Rank the first `SENTENCES_OF` hits anew, by their best sentences too.

    Where a sentence has it all, the answer is more likely than where it is scattered. `weights` are
    those of the question's terms; `share` of the best sentence's is added to the score.
    """

    def told(sentence: str) -> float:
        found = {term for word in sentence.split() for term in word_terms(word, languages)}
        return sum(weight for term, weight in weights.items() if term in found)

    read = [
        replace(
            hit,
            score=hit.score + share * max(hit.credit, *map(told, _SENTENCE_END.split(hit.text))),
        )
        for hit in hits[:SENTENCES_OF]
    ]
    return sorted(read, key=lambda hit: hit.score, reverse=True) + list(hits[SENTENCES_OF:])


def each_document_first(hits: Sequence[Hit]) -> list[Hit]:
    """The best passage of each document, then all others."""
    seen = set()
    best: list[Hit] = []
    others: list[Hit] = []
    for hit in hits:
        (others if hit.document_id in seen else best).append(hit)
        seen.add(hit.document_id)
    return best + others


def _alike(words: set[str], others: set[str]) -> bool:
    common, fewer, more = len(words & others), *sorted((len(words), len(others)))
    return common >= SAME * (fewer + more - common)
