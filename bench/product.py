"""The product as a user meets it: starting, uploading, reading, asking; references beside.

    python -m bench.product [--rounds 5]

Runs `lectern up` on a data folder of its own, and talks to it over real sockets.
"""

import argparse
import asyncio
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import psutil
from fpdf import FPDF

from bench import http
from cli.client import Client
from core.settings import MEBIBYTE, Settings
from db.documents import Page
from providers.embedding.factory import open_embedder
from providers.parsing.factory import open_parser
from services.ingestion.chunking import PAGE_BREAK, chunk_pages

REGISTER = """mutation ($input: RegisterInput!) {
  register(input: $input) { ... on Session { accessToken } } }"""
UPLOAD = """mutation ($file: Upload!) { uploadDocument(input: { file: $file }) {
  ... on UploadedDocument { document { id } } ... on Error { message } } }"""
DELETE = "mutation ($id: ID!) { deleteDocument(id: $id) { ... on DeletedDocument { id } } }"
PROGRESS = "subscription ($id: ID!) { documentProgress(documentId: $id) { status } }"
CHAT = """subscription ($input: ChatInput!) { chat(input: $input) {
  __typename ... on ChatDelta { text } } }"""
WORDS = [line.strip() for line in __doc__.split() if line.isalpha()] + [
    f"{head}{tail}"
    for head in ("sea", "tide", "light", "stone", "wind", "brass", "rope", "salt")
    for tail in ("ing", "house", "keeper", "mark", "wheel", "line", "gauge", "work")
]


@contextmanager
def lectern_up(data_dir: Path) -> Iterator[tuple[str, float, psutil.Process]]:
    """Address, seconds until ready, and the supervisor."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "up"],
        env=os.environ | {"LECTERN_DATA_DIR": str(data_dir), "LECTERN_PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if found := re.search(r"API +(http\S+)/graphql", line):
                yield found[1], time.perf_counter() - begun, psutil.Process(process.pid)
                break
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def text_of(seed: int, words: int) -> str:
    chosen = random.Random(seed).choices(WORDS, k=words)
    return " ".join(f"{word}." if i % 12 == 11 else word for i, word in enumerate(chosen))


def write_pdf(path: Path, pages: int) -> None:
    pdf = FPDF()
    pdf.set_font("helvetica", size=11)
    for number in range(pages):
        pdf.add_page()
        pdf.multi_cell(0, 6, text_of(hash((path.name, number)), 400))
    pdf.output(os.fspath(path))


async def measure_queries(url: str, token: str) -> dict[str, float]:
    """Requests a second of `{ me { id } }` over eight connections."""
    body = json.dumps({"query": "{ me { id } }"}).encode()
    request = (
        f"POST /graphql HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    address = urlsplit(url)
    args = argparse.Namespace(seconds=3.0, connections=8)
    assert address.hostname is not None
    assert address.port is not None
    rate = await http.measure((address.hostname, address.port), request, args)
    with http.serving() as listening:
        return {"me": rate, "empty": await http.measure(listening, http.EMPTY, args)}


async def measure_upload(client: Client, folder: Path, rounds: int) -> float:
    """Seconds until 10 MB are acknowledged; each is deleted again before it is read."""
    seconds = []
    for number in range(rounds):
        path = folder / f"large-{number}.txt"
        path.write_bytes((text_of(number, 5000) * 400).encode()[: 10 * 1000 * 1000])
        begun = time.perf_counter()
        uploaded = await client.upload(UPLOAD, path)
        seconds.append(time.perf_counter() - begun)
        await client.execute(DELETE, id=uploaded["uploadDocument"]["document"]["id"])
    return median(seconds)


async def measure_ingestion(client: Client, path: Path) -> dict[str, float]:
    """Seconds from the acknowledged upload to each status."""
    uploaded = await client.upload(UPLOAD, path)
    begun = time.perf_counter()
    reached: dict[str, float] = {}
    async for event in client.subscribe(PROGRESS, id=uploaded["uploadDocument"]["document"]["id"]):
        status = event["documentProgress"]["status"]
        reached.setdefault(status, time.perf_counter() - begun)
    return reached


async def raw_seconds(path: Path, settings: Settings) -> tuple[float, float]:
    """The same file parsed and embedded without the product around."""
    parser, embedder = open_parser(settings), open_embedder(settings)
    begun = time.perf_counter()
    pages: list[Page] = []
    async for window in parser.parse(path, "application/pdf"):
        for page in window.pages:
            start = pages[-1].start + len(pages[-1].text) + len(PAGE_BREAK) if pages else 0
            pages.append(Page(page.number, start, page.text, None, None, []))
    parsed = time.perf_counter() - begun
    texts = [f"{c.context}\n{c.text}" for c in chunk_pages(path.name, pages, ["en"] * len(pages))]
    await embedder.embed_passages(texts[:4])
    begun = time.perf_counter()
    await embedder.embed_passages(texts)
    embedded = time.perf_counter() - begun
    await embedder.aclose()
    return parsed, embedded


async def measure_chat(client: Client, rounds: int) -> tuple[float, float]:
    """Median seconds to the first event and to the first words."""
    firsts, deltas = [], []
    for number in range(rounds + 1):
        question = {"clientMessageId": str(number), "text": f"Where is the {WORDS[-number - 1]}?"}
        begun = time.perf_counter()
        async for event in client.subscribe(CHAT, input=question):
            seconds = time.perf_counter() - begun
            if event["chat"]["__typename"] == "ChatStarted":
                firsts.append(seconds)
            elif event["chat"]["__typename"] == "ChatDelta":
                deltas.append(seconds)
                break
    return median(firsts[1:]), median(deltas[1:])


def resident(process: psutil.Process, command: str) -> float:
    """MiB of the process that runs `lectern <command>`."""
    for child in process.children(recursive=True):
        if command in child.cmdline():
            return float(child.memory_info().rss) / MEBIBYTE
    raise LookupError(command)


async def run(rounds: int, folder: Path) -> None:
    data_dir = folder / "data"
    settings = Settings(_env_file=None, data_dir=data_dir)
    with lectern_up(data_dir) as (_, first_start, _process):
        print(f"first start to ready         {first_start:8.1f} s")
    with lectern_up(data_dir) as (url, start, process):
        print(f"second start to ready        {start:8.1f} s    (bar: 10)")
        async with Client(url) as client:
            account = {"email": "bench@example.org", "password": "bench bench bench"}
            registered = await client.execute(REGISTER, input=account)
            client.access_token = registered["register"]["accessToken"]

            rates = await measure_queries(url, client.access_token or "")
            ratio = rates["me"] / rates["empty"]
            print(
                f"`me` queries                 {rates['me']:8.0f} /s   "
                f"(an empty Starlette route: {rates['empty']:.0f}, ratio {ratio:.2f})"
            )
            seconds = await measure_upload(client, folder, rounds)
            print(f"10 MB upload acknowledged    {seconds * 1000:8.0f} ms")

            small = folder / "small.pdf"
            write_pdf(small, 4)
            reached = await measure_ingestion(client, small)
            print(f"4-page PDF READY             {reached['READY']:8.2f} s    (bar: 15)")
            searchable, ready, shares = [], [], []
            for number in range(rounds):
                path = folder / f"text-{number}.pdf"
                write_pdf(path, 20)
                reached = await measure_ingestion(client, path)
                parsed, embedded = await raw_seconds(path, settings)
                searchable.append(reached["SEARCHABLE"])
                ready.append(reached["READY"])
                shares.append(embedded / reached["READY"])
            print(
                f"20-page PDF SEARCHABLE       {median(searchable):8.2f} s    "
                f"(raw parsing: {parsed:.2f})"
            )
            print(
                f"20-page PDF READY            {median(ready):8.2f} s    "
                f"(raw embedding: {embedded:.2f}, its share {median(shares):.0%})"
            )
            first, delta = await measure_chat(client, rounds)
            print(f"first chat event             {first * 1000:8.0f} ms")
            print(f"first words of an answer     {delta * 1000:8.0f} ms   (bar: 300)")
        print(f"resident memory of the API   {resident(process, 'serve'):8.0f} MiB  (bar: 400)")
        print(f"resident memory of a worker  {resident(process, 'worker'):8.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    args, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="lectern-bench-") as folder:
        asyncio.run(run(args.rounds, Path(folder)))


if __name__ == "__main__":
    main()
