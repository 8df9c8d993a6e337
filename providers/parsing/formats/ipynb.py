"""Jupyter notebooks (nbformat 4): prose, code, and what the code printed."""

import json
from collections.abc import Iterator
from typing import Any

from core.blocks import BlockKind, WarningCode
from providers.parsing import PageWindow
from providers.parsing.formats import Source
from providers.parsing.formats.markdown import write_markdown
from providers.parsing.formats.package import damaged
from providers.parsing.formats.reading import read_text
from providers.parsing.writer import Writer


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`: MALFORMED, EMPTY or TOO_LARGE."""
    writer = Writer()
    try:
        notebook = json.loads(read_text(source, writer))
    except (ValueError, RecursionError) as error:
        raise damaged() from error
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    for cell in cells if isinstance(cells, list) else ():
        if isinstance(cell, dict):
            _cell(writer, cell)
    return writer.windows(source.max_pages)


def _cell(writer: Writer, cell: dict[str, Any]) -> None:
    text = _joined(cell.get("source"))
    if cell.get("cell_type") == "markdown":
        write_markdown(writer, text)
        return
    writer.write(text, BlockKind.CODE)
    for output in cell.get("outputs") or ():
        data = output.get("data") or {}
        shown = _joined(output.get("text") or data.get("text/plain") or output.get("evalue"))
        writer.write(shown, BlockKind.CODE)
        if any(str(kind).startswith("image/") for kind in data):
            writer.warn(WarningCode.SKIPPED_CONTENT, "Pictures that code drew were not read.")


def _joined(lines: Any) -> str:
    return "".join(map(str, lines)) if isinstance(lines, list) else str(lines or "")
