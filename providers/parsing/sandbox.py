"""Each document is read in a process of its own, which may die without harm."""

import asyncio
import json
import math
import os
import re
import signal
import struct
import sys
import tempfile
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from core.blocks import ReadingWarning, load_blocks, load_warnings
from core.errors import ErrorCode, ParseFailure, ProviderUnavailable
from providers.parsing import Page, PageWindow
from providers.parsing.child import MAX_FRAME_BYTES
from providers.parsing.confinement import Wall

MAX_OUTPUT_BYTES = 1024 * 1024 * 1024
MIN_SECONDS, SECONDS_PER_MEBIBYTE = 60, 240
"""What a file may take, as far as the time-out for the largest allows."""
_STDERR_BYTES = 4096
_ROOT = Path(__file__).parents[2]
_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP)
"""How a parser ends that somebody else ended, like the kernel when the machine is out of memory."""
_OUT_OF_MEMORY = ("memory allocation", "MemoryError", "bad_alloc", "out of memory")

_FRAME = re.compile(
    r'File "[^"\n]+\.py", line \d+, in [\w<>.]+'
    r"|^(?:\w+\.)*\w+(?:Error|Exception)(?=:|$)"
    r"|panicked at [\w./-]+:\d+:\d+",
    re.MULTILINE,
)
logger = structlog.get_logger()


class SandboxedParser:
    """The local parser under limits: memory, CPU time, wall-clock time, output, files, network.

    Raises `ParseFailure` for everything a document can cause and `ProviderUnavailable` when the
    process cannot be started, lacks its libraries or is ended from outside.
    """

    name = "local"
    command: Sequence[str] = (sys.executable, "-P", "-m", "providers.parsing.child")

    def __init__(
        self,
        *,
        timeout_seconds: float,
        memory_bytes: int,
        max_pages: int,
        tessdata: Path | None = None,
    ) -> None:
        self.timeout_seconds = timeout_seconds
        self.memory_bytes = memory_bytes
        self.max_pages = max_pages
        self.tessdata = tessdata

    async def parse(self, path: Path, media_type: str) -> AsyncGenerator[PageWindow, None]:
        with tempfile.TemporaryDirectory(prefix="lectern-parse-") as folder:
            try:
                seconds = await asyncio.to_thread(self._seconds_for, path)
                job = self._job(path, media_type, folder, seconds)
                reading = _Reading(await _spawn([*self.command, job], folder), seconds)
            except OSError as error:
                raise _unavailable() from error
            try:
                while (window := await reading.next_window()) is not None:
                    yield window
            finally:
                await reading.end()

    def _seconds_for(self, path: Path) -> float:
        """Time grows with the file, so that a small one cannot keep a worker for long."""
        mebibytes = path.stat().st_size / 2**20
        return min(self.timeout_seconds, MIN_SECONDS + SECONDS_PER_MEBIBYTE * mebibytes)

    def _job(self, path: Path, media_type: str, folder: str, seconds: float) -> str:
        return json.dumps(
            {
                "path": str(path.absolute()),
                "media_type": media_type,
                "folder": folder,
                "tessdata": str(self.tessdata.absolute()) if self.tessdata else None,
                "max_pages": self.max_pages,
                "memory_bytes": self.memory_bytes,
                "cpu_seconds": math.ceil(seconds),
            }
        )


async def walls() -> set[Wall]:
    """Those that hold around a parser process of this worker."""
    with tempfile.TemporaryDirectory(prefix="lectern-parse-") as folder:
        command = (sys.executable, "-P", "-m", "providers.parsing.confinement")
        process = await _spawn(command, folder)
        printed, complaint = await process.communicate()
        if process.returncode != 0:
            raise OSError(f"parser processes cannot be confined: {complaint.decode()[-200:]}")
        return {Wall(name) for name in json.loads(printed)}


async def _spawn(command: Sequence[str], folder: str) -> Process:
    environment = {
        "PYTHONPATH": str(_ROOT),
        "HOME": folder,
        "TMPDIR": folder,
        "LANG": "C.UTF-8",
        "OPENBLAS_NUM_THREADS": "1",  # numpy would start threads before the walls stand
        "ORT_DISABLE_TELEMETRY": "1",
    }
    return await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=PIPE,
        cwd=folder, env=environment, start_new_session=True,
    )  # fmt: skip


class _Reading:
    """One running process, the time it has left and the pages it has sent."""

    def __init__(self, process: Process, seconds: float) -> None:
        self._process = process
        self._remaining = seconds
        self._received_bytes = 0
        self._next_number = 1
        self._last_words = asyncio.create_task(self._drain_stderr())

    async def next_window(self) -> PageWindow | None:
        """None after the last. Only waiting counts as time, not what the caller does meanwhile."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._remaining):
                frame = await self._read_frame()
        except TimeoutError as error:
            raise _too_slow() from error
        except asyncio.IncompleteReadError as error:
            raise await self._post_mortem() from error
        self._remaining -= time.monotonic() - started
        self._received_bytes += len(frame)
        if self._received_bytes > MAX_OUTPUT_BYTES:
            raise _too_large()
        match _decode(frame):
            case {"pages": list(items), "page_count": int(page_count), "warnings": warnings}:
                pages = [_page(item, n) for n, item in enumerate(items, self._next_number)]
                self._next_number += len(pages)
                return PageWindow(pages, page_count, warnings=_warnings(warnings))
            case {"end": True}:
                return None
            case {"failure": [str(code), str(message), str() | None as advice]}:
                raise ParseFailure(_code(code), message, advice)
            case {"out_of_memory": True}:
                raise _out_of_memory()
            case {"unavailable": str(reason)}:
                logger.error("parser lacks a library", reason=reason)
                raise _unavailable()
            case _:
                raise _crashed()

    async def end(self) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                # Process.kill() polls first and takes the status away from asyncio's own watcher.
                os.kill(self._process.pid, signal.SIGKILL)
        # For asyncio a process ends with its pipes, and a pipe not before its last byte is read.
        assert self._process.stdout is not None
        while await self._process.stdout.read(MAX_FRAME_BYTES):
            pass
        await self._process.wait()
        await self._last_words

    async def _read_frame(self) -> bytes:
        assert self._process.stdout is not None
        (length,) = struct.unpack(">I", await self._process.stdout.readexactly(4))
        if length > MAX_FRAME_BYTES:
            raise _crashed()
        return await self._process.stdout.readexactly(length)

    async def _drain_stderr(self) -> str:
        """Read on, so that the process never waits, and keep the end."""
        assert self._process.stderr is not None
        kept = b""
        while data := await self._process.stderr.read(_STDERR_BYTES):
            kept = (kept + data)[-_STDERR_BYTES:]
        return kept.decode(errors="replace")

    async def _post_mortem(self) -> ParseFailure | ProviderUnavailable:
        """Why the process ended before it said so."""
        status, last_words = await self._process.wait(), await self._last_words
        logger.warning("parser process died", status=status, where=frames_of(last_words))
        if status == -signal.SIGXCPU:
            return _too_slow()
        if status in _FROM_OUTSIDE:
            return ProviderUnavailable(
                ErrorCode.PARSER_UNAVAILABLE, "Reading the document was broken off from outside."
            )
        aborted = status == -signal.SIGABRT and "panicked" not in last_words
        if aborted or any(words in last_words for words in _OUT_OF_MEMORY):
            return _out_of_memory()  # native code that is refused memory aborts without a word
        return _crashed()


def frames_of(last_words: str) -> list[str]:
    """Where a process died: the rest of what it said may quote the document."""
    return [match[0] for match in _FRAME.finditer(last_words)]


def _decode(frame: bytes) -> Any:
    try:
        return json.loads(frame)
    except ValueError as error:
        raise _crashed() from error


def _page(item: Any, number: int) -> Page:
    """Check what a process that read a hostile file claims to have found."""
    match item:
        case [int(claimed), str(text), width, height, list(words), blocks] if (
            claimed == number
            and "\0" not in text
            and len(words) % 6 == 0
            and all(type(value) is int for value in words)
            and all(size is None or type(size) in (int, float) for size in (width, height))
        ):
            try:
                return Page(number, text, width, height, words, load_blocks(blocks, len(text)))
            except ValueError as error:
                raise _crashed() from error
    raise _crashed()


def _warnings(data: Any) -> list[ReadingWarning]:
    try:
        return load_warnings(data)
    except ValueError as error:
        raise _crashed() from error


def _code(name: str) -> ErrorCode:
    try:
        return ErrorCode(name)
    except ValueError as error:
        raise _crashed() from error


def _too_slow() -> ParseFailure:
    return ParseFailure(
        ErrorCode.PARSER_TIMEOUT,
        "Reading the document took too long.",
        "Split it, or save it again with another program, and upload that.",
    )


def _too_large() -> ParseFailure:
    return ParseFailure(
        ErrorCode.TOO_LARGE,
        "The document holds more text than allowed.",
        "Split it and upload the parts.",
    )


def _out_of_memory() -> ParseFailure:
    return ParseFailure(
        ErrorCode.PARSER_OUT_OF_MEMORY,
        "Reading the document takes more memory than allowed.",
        "Split it, or make its pictures smaller, and upload that.",
    )


def _crashed() -> ParseFailure:
    return ParseFailure(
        ErrorCode.MALFORMED,
        "The document is damaged in a way that stops it from being read.",
        "Open it in the program that made it, save it again and upload that.",
    )


def _unavailable() -> ProviderUnavailable:
    return ProviderUnavailable(ErrorCode.PARSER_UNAVAILABLE, "Documents cannot be read just now.")
