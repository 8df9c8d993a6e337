"""What a PDF page draws besides letters, and which of its letters nobody can see."""

import ctypes
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as c

from providers.parsing.formats.pdf_tables import Rules
from providers.parsing.formats.pdf_text import Geometry, PageText, Word, turn

_MAX_OBJECTS = 20_000
_MAX_SEGMENTS = 20_000
_MAX_DEPTH = 4
_THIN = 2.6
"""Points: a filled rectangle as thin as this is a rule."""
_TINIEST = 2.0
"""Points: smaller letters cannot be read on an ordinary page."""
_LIGHT = 200
"""Of 255: letters lighter than this may have no contrast to what is behind them."""
_VISIBLE_CONTRAST = 24
_RENDER_SCALE = 1.5

Box = tuple[float, float, float, float]


@dataclass(slots=True)
class Graphics:
    """Boxes on the page as displayed, in points, and the order in which things are drawn."""

    lines: list[Box] = field(default_factory=list)
    """Horizontal and vertical strokes and the edges of rectangles."""
    covers: list[tuple[int, Box]] = field(default_factory=list)
    """Pictures and filled shapes, which hide what was drawn before."""
    images: list[Box] = field(default_factory=list)
    order: dict[int, int] = field(default_factory=dict)
    """When each text object is drawn, by its address."""
    optional: set[int] = field(default_factory=set)
    """Text objects in layers that may be switched off."""
    clips: dict[int, Box] = field(default_factory=dict)
    """Where text objects may show, by their address."""
    shapes: int = 0

    def rules(self, direction: int, geometry: Geometry) -> Rules:
        """The lines in the frame of text of this direction."""
        rules = Rules()
        for box in self.lines:
            x0, y0 = turn(direction, geometry.width, geometry.height, box[0], box[1])
            x1, y1 = turn(direction, geometry.width, geometry.height, box[2], box[3])
            x0, x1, y0, y1 = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
            if x1 - x0 >= y1 - y0:
                rules.horizontal.append((x0, x1, (y0 + y1) / 2))
            else:
                rules.vertical.append((y0, y1, (x0 + x1) / 2))
        return rules

    def image_share(self, geometry: Geometry) -> float:
        """How much of the page pictures cover, 0 to 1, on a grid of 20 by 20 points."""
        if not self.images:
            return 0.0
        covered = np.zeros((20, 20), bool)
        for left, top, right, bottom in self.images:
            x0, x1 = (round(20 * value / geometry.width) for value in (left, right))
            y0, y1 = (round(20 * value / geometry.height) for value in (top, bottom))
            covered[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = True
        return float(covered.mean())


Matrix = tuple[float, float, float, float, float, float]
_IDENTITY: Matrix = (1, 0, 0, 1, 0, 0)


def read_graphics(page: pdfium.PdfPage, geometry: Geometry) -> Graphics:
    graphics = Graphics()
    budget = [_MAX_OBJECTS, _MAX_SEGMENTS]

    def visit(container: Any, count: Any, get: Any, outer: Matrix, depth: int) -> None:
        for index in range(count(container)):
            budget[0] -= 1
            if budget[0] < 0:
                return
            item = get(container, index)
            match c.FPDFPageObj_GetType(item):
                case c.FPDF_PAGEOBJ_TEXT:
                    address = ctypes.cast(item, ctypes.c_void_p).value or 0
                    graphics.order[address] = len(graphics.order) + len(graphics.covers)
                    if c.FPDFPageObj_CountMarks(item) > 0 and _is_optional(item):
                        graphics.optional.add(address)
                    clip = c.FPDFPageObj_GetClipPath(item)
                    if clip and c.FPDFClipPath_CountPaths(clip) > 0:
                        graphics.clips[address] = _clip_box(clip, outer, geometry)
                case c.FPDF_PAGEOBJ_PATH:
                    _read_path(item, outer, geometry, graphics, budget)
                case c.FPDF_PAGEOBJ_IMAGE | c.FPDF_PAGEOBJ_SHADING as kind:
                    box = _bounds(item, outer, geometry)
                    if box is not None:
                        _cover(graphics, box)
                        if kind == c.FPDF_PAGEOBJ_IMAGE:
                            graphics.images.append(box)
                case c.FPDF_PAGEOBJ_FORM if depth < _MAX_DEPTH:
                    inner = _multiply(_matrix(item), outer)
                    visit(
                        item, c.FPDFFormObj_CountObjects, c.FPDFFormObj_GetObject, inner, depth + 1
                    )

    visit(page.raw, c.FPDFPage_CountObjects, c.FPDFPage_GetObject, _IDENTITY, 0)
    return graphics


def _cover(graphics: Graphics, box: Box) -> None:
    graphics.covers.append((len(graphics.order) + len(graphics.covers), box))


def _is_optional(item: Any) -> bool:
    buffer = (ctypes.c_ushort * 32)()
    length = ctypes.c_ulong()
    for index in range(c.FPDFPageObj_CountMarks(item)):
        mark = c.FPDFPageObj_GetMark(item, index)
        if c.FPDFPageObjMark_GetName(mark, buffer, 64, length) and length.value == 6:
            if buffer[0] == ord("O") and buffer[1] == ord("C"):
                return True
    return False


def _clip_box(clip: Any, outer: Matrix, geometry: Geometry) -> Box:
    """What all paths of a clip leave."""
    x, y = ctypes.c_float(), ctypes.c_float()
    left, top, right, bottom = -math.inf, -math.inf, math.inf, math.inf
    for path in range(min(c.FPDFClipPath_CountPaths(clip), 8)):
        points = []
        for index in range(min(c.FPDFClipPath_CountPathSegments(clip, path), 64)):
            segment = c.FPDFClipPath_GetPathSegment(clip, path, index)
            c.FPDFPathSegment_GetPoint(segment, x, y)
            points.append(geometry.place(*_apply(outer, x.value, y.value)))
        if points:
            xs, ys = zip(*points, strict=True)
            left, right = max(left, min(xs)), min(right, max(xs))
            top, bottom = max(top, min(ys)), min(bottom, max(ys))
    return left, top, right, bottom


def _matrix(item: Any) -> Matrix:
    matrix = c.FS_MATRIX()
    if not c.FPDFPageObj_GetMatrix(item, matrix):
        return _IDENTITY
    return matrix.a, matrix.b, matrix.c, matrix.d, matrix.e, matrix.f


def _multiply(first: Matrix, then: Matrix) -> Matrix:
    if then is _IDENTITY:
        return first
    a, b, cc, d, e, f = first
    return (
        a * then[0] + b * then[2], a * then[1] + b * then[3],
        cc * then[0] + d * then[2], cc * then[1] + d * then[3],
        e * then[0] + f * then[2] + then[4], e * then[1] + f * then[3] + then[5],
    )  # fmt: skip


def _apply(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    return (
        matrix[0] * x + matrix[2] * y + matrix[4],
        matrix[1] * x + matrix[3] * y + matrix[5],
    )


def _bounds(item: Any, outer: Matrix, geometry: Geometry) -> Box | None:
    values = [ctypes.c_float() for _ in range(4)]
    if not c.FPDFPageObj_GetBounds(item, *values):
        return None
    left, bottom, right, top = (value.value for value in values)
    corners = [_apply(outer, x, y) for x in (left, right) for y in (bottom, top)]
    xs, ys = zip(*corners, strict=True)
    x0, y0, x1, y1 = geometry.box(min(xs), min(ys), max(xs), max(ys))
    return x0, y0, x1, y1


def _read_path(
    item: Any, outer: Matrix, geometry: Geometry, graphics: Graphics, budget: list[int]
) -> None:
    graphics.shapes += 1
    count = c.FPDFPath_CountSegments(item)
    fill, stroke = ctypes.c_int(), ctypes.c_int()
    c.FPDFPath_GetDrawMode(item, fill, stroke)
    if not fill.value and not stroke.value:
        return
    box = _bounds(item, outer, geometry)
    if box is None:
        return
    width, height = box[2] - box[0], box[3] - box[1]
    if min(width, height) <= _THIN:
        if max(width, height) > 3:
            graphics.lines.append(box)
        return
    if fill.value:
        _cover(graphics, box)
    budget[1] -= count
    if budget[1] < 0 or count > 2_000:
        return
    if width > 0.95 * geometry.width and height > 0.95 * geometry.height:
        return
    matrix = _multiply(_matrix(item), outer)
    for x0, y0, x1, y1 in _segments(item, count, matrix, geometry):
        if abs(x1 - x0) < 1 or abs(y1 - y0) < 1:
            graphics.lines.append((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))


def _segments(item: Any, count: int, matrix: Matrix, geometry: Geometry) -> Iterator[Box]:
    """The straight lines of a path; nothing of one that has curves."""
    x, y = ctypes.c_float(), ctypes.c_float()
    points: list[tuple[int, bool, float, float]] = []
    for index in range(count):
        segment = c.FPDFPath_GetPathSegment(item, index)
        kind = c.FPDFPathSegment_GetType(segment)
        if kind == c.FPDF_SEGMENT_BEZIERTO:
            return
        c.FPDFPathSegment_GetPoint(segment, x, y)
        closes = bool(c.FPDFPathSegment_GetClose(segment))
        points.append((kind, closes, *geometry.place(*_apply(matrix, x.value, y.value))))
    start = previous = None
    for kind, closes, px, py in points:
        if kind == c.FPDF_SEGMENT_MOVETO:
            start = (px, py)
        elif previous is not None:
            yield *previous, px, py
        previous = (px, py)
        if closes and start is not None:
            yield *previous, *start


Placed = tuple[int, bool, Word]


def part_visible(
    page: pdfium.PdfPage, text: PageText, graphics: Graphics
) -> tuple[list[Placed], list[Placed]]:
    """Words that people see, and those that lie on the page unseen.

    A word is seen when the page looks different without it: that is tried for those that are
    light, covered by what is drawn later, or in a layer that may be off.
    """
    geometry = text.geometry
    tiniest = min(_TINIEST, max(geometry.width, geometry.height) / 400)
    visible: list[Placed] = []
    hidden: list[Placed] = []
    doubtful: list[Placed] = []
    covered = _covered([word for _, _, word in text.words], graphics)
    for placed, is_covered in zip(text.words, covered, strict=True):
        word = placed[2]
        x, y = (word.box[0] + word.box[2]) / 2, (word.box[1] + word.box[3]) / 2
        style = text.styles[word.object]
        red, green, blue, alpha = style.color
        if not (0 <= x <= geometry.width and 0 <= y <= geometry.height):
            continue
        if word.size < tiniest or style.mode == c.FPDF_TEXTRENDERMODE_INVISIBLE or alpha < 13:
            hidden.append(placed)
        elif (
            (min(red, green, blue) > _LIGHT and style.mode not in (1, 2))
            or style.mode == c.FPDF_TEXTRENDERMODE_CLIP
            or alpha < 64
            or word.object in graphics.optional
            or is_covered
            or not _inside(x, y, graphics.clips.get(word.object))
        ):
            doubtful.append(placed)
        else:
            visible.append(placed)
    if doubtful:
        seen = _try_without(page, geometry, [word for _, _, word in doubtful])
        for placed, is_seen in zip(doubtful, seen, strict=True):
            (visible if is_seen else hidden).append(placed)
        order = {id(placed[2]): number for number, placed in enumerate(text.words)}
        visible.sort(key=lambda placed: order[id(placed[2])])
        hidden.sort(key=lambda placed: order[id(placed[2])])
    return visible, hidden


def _inside(x: float, y: float, box: Box | None) -> bool:
    return box is None or (box[0] <= x <= box[2] and box[1] <= y <= box[3])


def _covered(words: Sequence[Word], graphics: Graphics) -> list[bool]:
    """Whether something that may hide the word is drawn after it over its middle."""
    if not graphics.covers or not words:
        return [False] * len(words)
    drawn = np.array([graphics.order.get(word.object, 1 << 30) for word in words])
    boxes = np.array([word.box for word in words])
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    covered = np.zeros(len(words), bool)
    first = int(drawn.min())
    for order, (left, top, right, bottom) in graphics.covers:
        if order > first and right - left > 3 and bottom - top > 3:
            inside = (left <= x) & (x <= right) & (top <= y) & (y <= bottom)
            covered |= inside & (drawn < order)
    return covered.tolist()


def _try_without(page: pdfium.PdfPage, geometry: Geometry, words: Sequence[Word]) -> list[bool]:
    scale = min(_RENDER_SCALE, 2_500 / max(geometry.width, geometry.height))
    before = render(page, scale)
    addresses = {word.object for word in words}
    _activate(addresses, False)
    without = render(page, scale)
    _activate(addresses, True)
    difference = np.abs(before.astype(np.int16) - without.astype(np.int16))
    seen = []
    for word in words:
        left, top, right, bottom = (value * scale for value in word.box)
        part = difference[max(int(top), 0) : int(bottom) + 1, max(int(left), 0) : int(right) + 1]
        seen.append(bool(part.size) and int(part.max()) >= _VISIBLE_CONTRAST)
    return seen


def _activate(addresses: Iterable[int], active: bool) -> None:
    for address in addresses:
        c.FPDFPageObj_SetIsActive(ctypes.cast(address, c.FPDF_PAGEOBJECT), active)


def render(page: pdfium.PdfPage, scale: float, annotations: bool = False) -> Any:
    """The page as displayed in shades of grey, an array of rows of bytes."""
    bitmap = page.render(
        scale=scale, grayscale=True, may_draw_forms=annotations, draw_annots=annotations
    )
    try:
        pixels = bitmap.to_numpy()
        return np.array(pixels[:, :, 0] if pixels.ndim == 3 else pixels)
    finally:
        bitmap.close()
