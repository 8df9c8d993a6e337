"""A mix of operations at a steady rate, whether or not the product keeps up with it.

    python -m bench.load [--rate 100] [--seconds 20] [--users 20]

Runs `lectern up` on a data folder of its own. Of the operations 20 % are `me`, 30 % documents, 20 %
conversations with messages and citations, 20 % searches and 10 % questions, by users with three
documents each. Users come from this process, which shares the machine.
"""

import argparse
import asyncio
import os
import random
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from bench.product import PROGRESS, REGISTER, UPLOAD, lectern_up, text_of
from cli.client import ApiError, Client
from core.ids import new_id
from core.settings import MEBIBYTE

DOCUMENTS_OF_A_USER = 3
CHAT = """subscription ($input: ChatInput!) { chat(input: $input) {
  __typename ... on ChatFailed { code } } }"""
QUERIES = {
    "me": "{ me { id } }",
    "documents": "{ documents(first: 20) { nodes { id filename status } } }",
    "conversations": """{ conversations(first: 5) { nodes { title messages(first: 10) {
      nodes { text citations { quote pageNumber } } } } } }""",
    "search": '{ search(query: "the lighthouse keeper", first: 5) { text pageNumber } }',
}
SHARES = {"me": 20, "documents": 30, "conversations": 20, "search": 20, "question": 10}


class Results:
    """Seconds of what was done, and what became of the rest."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)
        self.refused_seconds: list[float] = []
        self.ends: defaultdict[str, Counter[str]] = defaultdict(Counter)


async def question(client: Client) -> str:
    asked = {"clientMessageId": new_id().hex, "text": "What does the lighthouse keeper do?"}
    last = "nothing"
    async for event in client.subscribe(CHAT, input=asked):
        last = event["chat"].get("code") or event["chat"]["__typename"]
    return last


async def act(client: Client, kind: str, results: Results) -> None:
    begun = time.perf_counter()
    try:
        if kind == "question":
            end = await question(client)
            end = "done" if end == "ChatCompleted" else end
        else:
            await client.execute(QUERIES[kind])
            end = "done"
    except ApiError as error:
        end = "OVERLOADED" if "too much to do" in str(error) else str(error)
    except Exception as error:
        end = type(error).__name__
    seconds = time.perf_counter() - begun
    results.ends[kind][end] += 1
    if end == "done":
        results.seconds[kind].append(seconds)
    elif end == "OVERLOADED":
        results.refused_seconds.append(seconds)


async def prepare(url: str, folder: Path, users: int, stack: AsyncExitStack) -> list[Client]:
    clients = []
    for number in range(users):
        client = await stack.enter_async_context(Client(url))
        account = {"email": f"{new_id().hex}@example.org", "password": "correct horse battery"}
        registered = await client.execute(REGISTER, input=account)
        client.access_token = registered["register"]["accessToken"]
        for document in range(DOCUMENTS_OF_A_USER):
            path = folder / f"{number}-{document}.txt"
            path.write_text(text_of(number * DOCUMENTS_OF_A_USER + document, 600))
            uploaded = await client.upload(UPLOAD, path)
            id_ = uploaded["uploadDocument"]["document"]["id"]
            async for _ in client.subscribe(PROGRESS, id=id_):
                pass
        clients.append(client)
    return clients


def resident(process: psutil.Process) -> float:
    """MiB of the API."""
    children = process.children(recursive=True)
    sizes = [c.memory_info().rss for c in children if "serve" in c.cmdline()]
    return max(sizes, default=0) / MEBIBYTE


async def run(args: argparse.Namespace, folder: Path) -> None:
    os.environ |= {
        "LECTERN_RATE_REGISTER": "100000/hour",
        "LECTERN_RATE_SEARCH": "1000000/minute",
        "LECTERN_RATE_QUESTION": "1000000/minute",
        "LECTERN_MAX_USER_CONNECTIONS": "1000",
    }
    with lectern_up(folder / "data") as (url, _, process):
        async with AsyncExitStack() as stack:
            clients = await prepare(url, folder, args.users, stack)
            before = resident(process)
            results, chance = Results(), random.Random(7)
            tasks = []
            begun = time.perf_counter()
            for number in range(args.rate * args.seconds):
                await asyncio.sleep(max(0, begun + number / args.rate - time.perf_counter()))
                [kind] = chance.choices(list(SHARES), list(SHARES.values()))
                tasks.append(asyncio.create_task(act(chance.choice(clients), kind, results)))
            sent = time.perf_counter() - begun
            await asyncio.gather(*tasks)
            show(results, args, sent, before, resident(process))


def show(
    results: Results, args: argparse.Namespace, sent: float, before: float, after: float
) -> None:
    table = Table("operation", "sent", "done", "refused", "else", "p50 ms", "p95 ms")
    for kind in SHARES:
        ends = Counter(results.ends[kind])
        done, refused = ends.pop("done", 0), ends.pop("OVERLOADED", 0)
        p50, p95 = np.percentile(results.seconds[kind] or [0], [50, 95]) * 1000
        rest = ", ".join(f"{count} {end}" for end, count in ends.items())
        total = done + refused + ends.total()
        table.add_row(kind, *map(str, (total, done, refused)), rest, f"{p50:.0f}", f"{p95:.0f}")
    Console().print(table)
    refusal = np.percentile(results.refused_seconds or [0], 95) * 1000
    print(
        f"{args.rate}/s for {args.seconds} s (sent in {sent:.0f} s); refusals p95 {refusal:.0f} ms"
    )
    print(f"resident memory of the API {before:.0f} MiB before, {after:.0f} MiB after")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=100, help="operations a second")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--users", type=int, default=20)
    args, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="lectern-bench-") as folder:
        asyncio.run(run(args, Path(folder)))


if __name__ == "__main__":
    main()
