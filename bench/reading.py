"""What is read of documents whose content is known, and how long it takes, beside kreuzberg.

    PYTHONPATH=tests python -m bench.reading [--data DIR]

One report of prose and a table is written in each format and read back: the share of its words
that are found in their order, the F1 of the table's cells (row, name of the column, text), which
kreuzberg does not tell by name, milliseconds a page and the memory that Python took. With DIR the
files of `documents/` and `cases/` are read too, and what they are said to lack is counted.
"""

import argparse
import html
import re
import tempfile
import time
import tracemalloc
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from kreuzberg import ExtractionConfig, extract_bytes_sync
from rich.console import Console
from rich.table import Table

from core.errors import ParseFailure
from providers.parsing.media import sniff_file
from support.office import paragraph, write_docx, write_pptx, write_xlsx
from support.reading import Reading, read_file

ROWS = 400
NAMES = ["Part", "Depth m", "Supplier", "Days"]
CELLS = [[f"PX-{1000 + n}", f"{n / 4:.2f}", f"Yard {n % 7}", str(n % 60)] for n in range(ROWS)]
PROSE = [
    f"Paragraph {n} tells of gauge {n}, read at noon and written into the book." for n in range(60)
]
REPEATS = 3


def make_csv(path: Path) -> None:
    lines = [NAMES, *CELLS]
    path.write_text("\n".join(",".join(line) for line in lines))


def make_html(path: Path) -> None:
    head = "".join(f"<th>{name}</th>" for name in NAMES)
    body = "".join(f"<tr>{''.join(f'<td>{c}</td>' for c in row)}</tr>" for row in CELLS)
    prose = "".join(f"<p>{html.escape(text)}</p>" for text in PROSE)
    path.write_text(f"<!doctype html>{prose}<table><tr>{head}</tr>{body}</table>")


def make_mail(path: Path) -> None:
    make_html(path)
    message = EmailMessage()
    message["Subject"], message["From"] = "Report", "ops@skerra.example"
    message.set_content(path.read_text(), subtype="html")
    path.write_bytes(message.as_bytes())


def make_markdown(path: Path) -> None:
    rows = [NAMES, ["---"] * len(NAMES), *CELLS]
    path.write_text("\n\n".join([*PROSE, "\n".join(f"| {' | '.join(row)} |" for row in rows)]))


def make_rtf(path: Path) -> None:
    prose = "".join(rf"{text}\par " for text in PROSE)
    edges = "".join(rf"\cellx{1000 * n}" for n in range(1, 5))
    rows = "".join(
        rf"\trowd{edges}\intbl " + "".join(rf"{cell}\cell " for cell in row) + r"\row "
        for row in [NAMES, *CELLS]
    )
    path.write_text(rf"{{\rtf1\ansi {prose}{rows}\pard}}")


def make_docx(path: Path) -> None:
    rows = "".join(
        f"<w:tr>{''.join(f'<w:tc>{paragraph(cell)}</w:tc>' for cell in row)}</w:tr>"
        for row in [NAMES, *CELLS]
    )
    made = write_docx(path.parent, "".join(map(paragraph, PROSE)) + f"<w:tbl>{rows}</w:tbl>")
    made.rename(path)


def make_xlsx(path: Path) -> None:
    cell = '<c t="inlineStr"><is><t>{}</t></is></c>'
    rows = "".join(f"<row>{''.join(map(cell.format, row))}</row>" for row in [NAMES, *CELLS])
    write_xlsx(path.parent, rows).rename(path)


def make_pptx(path: Path) -> None:
    def cell(text: str) -> str:
        return f"<a:tc><a:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></a:txBody></a:tc>"

    rows = "".join(f"<a:tr>{''.join(map(cell, row))}</a:tr>" for row in [NAMES, *CELLS])
    table = f'<a:tbl><a:tblPr firstRow="1"/>{rows}</a:tbl>'
    graphic = f"<a:graphic><a:graphicData>{table}</a:graphicData></a:graphic>"
    write_pptx(path.parent, f"<p:graphicFrame>{graphic}</p:graphicFrame>").rename(path)


def make_odt(path: Path) -> None:
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "text", "table")
    )
    cell = "<table:table-cell><text:p>{}</text:p></table:table-cell>"
    rows = "".join(
        f"<table:table-row>{''.join(map(cell.format, row))}</table:table-row>"
        for row in [NAMES, *CELLS]
    )
    prose = "".join(f"<text:p>{text}</text:p>" for text in PROSE)
    text = f"<office:text>{prose}<table:table>{rows}</table:table></office:text>"
    content = f"<office:body>{text}</office:body>"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr(
            "content.xml", f"<office:document-content {spaces}>{content}</office:document-content>"
        )


MAKERS: dict[str, tuple[Callable[[Path], None], bool]] = {
    ".csv": (make_csv, False),
    ".html": (make_html, True),
    ".eml": (make_mail, True),
    ".md": (make_markdown, True),
    ".rtf": (make_rtf, True),
    ".docx": (make_docx, True),
    ".xlsx": (make_xlsx, False),
    ".pptx": (make_pptx, False),
    ".odt": (make_odt, True),
}
"""By suffix, with whether there is prose before the table."""


@dataclass(frozen=True, slots=True)
class Measure:
    recall: float
    cell_f1: float | None
    milliseconds: float


def words(text: str) -> list[str]:
    return re.findall(r"[\w.-]*\w", text)


def recall(found: str, expected: list[str]) -> float:
    """The share of the expected words that are found in their order."""
    matcher = SequenceMatcher(None, words(found), expected, autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks()) / len(expected)


def cell_f1(reading: Reading) -> float:
    found: Counter[tuple[str, str, str]] = Counter()
    for columns, rows in reading.tables:
        for row in rows:
            found.update((row[0], name, cell) for name, cell in zip(columns, row, strict=True))
    expected = Counter(
        (row[0], name, cell) for row in CELLS for name, cell in zip(NAMES, row, strict=True)
    )
    return 2 * (found & expected).total() / (found.total() + expected.total())


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """The last result and the milliseconds of the quickest of several times."""
    best = float("inf")
    for _ in range(REPEATS):
        started = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - started)
    return result, best * 1000


def measured(path: Path, prose: bool) -> tuple[Measure, Measure | None, int, float]:
    """Ours, kreuzberg's, the number of pages, and the MB that were taken at most."""
    expected = words(" ".join([*(PROSE if prose else []), *NAMES, *(" ".join(r) for r in CELLS)]))
    reading, ours = timed(lambda: read_file(path))
    tracemalloc.start()
    read_file(path)
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    media_type = sniff_file(path, path.name) or ""
    try:
        config = ExtractionConfig(use_cache=False)
        other, theirs = timed(lambda: extract_bytes_sync(path.read_bytes(), media_type, config))
        reference = Measure(recall(other.content, expected), None, theirs)
    except Exception:
        reference = None
    own = Measure(recall(reading.text, expected), cell_f1(reading), ours)
    return own, reference, len(reading.pages), peak


def report_made(console: Console) -> None:
    table = Table("format")
    for name in (
        "words",
        "cells F1",
        "ms",
        "ms a page",
        "peak MB",
        "kreuzberg's words",
        "its ms",
        "ratio",
    ):
        table.add_column(name, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        for suffix, (make, prose) in MAKERS.items():
            path = Path(folder, f"report{suffix}")
            make(path)
            own, reference, pages, peak = measured(path, prose)
            table.add_row(
                suffix, f"{own.recall:.3f}", f"{own.cell_f1:.3f}", f"{own.milliseconds:.1f}",
                f"{own.milliseconds / pages:.2f}", f"{peak:.1f}",
                *(
                    [f"{reference.recall:.3f}", f"{reference.milliseconds:.1f}",
                     f"{own.milliseconds / reference.milliseconds:.1f}"]
                    if reference else ["-"] * 3
                ),
            )  # fmt: skip
    console.print(table)


def report_found(console: Console, data: Path) -> None:
    """How the files of a folder end, and what is said of those that were read."""
    outcomes: dict[str, Counter[str]] = {}
    for path in sorted(p for name in ("documents", "cases") for p in (data / name).glob("*.*")):
        found = outcomes.setdefault(path.suffix, Counter())
        try:
            reading = read_file(path)
        except (ParseFailure, AssertionError) as error:
            found[str(getattr(error, "code", "UNSUPPORTED_FILE_TYPE"))] += 1
            continue
        found["read"] += 1
        found["pages"] += len(reading.pages)
        found.update(dict.fromkeys((warning.code for warning in reading.warnings), 1))
    table = Table("format", "outcomes")
    for suffix, found in sorted(outcomes.items()):
        table.add_row(suffix, ", ".join(f"{count} {name}" for name, count in found.items()))
    console.print(table)


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--data", type=Path)
    options = arguments.parse_args()
    console = Console()
    report_made(console)
    if options.data:
        report_found(console, options.data)


if __name__ == "__main__":
    main()
