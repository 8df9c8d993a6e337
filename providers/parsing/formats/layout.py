"""Printed words into what a reader sees: columns, lines, paragraphs, headings, lists, notes."""

import itertools
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import regex

from core.blocks import BlockKind
from providers.parsing.formats.pdf_tables import (
    Rules,
    TableGrid,
    find_borderless_tables,
    find_ruled_tables,
)
from providers.parsing.formats.pdf_text import Word

_GLUED = 0.17
"""Of the size of the letters: words nearer than this are one, with a space in the file 0.05."""
_PIECE_GAP = 0.7
"""Gaps wider than this may part columns."""
_MIN_GUTTER = 0.6
_SUPERSCRIPTS = dict(zip("0123456789+-\u2212=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ⁿⁱ", strict=True))
_BULLET = re.compile(
    r"^[\u2022\u2023\u25aa\u25ab\u25cf\u25cb\u25a0\u25a1\u25e6\u2043\u2219\u00b7"
    r"\u27a2\u2713\u2714\uf0b7\uf0a7\uf0d8\uf076*\u2013\u2014-]$"
)
_NUMBERED = re.compile(r"^(?:\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,5})[.)]|(?:\d{1,3}\.){1,5}\d{0,3})$")
_HEADING_NUMBER = re.compile(r"^((?:\d{1,3}|[A-Z])(?:\.\d{1,3})*)\.?$")
_NOTE_MARK = re.compile(r"^(?:[\u00b9\u00b2\u00b3\u2070-\u2079]+|\d{1,3}|[*\u2020\u2021§]+)$")
_CAPTION = regex.compile(
    r"^(?:fig(?:ure|\.)|abb(?:ildung|\.)|figura|table|tabelle|tableau|tabla|tabela|chart|[図表图])"
    r"\s*\d",
    regex.I,
)
_ENDS_SENTENCE = re.compile(r"[.!?:;\u3002\uff01\uff1f\u061f\u06d4][\"'\u00bb\u201d\u2019)\]]*$")
NO_SPACE = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\u3000-\u303f\uff00-\uff65]"
)
_STRONG = regex.compile(r"\p{L}")


@dataclass(slots=True)
class Line:
    """Words that are read one after another, and where the line stands in its frame."""

    words: list[Word]
    x: float
    right: float
    top: float
    bottom: float
    base: float
    size: float

    @property
    def text(self) -> str:
        return "".join(part for part, _ in spell(self.words))

    @property
    def bold(self) -> bool:
        return all(word.bold for word in self.words if _STRONG.search(word.text))

    @property
    def mono(self) -> bool:
        return all(word.mono for word in self.words)


@dataclass(slots=True)
class Section:
    """A block before it is written: lines of one paragraph, or a table."""

    kind: BlockKind
    lines: list[Line] = field(default_factory=list)
    level: int | None = None
    grid: TableGrid | None = None
    marker: str | None = None
    """The bullet or number that stands for the first word of a list item."""
    columns: list[str] | None = None
    """The names of a table's columns where its header stands on a page before."""


def make_line(words: Sequence[Word]) -> Line:
    """Words in the order of their places become a line in the order of reading."""
    sizes = Counter[float]()
    for word in words:
        sizes[round(word.size, 1)] += len(word.text)
    size = max(sizes, key=lambda one: (sizes[one], one))
    main = next(word for word in words if round(word.size, 1) == size)
    return Line(
        _read_order(words),
        min(word.x for word in words),
        max(word.right for word in words),
        min(word.top for word in words),
        max(word.bottom for word in words),
        main.base,
        size,
    )


def _read_order(words: Sequence[Word]) -> list[Word]:
    """Lines mostly of letters written leftward are read leftward, but for words of other letters
    in them; and the other way round."""
    if not any(word.leftward for word in words):
        return list(words)
    strong = [word for word in words if _STRONG.search(word.text)]
    leftward = 2 * sum(word.leftward for word in strong) >= len(strong)
    ordered = list(reversed(words)) if leftward else list(words)
    result: list[Word] = []
    run: list[Word] = []
    for word in ordered:
        is_strong = _STRONG.search(word.text) is not None
        if is_strong and word.leftward != leftward:
            run.append(word)
        elif run and not is_strong and not leftward:
            run.append(word)
        else:
            result += reversed(run)
            run = []
            result.append(word)
    return result + run[::-1]


def spell(words: Sequence[Word]) -> Iterator[tuple[str, Word | None]]:
    """Text and the word that prints it, None for the spaces between."""
    previous: Word | None = None
    for word in words:
        if previous is not None and _apart(previous, word):
            yield " ", None
        yield word.text, word
        if word.hyphen and word is not words[-1]:
            yield "-", None
        previous = word


def _apart(before: Word, after: Word) -> bool:
    size = max(before.size, after.size)
    gap = max(after.x - before.right, before.x - after.right)
    if gap > 0.6 * size:
        return True
    limit = 0.05 if (before.spaced if before.leftward else after.spaced) else _GLUED
    return gap > limit * size


def prepare(words: Sequence[Word]) -> list[list[Word]]:
    """Rows of words from top to bottom, each from left to right, exponents raised to letters."""
    _raise_scripts(words)
    rows: list[list[Word]] = []
    bases: list[float] = []
    for word in sorted(words, key=lambda word: (word.base, word.x)):
        near = [
            index
            for index in range(len(rows) - 1, max(len(rows) - 4, -1), -1)
            if abs(bases[index] - word.base) <= 0.25 * min(word.size, rows[index][0].size)
        ]
        if near:
            rows[near[0]].append(word)
        else:
            rows.append([word])
            bases.append(word.base)
    for row in rows:
        row.sort(key=lambda word: word.x)
    return [_join_spaced_letters(_without_doubles(row)) for row in rows]


def _without_doubles(row: list[Word]) -> list[Word]:
    """Shadows and poor man's bold print a word twice."""
    kept: list[Word] = []
    for word in row:
        if any(
            other.text == word.text
            and abs(other.x - word.x) < 0.2 * word.size
            and abs(other.right - word.right) < 0.2 * word.size
            for other in kept[-3:]
        ):
            continue
        kept.append(word)
    return kept


def _raise_scripts(words: Sequence[Word]) -> None:
    """Small raised signs right after a word become superscripts; lowered ones join its line."""
    for before, word in itertools.pairwise(words):
        for base, script in ((before, word), (word, before)):
            if script.size > 0.85 * base.size or len(script.text) > 24:
                continue
            gap = max(script.x - base.right, base.x - script.right)
            shift = base.base - script.base
            if not -0.3 * base.size < gap < 0.3 * base.size:
                continue
            if abs(shift) < 0.1 * base.size or abs(shift) > 0.75 * base.size:
                continue
            if shift > 0:
                _superscribe(script, base)
            script.base = base.base
            break


def _superscribe(script: Word, base: Word) -> None:
    text = script.text
    if all(sign in _SUPERSCRIPTS for sign in text):
        script.text = "".join(_SUPERSCRIPTS[sign] for sign in text)
    elif (
        not text.isalpha()
        and script.x >= base.right - 0.3 * base.size
        and (any(sign.isdigit() for sign in text))
    ):
        script.text = f"^{text}"
    elif len(text) == 1 and text.islower() and base.text[-1:].isalnum() and len(base.text) < 3:
        script.text = f"^{text}"
    script.pieces = []


def _join_spaced_letters(row: list[Word]) -> list[Word]:
    """Headings set wide, letter by letter, become words again: H A R B O U R."""
    if len(row) < 5 or sum(len(word.text) == 1 for word in row) < 5:
        return row
    result: list[Word] = []
    run: list[Word] = []
    for word in [*row, None]:
        if (
            word is not None
            and len(word.text) == 1
            and (not run or abs(word.size - run[-1].size) < 0.1 * word.size)
            and (not run or word.x - run[-1].right < 2.5 * word.size)
            and not NO_SPACE.match(word.text)
        ):
            run.append(word)
            continue
        result += _closed_up(run)
        run = [] if word is None or len(word.text) > 1 else [word]
        if word is not None and not run:
            result.append(word)
    return result


def _closed_up(run: list[Word]) -> list[Word]:
    if len(run) < 5 or sum(word.text.isalpha() for word in run) < 0.6 * len(run):
        return run
    gaps = [after.x - before.right for before, after in itertools.pairwise(run)]
    usual = statistics.median_low(gaps)
    steps = [after.x - before.x for before, after in itertools.pairwise(run)]
    groups = [[run[0]]]
    for word, gap in zip(run[1:], gaps, strict=True):
        if gap > 1.6 * max(usual, 0.05 * word.size) and gap > usual + 0.15 * word.size:
            groups.append([])
        groups[-1].append(word)
    if len(groups) > len(run) / 2 or not steps:
        return run
    return [_merged(group) for group in groups]


def _merged(words: Sequence[Word]) -> Word:
    text = "".join(word.text for word in words)
    boxes = [word.box for word in words]
    return replace(
        words[0],
        text=text,
        right=words[-1].right,
        top=min(word.top for word in words),
        bottom=max(word.bottom for word in words),
        box=(
            min(box[0] for box in boxes), min(box[1] for box in boxes),
            max(box[2] for box in boxes), max(box[3] for box in boxes),
        ),
        spaced=True,
        hyphen=words[-1].hyphen,
        pieces=[],
    )  # fmt: skip


def pieces_of(rows: Iterable[Sequence[Word]]) -> list[list[Word]]:
    """Rows cut where a column may end."""
    pieces: list[list[Word]] = []
    for row in rows:
        pieces.append([row[0]])
        for before, word in itertools.pairwise(row):
            if word.x - before.right > _PIECE_GAP * max(before.size, word.size):
                pieces.append([])
            pieces[-1].append(word)
    return pieces


Item = Line | TableGrid


def arrange(words: Sequence[Word], rules: Rules) -> list[list[Item]]:
    """Regions in reading order, each lines and tables from top to bottom."""
    rows = prepare(words)
    tables, rest = find_ruled_tables(rows, rules)
    found, rest = find_borderless_tables(rest, rules, pieces_of)
    items: list[Item] = [*tables, *found]
    items += [make_line(piece) for piece in pieces_of(rest)]
    return [_joined(region) for region in _split(items)]


def _split(items: list[Item], depth: int = 0) -> Iterator[list[Item]]:
    gutter = _best_gutter(items) if depth < 12 else None
    if gutter is None:
        if items:
            yield items
        return
    position, top, bottom = gutter
    above = [item for item in items if item.bottom <= top + 0.1]
    below = [item for item in items if item.top >= bottom - 0.1]
    outside = {id(item) for item in (*above, *below)}
    inside = [item for item in items if id(item) not in outside]
    left = [item for item in inside if (item.x + item.right) / 2 < position]
    right = [item for item in inside if (item.x + item.right) / 2 >= position]
    if leftward(inside):
        left, right = right, left
    for part in (above, left, right, below):
        yield from _split(part, depth + 1)


def leftward(items: Iterable[Item]) -> bool:
    words = [word for item in items if isinstance(item, Line) for word in item.words]
    return 2 * sum(word.leftward for word in words) > len(words)


def _best_gutter(items: Sequence[Item]) -> tuple[float, float, float] | None:
    """Where a white stripe parts columns, and from which height to which.

    A stripe counts when at least three lines stand on each side of it and none crosses it.
    """
    lines = [item for item in items if isinstance(item, Line)]
    if len(lines) < 6:
        return None
    ordered = sorted(lines, key=lambda line: line.top)
    candidates: dict[int, float] = {}
    support = Counter[int]()
    for index, line in enumerate(ordered):
        for other in ordered[index + 1 :]:
            if other.top >= line.bottom - 0.2 * line.size:
                break
            first, second = (line, other) if line.x < other.x else (other, line)
            gap = second.x - first.right
            if gap > _MIN_GUTTER * max(line.size, other.size):
                middle = (first.right + second.x) / 2
                before = second.x - min(gap, 12) / 2
                for key, position in ((round(second.x / 4), before), (-round(middle / 4), middle)):
                    candidates.setdefault(key, position)
                    support[key] += 1
    best: tuple[float, float, float] | None = None
    best_score = 0.0
    for key, position in candidates.items():
        if support[key] < 3:
            continue
        for zone in _zones(items, position):
            if len(zone) < 6:
                continue
            left = [item for item in zone if item.right <= position]
            right = [item for item in zone if item.x >= position]
            if len(left) < 3 or len(right) < 3:
                continue
            top = max(min(i.top for i in left), min(i.top for i in right))
            bottom = min(max(i.bottom for i in left), max(i.bottom for i in right))
            extent = [
                max(i.bottom for i in side) - min(i.top for i in side) for side in (left, right)
            ]
            if bottom - top < 0.4 * min(extent) or _are_pairs(left, right):
                continue
            widths = [max(i.right for i in side) - min(i.x for i in side) for side in (left, right)]
            score = (bottom - top) * min(1.0, min(widths) / 80)
            if score > best_score:
                extent = [min(item.top for item in zone), max(item.bottom for item in zone)]
                best, best_score = (position, extent[0], extent[1]), score
    return best


def _are_pairs(left: Sequence[Item], right: Sequence[Item]) -> bool:
    """Whether labels stand on one side and what belongs to them beside, line by line."""
    sides = [[item for item in side if isinstance(item, Line)] for side in (left, right)]
    if not all(sides):
        return False
    words = [sum(len(line.words) for line in side) / len(side) for side in sides]
    if min(words) > 3.5:
        return False
    bases = [line.base for line in sides[1]]
    matched = sum(
        any(abs(line.base - base) < 0.25 * line.size for base in bases) for line in sides[0]
    )
    return matched >= 0.6 * min(len(side) for side in sides)


def _zones(items: Sequence[Item], position: float) -> Iterator[list[Item]]:
    """Stretches of the page, from top to bottom, in which nothing crosses `position`."""
    crossing = sorted(
        (item for item in items if item.x < position - 0.5 and item.right > position + 0.5),
        key=lambda item: item.top,
    )
    others = sorted(
        (item for item in items if not (item.x < position - 0.5 and item.right > position + 0.5)),
        key=lambda item: (item.top + item.bottom) / 2,
    )
    start = 0
    for barrier in [*crossing, None]:
        end = start
        while end < len(others) and (
            barrier is None
            or (others[end].top + others[end].bottom) / 2 < (barrier.top + barrier.bottom) / 2
        ):
            end += 1
        if end > start:
            yield others[start:end]
        start = end


def _joined(region: Sequence[Item]) -> list[Item]:
    """The lines of a region, pieces that share a line put together, and its tables."""
    lines = sorted((i for i in region if isinstance(i, Line)), key=lambda line: (line.base, line.x))
    rows: list[list[Line]] = []
    for line in lines:
        if rows and abs(rows[-1][0].base - line.base) <= 0.25 * min(line.size, rows[-1][0].size):
            rows[-1].append(line)
        else:
            rows.append([line])
    items: list[Item] = [i for i in region if isinstance(i, TableGrid)]
    for row in rows:
        words = [word for line in row for word in line.words]
        items.append(make_line(sorted(words, key=lambda word: word.x)) if len(row) > 1 else row[0])
    return sorted(
        items, key=lambda item: (item.top + item.bottom) / 2 if isinstance(item, Line) else item.top
    )


@dataclass(slots=True)
class Typography:
    """The sizes of a document: of its running text, and of its headings from large to small."""

    body: float = 0.0
    headings: list[float] = field(default_factory=list)

    @staticmethod
    def of(words: Iterable[Word]) -> "Typography":
        weights = Counter[float]()
        for word in words:
            weights[round(word.size * 2) / 2] += len(word.text)
        if not weights:
            return Typography()
        body = max(weights, key=lambda size: weights[size])
        larger = sorted((size for size in weights if size >= 1.12 * body), reverse=True)
        return Typography(body, larger[:6])

    def level(self, size: float) -> int | None:
        rounded = round(size * 2) / 2
        if not self.body or rounded < 1.12 * self.body:
            return None
        for level, heading in enumerate(self.headings, 1):
            if rounded >= heading - 0.1:
                return level
        return min(len(self.headings) + 1, 6)


def sections(
    regions: Sequence[Sequence[Item]],
    typography: Typography,
    titles: dict[str, int],
    width: float,
) -> list[Section]:
    """Paragraphs and their kinds; `titles` are the bookmarks of the page with their level."""
    result: list[Section] = []
    for region in regions:
        lines = [item for item in region if isinstance(item, Line)]
        left, right = _measure(lines, width if len(regions) == 1 else None)
        current: list[Line] = []
        for item in region:
            if isinstance(item, TableGrid):
                result += _paragraphs(current, typography, titles, left, right)
                result.append(Section(BlockKind.TABLE, grid=item))
                current = []
            else:
                current.append(item)
        result += _paragraphs(current, typography, titles, left, right)
    return _notes_last(_continued(result, typography), typography)


def _measure(lines: Sequence[Line], page_width: float | None) -> tuple[float, float]:
    """Where lines may begin and end: at margins of like width, unless many lines end alike."""
    left = min((line.x for line in lines), default=0.0)
    right = max((line.right for line in lines), default=0.0)
    if page_width is not None and lines:
        leftwards = leftward(lines)
        ends = [(line.x - left if leftwards else right - line.right) for line in lines]
        if sum(end < 1.5 * line.size for end, line in zip(ends, lines, strict=True)) < max(
            3, 0.4 * len(lines)
        ):
            margin = page_width - right if leftwards else left
            left, right = min(left, margin), max(right, page_width - margin)
    return left, right


def _paragraphs(
    lines: Sequence[Line], typography: Typography, titles: dict[str, int],
    left: float, right: float,
) -> Iterator[Section]:  # fmt: skip
    groups: list[list[Line]] = []
    pitches = [
        below.base - above.base
        for above, below in itertools.pairwise(lines)
        if 0 < below.base - above.base < 3 * below.size
        and abs(above.size - below.size) < 0.1 * below.size
    ]
    pitch = sorted(pitches)[(len(pitches) - 1) // 3] if pitches else 0.0
    for index, line in enumerate(lines):
        after = lines[index + 1] if index + 1 < len(lines) else None
        if not groups or _begins(groups[-1], line, after, pitch, (left, right), titles):
            groups.append([])
        groups[-1].append(line)
    merged: list[list[Line]] = []
    for group in groups:
        if merged and merged[-1][-1].mono and group[0].mono and _near(merged[-1][-1], group[0]):
            merged[-1] += group
        else:
            merged.append(group)
    for group in merged:
        yield _section(group, typography, titles, left)


def _near(above: Line, below: Line) -> bool:
    return below.top - above.bottom < 1.2 * above.size


def _key(text: str) -> str:
    return "".join(sign for sign in text.casefold() if sign.isalnum())


def _begins(
    group: Sequence[Line], line: Line, after: Line | None, pitch: float,
    measure: tuple[float, float],
    titles: dict[str, int],
) -> bool:  # fmt: skip
    """Whether the line begins a paragraph."""
    left, right = measure
    above = group[-1]
    size = max(line.size, above.size)
    step = line.base - above.base
    if abs(line.size - above.size) > 0.08 * size or (
        line.bold != above.bold and (len(group) == 1 or all(word.bold for word in line.words))
    ):
        return True
    if (step > 1.3 * pitch and step > 1.15 * size) or step > 2.6 * size or step < -0.5 * size:
        return True
    first = line.words[0]
    if _marker(line) is not None:
        return True
    if titles and (_key(line.text) in titles or _key(above.text) in titles):
        return True
    if (line.mono and above.mono) or (
        any(":" in word.text[-1:] for word in line.words[:4])
        and (any(word.text[-1:] == ":" for word in above.words[:4]))
    ):
        return True
    if _has_wide_gap(line) or _has_wide_gap(above):
        return True
    room = max(right - above.right, 0) if not first.leftward else max(above.x - left, 0)
    needed = first.size if NO_SPACE.match(first.text) else first.width
    fits = room > needed + 1.8 * size
    if not first.leftward:
        indent = line.x - above.x
        hangs = _marker(group[0]) is not None
        if (
            not hangs
            and 0.7 * size < indent < 4.5 * size
            and len(group) > 1
            and (after is None or after.x < line.x - 0.5 * size)
        ):
            return True
        if hangs and len(group) > 1 and indent < -0.7 * size:
            return True
    if line.text[:1].islower() or above.words[-1].hyphen:
        return False
    ended = _ENDS_SENTENCE.search(above.words[-1].text) is not None
    return fits and (ended or room > 0.35 * (right - left))


def _has_wide_gap(line: Line) -> bool:
    return any(
        after.x - before.right > 2.5 * line.size
        for before, after in zip(line.words, line.words[1:], strict=False)
    )


def _marker(line: Line) -> str | None:
    if len(line.words) < 2:
        return None
    first = line.words[0].text
    if _BULLET.match(first):
        return "-" if line.words[1].x - line.words[0].right > 0.1 * line.size else None
    return first if _NUMBERED.match(first) else None


def _section(
    group: list[Line], typography: Typography, titles: dict[str, int], left: float
) -> Section:
    line = group[0]
    text = " ".join(one.text for one in group)
    length = len(text)
    level = titles.get(_key(text))
    first = line.words[0].text
    is_caption = _CAPTION.match(text) is not None or any(_has_wide_gap(one) for one in group)
    if (
        level is None
        and length <= 200
        and len(group) <= 4
        and _STRONG.search(text)
        and (not is_caption)
    ):
        level = typography.level(line.size)
        number = _HEADING_NUMBER.match(first)
        if (
            level is None
            and line.bold
            and len(group) <= 2
            and length <= 120
            and (text[-1] not in ".,;:" or number)
        ):
            deepest = len(typography.headings) + 1
            depth = number[1].count(".") if number else 0
            level = min(deepest + depth, 6)
    if level is not None:
        return Section(BlockKind.HEADING, group, level=min(level, 6))
    if all(one.mono for one in group) and len(group) > 1:
        return Section(BlockKind.CODE, group)
    marker = _marker(line)
    if marker is not None:
        depth = max(round((line.x - left) / (2 * line.size)), 0)
        return Section(BlockKind.LIST_ITEM, group, level=min(depth, 5), marker=marker)
    return Section(BlockKind.PARAGRAPH, group)


def _continued(parts: list[Section], typography: Typography) -> list[Section]:
    """Paragraphs that go on at the top of the next column are one."""
    result: list[Section] = []
    skipped: list[Section] = []
    for section in parts:
        before = result[-1] if result else None
        if (
            before is not None
            and before.kind in (BlockKind.PARAGRAPH, BlockKind.LIST_ITEM)
            and section.kind == BlockKind.PARAGRAPH
            and section.lines[0].top < before.lines[-1].top
            and abs(section.lines[0].size - before.lines[-1].size) < 0.5
            and _goes_on(before.lines[-1], section.lines[0])
        ):
            before.lines += section.lines
        elif _is_note(section, typography):
            skipped.append(section)
        else:
            result.append(section)
    return result + skipped


def _goes_on(last: Line, first: Line) -> bool:
    word = last.words[-1]
    if word.hyphen or word.text.endswith("-"):
        return True
    return _ENDS_SENTENCE.search(word.text) is None and first.text[:1].islower()


def _is_note(section: Section, typography: Typography) -> bool:
    if section.kind not in (BlockKind.PARAGRAPH, BlockKind.LIST_ITEM) or not section.lines:
        return False
    line = section.lines[0]
    small = line.size < 0.93 * typography.body
    return (
        small
        and len(line.words) > 1
        and (
            _NOTE_MARK.match(line.words[0].text) is not None
            or line.words[0].text[:1] in "¹²³⁰⁴⁵⁶⁷⁸⁹*†‡"
        )
    )


def _notes_last(parts: list[Section], typography: Typography) -> list[Section]:
    for section in parts:
        if _is_note(section, typography):
            section.kind, section.level = BlockKind.NOTE, None
    return parts
