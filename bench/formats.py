"""Every document of a folder through sniffing and the sandboxed parser.

    python -m bench.formats [--data DIR] [--show NAME] [--pages 1000]

DIR holds `documents/` and `hostile/`; without it the samples of the tests are read. A PDF of
`--pages` pages is made on the spot.
"""

import argparse
import asyncio
import re
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fpdf import FPDF
from liteparse import LiteParse
from rich.console import Console
from rich.table import Table

from core.errors import DomainError
from core.settings import Settings
from providers.parsing import Page, Parser
from providers.parsing.factory import open_parser
from providers.parsing.formats import PDF
from providers.parsing.media import sniff_file

MEBIBYTE = 1024 * 1024
SAMPLES = Path(__file__).parents[1] / "tests" / "samples"


@dataclass
class Outcome:
    file: str
    media_type: str | None
    verdict: str
    pages: int
    characters: int
    seconds: float
    first_seconds: float
    peak_bytes: int
    raw_seconds: float | None = None


async def measure(parser: Parser, path: Path, show: str | None) -> Outcome:
    started = time.perf_counter()
    media_type = sniff_file(path, path.name)
    pages: list[Page] = []
    first = 0.0
    verdict = "read"
    peak = asyncio.create_task(watch_children())
    if media_type is None:
        verdict = "UNSUPPORTED_FILE_TYPE"
    else:
        try:
            async for window in parser.parse(path, media_type):
                first = first or time.perf_counter() - started
                pages += window.pages
        except DomainError as error:
            verdict = str(error.code)
    seconds = time.perf_counter() - started
    peak.cancel()
    with suppress(asyncio.CancelledError):
        await peak
    if show is not None and show in path.name:
        for page in pages:
            print(f"--- {path.name}, page {page.number}\n{page.text}")
    return Outcome(
        file=path.name,
        media_type=media_type,
        verdict=verdict,
        pages=len(pages),
        characters=sum(len(page.text) for page in pages),
        seconds=seconds,
        first_seconds=first,
        peak_bytes=max(watched_peaks.values(), default=0),
        raw_seconds=time_raw(path) if media_type == PDF and pages else None,
    )


watched_peaks: dict[str, int] = {}


async def watch_children() -> None:
    """Keep the peak resident size of every child process, which only Linux tells."""
    watched_peaks.clear()
    while True:
        note_peaks()
        await asyncio.sleep(0.005)


def note_peaks() -> None:
    for task in Path("/proc/self/task").glob("*/children"):
        for pid in task.read_text().split():
            with suppress(OSError):
                status = Path(f"/proc/{pid}/status").read_text()
                if peak := re.search(r"VmHWM:\s+(\d+) kB", status):
                    watched_peaks[pid] = int(peak[1]) * 1024


def time_raw(path: Path) -> float:
    started = time.perf_counter()
    LiteParse(ocr_enabled=False, quiet=True, emit_word_boxes=True).parse(path)
    return time.perf_counter() - started


def make_pdf(path: Path, pages: int) -> None:
    pdf = FPDF()
    for number in range(1, pages + 1):
        pdf.add_page()
        pdf.set_font("Helvetica", "B", 16)
        pdf.cell(text=f"Chapter {number}", new_x="LMARGIN", new_y="NEXT")
        pdf.set_font("Times", size=11)
        pdf.multi_cell(0, h=5.5, text=f"Line {number} of a long story about the tide. " * 55)
    pdf.output(str(path))


def report(outcomes: list[Outcome]) -> None:
    table = Table("file", "type", "outcome")
    for heading in ("pages", "chars", "ms", "first ms", "peak MB"):
        table.add_column(heading, justify="right")
    for outcome in outcomes:
        table.add_row(
            outcome.file,
            (outcome.media_type or "").rpartition(".")[2].rpartition("/")[2],
            outcome.verdict,
            str(outcome.pages),
            f"{outcome.characters:,}",
            f"{outcome.seconds * 1000:.0f}",
            f"{outcome.first_seconds * 1000:.0f}",
            f"{outcome.peak_bytes / MEBIBYTE:.0f}",
        )
    console = Console()
    console.print(table)
    console.print(dict(Counter(outcome.verdict for outcome in outcomes)))
    pdfs = [outcome for outcome in outcomes if outcome.raw_seconds]
    pages = sum(outcome.pages for outcome in pdfs)
    raw_seconds = sum(outcome.raw_seconds or 0 for outcome in pdfs)
    console.print(
        f"PDF: {pages} pages, {pages / sum(o.seconds for o in pdfs):.0f} pages/s in the sandbox, "
        f"{pages / raw_seconds:.0f} pages/s raw liteparse with word boxes"
    )


async def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--data", type=Path)
    arguments.add_argument("--show", help="print the pages of files whose name contains this")
    arguments.add_argument("--pages", type=int, default=1000)
    options = arguments.parse_args()
    parser = open_parser(Settings(parser="local"))
    folders = [options.data / "documents", options.data / "hostile"] if options.data else [SAMPLES]
    files = [path for folder in folders for path in sorted(folder.iterdir())]
    with tempfile.TemporaryDirectory() as folder:
        long = Path(folder, f"made-{options.pages}-pages.pdf")
        make_pdf(long, options.pages)
        report([await measure(parser, path, options.show) for path in [*files, long]])


if __name__ == "__main__":
    asyncio.run(main())
