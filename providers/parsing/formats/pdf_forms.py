"""What people wrote on a PDF page: fields of forms, typewriter text, comments."""

import ctypes
from collections.abc import Iterator, Sequence
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as c

from providers.parsing.formats.pdf_text import Geometry, Word, turn
from providers.parsing.formats.text import clean

TICKED, UNTICKED = "[x]", "[ ]"
_HIDDEN = c.FPDF_ANNOT_FLAG_HIDDEN | c.FPDF_ANNOT_FLAG_NOVIEW
_PASSWORD = 1 << 13
_MAX_ANNOTATIONS = 5_000
_LETTER_WIDTH = 0.5
"""Of the size: typical, to place words whose letters the file does not place."""
_COMMENTS = {
    c.FPDF_ANNOT_TEXT, c.FPDF_ANNOT_HIGHLIGHT, c.FPDF_ANNOT_UNDERLINE, c.FPDF_ANNOT_SQUIGGLY,
    c.FPDF_ANNOT_STRIKEOUT, c.FPDF_ANNOT_CARET, c.FPDF_ANNOT_STAMP, c.FPDF_ANNOT_INK,
    c.FPDF_ANNOT_SQUARE, c.FPDF_ANNOT_CIRCLE, c.FPDF_ANNOT_LINE, c.FPDF_ANNOT_POLYGON,
    c.FPDF_ANNOT_POLYLINE, c.FPDF_ANNOT_FILEATTACHMENT,
}  # fmt: skip
_TICK_FIELDS = {c.FPDF_FORMFIELD_CHECKBOX, c.FPDF_FORMFIELD_RADIOBUTTON}
_CHOICE_FIELDS = {c.FPDF_FORMFIELD_COMBOBOX, c.FPDF_FORMFIELD_LISTBOX}


def read_annotations(
    page: pdfium.PdfPage, forms: Any, geometry: Geometry, words: Sequence[Word], direction: int
) -> tuple[list[Word], list[str]]:
    """Words that belong into the lines of the page, and its comments."""
    written: list[Word] = []
    comments: list[str] = []
    for index in range(min(c.FPDFPage_GetAnnotCount(page.raw), _MAX_ANNOTATIONS)):
        annotation = c.FPDFPage_GetAnnot(page.raw, index)
        if not annotation:
            continue
        try:
            kind = c.FPDFAnnot_GetSubtype(annotation)
            if c.FPDFAnnot_GetFlags(annotation) & _HIDDEN:
                continue
            if kind == c.FPDF_ANNOT_WIDGET and forms is not None:
                text = _field_text(forms, annotation)
            elif kind == c.FPDF_ANNOT_FREETEXT:
                text = _string(annotation, "Contents") or _appearance(page, annotation)
            elif kind in _COMMENTS:
                if comment := _comment(page, annotation, kind):
                    comments.append(comment)
                continue
            else:
                continue
            box = _box(annotation, geometry)
            if text and box is not None:
                written += _place(clean(text), box, geometry, direction, words)
        finally:
            c.FPDFPage_CloseAnnot(annotation)
    return written, comments


def _field_text(forms: Any, annotation: Any) -> str:
    kind = c.FPDFAnnot_GetFormFieldType(forms, annotation)
    if kind in _TICK_FIELDS:
        return TICKED if c.FPDFAnnot_IsChecked(forms, annotation) else UNTICKED
    if kind in _CHOICE_FIELDS:
        chosen = [
            _form_string(c.FPDFAnnot_GetOptionLabel, forms, annotation, option)
            for option in range(min(max(c.FPDFAnnot_GetOptionCount(forms, annotation), 0), 1_000))
            if c.FPDFAnnot_IsOptionSelected(forms, annotation, option)
        ]
        if chosen:
            return ", ".join(chosen)
    elif kind != c.FPDF_FORMFIELD_TEXTFIELD:
        return ""
    if c.FPDFAnnot_GetFormFieldFlags(forms, annotation) & _PASSWORD and (
        kind == c.FPDF_FORMFIELD_TEXTFIELD
    ):
        return ""
    return _form_string(c.FPDFAnnot_GetFormFieldValue, forms, annotation)


def _form_string(function: Any, *arguments: Any) -> str:
    return _decoded(lambda buffer, size: function(*arguments, buffer, size))


def _string(annotation: Any, key: str) -> str:
    return _decoded(
        lambda buffer, size: c.FPDFAnnot_GetStringValue(annotation, key.encode(), buffer, size)
    )


def _decoded(ask: Any) -> str:
    """A string of UTF-16 of PDFium's, asked for its length first."""
    size = ask(None, 0)
    if size <= 2:
        return ""
    buffer = (ctypes.c_ushort * (size // 2))()
    ask(buffer, size)
    return bytes(buffer)[: size - 2].decode("utf-16-le", errors="replace").strip()


def _comment(page: pdfium.PdfPage, annotation: Any, kind: int) -> str:
    text = clean(_string(annotation, "Contents"))
    if not text and kind == c.FPDF_ANNOT_STAMP:
        text = clean(_appearance(page, annotation))
    if not text:
        return ""
    author = clean(_string(annotation, "T"))
    name = "Stamp" if kind == c.FPDF_ANNOT_STAMP else "Comment"
    return f"{name} ({author}): {text}" if author else f"{name}: {text}"


def _appearance(page: pdfium.PdfPage, annotation: Any) -> str:
    """The text that an annotation shows."""
    textpage = page.get_textpage()
    try:
        parts = [
            _decoded(
                lambda buffer, size, item=item: c.FPDFTextObj_GetText(
                    item, textpage.raw, buffer, size
                )
            )
            for index in range(max(c.FPDFAnnot_GetObjectCount(annotation), 0))
            if (item := c.FPDFAnnot_GetObject(annotation, index))
            and c.FPDFPageObj_GetType(item) == c.FPDF_PAGEOBJ_TEXT
        ]
    finally:
        textpage.close()
    return " ".join(part for part in parts if part)


def _box(annotation: Any, geometry: Geometry) -> tuple[float, float, float, float] | None:
    rect = c.FS_RECTF()
    if not c.FPDFAnnot_GetRect(annotation, rect):
        return None
    left, right = sorted((rect.left, rect.right))
    bottom, top = sorted((rect.bottom, rect.top))
    x0, y0, x1, y1 = geometry.box(left, bottom, right, top)
    if x1 <= 0 or y1 <= 0 or x0 >= geometry.width or y0 >= geometry.height:
        return None
    return x0, y0, x1, y1


def _place(
    text: str,
    box: tuple[float, float, float, float],
    geometry: Geometry,
    direction: int,
    words: Sequence[Word],
) -> Iterator[Word]:
    """Words in the box, on the line of the label beside it where there is one."""
    u0, v0 = turn(direction, geometry.width, geometry.height, box[0], box[1])
    u1, v1 = turn(direction, geometry.width, geometry.height, box[2], box[3])
    left, right, top, bottom = min(u0, u1), max(u0, u1), min(v0, v1), max(v0, v1)
    size = max(min(0.7 * (bottom - top), 11.0), 4.0)
    beside = [word for word in words if top - 1 < word.base <= bottom + 1]
    lines = _fitted(text, right - left, size)
    if beside and len(lines) == 1:
        label = min(beside, key=lambda word: max(left - word.right, word.x - right, 0))
        base, size = label.base, label.size
    elif len(lines) == 1:
        base = bottom - 0.3 * (bottom - top)
    else:
        base = top + size
    for line in lines:
        step = min(_LETTER_WIDTH * size, (right - left) / max(len(line), 1))
        position = left
        for token in [line] if line == UNTICKED else line.split(" "):
            if token:
                end = position + step * len(token)
                spot = _displayed(
                    direction, geometry, position, base - 0.8 * size, end, base + 0.2 * size
                )
                yield Word(
                    token,
                    position,
                    end,
                    base - 0.8 * size,
                    base + 0.2 * size,
                    base,
                    size,
                    spot,
                    spaced=True,
                    leftward="\u0590" <= token[0] <= "\u08ff",
                )
            position += step * (len(token) + 1)
        base += 1.2 * size


def _fitted(text: str, width: float, size: float) -> list[str]:
    if text == UNTICKED:
        return [text]
    room = max(int(width / (_LETTER_WIDTH * size)), 1)
    lines: list[str] = []
    for line in text.split("\n"):
        current = ""
        for token in line.split():
            if current and len(current) + 1 + len(token) > room * 1.2:
                lines.append(current)
                current = token
            else:
                current = f"{current} {token}".strip()
        if current:
            lines.append(current)
    return lines


def _displayed(
    direction: int, geometry: Geometry, left: float, top: float, right: float, bottom: float
) -> tuple[float, float, float, float]:
    """From the frame of the text back to the page."""
    width, height = geometry.width, geometry.height
    if direction % 2:
        width, height = height, width
    x0, y0 = turn(-direction % 4, width, height, left, top)
    x1, y1 = turn(-direction % 4, width, height, right, bottom)
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)
