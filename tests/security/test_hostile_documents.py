"""Documents made to hurt: each ends with a named failure, inside the limits."""

import asyncio
import io
import os
import signal
import sys
import zipfile
import zlib
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from core.errors import ErrorCode, ParseFailure, ProviderUnavailable
from providers.parsing import formats, media
from providers.parsing.sandbox import SandboxedParser

SAMPLES = Path(__file__).parents[1] / "samples"
MEBIBYTE = 1024 * 1024

ENDLESS_PAGES = """
import itertools, json, struct, sys
for number in itertools.count(1):
    pages = [[number, "word " * 9000, None, None, [], []]]
    data = json.dumps({"pages": pages, "page_count": 9, "warnings": []}).encode()
    sys.stdout.buffer.write(struct.pack(">I", len(data)) + data)
"""


def sandbox(timeout_seconds: float = 60, memory_bytes: int = 512 * MEBIBYTE) -> SandboxedParser:
    return SandboxedParser(
        timeout_seconds=timeout_seconds, memory_bytes=memory_bytes, max_pages=5_000
    )


async def failure_of(parser: SandboxedParser, path: Path, media_type: str) -> ParseFailure:
    with pytest.raises(ParseFailure) as failure:
        async for _ in parser.parse(path, media_type):
            pass
    return failure.value


@pytest.fixture
def parsers() -> Callable[[], set[int]]:
    """Processes begun since the test began, dead ones included until they are waited for."""

    def children() -> set[int]:
        return {child.pid for child in psutil.Process().children()}

    before = children()
    return lambda: children() - before


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


def repacked(name: str, change: Callable[[str, bytes], bytes]) -> bytes:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(SAMPLES / name) as source,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as copy,
    ):
        for entry in source.namelist():
            copy.writestr(entry, change(entry, source.read(entry)))
    return buffer.getvalue()


def with_entities(name: str, data: bytes) -> bytes:
    if not name.endswith(("document.xml", "content.xml")):
        return data
    laughs = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
    prolog = b'<!DOCTYPE r [<!ENTITY l0 "lol"><!ENTITY x SYSTEM "file:///etc/passwd">%s]>' % laughs
    return data.replace(b"?>", b"?>" + prolog, 1).replace(b"The ", b"&l9;&x;")


def padded(name: str, data: bytes) -> bytes:
    return data + b" " * (64 * MEBIBYTE if name == "word/document.xml" else 0)


def deflated(size: int) -> bytes:
    packer = zlib.compressobj(9)
    blank = bytes(MEBIBYTE)
    return b"".join(packer.compress(blank) for _ in range(size // MEBIBYTE)) + packer.flush()


def flate_bomb() -> bytes:
    """A page whose content stream is 1 GiB behind two Flate filters, 4 KB in the file."""
    stream = zlib.compress(deflated(1024 * MEBIBYTE), 9)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R >>",
        b"<< /Length %d /Filter [/FlateDecode /FlateDecode] >>\nstream\n%s\nendstream"
        % (len(stream), stream),
    ]
    body, offsets = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    trailer = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (size, len(body))
    return body + b"xref\n0 %d\n0000000000 65535 f \n%s%s" % (size, table, trailer)


CASES: dict[str, tuple[str, Callable[[], bytes], set[ErrorCode]]] = {
    "encrypted PDF": (
        formats.PDF, lambda: sample("wardens-only.pdf"), {ErrorCode.ENCRYPTED},
    ),
    "scanned PDF": (
        formats.PDF, lambda: sample("surge-log-scan.pdf"), {ErrorCode.NO_TEXT_LAYER},
    ),
    "truncated PDF": (
        formats.PDF, lambda: sample("tide-engine-handbook.pdf")[:1500],
        {ErrorCode.MALFORMED, ErrorCode.EMPTY},
    ),
    "PDF of noise": (formats.PDF, lambda: b"%PDF-1.7\n" + os.urandom(9000), {ErrorCode.MALFORMED}),
    "PDF that is text": (formats.PDF, lambda: b"not a PDF at all", {ErrorCode.MALFORMED}),
    "PDF of nested Flate": (
        formats.PDF, flate_bomb, {ErrorCode.TOO_LARGE, ErrorCode.PARSER_OUT_OF_MEMORY},
    ),
    "encrypted Office file": (
        formats.DOCX, lambda: media.OLE_MAGIC + bytes(4096), {ErrorCode.ENCRYPTED},
    ),
    "truncated package": (
        formats.DOCX, lambda: sample("survey-report.docx")[:1000], {ErrorCode.MALFORMED},
    ),
    "package that is text": (formats.XLSX, lambda: b"not a zip", {ErrorCode.MALFORMED}),
    "package of noise": (
        formats.PPTX, lambda: b"PK\x03\x04" + os.urandom(5000), {ErrorCode.MALFORMED},
    ),
    "zip bomb": (
        formats.DOCX, lambda: repacked("survey-report.docx", padded), {ErrorCode.TOO_LARGE},
    ),
    "XML entities in Word": (
        formats.DOCX, lambda: repacked("survey-report.docx", with_entities), {ErrorCode.MALFORMED},
    ),
    "XML entities in OpenDocument": (
        formats.ODT, lambda: repacked("restoration-minutes.odt", with_entities),
        {ErrorCode.MALFORMED},
    ),
    "book without chapters": (
        formats.EPUB, lambda: repacked("skerra-tales.epub", lambda _, data: data[:40]),
        {ErrorCode.MALFORMED, ErrorCode.EMPTY},
    ),
    "web page of noise": (formats.HTML, lambda: bytes(range(256)) * 40, {ErrorCode.MALFORMED}),
    "unknown format": ("image/gif", lambda: b"GIF89a", {ErrorCode.UNSUPPORTED_FILE_TYPE}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
async def test_a_hostile_document_fails_by_name(case: str, tmp_path: Path) -> None:
    media_type, build, codes = CASES[case]
    path = tmp_path / "upload"
    path.write_bytes(build())
    failure = await failure_of(sandbox(), path, media_type)
    assert failure.code in codes
    assert failure.message
    assert str(tmp_path) not in failure.message


async def test_a_lying_zip_directory_gains_nothing(tmp_path: Path) -> None:
    """The directory says 100 bytes, the stream holds 200 MiB."""
    data = bytearray(
        repacked(
            "survey-report.docx",
            lambda name, data: data + b" " * (200 * MEBIBYTE if name.startswith("word/doc") else 0),
        )
    )
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = archive.getinfo("word/document.xml").file_size
    path = tmp_path / "upload"
    path.write_bytes(data.replace(size.to_bytes(4, "little"), (100).to_bytes(4, "little")))
    failure = await failure_of(sandbox(memory_bytes=300 * MEBIBYTE), path, formats.DOCX)
    assert failure.code in (
        ErrorCode.MALFORMED,
        ErrorCode.TOO_LARGE,
        ErrorCode.PARSER_OUT_OF_MEMORY,
    )


async def test_the_memory_limit_holds(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    path.write_bytes(b"word " * (30 * MEBIBYTE))
    failure = await failure_of(sandbox(memory_bytes=150 * MEBIBYTE), path, formats.PLAIN)
    assert failure.code is ErrorCode.PARSER_OUT_OF_MEMORY
    assert failure.advice


async def test_the_time_limit_holds(tmp_path: Path, parsers: Callable[[], set[int]]) -> None:
    path = tmp_path / "slow.rtf"
    path.write_bytes(rb"{\rtf1 " + rb"\b word \b0 " * 3_000_000 + b"}")
    failure = await failure_of(sandbox(timeout_seconds=1), path, formats.RTF)
    assert failure.code is ErrorCode.PARSER_TIMEOUT
    assert failure.advice
    assert not parsers()


async def test_the_cpu_limit_is_told_from_a_kill(tmp_path: Path) -> None:
    parser = sandbox()
    limited = "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 11))\nwhile True: pass"
    parser.command = (sys.executable, "-c", limited)
    path = tmp_path / "upload"
    path.touch()
    assert (await failure_of(parser, path, formats.PLAIN)).code is ErrorCode.PARSER_TIMEOUT


@pytest.mark.parametrize(("size", "seconds"), [(350 * 1024, 142), (10 * MEBIBYTE, 600)])
def test_a_small_file_cannot_hold_a_worker_for_as_long_as_a_large_one(
    size: int, seconds: float, tmp_path: Path
) -> None:
    path = tmp_path / "upload"
    path.touch()
    os.truncate(path, size)
    assert sandbox(timeout_seconds=600)._seconds_for(path) == pytest.approx(seconds, abs=1)


async def test_a_parser_killed_from_outside_is_no_fault_of_the_document(
    tmp_path: Path, parsers: Callable[[], set[int]]
) -> None:
    path = tmp_path / "long.txt"
    path.write_bytes(b"word " * MEBIBYTE)
    windows = sandbox().parse(path, formats.PLAIN)
    await anext(windows)
    for pid in parsers():
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(ProviderUnavailable) as failure:
        [window async for window in windows]
    assert failure.value.code is ErrorCode.PARSER_UNAVAILABLE
    assert not parsers()


async def test_closing_the_iterator_ends_the_process(
    tmp_path: Path, parsers: Callable[[], set[int]]
) -> None:
    path = tmp_path / "long.txt"
    path.write_bytes(b"word " * MEBIBYTE)
    async with aclosing(sandbox().parse(path, formats.PLAIN)) as windows:
        async for window in windows:
            assert window.page_count > len(window.pages)
            assert parsers()
            break
    assert not parsers()


async def test_closing_the_iterator_does_not_wait_for_what_nobody_reads(
    tmp_path: Path, parsers: Callable[[], set[int]]
) -> None:
    """A cancelled document whose pages fill the pipe must not hold a worker for ever."""
    parser = sandbox()
    parser.command = (sys.executable, "-c", ENDLESS_PAGES)
    path = tmp_path / "upload"
    path.touch()
    async with asyncio.timeout(30):
        async with aclosing(parser.parse(path, formats.PLAIN)) as windows:
            await anext(windows)
            await asyncio.sleep(0.5)  # until the pipe is full
        assert not parsers()


@pytest.mark.parametrize(
    "program",
    [
        "import sys; sys.stdout.write('hello, parent' * 999)",
        "import sys; sys.stdout.buffer.write(b'\\xff' * 8)",
        "import sys; sys.stdout.buffer.write(b'\\0\\0\\0\\x09{\"pages\":')",
        "import sys; sys.stdout.buffer.write(b'\\0\\0\\0\\x04null')",
        'import sys; sys.stdout.buffer.write(b\'\\0\\0\\0\\x1b{"failure":["NONSENSE","x",1]}\')',
        "print(end='')",
        "raise SystemExit(3)",
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        'import json, struct, sys; data = json.dumps({"pages": [[7, "x", None, None, []]], '
        '"page_count": 1}).encode(); sys.stdout.buffer.write(struct.pack(">I", len(data)) + data)',
        'import json, struct, sys; data = json.dumps({"pages": [[1, "\\0", None, None, []]], '
        '"page_count": 1}).encode(); sys.stdout.buffer.write(struct.pack(">I", len(data)) + data)',
    ],
)
async def test_a_process_that_talks_nonsense_is_not_believed(program: str, tmp_path: Path) -> None:
    parser = sandbox()
    parser.command = (sys.executable, "-c", program)
    path = tmp_path / "upload"
    path.touch()
    assert (await failure_of(parser, path, formats.PLAIN)).code is ErrorCode.MALFORMED


async def test_a_reader_that_trips_logs_nothing_of_the_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "upload"
    path.write_bytes(b'{"cells": [{"cell_type": "code", "outputs": ["SECRET"]}]}')
    failure = await failure_of(sandbox(), path, formats.NOTEBOOK)
    logged = capsys.readouterr().out
    assert failure.code is ErrorCode.MALFORMED
    assert "ipynb.py" in logged
    assert "SECRET" not in logged


async def test_a_parser_that_cannot_start_is_unavailable(tmp_path: Path) -> None:
    parser = sandbox()
    parser.command = (str(tmp_path / "missing"),)
    with pytest.raises(ProviderUnavailable) as failure:
        async for _ in parser.parse(tmp_path / "upload", formats.PLAIN):
            pass
    assert failure.value.code is ErrorCode.PARSER_UNAVAILABLE
