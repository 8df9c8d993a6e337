"""Speed of the local embedder beside bare ONNX Runtime, and its quality on XQuAD.

    python -m bench.embedding [--data DIR]

DIR holds `qa/xquad.LANG.json`: `{"paragraphs": [text], "questions": [{"question", "paragraph"}]}`,
made from https://github.com/google-deepmind/xquad.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import numpy as np
import psutil

from core.settings import Settings
from providers.embedding import Embedder
from providers.embedding.bundle import DIMENSIONS, NAME, bundled_model
from providers.embedding.encoder import Encoder
from providers.embedding.local import BATCH_WINDOWS, PASSAGE_PREFIX, LocalEmbedder

PASSAGE = "The keeper of the lighthouse wrote the height of the tide into her book. " * 14
PASSAGES = 64
QUERIES = 100
ROUNDS = 3


@contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    """Seconds since it was started."""
    start = time.perf_counter()
    yield lambda: time.perf_counter() - start


def memory() -> float:
    """Resident MiB of this process."""
    return float(psutil.Process().memory_info().rss) / 2**20


def raw_passages_per_second(folder: Path, threads: int) -> float:
    """Of the bare session, its inputs ready: as many batches at once as the embedder runs."""
    encoder = Encoder(folder)
    feed = encoder.feed(encoder.windows(PASSAGE_PREFIX + PASSAGE) * BATCH_WINDOWS)
    batches = PASSAGES // BATCH_WINDOWS
    with ThreadPoolExecutor(threads) as pool, stopwatch() as seconds:
        list(pool.map(lambda _: encoder.session.run(None, feed), range(batches)))
        return PASSAGES / seconds()


async def passages_per_second(embedder: Embedder) -> float:
    with stopwatch() as seconds:
        await embedder.embed_passages([PASSAGE] * PASSAGES)
        return PASSAGES / seconds()


async def query_milliseconds(embedder: Embedder) -> list[float]:
    milliseconds = []
    for i in range(QUERIES):
        with stopwatch() as seconds:
            await embedder.embed_query(f"Who wrote the height of tide number {i} into the book?")
            milliseconds.append(seconds() * 1000)
    return milliseconds


async def speed(embedder: Embedder, folder: Path, threads: int) -> None:
    before = memory()
    with stopwatch() as seconds:
        await embedder.embed_query("opens the model")
        print(f"open and first query {seconds():.2f} s, +{memory() - before:.0f} MiB")

    tokens = len(Encoder(folder).windows(PASSAGE_PREFIX + PASSAGE)[0])
    rounds = [
        (await passages_per_second(embedder), raw_passages_per_second(folder, threads))
        for _ in range(ROUNDS)
    ]
    best, raw = map(max, zip(*rounds, strict=True))
    print(f"{best:.1f} passages/s of {tokens} tokens, {best / raw:.2f} of the bare session")

    idle = await query_milliseconds(embedder)
    print(f"query {median(idle):.1f} ms, p95 {quantiles(idle, n=20)[-1]:.1f} ms")
    bulk = asyncio.create_task(embedder.embed_passages([PASSAGE] * 1_000))
    busy = await query_milliseconds(embedder)
    bulk.cancel()
    print(f"beside passages {median(busy):.1f} ms, p95 {quantiles(busy, n=20)[-1]:.1f} ms")


def datasets(data: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((data / "qa").glob("xquad.*.json"))]


async def quality(embedder: Embedder, data: dict[str, Any]) -> None:
    passages = await embedder.embed_passages(data["paragraphs"])
    ranks = []
    for question in data["questions"]:
        similarities = passages @ await embedder.embed_query(question["question"])
        ranks.append(int((similarities > similarities[question["paragraph"]]).sum()))
    first, fifth = (float(np.mean(np.array(ranks) < k)) for k in (1, 5))
    print(f"{data['language']}: hit@1 {first:.3f}, hit@5 {fifth:.3f}, {len(ranks)} questions")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, metavar="DIR")
    data: Path | None = parser.parse_args().data

    settings = Settings()
    folder = bundled_model(settings.data_dir / "models")
    threads = settings.embedding_threads
    embedder = LocalEmbedder(lambda: folder, NAME, DIMENSIONS, threads)
    await speed(embedder, folder, threads)
    if data is not None:
        for dataset in datasets(data):
            await quality(embedder, dataset)
    await embedder.aclose()


if __name__ == "__main__":
    asyncio.run(main())
