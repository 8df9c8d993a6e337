"""`lectern demo`: what a front end does, in the terminal, through the public API only."""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cli.children import Child
from cli.client import ApiError, Client, Json
from cli.configuration import UsageError, variable
from cli.instance import find_running
from core.settings import Settings

SAMPLE = Path(__file__).parents[1] / "tests" / "samples" / "tide-engine-handbook.pdf"
QUESTION = "Where do the spare chains hang?"

REGISTER = """
mutation Register($input: RegisterInput!) {
  register(input: $input) {
    ... on Session { accessToken }
    ... on Error { message }
  }
}
"""
UPLOAD = """
mutation Upload($file: Upload!) {
  uploadDocument(input: {file: $file}) {
    ... on UploadedDocument { document { id filename byteSize } }
    ... on Error { message }
  }
}
"""
PROGRESS = """
subscription Progress($documentId: ID!) {
  documentProgress(documentId: $documentId) {
    status stage fraction
    failure { message advice }
    document { pageCount chunkCount }
  }
}
"""
CHAT = """
subscription Chat($input: ChatInput!) {
  chat(input: $input) {
    __typename
    ... on ChatSources { passages { id } }
    ... on ChatDelta { text }
    ... on ChatCompleted {
      answer { citations { index pageNumber quote verified document { filename } } }
    }
    ... on ChatFailed { message }
  }
}
"""


async def demo(settings: Settings, file: Path | None, question: str | None) -> int:
    """Upload `file`, ask `question`, print the answer; return 1 when either fails."""
    path = file or SAMPLE
    if not path.is_file():
        raise UsageError(f"{path} is no file: name one with --file")
    console = Console(highlight=False)
    async with _server(settings, console) as url, Client(url) as client:
        try:
            await _register(client)
            document_id = await _upload(client, path, console)
            await _watch(client, document_id, console)
            await _ask(client, document_id, question or QUESTION, console)
        except ApiError as error:
            console.print(f"[red]{escape(str(error))}")
            return 1
    return 0


@asynccontextmanager
async def _server(settings: Settings, console: Console) -> AsyncIterator[str]:
    """The address of the product that runs here, else of one that runs as long as the demo."""
    running = find_running(settings.data_dir)
    url = running.url if running else f"http://{settings.host}:{settings.port}"
    async with Client(url) as client:
        ready = await client.is_ready()
    if ready:
        console.print(f"Using Lectern at {url}.\n")
        yield url
        return
    quiet = {variable("log_level"): "WARNING"} | os.environ
    child = Child("up", environment=quiet, stop_seconds=60)
    child.start()
    try:
        while (running := find_running(settings.data_dir)) is None:
            if not child.is_running():
                raise UsageError("Lectern did not start; the reason stands above")
            await asyncio.sleep(0.1)
        yield running.url
    finally:
        await asyncio.to_thread(child.stop)


async def _register(client: Client) -> None:
    account = {
        "email": f"demo-{secrets.token_hex(6)}@example.org",
        "password": secrets.token_urlsafe(18),
    }
    session = (await client.execute(REGISTER, input=account))["register"]
    client.access_token = _accepted(session)["accessToken"]


async def _upload(client: Client, path: Path, console: Console) -> str:
    begun = time.monotonic()
    uploaded = _accepted((await client.upload(UPLOAD, path))["uploadDocument"])
    document: Json = uploaded["document"]
    console.print(
        f"[bold]{escape(document['filename'])}[/] ({document['byteSize'] / 1024:,.0f} KiB) "
        f"uploaded in {time.monotonic() - begun:.1f} s"
    )
    return str(document["id"])


async def _watch(client: Client, document_id: str, console: Console) -> None:
    columns = TextColumn("{task.description:<11}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("Stored", total=1)
        async with aclosing(client.subscribe(PROGRESS, documentId=document_id)) as events:
            async for event in events:
                state = event["documentProgress"]
                stage = state["stage"].capitalize()
                progress.update(bar, description=stage, completed=state["fraction"])
    if state["failure"]:
        advice = state["failure"]["advice"] or ""
        raise ApiError(f"{state['failure']['message']} {advice}")
    document = state["document"]
    counts = [_counted(document["pageCount"], "page"), _counted(document["chunkCount"], "passage")]
    console.print(f"{', '.join(counts)}\n")


async def _ask(client: Client, document_id: str, question: str, console: Console) -> None:
    console.print(f"[bold cyan]{escape(question)}\n")
    begun = time.monotonic()
    first_words = None
    chat = {
        "clientMessageId": secrets.token_hex(16),
        "text": question,
        "documentIds": [document_id],
    }
    async with aclosing(client.subscribe(CHAT, input=chat)) as events:
        async for event in events:
            event = event["chat"]
            match event["__typename"]:
                case "ChatDelta":
                    first_words = first_words or time.monotonic() - begun
                    console.out(event["text"], end="", highlight=False)
                case "ChatCompleted":
                    console.print("\n")
                    _print_citations(event, console)
                case "ChatFailed":
                    raise ApiError(event["message"])
    if first_words is not None:
        console.print(
            f"\n[dim]first words after {first_words:.2f} s, "
            f"the whole answer after {time.monotonic() - begun:.2f} s"
        )


def _print_citations(completed: Json, console: Console) -> None:
    for citation in completed["answer"]["citations"]:
        verified = "[green]word for word[/]" if citation["verified"] else "[yellow]not verified[/]"
        console.print(
            rf"\[{citation['index']}] [bold]{escape(citation['document']['filename'])}[/], "
            f"page {citation['pageNumber']}, {verified}\n"
            f"    [italic]“{escape(citation['quote'])}”[/]"
        )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _accepted(result: Json) -> Json:
    if "message" in result:
        raise ApiError(result["message"])
    return result
