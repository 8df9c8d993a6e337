"""`lectern demo`: what a front end does, in the terminal, through the public API only."""

import asyncio
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from importlib import import_module
from importlib.resources import as_file, files
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cli.answer_printer import AnswerPrinter
from cli.children import Child
from cli.client import ApiError, Client, Json
from cli.configuration import UsageError
from cli.instance import find_running
from core.settings import Settings

SAMPLE = files("cli") / "samples" / "tide-engine-handbook.pdf"
QUESTION = "Where do the spare chains hang?"

REGISTER = """
mutation Register($input: RegisterInput!) {
  register(input: $input) {
    ... on Session { accessToken }
    ... on Error { message }
  }
}
"""
LOGIN = """
mutation Login($input: LoginInput!) {
  login(input: $input) {
    ... on Session { accessToken }
    ... on Error { code message }
  }
}
"""
UPLOAD = """
mutation Upload($file: Upload!) {
  uploadDocument(input: {file: $file}) {
    __typename
    ... on UploadedDocument { document { id filename byteSize } }
    ... on DuplicateDocument { document { id filename byteSize } }
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
    ... on ChatStarted { conversation { id } }
    ... on ChatDelta { text }
    ... on ChatCompleted {
      answer { suggestions citations { index filename pageNumber quote verified } }
    }
    ... on ChatFailed { message }
  }
}
"""


def demo(settings: Settings, file: Path | None, question: str | None) -> int:
    """Run the demo; return 1 when anything fails. Raises `UsageError`."""
    if file is not None and not file.is_file():
        raise UsageError(f"{file} is no file: name one with --file")
    return asyncio.run(_demo(settings, file, question))


async def _demo(settings: Settings, file: Path | None, question: str | None) -> int:
    """Upload `file` and answer `question`, or what is typed."""
    console = Console(highlight=False)
    async with _server(settings, console) as url, Client(url) as client:
        try:
            await _log_in(client, settings.data_dir / "demo.json", console)
            with as_file(SAMPLE) as sample:
                document_id = await _upload(client, file or sample, console)
        except ApiError as error:
            console.print(f"[red]{escape(str(error))}")
            return 1
        conversation = _Conversation(client, document_id, console)
        answered = [await conversation.ask(text) for text in _questions(question, file, console)]
    return int(not all(answered))


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
    child = Child("up", "--quiet", environment=os.environ, stop_seconds=60)
    child.start()
    try:
        with console.status("Starting Lectern for as long as the demo runs"):
            while (running := find_running(settings.data_dir)) is None:
                if not child.is_running():
                    raise UsageError("Lectern did not start; the reason stands above")
                await asyncio.sleep(0.1)
        yield running.url
    finally:
        await asyncio.to_thread(child.stop)


async def _log_in(client: Client, kept: Path, console: Console) -> None:
    """Into the account of earlier demos, which stands in the file `kept`, or into a new one."""
    account = _read_account(kept)
    session: Json | None = None
    if account is not None:
        session = (await client.execute(LOGIN, input=account))["login"]
        if session.get("code") == "INVALID_CREDENTIALS":  # of another server
            session = None
    if account is None or session is None:
        account = {
            "email": f"demo-{secrets.token_hex(3)}@example.org",
            "password": secrets.token_urlsafe(12),
        }
        session = _accepted((await client.execute(REGISTER, input=account))["register"])
        _keep_account(account, kept)
    client.access_token = _accepted(session)["accessToken"]
    console.print(
        f"Account [bold]{account['email']}[/], password [bold]{account['password']}[/]\n"
        f"[dim]kept in {escape(str(kept))} for the next demo, and yours to log in with[/]\n"
    )


def _read_account(kept: Path) -> Json | None:
    try:
        account: Json = json.loads(kept.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return account


def _keep_account(account: Json, kept: Path) -> None:
    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept.touch(mode=0o600)
    kept.write_text(json.dumps(account))


async def _upload(client: Client, path: Path, console: Console) -> str:
    """The document's id, once it is read."""
    begun = time.monotonic()
    uploaded = _accepted((await client.upload(UPLOAD, path))["uploadDocument"])
    document: Json = uploaded["document"]
    known = uploaded["__typename"] == "DuplicateDocument"
    done = "was there already" if known else f"uploaded in {time.monotonic() - begun:.1f} s"
    size = decimal(int(document["byteSize"]))
    console.print(f"[bold]{escape(document['filename'])}[/] ({size}) {done}")
    await _watch(client, document["id"], console)
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


def _questions(question: str | None, file: Path | None, console: Console) -> Iterator[str]:
    """The one that was asked for, or the sample's, and then what is typed."""
    typed = sys.stdin.isatty()
    if question is not None or file is None:
        console.print(f"[bold cyan]{escape(question or QUESTION)}\n")
        yield question or QUESTION
        if question is not None or not typed:
            return
    if typed:
        console.print("[dim]Ask, for instance what it is about; an empty line ends the demo.\n")
    while text := _next_line():
        console.print("" if typed else f"[bold cyan]{escape(text)}\n")
        yield text


def _next_line() -> str:
    """The next line of the standard input, "" at its end.

    It stops the event loop, which has nothing to do meanwhile. A thread would leave the terminal
    as `input` had set it when Ctrl-C ends the demo.
    """
    with suppress(ImportError):
        import_module("readline")  # lets `input` edit the line
    with suppress(EOFError, KeyboardInterrupt), _interruptible():
        return input("> " if sys.stdin.isatty() else "").strip()
    return ""


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C raise at once, where asyncio would wait until the event loop goes on."""
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


class _Conversation:
    """Questions about one document that follow each other."""

    def __init__(self, client: Client, document_id: str, console: Console) -> None:
        self._client = client
        self._document_id = document_id
        self._console = console
        self._id: str | None = None

    async def ask(self, question: str) -> bool:
        """Print the answer as it comes; False when there is none."""
        try:
            await self._ask(question)
        except ApiError as error:
            self._console.print(f"[red]{escape(str(error))}\n")
            return False
        return True

    async def _ask(self, question: str) -> None:
        begun = time.monotonic()
        first_words = None
        printer = AnswerPrinter(self._console)
        chat = {
            "clientMessageId": secrets.token_hex(16),
            "text": question,
            "conversationId": self._id,
            "documentIds": [self._document_id],
        }
        async with aclosing(self._client.subscribe(CHAT, input=chat)) as events:
            async for event in events:
                event = event["chat"]
                match event["__typename"]:
                    case "ChatStarted":
                        self._id = event["conversation"]["id"]
                    case "ChatDelta":
                        first_words = first_words or time.monotonic() - begun
                        printer.feed(event["text"])
                    case "ChatCompleted":
                        printer.finish(event["answer"]["citations"])
                        self._suggest(event["answer"]["suggestions"])
                    case "ChatFailed":
                        raise ApiError(event["message"])
        if first_words is not None:
            self._console.print(
                f"\n[dim]first words after {first_words:.2f} s, "
                f"the whole answer after {time.monotonic() - begun:.2f} s\n"
            )

    def _suggest(self, questions: Sequence[str]) -> None:
        if questions:
            self._console.print("\n[dim]You could ask:")
        for question in questions:
            self._console.print(Padding(f"[dim]{escape(question)}", (0, 0, 0, 4), expand=False))


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _accepted(result: Json) -> Json:
    if "message" in result:
        raise ApiError(result["message"])
    return result
