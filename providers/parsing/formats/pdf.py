"""PDF files, printed or scanned, in windows of pages."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pypdfium2 as pdfium
import pypdfium2.raw as c
import regex

from core.blocks import BlockKind, ReadingWarning, WarningCode
from core.errors import ErrorCode, ParseFailure
from providers.parsing import Page, PageWindow
from providers.parsing.formats import Source
from providers.parsing.formats.layout import (
    Line,
    Section,
    Typography,
    arrange,
    make_line,
    pieces_of,
    prepare,
    sections,
)
from providers.parsing.formats.pdf_forms import read_annotations
from providers.parsing.formats.pdf_graphics import (
    Graphics,
    part_visible,
    read_graphics,
    render,
)
from providers.parsing.formats.pdf_tables import Rules, TableGrid
from providers.parsing.formats.pdf_text import UPRIGHT, Geometry, PageText, Word
from providers.parsing.formats.pdf_writer import Writer, cell_text, column_names, compounds_of
from providers.parsing.formats.scans import PICTURE_SIDE, ScanReader, agreement, beside
from providers.parsing.writer import WINDOW_PAGES, too_many_pages
from providers.recognition import Recognition

_HEAD, _FOOT = 0.18, 0.8
"""Shares of the page's height above and below which running heads and feet stand."""
_FURNITURE_LINES = 3
"""At most so many at either end of a page."""
_IRM_WRAPPER = re.compile(
    r"(?:protected by Microsoft|IRM|rights management|information protection).{0,400}"
    r"(?:reader|viewer)|(?:reader|viewer).{0,400}(?:protected by Microsoft|rights management)",
    re.I | re.S,
)
_XFA_WRAPPER = re.compile(r"Please wait\.\.\..{0,200}PDF viewer may not be able", re.S)
_MAX_BOOKMARKS = 5_000
_GARBLED_SHARE = 0.3
_SCAN_SHARE = 0.5
"""A page whose pictures cover more is a scan, unless it holds text of its own."""
_COMPARED_LAYERS = 3
_MIN_AGREEMENT = 0.4
_STAMP_LETTERS = 200
"""A scan with fewer printed letters has a stamp or a number on it, no text of its own."""


@dataclass(slots=True)
class _Draft:
    """A page before it is written."""

    number: int
    geometry: Geometry
    groups: dict[tuple[int, bool], list[Word]]
    """Visible words by direction, and whether they are skewed."""
    graphics: Graphics
    comments: list[str] = field(default_factory=list)
    garbled: bool = False
    unread: bool = False
    """Whether it shows something that could be text, and nothing of it was read."""
    recognized: bool = False
    turned_width: float | None = None
    """Of a scan that had to be turned to be read."""
    extra: list[Word] = field(default_factory=list)
    """The words of such a scan."""
    direction: int = UPRIGHT
    heads: list[Line] = field(default_factory=list)
    feet: list[Line] = field(default_factory=list)

    @property
    def words(self) -> list[Word]:
        return self.groups.get((self.direction, False), [])


@dataclass(slots=True)
class _Ending:
    """The table at the end of a page, which may go on overleaf."""

    grid: TableGrid
    columns: list[str]
    header: list[list[str]]


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`: ENCRYPTED, MALFORMED, TOO_LARGE, NO_TEXT_LAYER or EMPTY."""
    document = _open(source)
    try:
        count = len(document)
        if count > source.max_pages:
            raise too_many_pages(count, source.max_pages)
        yield from _Reader(document, ScanReader(source.tessdata)).windows()
    finally:
        document.close()


def _open(source: Source) -> pdfium.PdfDocument:
    try:
        document = pdfium.PdfDocument(source.data or source.path)
        if not len(document):
            raise _damaged()
        if document.get_formtype() != c.FORMTYPE_NONE:
            document.init_forms()
        return document
    except pdfium.PdfiumError as error:
        if error.err_code == c.FPDF_ERR_PASSWORD:
            raise ParseFailure(
                ErrorCode.ENCRYPTED,
                "The PDF is protected with a password.",
                "Save a copy without a password and upload that.",
            ) from error
        raise _damaged() from error


def _damaged() -> ParseFailure:
    return ParseFailure(
        ErrorCode.MALFORMED,
        "The PDF is damaged and cannot be read.",
        "Open it in a PDF viewer, print it to a new PDF and upload that.",
    )


class _Reader:
    """One document, read window by window."""

    def __init__(self, document: pdfium.PdfDocument, scans: ScanReader) -> None:
        self._document = document
        self._scans = scans
        self._trusted_layers = 0
        self._fonts: dict[int, tuple[bool, bool]] = {}
        self._titles = _bookmarks(document)
        self._typography: Typography | None = None
        self._furniture: set[str] = set()
        """Running heads and feet that were written once."""
        self._ending: _Ending | None = None
        self._last_header: list[list[str]] = []

    def windows(self) -> Iterator[PageWindow]:
        count = len(self._document)
        found_text = shows_anything = False
        for start in range(0, count, WINDOW_PAGES):
            drafts = [
                self._draft(number)
                for number in range(start + 1, min(start + WINDOW_PAGES, count) + 1)
            ]
            self._set_apart_furniture(drafts)
            words = [word for draft in drafts for word in [*draft.words, *draft.extra]]
            if self._typography is None or not self._typography.body:
                self._typography = Typography.of(words)
            compounds = compounds_of(words)
            pages = [self._write(draft, compounds) for draft in drafts]
            if start == 0:
                _refuse_wrappers(self._document, pages)
            found_text = found_text or any(page.text for page in pages)
            shows_anything = shows_anything or any(draft.unread for draft in drafts)
            warnings = _warnings(drafts)
            if start == 0:
                warnings += _attachments(self._document)
            yield PageWindow(pages, count, warnings=warnings)
        if not found_text:
            raise no_text(shows_anything)

    def _draft(self, number: int) -> _Draft:
        try:
            page = self._document[number - 1]
        except pdfium.PdfiumError:
            return _Draft(number, _NoPage(), {}, Graphics(), unread=True)  # type: ignore[arg-type]
        try:
            text = PageText(page, self._fonts)
            geometry = text.geometry
            graphics = read_graphics(page, geometry)
            visible, hidden = part_visible(page, text, graphics)
            letters = sum(len(word.text) for _, _, word in visible)
            share = graphics.image_share(geometry)
            is_scan = share > _SCAN_SHARE and letters < _STAMP_LETTERS
            draft = _Draft(number, geometry, _grouped(visible), graphics)
            draft.direction = _main_direction(draft.groups)
            draft.garbled = text.unmapped_count > _GARBLED_SHARE * max(text.glyph_count, 1)
            if draft.garbled:
                draft.groups = {}
                letters = 0
            forms = self._document.formenv.raw if self._document.formenv else None
            written, draft.comments = read_annotations(
                page, forms, geometry, draft.words, draft.direction
            )
            if is_scan and not draft.garbled:
                layer = [word for _, _, word in hidden]
                if not layer or not self._trusts(page, draft, layer):
                    self._recognize(page, draft)
                else:
                    draft.groups = _grouped([*visible, *hidden])
                    draft.direction = _main_direction(draft.groups)
            elif draft.garbled or (
                not letters and not written and (graphics.images or graphics.shapes > 20)
            ):
                self._recognize(page, draft)
            if written:
                draft.groups.setdefault((draft.direction, False), []).extend(written)
            return draft
        finally:
            page.close()

    def _recognize(self, page: pdfium.PdfPage, draft: _Draft) -> None:
        """Add what is recognised to a page that is a picture."""
        draft.unread = True
        if not self._scans.available:
            return
        words, recognition = self._picture(page, draft.geometry)
        if not recognition.legible:
            return
        draft.unread = draft.garbled = False
        printed = [word for group in draft.groups.values() for word in group]
        words = beside(words, printed)
        draft.recognized = bool(words)
        if not recognition.upright:
            draft.turned_width = recognition.width / self._scale(draft.geometry)
            draft.extra = words
        elif words:
            draft.groups.setdefault((UPRIGHT, False), []).extend(words)
            draft.direction = UPRIGHT

    @staticmethod
    def _scale(geometry: Geometry) -> float:
        return min(PICTURE_SIDE / max(geometry.width, geometry.height), 8.0)

    def _picture(self, page: pdfium.PdfPage, geometry: Geometry) -> tuple[list[Word], Recognition]:
        scale = self._scale(geometry)
        return self._scans.read(render(page, scale, annotations=True), scale)

    def _trusts(self, page: pdfium.PdfPage, draft: _Draft, layer: Sequence[Word]) -> bool:
        """Whether unseen text under a scan is what the scan shows.

        The first pages of a document are compared with what is recognised there.
        """
        if self._trusted_layers >= _COMPARED_LAYERS or not self._scans.available:
            return True
        words, recognition = self._picture(page, draft.geometry)
        if recognition.legible and words and agreement(layer, words) < _MIN_AGREEMENT:
            return False
        self._trusted_layers += 1
        return True

    def _set_apart_furniture(self, drafts: Sequence[_Draft]) -> None:
        """Find the lines that stand at the head or foot of page after page."""
        zones = [_outer_lines(draft, len(self._document) > 2) for draft in drafts]
        counts = Counter(key for zone in zones for key in {key for key, _, _ in zone})
        needed = max(2, round(0.4 * len(drafts)))
        repeated = {key for key, number in counts.items() if number >= needed}
        for draft, zone in zip(drafts, zones, strict=True):
            for key, line, at_top in zone:
                if key not in repeated and key not in self._furniture:
                    continue
                gone = {id(word) for word in line.words}
                kept = [word for word in draft.words if id(word) not in gone]
                draft.groups[draft.direction, False] = kept
                if key not in self._furniture:
                    self._furniture.add(key)
                    (draft.heads if at_top else draft.feet).append(line)

    def _write(self, draft: _Draft, compounds: frozenset[str]) -> Page:
        assert self._typography is not None
        writer = Writer(compounds)
        geometry = draft.geometry
        titles = self._titles.get(draft.number - 1, {})
        parts: list[Section] = []
        for direction, skewed in sorted(
            draft.groups, key=lambda key: (key != (draft.direction, False), key)
        ):
            words = draft.groups[direction, skewed]
            if not words:
                continue
            if skewed:
                parts.append(Section(BlockKind.METADATA, [make_line(words)]))
                continue
            rules = draft.graphics.rules(direction, geometry)
            regions = arrange(words, rules)
            width = geometry.height if direction % 2 else geometry.width
            parts += sections(regions, self._typography, titles, width)
        if draft.turned_width is not None:
            regions = arrange(draft.extra, Rules())
            parts += sections(regions, self._typography, titles, draft.turned_width)
        self._carry_headers(parts)
        for section in parts:
            writer.write(section)
        for line in [*draft.heads, *draft.feet]:
            writer.write(Section(BlockKind.METADATA, [line]))
        for comment in draft.comments:
            writer.write_text(comment, BlockKind.NOTE)
        return writer.page(draft.number, geometry.width, geometry.height)

    def _carry_headers(self, parts: Sequence[Section]) -> None:
        """A table that goes on from the page before has the columns of its beginning."""
        content = [s for s in parts if s.kind not in (BlockKind.NOTE, BlockKind.METADATA)]
        for position, section in enumerate(content):
            grid = section.grid
            if grid is None:
                continue
            before = self._ending if position == 0 else None
            if before is not None and len(before.columns) == len(grid.rows[0]):
                rows = [[cell_text(cell) for cell in row] for row in grid.rows]
                depth = len(before.header)
                if depth and rows[:depth] == before.header:
                    grid.header_rows = depth
                    section.columns = before.columns
                elif abs(grid.x - before.grid.x) < 12 and not _is_bold(grid):
                    grid.header_rows = 0
                    section.columns = before.columns
        self._ending = None
        if content and content[-1].grid is not None:
            grid = content[-1].grid
            columns = content[-1].columns
            if columns is not None and self._last_header:
                header = self._last_header
            else:
                header = [
                    [cell_text(cell) for cell in row] for row in grid.rows[: grid.header_rows]
                ]
            self._last_header = header
            self._ending = _Ending(grid, column_names(grid) if columns is None else columns, header)


class _NoPage:
    """The geometry of a page that cannot be loaded."""

    width, height, turns = 595.0, 842.0, 0


def _is_bold(grid: TableGrid) -> bool:
    words = [word for cell in grid.rows[0] for word in cell.words]
    others = [word for row in grid.rows[1:] for cell in row for word in cell.words]
    return all(word.bold for word in words) and not all(word.bold for word in others)


def _grouped(words: Sequence[tuple[int, bool, Word]]) -> dict[tuple[int, bool], list[Word]]:
    groups: dict[tuple[int, bool], list[Word]] = {}
    for direction, skewed, word in words:
        groups.setdefault((direction, skewed), []).append(word)
    return groups


def _main_direction(groups: dict[tuple[int, bool], list[Word]]) -> int:
    letters = Counter[int]()
    for (direction, skewed), words in groups.items():
        if not skewed:
            letters[direction] += sum(len(word.text) for word in words)
    return letters.most_common(1)[0][0] if letters else UPRIGHT


def _outer_lines(draft: _Draft, many: bool) -> list[tuple[str, Line, bool]]:
    """Key, line and whether it stands at the head, of what may be a running head or foot."""
    height = draft.geometry.height if draft.direction % 2 == 0 else draft.geometry.width
    head, foot = (_HEAD, _FOOT) if many else (_HEAD / 2, 1 - _HEAD / 2)
    zone = [word for word in draft.words if word.bottom < head * height or word.top > foot * height]
    found = []
    rows = prepare(zone)
    rules = draft.graphics.rules(draft.direction, draft.geometry)
    heads = [row for row in rows if row[0].base < height / 2][:_FURNITURE_LINES]
    feet = [row for row in rows if row[0].base >= height / 2][-_FURNITURE_LINES:]
    for row in [*heads, *feet]:
        if _is_table_row(row, rows, rules):
            continue
        line = make_line(row)
        at_top = line.bottom < 0.5 * height
        text = re.sub(r"\d+", "#", line.text.casefold())
        found.append((f"{at_top} {text}", line, at_top))
    return found


def _is_table_row(row: list[Word], rows: Sequence[list[Word]], rules: Rules) -> bool:
    """Whether rules part its words, or a row as full stands beside it."""
    pieces = len(pieces_of([row]))
    base, size = row[0].base, row[0].size
    if pieces < 2:
        return False
    if any(
        start <= base - size / 2 <= end and row[0].x < place < row[-1].right
        for start, end, place in rules.vertical
    ):
        return True
    return pieces > 2 and any(
        0 < abs(other[0].base - base) < 2.5 * size and len(pieces_of([other])) == pieces
        for other in rows
    )


def _bookmarks(document: pdfium.PdfDocument) -> dict[int, dict[str, int]]:
    """By index of the page: letters and digits of each title, and its level from 1."""
    titles: dict[int, dict[str, int]] = {}
    try:
        for number, bookmark in enumerate(document.get_toc(max_depth=8)):
            destination = bookmark.get_dest()
            if number >= _MAX_BOOKMARKS or destination is None:
                continue
            key = "".join(s for s in bookmark.get_title().casefold() if s.isalnum())
            index = destination.get_index()
            if len(key) > 2 and index is not None:
                titles.setdefault(index, {})[key] = min(bookmark.level + 1, 6)
    except pdfium.PdfiumError:
        return titles
    return titles


def _refuse_wrappers(document: pdfium.PdfDocument, pages: Sequence[Page]) -> None:
    """A page that only says that another program is needed is not the document."""
    if len(document) > 2:
        return
    text = "\n".join(page.text for page in pages)
    names = _attachment_names(document)
    if any("irmservices" in name.casefold() for name in names) or (
        _IRM_WRAPPER.search(text) and len(text) < 3_000 and "protected" in text.casefold()
    ):
        raise ParseFailure(
            ErrorCode.ENCRYPTED,
            "The PDF is a cover around a document that rights management protects.",
            "Open it with an account that may read it, save a copy without protection and upload "
            "that.",
        )
    if _XFA_WRAPPER.search(text) and len(text) < 3_000:
        raise ParseFailure(
            ErrorCode.UNSUPPORTED_FILE_TYPE,
            "The PDF is a form that only Adobe's programs can show.",
            "Open it there, print it to a new PDF and upload that.",
        )


def _attachment_names(document: pdfium.PdfDocument) -> list[str]:
    try:
        count = min(document.count_attachments(), 100)
        return [document.get_attachment(index).get_name() for index in range(count)]
    except pdfium.PdfiumError:
        return []


def _attachments(document: pdfium.PdfDocument) -> list[ReadingWarning]:
    names = _attachment_names(document)
    if not names:
        return []
    message = f"Attached files were not read: {', '.join(sorted(names)[:10])}."
    return [ReadingWarning(WarningCode.SKIPPED_CONTENT, regex.sub(r"\p{Cc}", "", message))]


def _warnings(drafts: Sequence[_Draft]) -> list[ReadingWarning]:
    warnings = []
    unread = [draft.number for draft in drafts if draft.unread and not draft.garbled]
    garbled = [draft.number for draft in drafts if draft.garbled]
    recognized = [draft.number for draft in drafts if draft.recognized]
    if unread:
        warnings.append(
            ReadingWarning(
                WarningCode.NO_TEXT_LAYER,
                "Pages are pictures, and their text was not recognised.",
                unread,
            )
        )
    if recognized:
        warnings.append(
            ReadingWarning(
                WarningCode.RECOGNIZED_TEXT,
                "Pages were read by text recognition, which may err.",
                recognized,
            )
        )
    if garbled:
        warnings.append(
            ReadingWarning(
                WarningCode.GARBLED_TEXT,
                "The text of pages is stored in a way that cannot be read.",
                garbled,
            )
        )
    return warnings


def no_text(shows_anything: bool) -> ParseFailure:
    if shows_anything:
        return ParseFailure(
            ErrorCode.NO_TEXT_LAYER,
            "The PDF holds pictures of pages but no text.",
            "Run text recognition (OCR) over the scan and upload the result.",
        )
    return ParseFailure(ErrorCode.EMPTY, "The document holds no text.")
