"""PDF files written by hand, so that each holds exactly what a test is about."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from core.blocks import Block, BlockKind, ReadingWarning, Table
from providers.parsing import Page
from providers.parsing.formats import PDF, Source, find_reader


def pdf(
    *contents: str,
    page: str = "",
    annotations: Sequence[str] = (),
    objects: Iterable[str] = (),
    catalog: str = "",
    resources: str = "",
) -> bytes:
    """A page for each content stream in Helvetica (F1), bold (F2), and Courier (F3).

    `page` stands in the dictionary of each page, `annotations` on the first one, `objects` are
    numbered from 10 on, `catalog` and `resources` stand in those dictionaries.
    """
    bodies: dict[int, str] = {
        3: "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        4: "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
        5: "<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>",
    }
    bodies |= dict(enumerate(objects, 10))
    first = 100
    kids = []
    for number, content in enumerate(contents):
        index = first + 2 * number
        kids.append(f"{index} 0 R")
        notes = f"/Annots [{' '.join(annotations)}]" if annotations and number == 0 else ""
        bodies[index] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {index + 1} 0 R "
            f"/Resources << /Font << /F1 3 0 R /F2 4 0 R /F3 5 0 R >> {resources} >> "
            f"{page} {notes} >>"
        )
        bodies[index + 1] = (
            f"<< /Length {len(content.encode('cp1252'))} >>\nstream\n{content}\nendstream"
        )
    bodies[1] = f"<< /Type /Catalog /Pages 2 0 R {catalog} >>"
    bodies[2] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    data = b"%PDF-1.7\n"
    offsets: dict[int, int] = {}
    for number, body in sorted(bodies.items()):
        offsets[number] = len(data)
        data += f"{number} 0 obj\n{body}\nendobj\n".encode("cp1252")
    start = len(data)
    size = max(bodies) + 1
    rows = [
        f"{offsets[number]:010d} 00000 n \n" if number in offsets else "0000000000 65535 f \n"
        for number in range(size)
    ]
    data += f"xref\n0 {size}\n{''.join(rows)}".encode()
    return data + f"trailer << /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF".encode()


def text(x: float, y: float, line: str, size: float = 11, font: str = "F1") -> str:
    """A line of text at a place, as PDF operators."""
    escaped = line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return f"BT /{font} {size} Tf {x} {y} Td ({escaped}) Tj ET\n"


def lines(x: float, y: float, *texts: str, size: float = 11, leading: float = 1.25) -> str:
    return "".join(
        text(x, y - number * size * leading, line, size) for number, line in enumerate(texts)
    )


def read(
    folder: Path, data: bytes, media_type: str = PDF, tessdata: Path | None = None
) -> tuple[list[Page], list[ReadingWarning]]:
    """Read in this process; what the sandbox adds has tests of its own."""
    path = folder / "document"
    path.write_bytes(data)
    windows = list(find_reader(media_type).read(Source(path, media_type, 1_000, tessdata)))
    return (
        [page for window in windows for page in window.pages],
        [warning for window in windows for warning in window.warnings],
    )


def read_page(folder: Path, data: bytes) -> Page:
    return read(folder, data)[0][0]


def parts(page: Page, kind: BlockKind) -> list[str]:
    return [page.text[block.start : block.end] for block in page.blocks if block.kind == kind]


def table_of(page: Page) -> Table:
    (table,) = [block.table for block in page.blocks if block.table is not None]
    return table


def cells(page: Page, table: Table) -> list[list[str]]:
    return [[page.text[start:end] for start, end in row] for row in table.rows]


def box_of(page: Page, phrase: str) -> tuple[int, int, int, int]:
    """Left, top, right, bottom in ten-thousandths around the words of a phrase."""
    at = page.text.index(phrase)
    boxes = [
        (x, y, x + width, y + height)
        for start, end, x, y, width, height in zip(*[iter(page.words)] * 6, strict=True)
        if start < at + len(phrase) and end > at
    ]
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


def headings(page: Page) -> list[tuple[int | None, str]]:
    def title(block: Block) -> str:
        return page.text[block.start : block.end].lstrip("# ")

    return [(b.level, title(b)) for b in page.blocks if b.kind == BlockKind.HEADING]
