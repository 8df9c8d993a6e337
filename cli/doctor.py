"""`lectern doctor`: look at every part as it is configured, and say how to mend what is broken."""

import asyncio
import os
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import numpy as np
from rich.console import Console
from rich.markup import escape

from cli.client import Client
from cli.configuration import UsageError, variable
from cli.instance import find_running, unusable_folder
from cli.probes import ask_database, ask_redis
from cli.up import listen
from core.errors import ProviderUnavailable
from core.settings import Settings
from db.migrate import pending
from providers.embedding.factory import open_embedder
from providers.parsing.confinement import INDISPENSABLE
from providers.parsing.factory import open_parser
from providers.parsing.sandbox import walls
from providers.reranking.http import open_reranker
from providers.storage import open_storage

CHECK_SECONDS = 30
OPENAI = "https://api.openai.com/v1"
INDENT = 18
"""Columns before a finding's words."""
COLORS = {"ok": "green", "warn": "yellow", "fail": "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    status: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str = ""


NOT_RUNNING = Finding("ok", "embedded by `lectern up`, which is not running")
NOT_MADE = Finding("ok", "made by `lectern up`, which has never run here")


async def doctor(settings: Settings) -> int:
    """Print one line a finding; return 1 when any part fails, else 0."""
    running = find_running(settings.data_dir)
    if running is not None:
        embedded = {
            "database_url": settings.database_url or running.database_url,
            "redis_url": settings.redis_url or running.redis_url,
        }
        settings = settings.model_copy(update=embedded)
    console = Console(highlight=False, soft_wrap=True)
    failures = 0
    checks = [asyncio.create_task(_bounded(check, settings, remedy)) for _, check, remedy in CHECKS]
    try:
        for (part, *_), check in zip(CHECKS, checks, strict=True):
            for finding in await check:
                failures += finding.status == "fail"
                color = COLORS[finding.status]
                lines = [*_lines(finding.detail, console), *_lines(finding.remedy, console)]
                console.print(
                    f"[{color}]{finding.status:<5}[/]{part:<13}"
                    + escape(f"\n{'':<{INDENT}}".join(lines))
                )
    finally:  # also when nobody reads on: what is broken off would complain at the exit
        await asyncio.wait(checks)
    return int(failures > 0)


def _lines(text: str, console: Console) -> list[str]:
    """Wrapped at words for people; one for programs."""
    if not console.is_terminal:
        return [text] if text else []
    width = max(console.width - INDENT, 20)
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


async def _bounded(
    check: Callable[[Settings], Awaitable[list[Finding]]], settings: Settings, remedy: str
) -> list[Finding]:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check(settings)
    except TimeoutError:
        return [Finding("fail", f"no answer within {CHECK_SECONDS} s", remedy)]
    except UsageError as error:
        return [Finding("fail", str(error))]
    except Exception as error:
        causes = [str(cause) or type(cause).__name__ for cause in (error, error.__cause__) if cause]
        first_lines = [cause.splitlines()[0] for cause in dict.fromkeys(causes)]
        return [Finding("fail", " / ".join(first_lines), remedy)]


async def _settings(settings: Settings) -> list[Finding]:
    data_dir = settings.data_dir.absolute()
    try:
        existing = next(folder for folder in (data_dir, *data_dir.parents) if folder.exists())
        with TemporaryDirectory(dir=existing):
            pass
    except OSError as error:
        raise unusable_folder(data_dir, error) from None
    known = {variable(name) for name in Settings.model_fields}
    unknown = [
        name for name in os.environ if name.startswith("LECTERN_") and name.upper() not in known
    ]
    if unknown:
        return [Finding("warn", f"unknown: {', '.join(unknown)}", "Look for a typing error.")]
    return [Finding("ok", f"data in {data_dir}")]


async def _port(settings: Settings) -> list[Finding]:
    running = find_running(settings.data_dir)
    url = running.url if running else f"http://{settings.host}:{settings.port}"
    async with Client(url) as client:
        if await client.is_ready():
            return [Finding("ok", f"Lectern answers at {url}")]
    if running:
        return [Finding("fail", f"Lectern runs at {url} and is not ready", "See below.")]
    with listen(settings):
        return [Finding("ok", f"{settings.host} port {settings.port} can be listened on")]


async def _database(settings: Settings) -> list[Finding]:
    if settings.database_url is None:
        return [NOT_RUNNING]
    health = await ask_database(settings)
    findings = [Finding("ok", f"PostgreSQL {health.server_version}")]
    if health.pgvector_version is None:
        remedy = "As a superuser of this database: CREATE EXTENSION vector"
        return [*findings, Finding("fail", "pgvector is missing", remedy)]
    findings.append(Finding("ok", f"pgvector {health.pgvector_version}"))
    missing = await pending(settings.database_url)
    if missing:
        remedy = f"{variable('database_owner_url')}=... lectern migrate"
        findings.append(Finding("fail", f"{len(missing)} migrations are missing", remedy))
    else:
        findings.append(Finding("ok", "migrations are up to date"))
    if health.bypasses_policies or health.owned_tables:
        findings.append(
            Finding(
                "fail",
                "the application's role could see every user's documents",
                f"{variable('database_url')} must name a role that is no superuser, owns no table "
                "and has no BYPASSRLS; `lectern migrate` creates it.",
            )
        )
    else:
        findings.append(Finding("ok", "the application's role is bound to row-level security"))
    return findings


async def _redis(settings: Settings) -> list[Finding]:
    if settings.redis_url is None:
        return [NOT_RUNNING]
    return [Finding("ok", f"Redis {await ask_redis(settings)}")]


async def _storage(settings: Settings) -> list[Finding]:
    if settings.storage_url is None and not settings.data_dir.is_dir():
        return [NOT_MADE]
    place = "a folder" if settings.storage_url is None else urlsplit(settings.storage_url).scheme
    storage = open_storage(settings)
    key = f"doctor/{uuid4()}"

    async def probe() -> AsyncIterator[bytes]:
        yield b"probe"

    await storage.write(key, probe())
    read = b"".join([chunk async for chunk in storage.read(key)])
    await storage.delete(key)
    if read != b"probe":
        return [Finding("fail", "what was read is not what was written")]
    return [Finding("ok", f"writes, reads and deletes ({place})")]


async def _parser(settings: Settings) -> list[Finding]:
    if settings.uses_llamaparse:
        return [_installed("llama-parse", "llamaparse")]
    findings = [
        _installed(package, "embedded") for package in ("pypdfium2", "rapidocr", "kreuzberg")
    ]
    findings.append(_scans(settings))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "probe.txt"
        path.write_text("probe")
        pages = [
            page
            async for window in open_parser(settings).parse(path, "text/plain")
            for page in window.pages
        ]
    if [page.text for page in pages] != ["probe"]:
        return [*findings, Finding("fail", "a text of one word is not read as it stands")]
    return [*findings, Finding("ok", "reads in a process of its own"), await _confinement()]


async def _confinement() -> Finding:
    held = await walls()
    detail = f"parsers are confined by: {', '.join(sorted(held)) or 'nothing'}"
    if held >= INDISPENSABLE:
        return Finding("ok", detail)
    remedy = (
        "Run workers on Linux 5.13 or later, in containers whose seccomp profile lets "
        "landlock_create_ruleset and seccomp through."
    )
    return Finding("warn", detail, remedy)


def _scans(settings: Settings) -> Finding:
    name = variable("tessdata")
    if settings.tessdata is None:
        remedy = f"For others set {name} to the folder of Tesseract's language data."
        return Finding("ok", "scans are read in Latin, Chinese and Japanese letters", remedy)
    languages = sorted(path.stem for path in settings.tessdata.glob("*.traineddata"))
    if not languages:
        return Finding("fail", f"{name} has no *.traineddata: {settings.tessdata}")
    return Finding("ok", f"Tesseract's languages for scans: {', '.join(languages)}")


def _installed(package: str, extra: str) -> Finding:
    try:
        return Finding("ok", f"{package} {version(package)}")
    except PackageNotFoundError:
        return Finding("fail", f"{package} is missing", f"pip install 'lectern[{extra}]'")


async def _embedder(settings: Settings) -> list[Finding]:
    if settings.embedder == "local" and not settings.data_dir.is_dir():
        return [NOT_MADE]
    embedder = open_embedder(settings)
    try:
        vector = await embedder.embed_query("Is anybody there?")
    except ProviderUnavailable as error:
        if settings.embedder == "local":
            raise
        return [_unanswered(settings.openai_base_url or OPENAI, error, "openai_base_url")]
    finally:
        await embedder.aclose()
    if vector.shape != (embedder.dimensions,) or not np.isclose(
        np.linalg.norm(vector), 1, atol=1e-3
    ):
        return [Finding("fail", f"{embedder.model} gives no unit vectors of {embedder.dimensions}")]
    return [Finding("ok", f"{embedder.model}, {embedder.dimensions} dimensions")]


async def _reranker(settings: Settings) -> list[Finding]:
    reranker = open_reranker(settings)
    if reranker is None:
        return [Finding("ok", "none: words and vectors rank the passages")]
    host = urlsplit(str(settings.rerank_url)).netloc
    try:
        await reranker.rerank("Is anybody there?", ["Yes.", "No."])
    except ProviderUnavailable as error:
        return [_unanswered(str(settings.rerank_url), error, "rerank_url")]
    finally:
        await reranker.aclose()
    return [Finding("ok", f"passages are read again by {host}")]


def _unanswered(url: str, error: Exception, setting: str) -> Finding:
    """A service that could not be used, by the name of its host."""
    cause = error.__cause__ or error
    reason = str(cause).partition("\n")[0] or type(cause).__name__
    remedy = SERVER.format(variable(setting))
    return Finding("fail", f"{urlsplit(url).hostname} cannot be used ({reason})", remedy)


async def _language_model(settings: Settings) -> list[Finding]:
    if not settings.uses_openai:
        return [Finding("ok", "none: answers are quoted from the documents")]
    base = (settings.openai_base_url or OPENAI).rstrip("/")
    key = settings.openai_api_key
    headers = {} if key is None else {"authorization": f"Bearer {key.get_secret_value()}"}
    try:
        async with httpx2.AsyncClient(timeout=10) as client:
            response = await client.get(f"{base}/models", headers=headers)
    except httpx2.TransportError as error:
        return [_unanswered(base, error, "openai_base_url")]
    if response.status_code in (401, 403):
        remedy = f"Look at {variable('openai_api_key')}."
        return [Finding("fail", f"{base} refuses the key ({response.status_code})", remedy)]
    response.raise_for_status()
    models = {model["id"] for model in response.json()["data"]}
    if settings.openai_model not in models:
        remedy = f"{variable('openai_model')} can be: {', '.join(sorted(models)[:5])} ..."
        return [Finding("warn", f"{base} does not list {settings.openai_model}", remedy)]
    return [Finding("ok", f"{settings.openai_model} at {base}")]


SERVER = "Look at {}: is that server up, and does it let this machine in?"
CHECKS = [
    ("settings", _settings, ""),
    ("port", _port, f"Look at {variable('host')} and {variable('port')}."),
    ("database", _database, SERVER.format(variable("database_url"))),
    ("redis", _redis, SERVER.format(variable("redis_url"))),
    (
        "storage",
        _storage,
        f"Look at {variable('storage_url')} and the store's credentials; unset, files are kept in "
        f"{variable('data_dir')}.",
    ),
    ("parser", _parser, "pip install --force-reinstall 'lectern[embedded]'"),
    (
        "embedder",
        _embedder,
        f"Look at {variable('embedder')}, {variable('embedding_model')} and "
        f"{variable('openai_base_url')}; `lectern prepare` makes the local model.",
    ),
    ("reranker", _reranker, SERVER.format(variable("rerank_url"))),
    ("answers", _language_model, SERVER.format(variable("openai_base_url"))),
]
"""Name, check, and what to do when it fails without saying so itself."""
