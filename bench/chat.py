"""Many chats at once: time to the first words, events a second, memory of a subscription.

    python -m bench.chat [--streams 1 50 200] [--seconds 10] [--idle 1000]

Runs `lectern up` twice on a data folder of its own, with the extractive answerer and with a
stand-in for a language model on the loopback that takes 150 ms to its first token and 30 ms to each
of the next 200. Streams begin all at once, or one after another and are kept up: whoever has an
answer asks again. Users and streams come from this process, which shares the machine.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import psutil
import uvloop
from rich.console import Console
from rich.table import Table

from bench.product import PROGRESS, REGISTER, UPLOAD, lectern_up
from cli.client import Client
from core.ids import new_id

FIRST_TOKEN_SECONDS = 0.15
TOKENS = 200
TOKEN_SECONDS = 0.03
ANSWERS_PER_USER = 4
ENDLESS = "Never end"
CHAT = """subscription ($input: ChatInput!) { chat(input: $input) {
  __typename ... on ChatStarted { answer { id } } ... on ChatDelta { text }
  ... on ChatFailed { code } } }"""
ANSWER = """subscription ($id: ID!, $after: Int) { answer(messageId: $id, afterSequence: $after) {
  __typename } }"""
STOP = "mutation ($id: ID!) { stopAnswer(messageId: $id) { __typename } }"
FACT = "The lighthouse of Skerra was lit in 1862 by Ann Ross. Fog came in the morning.\n"


@dataclass(frozen=True, slots=True)
class Run:
    first_seconds: list[float]
    events: int
    seconds: float
    cpu_seconds: float
    """Of the API process."""


def _chunk(text: str | None, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return f"data: {json.dumps({'id': '1', 'choices': [choice]})}\n\n".encode()


async def _complete(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A chat completion: one request a connection, answered as an event stream."""
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    body = await reader.readexactly(int(lengths[0].partition(b":")[2]))
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
    try:
        if ENDLESS.encode() in body:
            writer.write(_chunk("word "))
            await reader.read()  # until the other side hangs up
            return
        await asyncio.sleep(FIRST_TOKEN_SECONDS)
        for number in range(TOKENS):
            writer.write(_chunk("It was lit in 1862 [1]. " if number == 0 else "word "))
            await writer.drain()
            await asyncio.sleep(TOKEN_SECONDS)
        writer.write(_chunk(None, "stop") + b"data: [DONE]\n\n")
        await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def language_model() -> AsyncIterator[str]:
    server = await asyncio.start_server(_complete, "127.0.0.1", 0, backlog=1000)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


async def new_user(stack: AsyncExitStack, url: str, folder: Path) -> Client:
    """Registered, with one document."""
    client = await stack.enter_async_context(Client(url))
    account = {"email": f"{new_id().hex}@example.org", "password": "correct horse battery"}
    client.access_token = (await client.execute(REGISTER, input=account))["register"]["accessToken"]
    path = folder / "guide.txt"
    uploaded = await client.upload(UPLOAD, path)
    async for _ in client.subscribe(PROGRESS, id=uploaded["uploadDocument"]["document"]["id"]):
        pass
    return client


async def stream(client: Client, first_seconds: list[float]) -> int:
    """Ask and follow to the end; the number of events."""
    asked = {"clientMessageId": new_id().hex, "text": "When was the lighthouse lit?"}
    begun = time.perf_counter()
    kinds = []
    async for event in client.subscribe(CHAT, input=asked):
        kinds.append(event["chat"]["__typename"])
        if kinds[-1] == "ChatDelta" and "ChatDelta" not in kinds[:-1]:
            first_seconds.append(time.perf_counter() - begun)
    if kinds[-1] != "ChatCompleted":
        raise RuntimeError(f"an answer ended with {event['chat']}")
    return len(kinds)


async def run_streams(
    clients: Sequence[Client], api: psutil.Process, count: int, seconds: float = 0
) -> Run:
    """All at once, or kept up for so many seconds, begun one after another in half of them."""
    first_seconds: list[float] = []
    busy = sum(api.cpu_times()[:2])
    begun = time.perf_counter()

    async def keep_asking(number: int) -> int:
        await asyncio.sleep(seconds / 2 * number / count)
        events = await stream(clients[number // ANSWERS_PER_USER], first_seconds)
        while time.perf_counter() - begun < seconds:
            events += await stream(clients[number // ANSWERS_PER_USER], first_seconds)
        return events

    events = await asyncio.gather(*(keep_asking(number) for number in range(count)))
    passed = time.perf_counter() - begun
    return Run(first_seconds, sum(events), passed, sum(api.cpu_times()[:2]) - busy)


async def run_idle(client: Client, api: psutil.Process, count: int) -> tuple[float, float]:
    """KiB of memory for each of `count` subscriptions, and the API's CPU share meanwhile."""
    asked = {"clientMessageId": new_id().hex, "text": f"{ENDLESS}: lighthouse?"}
    async with aclosing(client.subscribe(CHAT, input=asked)) as events:
        id_ = (await anext(events))["chat"]["answer"]["id"]
    await asyncio.sleep(2)
    before = api.memory_info().rss
    async with AsyncExitStack() as stack:
        for _ in range(count):
            followed = client.subscribe(ANSWER, id=id_, after=0)
            await anext(await stack.enter_async_context(aclosing(followed)))
        await asyncio.sleep(2)
        kib = (api.memory_info().rss - before) / 1024 / count
        busy = sum(api.cpu_times()[:2])
        await asyncio.sleep(10)
        share = (sum(api.cpu_times()[:2]) - busy) / 10
        await client.execute(STOP, id=id_)
    return kib, share


def api_of(supervisor: psutil.Process) -> psutil.Process:
    return next(p for p in supervisor.children(recursive=True) if "serve" in p.cmdline())


async def measure(
    name: str, table: Table, folder: Path, streams: list[int], seconds: float, idle: int
) -> str:
    with lectern_up(folder / "data") as (url, _, supervisor):
        api = api_of(supervisor)
        async with AsyncExitStack() as stack:
            users = -(-max(streams) // ANSWERS_PER_USER)
            clients = [await new_user(stack, url, folder) for _ in range(users)]
            await run_streams(clients, api, 1)
            for count, kept_up in product(streams, (0, seconds)):
                run = await run_streams(clients, api, count, kept_up)
                p50, p95 = np.percentile(run.first_seconds, [50, 95]) * 1000
                table.add_row(
                    name,
                    f"{count} {'kept up' if kept_up else 'at once'}",
                    f"{p50:.0f}",
                    f"{p95:.0f}",
                    f"{len(run.first_seconds) / run.seconds:.1f}",
                    f"{run.events / run.seconds:.0f}",
                    f"{run.events / run.cpu_seconds:.0f}",
                )
            if not idle:
                return ""
            kib, share = await run_idle(clients[0], api, idle)
    return f"{idle} idle subscriptions: {kib:.0f} KiB each, {share:.1%} of a core"


async def run(folder: Path, streams: list[int], seconds: float, idle: int) -> None:
    headings = ("streams", "p50 ms", "p95 ms", "answers/s", "events/s", "events per CPU second")
    table = Table("answerer", *headings, title="time to the first words")
    (folder / "guide.txt").write_text(FACT * 3)
    os.environ["LECTERN_MAX_USER_CONNECTIONS"] = "5000"
    await measure("extractive", table, folder, streams, seconds, 0)
    async with language_model() as url:
        os.environ |= {"OPENAI_BASE_URL": url, "LECTERN_EMBEDDER": "local"}
        note = await measure("language model", table, folder, streams, seconds, idle)
    console = Console(width=110)
    console.print(table)
    console.print(note)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 50, 200])
    parser.add_argument("--seconds", type=float, default=10, help="that streams are kept up")
    parser.add_argument("--idle", type=int, default=1000)
    arguments, _ = parser.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="lectern-bench-") as folder:
        uvloop.run(run(Path(folder), arguments.streams, arguments.seconds, arguments.idle))


if __name__ == "__main__":
    main()
