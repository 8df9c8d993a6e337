"""Quality of retrieval on public question sets, then its speed and storage on synthetic rows.

    python -m bench.retrieval [--data DIR] [--keep DIR] [--sizes 100 1000 10000 100000]

DIR holds `qa/*.json`: `{"paragraphs": [text], "questions": [{"question", "paragraph"}]}`, made from
https://github.com/google-deepmind/xquad and https://rajpurkar.github.io/SQuAD-explorer. Paragraphs
go through upload and ingestion; every question is a `search`.
"""

import argparse
import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from bench.retrieval.latency import measure_latency
from bench.retrieval.product import open_product
from bench.retrieval.quality import measure_quality


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, metavar="DIR")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where the next run finds it all")
    parser.add_argument("--questions", type=int, help="of each set (default: all)")
    parser.add_argument("--per-file", type=int, default=1, help="paragraphs in one document")
    parser.add_argument(
        "--sizes", type=int, nargs="*", default=[100, 1_000, 10_000], help="of synthetic libraries"
    )
    arguments = parser.parse_args()

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    with TemporaryDirectory() as temporary:
        async with open_product(arguments.keep or Path(temporary)) as product:
            if arguments.data is not None:
                await measure_quality(
                    product, arguments.data, arguments.questions, arguments.per_file
                )
            if arguments.sizes:
                await measure_latency(product, sorted(arguments.sizes))


if __name__ == "__main__":
    asyncio.run(main())
