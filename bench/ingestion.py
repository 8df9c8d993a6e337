"""How fast documents become searchable and ready, beside bare parsing and embedding.

    python -m bench.ingestion [--pages 100] [--large 1000] [--rounds 3]

Runs `lectern up` on a data folder of its own, with the local parser and embedder.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import asyncpg
import httpx
import psutil

from bench.product import DELETE, REGISTER, UPLOAD, lectern_up, raw_seconds, text_of, write_pdf
from cli.client import Client
from cli.instance import find_running
from core.ids import Kind, decode_id
from core.settings import MEBIBYTE, Settings

CANCEL = "mutation ($id: ID!) { cancelIngestion(documentId: $id) { __typename } }"
MARKS = {"API": "cli.main serve", "worker": "cli.main worker", "parser": "parsing.child"}
"""What the command lines of the product's processes hold."""
PICK_UPS = 40
DOCUMENTS = 10
_REACHED = """
SELECT extract(epoch FROM min(at) FILTER (WHERE status = 'PENDING')) AS pending,
  extract(epoch FROM min(at) FILTER (WHERE status = 'PROCESSING')) AS picked_up,
  extract(epoch FROM min(at) FILTER (WHERE status = 'SEARCHABLE')) AS searchable,
  extract(epoch FROM min(at) FILTER (WHERE status IN ('READY', 'FAILED', 'CANCELLED'))) AS ended,
  (SELECT chunk_count FROM document_versions v WHERE v.document_id = $1) AS chunks
FROM ingestion_events WHERE document_id = $1
"""


class Bench:
    """Uploads through the API and reads the stamps of the snapshots: one clock, the database's."""

    def __init__(self, client: Client, pool: asyncpg.Pool, folder: Path) -> None:
        self.client = client
        self.pool = pool
        self.folder = folder
        self.files = 0

    async def upload(self, path: Path) -> str:
        uploaded = (await self.client.upload(UPLOAD, path))["uploadDocument"]
        id_: str = uploaded["document"]["id"]
        return id_

    async def reached(self, id_: str, state: str, pause: float = 0.02) -> asyncpg.Record:
        """The stamps once the document has come so far."""
        key = decode_id(Kind.DOCUMENT, id_)
        while True:
            row = await self.pool.fetchrow(_REACHED, key)
            if row[state] is not None:
                return row
            await asyncio.sleep(pause)

    def text(self, words: int) -> Path:
        self.files += 1
        path = self.folder / f"text-{self.files}.txt"
        path.write_text(text_of(self.files, words))
        return path

    def pdf(self, pages: int) -> Path:
        self.files += 1
        path = self.folder / f"pdf-{self.files}.pdf"
        write_pdf(path, pages)
        return path


async def measure_pick_up(bench: Bench) -> None:
    waited = []
    for _ in range(PICK_UPS):
        row = await bench.reached(await bench.upload(bench.text(20)), "ended")
        waited.append(1000 * float(row["picked_up"] - row["pending"]))
    p95 = quantiles(waited, n=20)[-1]
    show("picked up by an idle worker", f"p50 {median(waited):.0f} ms, p95 {p95:.0f} ms (bar: 100)")


async def measure_pdf(bench: Bench, pages: int, rounds: int, settings: Settings) -> None:
    searchable, ready, parse, embed, chunks = [], [], [], [], 0
    for _ in range(rounds):
        path = bench.pdf(pages)
        row = await bench.reached(await bench.upload(path), "ended")
        searchable.append(float(row["searchable"] - row["picked_up"]))
        ready.append(float(row["ended"] - row["picked_up"]))
        chunks = row["chunks"]
        parsed, embedded = await raw_seconds(path, settings)
        parse.append(parsed)
        embed.append(embedded)
    overhead = (median(ready) - median(parse) - median(embed)) / median(embed)
    embedding = median(ready) - median(searchable)
    name = f"{pages}-page PDF"
    show(f"{name} SEARCHABLE", f"{median(searchable):.2f} s (bar: 3)")
    show("  bare parser", f"{median(parse):.2f} s")
    show("  pages read and indexed", f"{pages / median(searchable):.0f} /s")
    show(f"{name} READY", f"{median(ready):.1f} s, {chunks} passages")
    show("  passages embedded", f"{chunks / embedding:.1f} /s")
    show("  bare embedder", f"{chunks / median(embed):.1f} /s")
    show("  more than both bare", f"{overhead:.0%} of the embedding (bar: 10%)")


async def measure_health(bench: Bench, url: str) -> None:
    """The slowest answers: of an idle product, and while ten documents are ingested."""
    paths = [bench.pdf(8) for _ in range(DOCUMENTS)]
    await answers(url, "/healthz of an idle product", asyncio.create_task(asyncio.sleep(5)))
    ids = [await bench.upload(path) for path in paths]
    ended = asyncio.gather(*(bench.reached(id_, "ended", pause=0.5) for id_ in ids))
    await answers(url, f"/healthz beside {DOCUMENTS} documents", ended)


async def answers(url: str, name: str, meanwhile: asyncio.Future[Any]) -> None:
    milliseconds = []
    async with httpx.AsyncClient() as http:
        await http.get(f"{url}/healthz")
        while not meanwhile.done():
            begun = time.perf_counter()
            await http.get(f"{url}/healthz")
            milliseconds.append(1000 * (time.perf_counter() - begun))
            await asyncio.sleep(0.01)
    await meanwhile
    p99, worst = quantiles(milliseconds, n=100)[-1], max(milliseconds)
    show(name, f"p99 {p99:.1f} ms, worst of {len(milliseconds)}: {worst:.0f} ms (bar: 50)")


@asynccontextmanager
async def peaks(family: psutil.Process) -> AsyncIterator[dict[str, float]]:
    """Resident MiB of each kind of process at its largest."""
    found: dict[str, float] = {}

    async def watch() -> None:
        while True:
            for process in family.children(recursive=True):
                try:
                    command = " ".join(process.cmdline())
                    size = process.memory_info().rss / MEBIBYTE
                except psutil.Error:
                    continue
                for name, mark in MARKS.items():
                    if mark in command:
                        found[name] = max(found.get(name, 0), size)
            await asyncio.sleep(0.05)

    watching = asyncio.create_task(watch())
    try:
        yield found
    finally:
        watching.cancel()


async def measure_large(bench: Bench, pages: int, family: psutil.Process) -> None:
    path = bench.pdf(pages)
    async with peaks(family) as found:
        id_ = await bench.upload(path)
        row = await bench.reached(id_, "searchable")
        await asyncio.sleep(5)
    seconds = float(row["searchable"] - row["picked_up"])
    show(f"{pages}-page PDF SEARCHABLE", f"{seconds:.1f} s, {row['chunks']} passages")
    sizes = ", ".join(f"{name} {size:.0f} MiB" for name, size in sorted(found.items()))
    show("  peak memory", f"{sizes} (bar: 500)")
    cancelled = await timed(lambda: bench.client.execute(CANCEL, id=id_))
    deleted = await timed(lambda: bench.client.execute(DELETE, id=id_))
    begun = time.perf_counter()
    while await bench.pool.fetchval("SELECT count(*) FROM purges"):  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    show("  cancelled", f"{1000 * cancelled:.0f} ms")
    show(
        "  deleted", f"{1000 * deleted:.0f} ms, its rows {time.perf_counter() - begun:.1f} s later"
    )


def show(what: str, result: str) -> None:
    print(f"{what:32} {result}", flush=True)


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    begun = time.perf_counter()
    await work()
    return time.perf_counter() - begun


async def run(args: argparse.Namespace, folder: Path) -> None:
    settings = Settings(_env_file=None, data_dir=folder / "data")
    with lectern_up(settings.data_dir) as (url, _, family):
        running = find_running(settings.data_dir)
        assert running is not None
        superuser = (running.database_url or "").replace("lectern_app@", "postgres@")
        async with asyncpg.create_pool(superuser) as pool, Client(url) as client:
            account = {"email": "bench@example.org", "password": "bench bench bench"}
            registered = await client.execute(REGISTER, input=account)
            client.access_token = registered["register"]["accessToken"]
            bench = Bench(client, pool, folder)
            await bench.reached(await bench.upload(bench.text(2000)), "ended")
            show("processors", f"{os.cpu_count()}, load {os.getloadavg()[0]:.1f}")
            await measure_pick_up(bench)
            await measure_pdf(bench, args.pages, args.rounds, settings)
            await measure_health(bench, url)
            await measure_large(bench, args.large, family)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--large", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    args, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="lectern-bench-") as folder:
        asyncio.run(run(args, Path(folder)))


if __name__ == "__main__":
    main()
