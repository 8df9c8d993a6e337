"""What becomes of a ranking before it is shown."""

import re
from collections.abc import Sequence

from core.terms import fold
from db.retrieval import Hit

SAME = 0.9
"""Share of their words that two passages have in common when they say the same."""
_WORD = re.compile(r"\w+")


def distinct(hits: Sequence[Hit]) -> list[Hit]:
    """Of passages that say the same, the first. Any other number makes another passage.

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
