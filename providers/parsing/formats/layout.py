"""Printed words and layout blocks into the text of a page; each word of it knows its box."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from providers.parsing import Page
from providers.parsing.formats.text import clean

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff]")
_LEADING_STOP = re.compile("^([.,:;!?\u060c\u061b\u061f]+)([\u0590-\u08ff].*)$")


@dataclass(slots=True)
class Word:
    """A printed word and its box in points, origin top left."""

    text: str
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


class LineStart(NamedTuple):
    """The first word of a line, and whether its token begins there or was broken by a hyphen."""

    token: int
    begins_token: bool
    word: Word


class Piece(NamedTuple):
    """Characters `start` to `end` of a token are printed as word number `word`."""

    start: int
    end: int
    word: int


def read_page(page: Any) -> Page:
    """Render the layout blocks of a liteparse page, which follow columns, and place each word."""
    lines = [_words(item) for item in page.text_items if item.words]
    words = [word for line in lines for word in line]
    writer = _Writer(words, _successors(lines))
    for block in page.blocks or ():
        writer.write(block)
    return Page(
        number=page.page_num,
        text=writer.text,
        width=page.width,
        height=page.height,
        words=[
            value
            for start, end, index in writer.placed
            for value in (start, end, *_box(words[index], page.width, page.height))
        ],
    )


def _words(item: Any) -> list[Word]:
    """The words of a line as they are read; liteparse sorts them from left to right."""
    words = [
        Word(_spell(word.text), word.x, word.y, word.width, word.height) for word in item.words
    ]
    if item.text.isascii():
        return words
    leftward = sum(_RIGHT_TO_LEFT.search(word.text) is not None for word in words)
    return words[::-1] if leftward * 2 > len(words) else words


def _spell(text: str) -> str:
    """Clean, with the full stop of a right-to-left word at its end; liteparse leaves it first."""
    text = clean(text)
    return text if text.isascii() else _LEADING_STOP.sub(r"\2\1", text)


def _successors(lines: Sequence[Sequence[Word]]) -> list[int]:
    """For each word the number of the one read after it.

    Lines come in the order of their height on the page, columns side by side. After a line follows
    what continues it to the right, else the next line below that shares its column.
    """
    firsts = list(accumulate(map(len, lines), initial=0))
    successors = list(range(1, firsts[-1] + 1))
    sides = [(min(w.x for w in line), max(w.x + w.width for w in line)) for line in lines]
    for number, line in enumerate(lines):
        left, right = sides[number]
        end = line[-1]
        for below in range(number + 1, len(lines)):
            head, (below_left, below_right) = lines[below][0], sides[below]
            same_line = abs(head.middle - end.middle) < end.height / 2
            if same_line and -1 < below_left - right < 0.7 * end.height:
                break
            if head.middle > end.y + end.height and below_left < right and left < below_right:
                break
        else:
            continue
        successors[firsts[number + 1] - 1] = firsts[below]
    return successors


def _filled(row: Sequence[Any]) -> Sequence[Any]:
    """A table row without the empty cells at its end."""
    ends = [number for number, cell in enumerate(row, 1) if cell.text.strip()]
    return row[: max(ends, default=0)]


def _box(word: Word, width: float, height: float) -> tuple[int, int, int, int]:
    left, right = _scale(word.x, width), _scale(word.x + word.width, width)
    top, bottom = _scale(word.y, height), _scale(word.y + word.height, height)
    return left, top, right - left, bottom - top


def _scale(points: float, size: float) -> int:
    return min(max(round(points / size * 10_000), 0), 10_000)


class _Writer:
    """Grows the text of one page and remembers where each printed word went."""

    def __init__(self, words: list[Word], successors: list[int]) -> None:
        self.words = words
        self.successors = successors
        self.text = ""
        self.placed: list[tuple[int, int, int]] = []
        """Start and end in `text`, index in `words`."""
        self._unused = [True] * len(words)
        self._by_initial: defaultdict[str, list[int]] = defaultdict(list)
        for index, word in enumerate(words):
            self._by_initial[word.text[:1]].append(index)
        self._last: int | None = None
        self._last_kind = ""

    def write(self, block: Any) -> None:
        if block.kind in ("rule", "figure"):
            return
        if self.text:
            self.text += "\n" if block.kind == self._last_kind == "list_item" else "\n\n"
        self._last_kind = block.kind
        match block.kind:
            case "table":
                rows = [_filled(row) for row in (block.header, *(block.rows or ())) if row]
                for number, row in enumerate(filter(None, rows)):
                    self.text += "\n" if number else ""
                    for column, cell in enumerate(row):
                        self.text += " | " if column else ""
                        self._write_tokens(cell.text, cell.bbox or block.bbox)
            case "code" | "grid_fallback":
                for number, line in enumerate(block.lines or ()):
                    self.text += "\n" if number else ""
                    self.text += " " * (len(line) - len(line.lstrip()))
                    self._write_tokens(line, block.bbox)
            case "heading":
                self.text += "#" * (block.level or 1) + " "
                self._write_tokens(block.text, block.bbox)
            case "list_item":
                self.text += "  " * (block.level or 0)
                if block.ordered and block.marker:
                    self._write_tokens(block.marker, block.bbox)
                else:
                    self.text += "-"
                self.text += " "
                self._write_tokens(block.text, block.bbox)
            case _:
                self._write_tokens(block.text, block.bbox, reflow=True)

    def _write_tokens(self, text: str | None, region: Any, reflow: bool = False) -> None:
        tokens = [_spell(token) for token in clean(text or "").split()]
        found = [self._find(tokens, index, region) for index in range(len(tokens))]
        breaks = self._paragraph_breaks(found) if reflow else set()
        for index, (token, pieces) in enumerate(found):
            if index:
                self.text += "\n\n" if index in breaks else " "
            start = len(self.text)
            self.text += token
            self.placed += [
                (start + piece.start, start + piece.end, piece.word) for piece in pieces
            ]

    def _find(self, tokens: Sequence[str], index: int, region: Any) -> tuple[str, list[Piece]]:
        """The token as printed and the words that print it, none when it is printed otherwise."""
        bare = tokens[index].strip("*")
        for token in dict.fromkeys((tokens[index], bare)):  # emphasis marks may be real asterisks
            pieces = self._consume(token, self._after(self._last))
            if pieces is None:
                pieces = self._search(token, tokens[index + 1 : index + 4], region)
            if pieces:
                for piece in pieces:
                    self._unused[piece.word] = False
                self._last = pieces[-1].word
                return token, pieces
        return bare or tokens[index], []

    def _search(self, token: str, following: Sequence[str], region: Any) -> list[Piece] | None:
        """Lines stand in the order of their height, so a new line of a column is found by text."""
        last = -1 if self._last is None else self._last
        best: list[Piece] | None = None
        best_key: tuple[bool, int, bool, int] | None = None
        for index in self._by_initial.get(token[:1], ()):
            if not self._unused[index]:
                continue
            pieces = self._consume(token, index)
            if pieces is None:
                continue
            key = (
                self._inside(self.words[index], region),
                self._run(following, self._after(pieces[-1].word)),
                index > last,
                -abs(index - last),
            )
            if best_key is None or key > best_key:
                best, best_key = pieces, key
        return best

    def _run(self, tokens: Sequence[str], index: int) -> int:
        """How many of the tokens are printed by the words from `index` on."""
        for count, token in enumerate(tokens):
            pieces = self._consume(token, index)
            if pieces is None:
                return count
            index = self._after(pieces[-1].word)
        return len(tokens)

    def _after(self, index: int | None) -> int:
        return 0 if index is None else self.successors[index]

    def _consume(self, token: str, index: int) -> list[Piece] | None:
        """Spell the token with whole words from `index` on; hyphens at line ends may go."""
        if index < len(self.words) and self.words[index].text == token and self._unused[index]:
            return [Piece(0, len(token), index)]
        pieces: list[Piece] = []
        done = 0
        while done < len(token):
            if index >= len(self.words) or not self._unused[index]:
                return None
            text = self.words[index].text
            if not text.strip() or not token.startswith(text, done):
                text = text.rstrip("-\u00ad\u2010")
                if not text or done + len(text) >= len(token) or not token.startswith(text, done):
                    return None
            pieces.append(Piece(done, done + len(text), index))
            done += len(text)
            index = self.successors[index]
        return pieces

    @staticmethod
    def _inside(word: Word, region: Any) -> bool:
        return region is None or bool(
            region.x - 2 <= word.x + word.width / 2 <= region.x + region.width + 2
            and region.y - 2 <= word.middle <= region.y + region.height + 2
        )

    def _paragraph_breaks(self, found: Sequence[tuple[str, list[Piece]]]) -> set[int]:
        """Tokens that begin a paragraph: their line stands lower or further in than its fellows."""
        lines = self._line_starts(found)
        steps = sorted(below.word.middle - above.word.middle for above, below in pairwise(lines))
        steps = [step for step in steps if step > 0]
        if len(steps) < 2:
            return set()
        pitch = steps[(len(steps) - 1) // 4]
        breaks = set()
        for above, line, below in zip(lines, lines[1:], [*lines[2:], None], strict=False):
            lower = line.word.middle - above.word.middle > 1.3 * pitch
            indent = line.word.x - above.word.x
            indented = 0.7 * line.word.height < indent < 4 * line.word.height
            returns = below is not None and abs(below.word.x - above.word.x) < 1
            if line.begins_token and (lower or (indented and returns)):
                breaks.add(line.token)
        return breaks

    def _line_starts(self, found: Sequence[tuple[str, list[Piece]]]) -> list[LineStart]:
        lines: list[LineStart] = []
        previous: Word | None = None
        for token, (_, pieces) in enumerate(found):
            for piece in pieces:
                word = self.words[piece.word]
                below = previous is None or word.middle > previous.y + previous.height
                next_column = previous is not None and word.y + word.height < previous.y
                if below or next_column:
                    lines.append(LineStart(token, piece.start == 0, word))
                previous = word
        return lines
