"""Which sentences answer a question, and whether any does.

The weights were fitted by maximum likelihood: a conditional logit over the sentences of the eight
best passages of each question (McFadden, 1974), and a logistic regression of "answerable" on the
best of them. Data: half of XQuAD in en, de, es, zh, ar, hi and half of SQuAD 2.0 (both CC BY-SA
4.0), with vectors of multilingual-e5-small. `bench/extraction.py` measures what they are worth.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]

BY_WORDS = np.array([5.90, 3.05, 2.63, 0.64], np.float32)
"""Of the question's words in the sentence, near it and in its passage (shares), and of the
passage's similarity (z-score)."""

BY_VECTORS = np.array([0.56, 0.58, 0.57], np.float32)
"""Of the cosines of the sentence, the sentence with its neighbours and its passage's best sentence
(z-scores)."""

NEIGHBOUR = 0.5
"""Weight of each neighbour in the vector of a sentence with its neighbours."""

FOREIGN_COSINE = 0.02
FOREIGN_SHARES = (0.21, 0.28, 0.32)
"""What a sentence that answers in another language lacks beside one in the question's: cosine, and
the shares of words that it would have in the sentence, near it and in its passage. Without them
the words of the question's language drown the meaning of all others."""

FOREIGN_DOUBT = 1.2
"""Log-odds that an answer in another language loses beside passages in the question's."""

CALIBRATED = "multilingual-e5-small"
"""Cosines of other models have other scales: there words alone tell whether an answer is there."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of n sentences in order of passage and place; arrays of shape (n,)."""

    place: Indices
    """Index among all sentences: neighbours differ by one."""
    passage: Indices
    similarity: Floats
    """Of the passage, as z-score among the passages."""
    own: Floats
    """Share of the question's words, weighted by rarity, that stand in the sentence ..."""
    near: Floats
    """... or beside it, or in the heading over it ..."""
    around: Floats
    """... or anywhere in the passage."""
    foreign: Flags
    """Whether the passage is in another language than the question."""

    def take(self, indices: Indices) -> "Evidence":
        return Evidence(
            self.place[indices],
            self.passage[indices],
            self.similarity[indices],
            self.own[indices],
            self.near[indices],
            self.around[indices],
            self.foreign[indices],
        )


def weigh_words(
    question: Collection[str],
    sentences: Sequence[Collection[str]],
    leads: Sequence[Collection[str]],
    passage: Indices,
    similarities: Sequence[float],
    stressed: Collection[str] = (),
    foreign: Sequence[bool] = (),
) -> tuple[Evidence, Floats]:
    """Compare by words; `passage` tells for each sentence which similarity belongs to it.

    Words that are `stressed` count twice. The rarities of the question's words add up to 1.
    """
    holds, above = (
        np.array([[word in part for word in question] for part in parts], np.float32)
        for parts in (sentences, leads)
    )
    count = len(sentences)
    frequency = holds.sum(0)
    rarity = np.log1p((count - frequency + 0.5) / (frequency + 0.5))
    rarity *= np.array([2 if word in stressed else 1 for word in question], np.float32)
    rarity /= rarity.sum()

    place = np.arange(count)
    beside = np.maximum(holds, above)
    adjacent = _adjacent(place, passage)
    beside[1:] = np.maximum(beside[1:], holds[:-1] * adjacent)
    beside[:-1] = np.maximum(beside[:-1], holds[1:] * adjacent)
    starts = np.flatnonzero(np.diff(passage, prepend=-1))
    anywhere = np.maximum.reduceat(beside, starts).repeat(np.diff(starts, append=count), axis=0)
    other = np.array(foreign or [False] * count, np.bool_)
    near = np.array(similarities, np.float32)
    of_source = np.zeros(len(near), np.bool_)
    np.logical_or.at(of_source, passage, other)
    near += FOREIGN_COSINE * of_source
    own, nearby, around = (
        share if other.all() else np.where(other, np.maximum(share, expected), share)
        for share, expected in zip(
            (holds @ rarity, beside @ rarity, anywhere @ rarity), FOREIGN_SHARES, strict=True
        )
    )
    evidence = Evidence(place, passage, _standardize(near)[passage], own, nearby, around, other)
    return evidence, rarity


def score_words(evidence: Evidence) -> Floats:
    """Log-odds, shape (n,), against the other sentences."""
    features = (evidence.own, evidence.near, evidence.around, evidence.similarity)
    return np.stack(features, axis=1) @ BY_WORDS


def score_vectors(evidence: Evidence, query: Floats, vectors: Floats) -> Floats:
    """What the vectors, shape (n, dimensions), add to the log-odds."""
    adjacent = _adjacent(evidence.place, evidence.passage)
    wide = vectors.copy()
    wide[1:] += NEIGHBOUR * vectors[:-1] * adjacent
    wide[:-1] += NEIGHBOUR * vectors[1:] * adjacent
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    cosines = vectors @ query + FOREIGN_COSINE * evidence.foreign
    best = np.full(evidence.passage.max() + 1, -1, np.float32)
    np.maximum.at(best, evidence.passage, cosines)
    features = (cosines, wide @ query, best[evidence.passage])
    return np.stack([_standardize(feature) for feature in features], axis=1) @ BY_VECTORS


def groundedness(near: float, cosine: float | None, same_language: bool) -> float:
    """Log-odds that the question is answerable.

    From the share of its words near the best sentence and, where the model is calibrated, the
    highest cosine of question and sentence. Languages share no words: between two, the cosine
    counts alone.
    """
    if cosine is None:
        return 7.38 * near - 2.66
    if same_language:
        return 4.36 * near + 46.76 * cosine - 41.75
    return 63.04 * cosine - 50.27


def _adjacent(place: Indices, passage: Indices) -> Floats:
    """Column of n - 1: whether a sentence and the next stand side by side."""
    side_by_side = (np.diff(place) == 1) & (np.diff(passage) == 0)
    return np.asarray(side_by_side[:, None], np.float32)


def _standardize(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-6), np.float32)
