"""Tables with spanning cells as rows of equal width."""

from collections.abc import Sequence
from dataclasses import dataclass

from providers.parsing.writer import squeeze

MAX_COLUMNS = 2_000
MAX_CELLS = 2_000_000


@dataclass(slots=True)
class Cell:
    text: str
    columns: int = 1
    rows: int = 1
    header: bool = False


def spread(
    rows: Sequence[Sequence[Cell]], header_rows: int | None = None
) -> tuple[list[list[str]], int | None]:
    """Each cell's text in every place that it covers, and how many rows are the header's: as
    given, as the cells themselves say, or None where nothing tells."""
    grid: list[list[str | None]] = []
    marked: list[bool] = []
    reach: list[int] = []
    """For each row the last row that a cell which begins in it covers."""
    wide: list[bool] = []
    """Whether some cell of a row, but not all of it at once, covers several columns."""
    pending: dict[int, tuple[str, int, bool]] = {}
    """By column: text, rows still to cover, whether of a header."""
    for number, cells in enumerate(rows):
        line: list[str | None] = []
        headers: list[bool] = []
        last = number
        spans = False
        queue = list(cells)
        column = 0
        while queue or any(key >= column for key in pending):
            if column in pending:
                text, left, header = pending.pop(column)
                if left > 1:
                    pending[column] = (text, left - 1, header)
                line.append(text)
                headers.append(header)
                column += 1
                continue
            if not queue:
                line.append("")
                headers.append(True)
                column += 1
                continue
            cell = queue.pop(0)
            text = squeeze(cell.text)
            width = max(1, min(cell.columns, MAX_COLUMNS - column))
            height = max(1, min(cell.rows, len(rows) - number))
            spans = spans or (width > 1 and bool(queue or column))
            last = max(last, number + height - 1)
            for offset in range(width):
                line.append(text)
                headers.append(cell.header)
                if height > 1 and column + offset not in pending:
                    pending[column + offset] = (text, height - 1, cell.header)
            column += width
            if column >= MAX_COLUMNS:
                break
        grid.append(line)
        marked.append(bool(headers) and all(headers))
        reach.append(last)
        wide.append(spans)
    texts = [[text or "" for text in line] for line in grid]
    if header_rows is None:
        header_rows = _header_rows(texts, marked, reach, wide)
    return texts, header_rows


def _header_rows(
    texts: Sequence[Sequence[str]],
    marked: Sequence[bool],
    reach: Sequence[int],
    wide: Sequence[bool],
) -> int | None:
    count = next((number for number, is_header in enumerate(marked) if not is_header), 0)
    if count:
        return count
    if len(texts) > 2 and (wide[0] or reach[0] > 0):
        # Names above several columns, or beside two rows of names, and names of each below.
        last = max(reach[0], 1)
        names = [text for row in texts[: last + 1] for text in row]
        under_names = all(
            _shared(texts[0], column) or texts[1][column] in ("", text)
            for column, text in enumerate(texts[0])
            if text and column < len(texts[1])
        )
        if under_names and last < len(texts) - 1 and not any(map(_is_number, names)):
            return last + 1
    return None


def _shared(row: Sequence[str], column: int) -> bool:
    """Whether a name stands over a neighbouring column too."""
    return row[column] in (*row[max(column - 1, 0) : column], *row[column + 1 : column + 2])


def _is_number(text: str) -> bool:
    return text[:1].isdecimal() and not any(map(str.isalpha, text))
