"""What is read of PDFs whose content is known, and how long it takes, beside bare PDFium.

    python -m bench.reading_pdf [--data DIR] [--pages 200] [--scans 3]

Books, papers in two columns and price lists are written and read back: the share of their words
that is found in their order, the F1 of the cells of tables (row, name of the column, text), pages a
second and the ratio to PDFium's own text. Scans are the same pages as pictures. With DIR the PDFs
of `documents/`, `cases/` and `hostile/` are read too.
"""

import argparse
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium
from fpdf import FPDF
from PIL import Image
from rich.console import Console
from rich.table import Table

from core.blocks import ReadingWarning
from core.errors import ParseFailure
from providers.parsing import Page
from providers.parsing.formats import PDF, Source
from providers.parsing.formats.pdf import read

WORDS = (
    "tide lamp keeper engine wheel chain float copper storm ferry drum paper barometer moon cam "
    "bronze surge flag harbour slipway oil grade bearing sluice lever warden island"
).split()
Cells = list[list[str]]


def sentence(chance: random.Random) -> str:
    words = [chance.choice(WORDS) for _ in range(chance.randint(6, 18))]
    return f"{' '.join(words).capitalize()} {chance.randint(2, 9_999)}."


def paragraphs(chance: random.Random, count: int) -> list[str]:
    return [" ".join(sentence(chance) for _ in range(5)) for _ in range(count)]


def write_book(pdf: FPDF, chance: random.Random) -> tuple[str, Cells]:
    written = paragraphs(chance, 5)
    for text in written:
        pdf.multi_cell(0, h=5.5, text=text, new_x="LMARGIN", new_y="NEXT")
        pdf.ln(3)
    return " ".join(written), []


def write_paper(pdf: FPDF, chance: random.Random) -> tuple[str, Cells]:
    written = paragraphs(chance, 7)
    with pdf.text_columns(ncols=2, gutter=8) as columns:
        columns.write("\n\n".join(written))
    return " ".join(written), []


def write_list(pdf: FPDF, chance: random.Random) -> tuple[str, Cells]:
    rows = [["Part", "Depth m", "Supplier", "Days"]] + [
        [f"PX-{chance.randint(1_000, 9_999)}", f"{n / 4:.2f}", chance.choice(WORDS), str(n)]
        for n in range(24)
    ]
    with pdf.table(borders_layout=chance.choice(["ALL", "NONE", "MINIMAL"])) as table:
        for cells in rows:
            row = table.row()
            for cell in cells:
                row.cell(cell)
    return " ".join(cell for row in rows for cell in row), rows


Write = Callable[[FPDF, random.Random], tuple[str, Cells]]
KINDS: dict[str, Write] = {"book": write_book, "paper": write_paper, "price list": write_list}


def make(write: Write, pages: int) -> tuple[bytes, list[tuple[str, Cells]]]:
    chance = random.Random(1891)
    pdf = FPDF()
    pdf.set_auto_page_break(False)
    known = []
    for _ in range(pages):
        pdf.add_page()
        pdf.set_font("Times", size=10)
        known.append(write(pdf, chance))
    return bytes(pdf.output()), known


def scan(data: bytes, pages: int) -> bytes:
    source, pdf = pdfium.PdfDocument(data), FPDF()
    for number in range(min(pages, len(source))):
        pixels = source[number].render(scale=200 / 72, grayscale=True).to_numpy()
        pdf.add_page()
        pdf.image(Image.fromarray(np.array(pixels)), x=0, y=0, w=210, h=297)
    return bytes(pdf.output())


def read_all(path: Path) -> tuple[list[Page], list[ReadingWarning]]:
    windows = list(read(Source(path, PDF, 5_000)))
    return (
        [page for window in windows for page in window.pages],
        [warning for window in windows for warning in window.warnings],
    )


def recall(found: str, known: str) -> float:
    """The share of known words that are found in their order."""
    wanted, words = known.split(), found.split()
    blocks = SequenceMatcher(None, wanted, words, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / len(wanted)


def named_cells(page: Page) -> Counter[tuple[int, str, str]]:
    tables = [block.table for block in page.blocks if block.table is not None]
    return Counter(
        (number, name, page.text[start:end])
        for table in tables
        for number, row in enumerate(table.rows)
        for name, (start, end) in zip(table.columns, row, strict=True)
    )


def cell_f1(page: Page, cells: Cells) -> float:
    known = Counter(
        (number, name, cell)
        for number, row in enumerate(cells[1:])
        for name, cell in zip(cells[0], row, strict=True)
    )
    found = named_cells(page)
    return 2 * (known & found).total() / max(known.total() + found.total(), 1)


def bare_seconds(path: Path) -> float:
    started = time.process_time()
    document = pdfium.PdfDocument(path)
    for page in document:
        page.get_textpage().get_text_range()
    return time.process_time() - started


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--data", type=Path)
    arguments.add_argument("--pages", type=int, default=200)
    arguments.add_argument("--scans", type=int, default=3)
    options = arguments.parse_args()
    table = Table("PDF", "pages", "words in order", "cell F1", "CPU ms/page", "to bare PDFium")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "made.pdf")
        for kind, write in KINDS.items():
            data, known = make(write, options.pages)
            for name, content in ((kind, data), (f"{kind}, scanned", scan(data, options.scans))):
                path.write_bytes(content)
                started = time.process_time()
                pages, _ = read_all(path)
                seconds = time.process_time() - started
                pairs = list(zip(pages, known, strict=False))
                words = sum(recall(page.text.replace("|", " "), text) for page, (text, _) in pairs)
                scores = [cell_f1(page, cells) for page, (_, cells) in pairs if cells]
                table.add_row(
                    name,
                    str(len(pages)),
                    f"{words / len(pages):.1%}",
                    f"{sum(scores) / len(scores):.3f}" if scores else "",
                    f"{seconds / len(pages) * 1000:.1f}",
                    f"{seconds / bare_seconds(path):.0f} x",
                )
    console = Console()
    console.print(table)
    if options.data is not None:
        console.print(read_folder(options.data))


def read_folder(data: Path) -> Table:
    table = Table("file", "pages", "letters", "CPU ms/page", "outcome")
    for folder in ("documents", "cases", "hostile"):
        for path in sorted((data / folder).glob("*.pdf")):
            started = time.process_time()
            pages: list[Page] = []
            try:
                pages, warnings = read_all(path)
                outcome = ", ".join(f"{w.code} {w.pages}" for w in warnings) or "read"
            except ParseFailure as failure:
                outcome = str(failure.code)
            seconds = time.process_time() - started
            letters = sum(len(page.text) for page in pages)
            pace = f"{seconds / max(len(pages), 1) * 1000:.0f}"
            table.add_row(path.name, str(len(pages)), f"{letters:,}", pace, outcome)
    return table


if __name__ == "__main__":
    main()
