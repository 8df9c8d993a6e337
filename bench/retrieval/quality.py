"""Is the right paragraph found, and how far up?"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from bench.retrieval.product import Product
from core.principal import Principal
from db.retrieval import Hit
from services.retrieval import Fusion, Retrieval

DEPTH = 10
RESAMPLES = 1_000
LEGS = {
    "bm25": Fusion(semantic_weight=0, sentence_weight=0),
    "vector": Fusion(lexical_weight=0, sentence_weight=0),
    "hybrid": Fusion(),
}
CROSS_LINGUAL_LIBRARY = "en"


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    paragraph: int


@dataclass(frozen=True, slots=True)
class Dataset:
    name: str
    paragraphs: list[str]
    questions: list[Question]


def datasets(folder: Path, limit: int | None) -> list[Dataset]:
    """XQuAD's languages and SQuAD; at most `limit` answerable questions of each, drawn evenly."""
    return [_dataset(path, limit) for path in sorted((folder / "qa").glob("*.json"))]


def _dataset(path: Path, limit: int | None) -> Dataset:
    data = json.loads(path.read_text())
    questions = [
        Question(question["question"], question["paragraph"])
        for question in data["questions"]
        if not question.get("unanswerable")
    ]
    if limit is not None and limit < len(questions):
        questions = random.Random(0).sample(questions, limit)
    paragraphs = [p if isinstance(p, str) else p["text"] for p in data["paragraphs"]]
    return Dataset(path.stem, paragraphs, questions)


class Library:
    """A user who has uploaded the paragraphs of a data set, `per_file` to a text file.

    A passage is the right one when it shares half of itself, or of the paragraph, with it.
    """

    SEPARATOR = "\n\n"

    def __init__(self, dataset: Dataset, per_file: int) -> None:
        self.name = f"{dataset.name}.{per_file}"
        self._files: dict[str, str] = {}
        self._places: list[tuple[str, int, int]] = []
        for first in range(0, len(dataset.paragraphs), per_file):
            filename = f"{first + 1:04}.txt"
            start = 0
            group = dataset.paragraphs[first : first + per_file]
            for paragraph in group:
                self._places.append((filename, start, start + len(paragraph)))
                start += len(paragraph) + len(self.SEPARATOR)
            self._files[filename] = self.SEPARATOR.join(group)
        self.principal: Principal
        self._documents: dict[UUID, str]

    async def fill(self, product: Product) -> None:
        self.principal = await product.user(self.name)
        self._documents = await product.upload(self.principal, self._files)

    def is_right(self, hit: Hit, paragraph: int) -> bool:
        filename, start, end = self._places[paragraph]
        length = min(len(hit.text), end - start)
        shared = min(hit.start + len(hit.text), end) - max(hit.start, start)
        return self._documents[hit.document_id] == filename and 2 * shared >= length


async def ranks(
    retrieval: Retrieval, library: Library, questions: Sequence[Question]
) -> NDArray[np.float64]:
    """Rank of the first right passage of each question, from 1; infinite beyond `DEPTH`."""
    found = []
    for question in questions:
        hits = await retrieval.search(library.principal, question.text, DEPTH)
        right = (
            rank
            for rank, hit in enumerate(hits, start=1)
            if hit.score != 0  # a leg gives nothing for what it did not find
            and library.is_right(hit, question.paragraph)
        )
        found.append(next(right, np.inf))
    return np.array(found)


def describe(ranks: NDArray[np.float64]) -> str:
    """Each measure with the 95 % interval of its bootstrap."""
    measures = {
        "hit@1": ranks <= 1,
        "hit@5": ranks <= 5,
        "hit@10": ranks <= 10,
        "MRR": 1 / ranks,
        "nDCG@10": 1 / np.log2(1 + ranks),
    }
    samples = np.random.default_rng(0).integers(len(ranks), size=(RESAMPLES, len(ranks)))
    columns = []
    for name, values in measures.items():
        low, high = np.quantile(values[samples].mean(axis=1), (0.025, 0.975))
        columns.append(f"{name} {values.mean():.3f} [{low:.3f} {high:.3f}]")
    return "  ".join(columns)


async def measure_quality(product: Product, folder: Path, limit: int | None, per_file: int) -> None:
    sets = datasets(folder, limit)
    libraries = {dataset.name: Library(dataset, per_file) for dataset in sets}
    for library in libraries.values():
        await library.fill(product)
    await product.ingest()

    english = f"xquad.{CROSS_LINGUAL_LIBRARY}"
    asked = [(dataset, libraries[dataset.name], dataset.name) for dataset in sets]
    asked += [
        (dataset, libraries[english], f"{dataset.name}>{CROSS_LINGUAL_LIBRARY}")
        for dataset in sets
        if dataset.name.startswith("xquad.") and dataset.name != english
    ]
    for dataset, library, name in asked:
        for leg, fusion in LEGS.items():
            retrieval = Retrieval(
                product.services.database,
                product.services.embedder,
                graph_chunks=product.settings.graph_chunks,
                fusion=fusion,
            )
            found = await ranks(retrieval, library, dataset.questions)
            print(f"{name:12} {leg:7} {describe(found)}", flush=True)
