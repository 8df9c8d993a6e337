"""The glyphs of a PDF page into words, each with its box, in the order in which they are drawn."""

import ctypes
import math
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as c
import regex

from providers.parsing.formats.text import clean

UPRIGHT, DOWNWARD, INVERTED, UPWARD = range(4)
"""Where a line of text goes on the page as displayed, in quarter turns clockwise."""

_WORD_GAP = 0.17
"""Of the size of the letters: wider gaps part words."""
_SPACE_GAP = 0.05
"""The same where the file has a space, which some files print between the letters of a word."""
_LINE_END_HYPHEN = 0x02
_HYPHENS = frozenset({_LINE_END_HYPHEN, 0xFFFE, 0xAD})
"""What PDFium reports for a hyphen at the end of a line, and the soft hyphen."""
_SPACES = np.array([0x09, 0x0A, 0x0D, 0x20, 0xA0, *range(0x2000, 0x200C), 0x202F, 0x3000])
_LAM = "\u0644"
_ALEFS = frozenset("\u0622\u0623\u0625\u0627")
_RIGHT_TO_LEFT = regex.compile(r"[\p{Hebrew}\p{Arabic}\p{Syriac}\p{Thaana}]")
_KEEPS_DIRECTION = regex.compile(r"[\p{N}\p{Latin}\p{Cyrillic}\p{Greek}]+(?:[.,:/%-][\p{N}]+)*%?")
_VERTICAL_SCRIPTS = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\u3000-\u303f]")
_TONE_MARKS = frozenset("\u0e48\u0e49\u0e4a\u0e4b\u0e4c\u0ec8\u0ec9\u0eca\u0ecb")


def _fast(function: Any, *arguments: Any, result: Any = ctypes.c_int) -> Callable[..., Any]:
    """The same function of PDFium without the checks that cost more than the call."""
    address = ctypes.cast(function, ctypes.c_void_p).value or 0
    return ctypes.CFUNCTYPE(result, *arguments)(address)


_pointer, _int = ctypes.c_void_p, ctypes.c_int
_char_code = _fast(c.FPDFText_GetUnicode, _pointer, _int, result=ctypes.c_uint)
_char_object = _fast(c.FPDFText_GetTextObject, _pointer, _int, result=_pointer)
_loose_box = _fast(c.FPDFText_GetLooseCharBox, _pointer, _int, _pointer)
_tight_box = _fast(c.FPDFText_GetCharBox, _pointer, _int, _pointer, _pointer, _pointer, _pointer)
_origin = _fast(c.FPDFText_GetCharOrigin, _pointer, _int, _pointer, _pointer)
_matrix = _fast(c.FPDFText_GetMatrix, _pointer, _int, _pointer)
_font_size = _fast(c.FPDFText_GetFontSize, _pointer, _int, result=ctypes.c_double)
_fill = _fast(c.FPDFPageObj_GetFillColor, _pointer, *[_pointer] * 4)
_font_of = _fast(c.FPDFTextObj_GetFont, _pointer, result=_pointer)
_mode = _fast(c.FPDFTextObj_GetTextRenderMode, _pointer)
_unmapped = _fast(c.FPDFText_HasUnicodeMapError, _pointer, _int)


Box = tuple[float, float, float, float]
Piece = tuple[int, int, Box]
"""Characters from start up to end, and the box of what prints them."""


@dataclass(slots=True)
class Word:
    """What is printed without a gap, in the frame in which its lines run to the right.

    `x` to `right` along the line, `top` to `bottom` across it, `base` where the letters stand, all
    in points; `box` is the same on the page as displayed: left, top, right, bottom.
    """

    text: str
    x: float
    right: float
    top: float
    bottom: float
    base: float
    size: float
    box: Box
    bold: bool = False
    mono: bool = False
    object: int = 0
    """Address of the PDFium object that draws it; 0 where none does."""
    leftward: bool = False
    """Written from right to left."""
    spaced: bool = False
    """Whether the file has a space before it."""
    hyphen: bool = False
    """Whether it ends with a hyphen that parts a word at the end of a line."""
    pieces: list[Piece] = field(default_factory=list)
    """Finer boxes of the characters from start up to end, where there are such."""

    @property
    def width(self) -> float:
        return self.right - self.x


@dataclass(frozen=True, slots=True)
class Style:
    """How one text object looks."""

    size: float
    direction: int
    skewed: bool
    bold: bool
    mono: bool
    mode: int
    color: tuple[int, int, int, int]


class Geometry:
    """From the coordinates of a page's content to the page as displayed, origin top left."""

    def __init__(self, page: pdfium.PdfPage) -> None:
        left, bottom, right, top = _page_box(page)
        self.turns: int = page.get_rotation() // 90
        width, height = right - left, top - bottom
        self.width, self.height = (height, width) if self.turns % 2 else (width, height)
        self._left, self._bottom, self._right, self._top = left, bottom, right, top

    def place(self, x: Any, y: Any) -> tuple[Any, Any]:
        match self.turns:
            case 0:
                return x - self._left, self._top - y
            case 1:
                return y - self._bottom, x - self._left
            case 2:
                return self._right - x, y - self._bottom
            case _:
                return self._top - y, self._right - x

    def box(self, left: float, bottom: float, right: float, top: float) -> tuple[float, ...]:
        x0, y0 = self.place(left, bottom)
        x1, y1 = self.place(right, top)
        return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _page_box(page: pdfium.PdfPage) -> tuple[float, float, float, float]:
    rect = c.FS_RECTF()
    if c.FPDF_GetPageBoundingBox(page.raw, rect) and rect.right > rect.left:
        return rect.left, rect.bottom, rect.right, rect.top
    left, bottom, right, top = page.get_mediabox()
    return left, bottom, right, top


def turn(direction: int, width: float, height: float, x: Any, y: Any) -> tuple[Any, Any]:
    """A point of the displayed page in the frame where lines of this direction run right."""
    match direction:
        case 1:
            return y, width - x
        case 2:
            return width - x, height - y
        case 3:
            return height - y, x
        case _:
            return x, y


class PageText:
    """All words of a page by their direction, and what else is needed to judge them."""

    def __init__(self, page: pdfium.PdfPage, fonts: dict[int, tuple[bool, bool]]) -> None:
        self.geometry = Geometry(page)
        self.styles: dict[int, Style] = {}
        self.glyph_count = 0
        self.unmapped_count = 0
        self._fonts = fonts
        self._numbers = (ctypes.c_float * 6)()
        self._color = (ctypes.c_uint * 4)()
        self._matrix_address = ctypes.addressof(self._numbers)
        self._color_address = ctypes.addressof(self._color)
        self.words: list[tuple[int, bool, Word]] = []
        """Direction, whether it is skewed, word."""
        textpage = page.get_textpage()
        try:
            self._read(ctypes.cast(textpage.raw, _pointer).value or 0)
        finally:
            textpage.close()

    def _read(self, text: int) -> None:
        count = max(c.FPDFText_CountChars(ctypes.cast(text, c.FPDF_TEXTPAGE)), 0)
        if not count:
            return
        objects = [_char_object(text, index) for index in range(count)]
        codes = [_char_code(text, index) for index in range(count)]
        signs = np.array(codes, np.uint32)
        is_space, is_drawn = np.isin(signs, _SPACES), np.array([bool(o) for o in objects])
        rows = np.flatnonzero(is_drawn & ~is_space)
        kept: list[int] = rows.tolist()
        if not kept:
            return
        boxes = np.zeros((count, 4), np.float32)  # left, top, right, bottom
        origins = np.zeros((count, 2))
        box_address, origin_address = boxes.ctypes.data, origins.ctypes.data
        styles: list[Style] = []
        previous, style = 0, self._style(text, kept[0], objects[kept[0]])
        for index in kept:
            address = origin_address + 16 * index
            _loose_box(text, index, box_address + 16 * index)
            _origin(text, index, address, address + 8)
            if objects[index] != previous:
                previous = objects[index]
                if previous not in self.styles:
                    self.styles[previous] = self._style(text, index, previous)
                style = self.styles[previous]
            styles.append(style)
        self.glyph_count = len(kept)
        loose = boxes[rows, 0] >= boxes[rows, 2]
        if any(style.skewed for style in self.styles.values()):
            loose |= np.array([style.skewed for style in styles])
        for position in np.flatnonzero(signs[rows] > 0x2FF).tolist():
            loose[position] |= _is_mark(chr(codes[kept[position]]))
        self._tighten(text, rows, np.flatnonzero(loose).tolist(), boxes, origins, styles)
        seen = np.cumsum(is_space & is_drawn)
        gaps = np.zeros(len(kept), bool)  # a space stands before
        gaps[1:] = np.diff(seen[rows]) > 0
        self._build(rows, boxes, origins, styles, codes, objects, gaps)
        private = (signs[rows] >= 0xE000) & (signs[rows] <= 0xF8FF)
        controls = (signs[rows] < 0x20) & (signs[rows] != _LINE_END_HYPHEN)
        self.unmapped_count = int((private | controls | (signs[rows] == 0xFFFD)).sum())
        if not self.unmapped_count:
            probes = kept[:: max(len(kept) // 50, 1)]
            wrong = sum(_unmapped(text, index) == 1 for index in probes)
            self.unmapped_count = wrong * len(kept) // len(probes)

    def _turned(self, direction: int) -> int:
        """The direction on the displayed page of text that is upright in the page's content."""
        return (direction + self.geometry.turns) % 4

    def _style(self, text: int, index: int, address: int) -> Style:
        _matrix(text, index, self._matrix_address)
        a, b, across, up, _, _ = self._numbers
        size = abs(_font_size(text, index)) * (math.hypot(across, up) or math.hypot(a, b) or 1)
        turns, skewed = 0, False
        if b or a <= 0:
            degrees = -math.degrees(math.atan2(b, a))
            turns = round(degrees / 90)
            skewed = abs(degrees - turns * 90) > 10
        at = self._color_address
        self._color[:] = [0, 0, 0, 255]
        _fill(address, at, at + 4, at + 8, at + 12)
        red, green, blue, alpha = self._color
        key = _font_of(address) or 0
        if key not in self._fonts:
            self._fonts[key] = _font(ctypes.cast(key, c.FPDF_FONT))
        bold, mono = self._fonts[key]
        color = (red, green, blue, alpha)
        return Style(size, self._turned(turns % 4), skewed, bold, mono, _mode(address), color)

    @staticmethod
    def _tighten(
        text: int,
        rows: Any,
        positions: Sequence[int],
        boxes: Any,
        origins: Any,
        styles: Sequence[Style],
    ) -> None:
        """Marks and skewed letters: the drawn shape, for their loose boxes say little."""
        values = np.zeros(4)  # left, right, bottom, top
        at = values.ctypes.data
        for position in positions:
            index, style = int(rows[position]), styles[position]
            _tight_box(text, index, at, at + 8, at + 16, at + 24)
            left, right, bottom, top = values
            if right <= left or top <= bottom:
                x, y = origins[index]
                left, right, bottom, top = x, x + style.size / 4, y, y + style.size / 2
            boxes[index] = left, top, right, bottom

    def _build(
        self,
        rows: Any,
        boxes: Any,
        origins: Any,
        styles: Sequence[Style],
        codes: Sequence[int],
        objects: Sequence[Any],
        gaps: Any,
    ) -> None:
        geometry = self.geometry
        x0, y0 = geometry.place(boxes[rows, 0].astype(float), boxes[rows, 3].astype(float))
        x1, y1 = geometry.place(boxes[rows, 2].astype(float), boxes[rows, 1].astype(float))
        left, right = np.minimum(x0, x1), np.maximum(x0, x1)
        top, bottom = np.minimum(y0, y1), np.maximum(y0, y1)
        base_x, base_y = geometry.place(origins[rows, 0], origins[rows, 1])
        letters = [
            chr(codes[index]) if codes[index] not in _HYPHENS else "\u00ad" for index in rows
        ]
        sizes = np.array([style.size for style in styles])
        directions = np.array([style.direction for style in styles])
        directions = _columns_of_signs(letters, directions, base_x, base_y, sizes)
        skews = np.array([style.skewed for style in styles])
        displayed = np.stack([left, top, right, bottom], 1)
        for direction in np.unique(directions):
            for skewed in np.unique(skews[directions == direction]):
                chosen = np.flatnonzero((directions == direction) & (skews == skewed))
                frame = _Frame(
                    int(direction),
                    geometry,
                    displayed[chosen],
                    base_x[chosen],
                    base_y[chosen],
                    sizes[chosen],
                )
                glyphs = [letters[i] for i in chosen]
                spaced = gaps[chosen]
                order = _attach_marks(glyphs, frame)
                if order is not None:
                    chosen, glyphs = chosen[order], [glyphs[i] for i in order]
                    frame.reorder(order)
                    spaced = spaced[order]
                addresses = [objects[int(rows[i])] for i in chosen]
                looks = [styles[int(i)] for i in chosen]
                self.words += [
                    (int(direction), bool(skewed), word)
                    for word in frame.words(glyphs, spaced, addresses, looks)
                ]


def _columns_of_signs(letters: Sequence[str], directions: Any, x: Any, y: Any, sizes: Any) -> Any:
    """Upright signs that follow one another downwards are written in columns, as in Japanese."""
    if not any(letter > "\u2fff" for letter in letters):
        return directions
    signs = np.array([_VERTICAL_SCRIPTS.match(letter) is not None for letter in letters])
    across, down = np.diff(x), np.diff(y)
    size = sizes[:-1]
    pairs = signs[:-1] & signs[1:] & (directions[:-1] == UPRIGHT)
    falls = pairs & (np.abs(across) < 0.4 * size) & (down > 0.5 * size) & (down < 2 * size)
    runs = pairs & (np.abs(down) < 0.4 * size) & (across > 0.3 * size)
    if falls.sum() <= runs.sum():
        return directions
    directions = directions.copy()
    vertical = np.zeros(len(letters), bool)
    vertical[:-1] |= falls
    vertical[1:] |= falls
    directions[vertical | (signs & (directions == UPRIGHT))] = DOWNWARD
    return directions


class _Frame:
    """Glyphs of one direction, turned so that their lines run to the right."""

    def __init__(
        self, direction: int, geometry: Geometry, boxes: Any, x: Any, y: Any, sizes: Any
    ) -> None:
        self.boxes, self.sizes = boxes, sizes
        size = geometry.width, geometry.height
        u0, v0 = turn(direction, *size, boxes[:, 0], boxes[:, 1])
        u1, v1 = turn(direction, *size, boxes[:, 2], boxes[:, 3])
        self.start, self.end = np.minimum(u0, u1), np.maximum(u0, u1)
        self.top, self.bottom = np.minimum(v0, v1), np.maximum(v0, v1)
        _, self.base = turn(direction, *size, x, y)

    def reorder(self, order: Any) -> None:
        for name in ("boxes", "sizes", "start", "end", "top", "bottom", "base"):
            setattr(self, name, getattr(self, name)[order])

    def words(
        self,
        letters: Sequence[str],
        spaced: Any,
        objects: Sequence[int],
        styles: Sequence[Style],
    ) -> Iterator[Word]:
        count = len(letters)
        size = np.maximum(self.sizes[1:], self.sizes[:-1])
        gap = np.maximum(self.start[1:] - self.end[:-1], self.start[:-1] - self.end[1:])
        marks = np.array([letter > "\u02ff" and _is_mark(letter) for letter in letters])
        breaks = np.abs(np.diff(self.base)) > 0.12 * size
        breaks |= gap > np.where(spaced[1:], _SPACE_GAP, _WORD_GAP) * size
        breaks |= np.abs(np.diff(self.sizes)) > 0.12 * size
        breaks[marks[1:]] = False
        if marks.any():  # what follows a mark is measured from the mark's letter
            self._measure_from_letters(marks, breaks, spaced)
        starts = np.concatenate([[0], np.flatnonzero(breaks) + 1])
        ends = [*starts[1:].tolist(), count]
        lows = [
            np.minimum.reduceat(values, starts).tolist()
            for values in (self.start, self.top, self.boxes[:, 0], self.boxes[:, 1])
        ]
        highs = [
            np.maximum.reduceat(values, starts).tolist()
            for values in (self.end, self.bottom, self.boxes[:, 2], self.boxes[:, 3])
        ]
        bases, sizes = self.base[starts].tolist(), self.sizes[starts].tolist()
        for number, first in enumerate(starts.tolist()):
            last = ends[number]
            text, leftward, hyphen = self._text(first, last, letters)
            if not text:
                continue
            style = styles[first]
            x, top, box_left, box_top = (low[number] for low in lows)
            right, bottom, box_right, box_bottom = (high[number] for high in highs)
            yield Word(
                text,
                x,
                right,
                top,
                bottom,
                bases[number],
                sizes[number],
                (box_left, box_top, box_right, box_bottom),
                style.bold,
                style.mono,
                objects[first],
                leftward,
                bool(spaced[first]),
                hyphen,
                self._pieces(text, first, last, leftward),
            )

    def _measure_from_letters(self, marks: Any, breaks: Any, spaced: Any) -> None:
        letter = 0
        for index in range(1, len(marks)):
            if marks[index]:
                continue
            if marks[index - 1]:
                size = max(self.sizes[index], self.sizes[letter])
                apart = max(
                    self.start[index] - self.end[letter], self.start[letter] - self.end[index]
                )
                limit = _SPACE_GAP if spaced[letter + 1 : index + 1].any() else _WORD_GAP
                off_line = abs(self.base[index] - self.base[letter]) > 0.3 * size
                breaks[index - 1] = apart > limit * size or off_line
            letter = index

    def _text(self, first: int, last: int, letters: Sequence[str]) -> tuple[str, bool, bool]:
        """What is written, whether leftward, and whether a hyphen at the end was left out."""
        text = "".join(letters[first:last])
        if text.isascii():
            return clean(text), False, False
        leftward = _RIGHT_TO_LEFT.search(text) is not None
        if leftward:
            text = self._leftward(first, last, letters)
        hyphen = len(text) > 1 and text[-1] == "\u00ad"
        text = "-" if text == "\u00ad" else clean(text.replace("\u00ad", ""))
        return text.replace("\ufffe", "").replace("\uffff", ""), leftward, hyphen

    def _pieces(self, text: str, first: int, last: int, leftward: bool) -> list[Piece]:
        """A box for each sign of a script that writes without spaces."""
        if text.isascii() or leftward or len(text) != last - first:
            return []
        if _VERTICAL_SCRIPTS.search(text) is None:
            return []
        boxes = self.boxes[first:last].tolist()
        return [(at, at + 1, (box[0], box[1], box[2], box[3])) for at, box in enumerate(boxes)]

    def _leftward(self, first: int, last: int, letters: Sequence[str]) -> str:
        """From right to left; the letters of one glyph, which share their place, as they are read.

        PDFium turns such letters round with the line. Numbers and Latin letters go on rightward.
        """
        clusters: list[tuple[float, str]] = []
        for index in range(first, last):
            letter = letters[index]
            start = float(self.start[index])
            if clusters and _is_mark(letter):
                clusters[-1] = (clusters[-1][0], clusters[-1][1] + letter)
            elif clusters and abs(clusters[-1][0] - start) < 0.01:
                clusters[-1] = (start, clusters[-1][1] + letter)
            else:
                clusters.append((start, letter))
        clusters.sort(key=lambda cluster: -cluster[0])
        text = "".join(_glyph(cluster) for _, cluster in clusters)
        return str(_KEEPS_DIRECTION.sub(lambda run: run[0][::-1], text))


def _glyph(letters: str) -> str:
    if len(letters) == 2 and letters[1] == _LAM and letters[0] in _ALEFS:
        return letters[::-1]
    return letters


def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter) in ("Mn", "Me")


def _attach_marks(letters: Sequence[str], frame: _Frame) -> Any:
    """An order in which marks above and below follow the letter that carries them.

    Files draw them when it suits; None where nothing has to move.
    """
    marks = [i for i, letter in enumerate(letters) if letter > "\u02ff" and _is_mark(letter)]
    if not marks:
        return None
    bases = np.array([i for i in range(len(letters)) if i not in set(marks)])
    if not len(bases):
        return None
    carried: dict[int, list[int]] = {}
    for mark in marks:
        middle = (frame.start[mark] + frame.end[mark]) / 2
        near = np.abs(frame.base[bases] - frame.base[mark]) < 0.9 * frame.sizes[mark]
        apart = np.maximum(frame.start[bases] - middle, middle - frame.end[bases])
        apart = np.where(near, np.maximum(apart, 0), np.inf)
        # Where two carry it, the one drawn first: marks lean to the right, over the next letter.
        best = bases[np.flatnonzero(apart <= apart.min() + 1e-6)[0]]
        if not np.isfinite(apart.min()):
            best = bases[max(int(np.searchsorted(bases, mark)) - 1, 0)]
        carried.setdefault(int(best), []).append(mark)
    order: list[int] = []
    for base in bases:
        order.append(int(base))
        order += sorted(carried.get(int(base), ()), key=lambda i: (letters[i] in _TONE_MARKS, i))
    return np.array(order)


def _font(font: Any) -> tuple[bool, bool]:
    """Whether it is bold, and whether all letters have one width."""
    buffer = ctypes.create_string_buffer(128)
    c.FPDFFont_GetBaseFontName(font, buffer, 128)
    name = buffer.value.decode(errors="replace").lower()
    flags = max(c.FPDFFont_GetFlags(font), 0)
    bold = "bold" in name or "black" in name or "heavy" in name or "-semib" in name
    bold = bold or c.FPDFFont_GetWeight(font) >= 600 or bool(flags & 1 << 18)
    mono = bool(flags & 1) or "courier" in name or "mono" in name or "consol" in name
    return bold or regex.search(r"cmbx|cmb\d", name) is not None, mono or "cmtt" in name
