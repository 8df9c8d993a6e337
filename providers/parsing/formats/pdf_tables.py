"""Tables of a PDF page, told by their rules or, without rules, by how their cells stand."""

import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from providers.parsing.formats.pdf_text import Word

Row = list[Word]
"""Words with one base line, from left to right."""
Pieces = Callable[[Iterable[Sequence[Word]]], list[list[Word]]]

_TOUCH = 3.0
"""Points: rules as near as this meet."""
_MAX_RULES = 3_000
"""A page with more is a drawing."""
_PROSE_WORDS = 120
"""A cell with more words is a column of a layout."""
_NUMBER = re.compile(r"^[^\w]*[\d.,:/%+\u2212-]*\d[\d.,:/%\s+\u2212\u2013-]*[^\w]*[a-zA-Z%°]{0,4}$")
_YEAR = re.compile(r"^(?:19|20)\d\d$")
_MARKER = re.compile(r"^(?:[\W_]|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,5})[.)]|\d{1,2}(?:\.\d{1,2})*\.?)$")
_LEADERS = re.compile(r"(?:\.\s?){4,}|(?:_\s?){4,}|\u2026")


@dataclass(slots=True)
class Rules:
    """Straight lines of a page in the frame of its text: (from, to, where) in points."""

    horizontal: list[tuple[float, float, float]] = field(default_factory=list)
    vertical: list[tuple[float, float, float]] = field(default_factory=list)


@dataclass(slots=True)
class Cell:
    """Words in reading order; row and column of its corner and how many it covers."""

    row: int
    column: int
    height: int = 1
    width: int = 1
    lines: list[Row] = field(default_factory=list)

    @property
    def words(self) -> list[Word]:
        return [word for line in self.lines for word in line]

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


@dataclass(slots=True)
class TableGrid:
    """Rows of cells, as many in each; a merged cell stands at every place that it covers."""

    rows: list[list[Cell]]
    x: float
    right: float
    top: float
    bottom: float
    header_rows: int = 0

    def __post_init__(self) -> None:
        self.header_rows = _header_rows(self.rows)


def find_ruled_tables(rows: Sequence[Row], rules: Rules) -> tuple[list[TableGrid], list[Row]]:
    """The tables, and the words outside them."""
    if len(rules.horizontal) < 2 or len(rules.vertical) < 1:
        return [], list(rows)
    if len(rules.horizontal) + len(rules.vertical) > _MAX_RULES:
        return [], list(rows)
    horizontal, vertical = _merge(rules.horizontal), _merge(rules.vertical)
    tables: list[TableGrid] = []
    rest = list(rows)
    for across, down in _networks(horizontal, vertical):
        table, others = _ruled_table(rest, across, down)
        if table is not None:
            tables.append(table)
            rest = others
    return tables, rest


def _merge(rules: Iterable[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """Stretches of one line put together."""
    merged: list[tuple[float, float, float]] = []
    for start, end, place in sorted(rules, key=lambda rule: (round(rule[2] / 2), rule[0])):
        for index in range(len(merged) - 1, max(len(merged) - 4, -1), -1):
            before = merged[index]
            if abs(before[2] - place) <= 2 and start <= before[1] + _TOUCH:
                merged[index] = (min(before[0], start), max(before[1], end), before[2])
                break
        else:
            merged.append((start, end, place))
    return merged


def _networks(
    horizontal: Sequence[tuple[float, float, float]], vertical: Sequence[tuple[float, float, float]]
) -> list[tuple[list[tuple[float, float, float]], list[tuple[float, float, float]]]]:
    """Rules that meet, directly or through others."""
    count = len(horizontal) + len(vertical)
    parents = list(range(count))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    for i, (left, right, y) in enumerate(horizontal):
        for j, (top, bottom, x) in enumerate(vertical, len(horizontal)):
            if left - _TOUCH <= x <= right + _TOUCH and top - _TOUCH <= y <= bottom + _TOUCH:
                parents[root(i)] = root(j)
    groups: dict[
        int, tuple[list[tuple[float, float, float]], list[tuple[float, float, float]]]
    ] = {}
    for index in range(count):
        across, down = groups.setdefault(root(index), ([], []))
        if index < len(horizontal):
            across.append(horizontal[index])
        else:
            down.append(vertical[index - len(horizontal)])
    return [group for group in groups.values() if len(group[0]) >= 2 and group[1]]


def _edges(places: Iterable[float]) -> list[float]:
    edges: list[float] = []
    for place in sorted(places):
        if not edges or place - edges[-1] > _TOUCH:
            edges.append(place)
    return edges


def _ruled_table(
    rows: Sequence[Row],
    across: Sequence[tuple[float, float, float]],
    down: Sequence[tuple[float, float, float]],
) -> tuple[TableGrid | None, list[Row]]:
    xs = _edges(
        [*(x for _, _, x in down), min(rule[0] for rule in across), max(rule[1] for rule in across)]
    )
    ys = _edges(
        [*(y for _, _, y in across), min(rule[0] for rule in down), max(rule[1] for rule in down)]
    )
    columns, height = len(xs) - 1, len(ys) - 1
    inside = sum(
        xs[0] <= word.x <= xs[-1] and ys[0] <= word.base <= ys[-1] for row in rows for word in row
    )
    if columns < 2 or height < 2 or inside < 3 or columns * height > 100 * inside:
        return None, list(rows)
    cells = _merged_cells(xs, ys, across, down)
    rest: list[Row] = []
    for row in rows:
        outside: Row = []
        parts: dict[int, Row] = {}
        for word in row:
            column = _slot(xs, (word.x + word.right) / 2)
            line = _slot(ys, (word.top + word.bottom) / 2)
            if column is None or line is None:
                outside.append(word)
            else:
                parts.setdefault(id(cells[line][column]), []).append(word)
        by_identity = {id(cell): cell for line in cells for cell in line}
        for identity, words in parts.items():
            by_identity[identity].lines.append(words)
        if outside:
            rest.append(outside)
    grid = _without_empty(cells)
    filled = [sum(bool(cell.lines) for cell in {id(c): c for c in row}.values()) for row in grid]
    if any(_is_scattered(cell) for row in _renumbered(grid) for cell in row):
        return None, list(rows)  # boxes around fields, and the page between them
    largest = max((len(cell.words) for row in grid for cell in row), default=0)
    if len(grid) < 2 or max(filled) < 2 or largest > _PROSE_WORDS or len(grid[0]) < 2:
        return None, list(rows)
    if sum(filled) < 0.25 * len(grid) * len(grid[0]) and len(grid) > 2:
        return None, list(rows)
    return TableGrid(_renumbered(_with_unruled_rows(grid)), xs[0], xs[-1], ys[0], ys[-1]), rest


def _is_scattered(cell: Cell) -> bool:
    """Whether the lines of a cell over several rows stand as far apart as lines of those rows."""
    return cell.height > 1 and any(
        below[0].base - above[0].base > 2 * below[0].size for above, below in pairwise(cell.lines)
    )


def _slot(edges: Sequence[float], place: float) -> int | None:
    if not edges[0] - 1 <= place <= edges[-1] + 1:
        return None
    for index in range(len(edges) - 1):
        if place < edges[index + 1]:
            return index
    return len(edges) - 2


def _merged_cells(
    xs: Sequence[float],
    ys: Sequence[float],
    across: Sequence[tuple[float, float, float]],
    down: Sequence[tuple[float, float, float]],
) -> list[list[Cell]]:
    """One cell for all places that no rule parts."""

    def ruled(rules: Sequence[tuple[float, float, float]], edge: float, middle: float) -> bool:
        return any(
            abs(place - edge) <= _TOUCH and start - 1 <= middle <= end + 1
            for start, end, place in rules
        )

    grid: list[list[Cell]] = [[None] * (len(xs) - 1) for _ in ys[1:]]  # type: ignore[list-item]
    for row in range(len(ys) - 1):
        for column in range(len(xs) - 1):
            if grid[row][column] is not None:
                continue
            width, height = 1, 1
            middle = (ys[row] + ys[row + 1]) / 2
            while (
                column + width < len(xs) - 1
                and grid[row][column + width] is None
                and not ruled(down, xs[column + width], middle)
            ):
                width += 1
            across_middle = (xs[column] + xs[column + 1]) / 2
            while (
                row + height < len(ys) - 1
                and not ruled(across, ys[row + height], across_middle)
                and all(
                    not ruled(down, xs[edge], (ys[row + height] + ys[row + height + 1]) / 2)
                    for edge in range(column + 1, column + width)
                )
            ):
                height += 1
            cell = Cell(row, column, height, width)
            for line in range(row, row + height):
                for place in range(column, column + width):
                    if grid[line][place] is None:
                        grid[line][place] = cell
    return grid


def _without_empty(grid: Sequence[Sequence[Cell]]) -> list[list[Cell]]:
    """Rows and columns in which no cell of their own holds a word are gaps between rules."""
    rows = [list(row) for row in grid if any(cell.lines for cell in row)]
    if not rows:
        return []
    columns = [
        column
        for column in range(len(rows[0]))
        if any(
            row[column].lines and (column == 0 or row[column] is not row[column - 1])
            for row in rows
        )
    ]
    thinned = [[row[column] for column in columns] for row in rows]
    return [
        row
        for index, row in enumerate(thinned)
        if index == 0 or any(a is not b for a, b in zip(row, thinned[index - 1], strict=True))
    ]


def _with_unruled_rows(grid: list[list[Cell]]) -> list[list[Cell]]:
    """A ruled row whose cells hold the same number of lines on the same heights is many rows."""
    result: list[list[Cell]] = []
    for row in grid:
        bases = [[line[0].base for line in cell.lines] for cell in row if cell.lines]
        counts = {len(lines) for lines in bases}
        if (
            len(bases) < 2
            or len(bases) < len(row)
            or max(counts) < 3
            or len(counts) > 1
            or len({id(cell) for cell in row}) < len(row)
            or any(abs(a - b) > 1 for a, b in zip(bases[0], bases[-1], strict=True))
        ):
            result.append(row)
            continue
        for number in range(max(counts)):
            result.append([Cell(0, 0, lines=[cell.lines[number]]) for cell in row])
    return result


def _renumbered(grid: list[list[Cell]]) -> list[list[Cell]]:
    """Row, column and extent of each cell after rows and columns came and went."""
    seen: dict[int, Cell] = {}
    for number, row in enumerate(grid):
        for column, cell in enumerate(row):
            if id(cell) not in seen:
                seen[id(cell)] = cell
                cell.row, cell.column, cell.height, cell.width = number, column, 1, 1
            else:
                cell.height = number - cell.row + 1
                cell.width = max(cell.width, column - cell.column + 1)
    return grid


@dataclass(slots=True)
class _Band:
    """One row of the page cut into pieces."""

    pieces: list[Row]
    top: float
    bottom: float
    base: float
    size: float


def find_borderless_tables(
    rows: Sequence[Row], rules: Rules, pieces_of: Pieces
) -> tuple[list[TableGrid], list[Row]]:
    """Tables whose cells only stand in columns, and the words outside them."""
    bands = [
        _Band(
            pieces_of([row]),
            min(word.top for word in row),
            max(word.bottom for word in row),
            row[0].base,
            max(word.size for word in row),
        )
        for row in sorted(rows, key=lambda row: row[0].base)
    ]
    tables: list[TableGrid] = []
    used: set[int] = set()
    chain: list[int] = []
    for index in range(len(bands) + 1):
        apart = (
            index == len(bands)
            or not chain
            or bands[index].base - bands[chain[-1]].base > 3.2 * bands[index].size
        )
        if apart and chain:
            for table, members in _tables_of(bands, chain, rules):
                tables.append(table)
                used.update(members)
            chain = []
        if index < len(bands):
            chain.append(index)
    rest = [
        [word for piece in band.pieces for word in piece]
        for index, band in enumerate(bands)
        if index not in used
    ]
    return tables, rest


def _tables_of(
    bands: Sequence[_Band], chain: Sequence[int], rules: Rules
) -> Iterable[tuple[TableGrid, list[int]]]:
    counts = [len(bands[index].pieces) for index in chain]
    if sum(count > 1 for count in counts) < 2:
        return
    for many in sorted({count for count in counts if count > 1}, reverse=True):
        core = [index for index in chain if len(bands[index].pieces) == many]
        if len(core) < 2:
            continue
        columns = _columns(bands, core)
        if len(columns) != many:
            continue
        members = _members(bands, chain, core, columns)
        if members is None:
            continue
        table = _borderless_table([bands[index] for index in members], columns, rules)
        if table is not None:
            yield table, members
            first, last = chain.index(members[0]), chain.index(members[-1])
            yield from _tables_of(bands, chain[:first], rules)
            yield from _tables_of(bands, chain[last + 1 :], rules)
            return


def _extent(piece: Sequence[Word]) -> tuple[float, float]:
    return min(word.x for word in piece), max(word.right for word in piece)


def _columns(bands: Sequence[_Band], core: Sequence[int]) -> list[tuple[float, float]]:
    extents = sorted(_extent(piece) for index in core for piece in bands[index].pieces)
    columns: list[tuple[float, float]] = []
    for left, right in extents:
        if columns and left < columns[-1][1] + 1:
            columns[-1] = (columns[-1][0], max(columns[-1][1], right))
        else:
            columns.append((left, right))
    return columns


def _overlaps(extent: tuple[float, float], columns: Sequence[tuple[float, float]]) -> list[int]:
    left, right = extent
    return [n for n, (start, end) in enumerate(columns) if left < end - 0.5 and start < right - 0.5]


def _members(
    bands: Sequence[_Band],
    chain: Sequence[int],
    core: Sequence[int],
    columns: Sequence[tuple[float, float]],
) -> list[int] | None:
    """The rows around the longest run of rows that keep to the columns."""

    def keeps(index: int) -> bool:
        band = bands[index]
        taken: set[int] = set()
        for piece in band.pieces:
            over = _overlaps(_extent(piece), columns)
            if len(over) > 1 and len(band.pieces) == 1:
                return False
            if not over:
                over = [_nearest(_extent(piece), columns)]
            if taken & set(over):
                return False
            taken |= set(over)
        return True

    runs: list[list[int]] = [[]]
    for index in chain:
        if keeps(index):
            runs[-1].append(index)
        else:
            runs.append([])
    run = max(runs, key=lambda run: sum(index in core for index in run))
    while run and len(bands[run[0]].pieces) == 1:
        run = run[1:]
    while (
        run
        and len(bands[run[-1]].pieces) == 1
        and (
            _overlaps(_extent(bands[run[-1]].pieces[0]), columns) in ([], [0])
            and bands[run[-1]].base - bands[run[-2]].base > 1.35 * bands[run[-1]].size
            if len(run) > 1
            else True
        )
    ):
        run = run[:-1]
    many = [index for index in run if len(bands[index].pieces) > 1]
    if len(many) < 2 or (len(columns) == 2 and len(many) < 3):
        return None
    return run


def _nearest(extent: tuple[float, float], columns: Sequence[tuple[float, float]]) -> int:
    middle = sum(extent) / 2
    distances = [max(start - middle, middle - end, 0) for start, end in columns]
    return distances.index(min(distances))


def _borderless_table(
    bands: Sequence[_Band], columns: Sequence[tuple[float, float]], rules: Rules
) -> TableGrid | None:
    if _is_prose(bands, columns) or _is_list(bands, columns):
        return None
    starts = _row_starts(bands, columns, rules)
    grid: list[list[Cell]] = []
    for number, band in enumerate(bands):
        if number in starts:
            grid.append([Cell(len(grid), column) for column in range(len(columns))])
        for piece in band.pieces:
            over = _overlaps(_extent(piece), columns) or [_nearest(_extent(piece), columns)]
            cell = grid[-1][over[0]]
            for column in over[1:]:
                if not grid[-1][column].lines:
                    grid[-1][column] = cell
                    cell.width = column - cell.column + 1
            cell.lines.append(piece)
    _spread_headers(grid, bands, columns)
    filled = sum(bool(cell.lines) for row in grid for cell in row)
    if len(grid) < 2 or filled < 0.5 * len(grid) * len(columns):
        return None
    left = min(start for start, _ in columns)
    right = max(end for _, end in columns)
    return TableGrid(grid, left, right, min(b.top for b in bands), max(b.bottom for b in bands))


def _spread_headers(
    grid: Sequence[list[Cell]], bands: Sequence[_Band], columns: Sequence[tuple[float, float]]
) -> None:
    """A heading centred over columns that are empty beside it covers them all."""
    if len(grid) < 3:
        return
    first, second = grid[0], grid[1]
    for column, cell in enumerate(first):
        if not cell.lines or cell.width > 1 or cell.column != column:
            continue
        words = cell.words
        middle = (min(w.x for w in words) + max(w.right for w in words)) / 2
        for low, high in ((column - 1, column), (column, column + 1), (column - 1, column + 1)):
            if low < 0 or high >= len(columns):
                continue
            others = [n for n in range(low, high + 1) if n != column]
            if any(first[n].lines for n in others) or not all(
                second[n].lines for n in range(low, high + 1)
            ):
                continue
            extent = columns[low][0], columns[high][1]
            if abs(sum(extent) / 2 - middle) < 0.12 * (extent[1] - extent[0]):
                cell.column, cell.width = low, high - low + 1
                for n in range(low, high + 1):
                    first[n] = cell
                break


def _is_prose(bands: Sequence[_Band], columns: Sequence[tuple[float, float]]) -> bool:
    """Columns of running text fill their width line by line."""
    if len(columns) > 4:
        return False
    full = 0
    total = 0
    words = 0
    for band in bands:
        for piece in band.pieces:
            over = _overlaps(_extent(piece), columns)
            if len(over) != 1:
                continue
            start, end = columns[over[0]]
            left, right = _extent(piece)
            total += 1
            full += right - left > 0.8 * (end - start)
            words += len(piece)
    return total > 0 and words / total > 3.5 and full > 0.6 * total


def _is_list(bands: Sequence[_Band], columns: Sequence[tuple[float, float]]) -> bool:
    """Numbered items, labels with a colon, and tables of contents are lines."""
    if len(columns) > 3:
        return False
    firsts = [
        " ".join(word.text for word in band.pieces[0]) for band in bands if len(band.pieces) > 1
    ]
    if len(columns) == 2:
        if all(_MARKER.match(first) for first in firsts):
            return True
        if sum(first.endswith(":") for first in firsts) > len(firsts) / 2:
            return True
    lasts = [band.pieces[-1][-1].text for band in bands if len(band.pieces) > 1]
    if all(last.isdecimal() for last in lasts) and len(lasts) > 2:
        numbers = [int(last) for last in lasts]
        numbered = len(columns) == 3 and all(_MARKER.match(first) for first in firsts)
        if numbers == sorted(numbers) and (numbered or (len(columns) == 2 and len(lasts) > 5)):
            return True  # a table of contents
    text = [" ".join(w.text for piece in band.pieces for w in piece) for band in bands]
    return sum(_LEADERS.search(line) is not None for line in text) > len(text) / 2


def _row_starts(
    bands: Sequence[_Band], columns: Sequence[tuple[float, float]], rules: Rules
) -> set[int]:
    """Which lines begin a row of the table, the others go on in its cells.

    Told by rules between rows, else by the distance of lines, else by the cells that are filled.
    """
    count = len(columns)
    everything = set(range(len(bands)))
    if all(len(band.pieces) == count for band in bands):
        return everything
    left, right = columns[0][0], columns[-1][1]
    ruled = {0}
    for number in range(1, len(bands)):
        above, below = bands[number - 1].base, bands[number].base
        if any(
            above - 1 < y < below - 0.3 * bands[number].size
            and start < left + 0.3 * (right - left)
            and end > right - 0.3 * (right - left)
            for start, end, y in rules.horizontal
        ):
            ruled.add(number)
    if len(ruled) > 3 and len(ruled) > 0.3 * len(bands):
        return ruled
    steps = [b.base - a.base for a, b in itertools.pairwise(bands)]
    tight = min(steps)
    if max(steps) > 1.2 * tight:
        wide = {0} | {n for n, step in enumerate(steps, 1) if step > 1.15 * tight}
        partly = all(len(bands[n].pieces) < count or n in wide for n in range(1, len(bands)))
        if partly or sum(n not in wide for n in range(len(bands))) <= 0.7 * len(bands):
            lone = [n for n in wide if len(bands[n].pieces) == 1]
            if len(lone) <= len(wide) / 2:
                return wide
    starts = {0}
    for number in range(1, len(bands)):
        taken = {(_overlaps(_extent(piece), columns) or [0])[0] for piece in bands[number].pieces}
        if (0 in taken and (len(taken) > 1 or number == len(bands) - 1)) or 2 * len(taken) >= count:
            starts.add(number)
    return starts


def _header_rows(rows: Sequence[Sequence[Cell]]) -> int:
    """How many rows name the columns."""
    if len(rows) < 2:
        return 0

    def bold(row: Sequence[Cell]) -> bool:
        words = [word for cell in row for word in cell.words]
        return bool(words) and all(word.bold for word in words)

    strong = 0
    while strong < len(rows) and bold(rows[strong]):
        strong += 1
    if 0 < strong < len(rows):
        return min(strong, 4)
    first = rows[0]
    cells = list({id(cell): cell for cell in first}.values())
    depth = max((cell.height for cell in cells if cell.row == 0), default=1)
    if any(cell.width > 1 for cell in cells) and len(cells) > 1:
        depth = max(depth, 2)
    texts = [cell.text for cell in cells]
    if depth >= len(rows) or sum(not text for text in texts) > max(len(texts) / 2, 1):
        return 0
    if all(not text or _named(text, number) for number, text in enumerate(texts)):
        return min(depth, 4)
    return 0


def _named(text: str, column: int) -> bool:
    """Whether the text may be the name of a column."""
    if _YEAR.match(text):
        return column > 0
    if _NUMBER.match(text):
        return False
    return (
        len(text.split()) <= 8
        and not text.endswith((".", ";"))
        and (re.search(r"\d{3,}|[@]", text) is None)
    )
