"""Rich Text Format (Microsoft RTF 1.9.1): text in any code page, with tables, notes and lists."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from core.blocks import BlockKind
from providers.parsing import PageWindow
from providers.parsing.formats import Source
from providers.parsing.formats.scripts import subscript, superscript
from providers.parsing.formats.symbols import symbol
from providers.parsing.grid import Cell, spread
from providers.parsing.writer import Writer, squeeze

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})?[ ]?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])"
    rb"|([{}])|[\r\n]+|([^\\{}\r\n]+)"
)
_CODE_PAGES = {
    2: "symbol", 77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gb18030",
    136: "big5hkscs", 161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256",
    186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250", 254: "cp437", 255: "cp850",
}  # fmt: skip
"""By the character set of a font."""
_CHARACTERS = {
    "emdash": "—", "endash": "–", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”",
    "bullet": "•", "emspace": " ", "enspace": " ", "qmspace": " ", "tab": " ", "line": "\n",
    "lbr": "\n", "zwj": "\u200d", "zwnj": "\u200c", "ltrmark": "\u200e", "rtlmark": "\u200f",
}  # fmt: skip
_SYMBOLS = {"~": "\xa0", "_": "-", "\n": "\n", "\r": "\n", "\\": "\\", "{": "{", "}": "}"}
_SILENT = frozenset(
    "colortbl info listtable listoverridetable revtbl rsidtbl generator themedata datastore "
    "colorschememapping latentstyles xmlnstbl fldinst bkmkstart bkmkend objdata objclass falt "
    "nonshppict panose filetbl template passwordhash userprops pgptbl mmathPr xe tc txe rxe do "
    "background wgrffmtfilter docvar factoidname ftnsep ftnsepc ftncn aftnsep aftnsepc aftncn sp "
    "atrfstart atrfend atnid atnref atnparent atntime atndate blipuid picprop stylesheet".split()
)
_SHOWN_IF_STARRED = frozenset(
    "shpinst shptxt shppict footnote annotation atnauthor ud pntext listtext nesttableprops".split()
)
_HEADS = frozenset("header headerl headerr headerf footer footerl footerr footerf".split())
_HEADING_NAME = re.compile(r"heading ([1-9])", re.I)


@dataclass(slots=True)
class _State:
    """What braces restore."""

    font: int | None = None
    raised: int = 0
    hidden: bool = False
    skips: int = 1
    destination: str = ""


@dataclass(slots=True)
class _Row:
    edges: list[int] = field(default_factory=list)
    merges: list[tuple[bool, bool]] = field(default_factory=list)
    """For each cell whether it goes on with the one before, or with the one above."""
    texts: list[str] = field(default_factory=list)
    header: bool = False


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`: EMPTY or TOO_LARGE."""
    writer = Writer()
    _Reader(writer).read(source.read_bytes())
    return writer.windows(source.max_pages)


class _Reader:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._stack: list[_State] = []
        self._state = _State()
        self._code_page = "cp1252"
        self._fonts: dict[int, str] = {}
        self._styles: dict[int, str] = {}
        self._bytes = bytearray()
        self._to_skip = 0
        self._text = ""
        self._outer: list[str] = []
        """Texts that wait while a note is read."""
        self._label = ""
        self._level: int | None = None
        self._style_level: int | None = None
        self._in_table = False
        self._row = _Row()
        self._merge = [False, False]
        self._rows: list[_Row] = []
        self._notes: list[str] = []
        self._note_count = 0
        self._author = ""
        self._heads: set[str] = set()
        self._style_key: int | None = None
        self._font_key = 0
        self._pictures = 0

    def read(self, data: bytes) -> None:
        starred = False
        position, end = 0, len(data)
        while position < end:
            found = _TOKEN.match(data, position)
            if found is None:
                position += 1
                continue
            position = found.end()
            word, number, byte, sign, brace, plain = found.groups()
            if word is not None:
                name = word.decode()
                value = int(number) if number is not None else None
                if name == "bin":
                    position += max(value or 0, 0)
                else:
                    self._word(name, value, starred)
                starred = False
            elif byte is not None:
                self._byte(int(byte, 16))
            elif sign == b"*":
                starred = True
            elif sign is not None:
                self._add(_SYMBOLS.get(sign.decode("latin-1"), ""))
            elif brace == b"{":
                self._flush()
                self._stack.append(replace(self._state))
                starred = False
            elif brace == b"}":
                self._flush()
                self._close()
            elif plain is not None:
                for character in plain:
                    self._byte(character)
        self._flush()
        if self._row.texts:
            self._rows.append(self._row)
        self._in_table = False
        self._paragraph()
        self._end_table()
        self._writer.skipped(self._pictures, "picture")

    # Characters ----------------------------------------------------------------------------------

    def _byte(self, byte: int) -> None:
        if self._to_skip:
            self._to_skip -= 1
        else:
            self._bytes.append(byte)

    def _flush(self) -> None:
        """Bytes since the last change of font, as text: characters may have several of them."""
        if self._bytes:
            data, self._bytes = bytes(self._bytes), bytearray()
            page = self._fonts.get(self._state.font or 0, self._code_page)
            if self._state.font is None:
                page = self._code_page
            if page == "symbol":
                self._add("".join(symbol("symbol", f"{byte:x}") for byte in data))
            else:
                self._add(data.decode(page, errors="replace"))

    def _add(self, text: str) -> None:
        if self._bytes:
            self._flush()
        destination = self._state.destination
        if not text or destination == "skip" or self._state.hidden:
            return
        if destination == "listtext":
            self._label += text
        elif destination == "atnauthor":
            self._author += text
        elif destination == "fonttbl":
            pass
        else:
            if self._state.raised > 0:
                text = superscript(text, self._text)
            elif self._state.raised < 0:
                text = subscript(text)
            self._text += text

    def _word(self, name: str, value: int | None, starred: bool) -> None:
        if name == "u" and value is not None:
            self._flush()
            code = value % 65_536
            self._add(_surrogates(code))
            self._to_skip = self._state.skips
            return
        if self._to_skip and name not in ("u",):
            self._to_skip = 0
        self._flush()
        if (starred and name not in _SHOWN_IF_STARRED) or name in _SILENT:
            if name == "stylesheet":
                self._state.destination = "stylesheet"
                self._outer.append(self._text)
                self._text = ""
            else:
                self._state.destination = "skip"
            return
        if self._state.destination == "skip":
            return
        if name in _CHARACTERS:
            self._add(_CHARACTERS[name])
        elif not self._character_property(name, value) and not self._table_word(name, value):
            self._structure(name, value)

    def _character_property(self, name: str, value: int | None) -> bool:
        state = self._state
        match name:
            case "f":
                state.font = value
                self._font_key = value or 0
            case "fcharset":
                if value in _CODE_PAGES:
                    self._fonts[self._font_key] = _CODE_PAGES[value]
                elif value == 0:
                    self._fonts[self._font_key] = "cp1252"
            case "cpg":
                self._fonts[self._font_key] = _code_page(value)
            case "ansicpg":
                self._code_page = _code_page(value)
            case "mac":
                self._code_page = "mac_roman"
            case "pc" | "pca":
                self._code_page = "cp437" if name == "pc" else "cp850"
            case "super":
                state.raised = 0 if value == 0 else 1
            case "sub":
                state.raised = 0 if value == 0 else -1
            case "nosupersub":
                state.raised = 0
            case "up" | "dn":
                state.raised = 0 if value == 0 else 1 if name == "up" else -1
            case "v" | "deleted" | "webhidden":
                state.hidden = value != 0
            case "plain":
                state.raised, state.hidden = 0, False
            case "uc":
                state.skips = value or 0
            case _:
                return False
        return True

    def _table_word(self, name: str, value: int | None) -> bool:
        match name:
            case "trowd":
                self._row = _Row(texts=self._row.texts)
            case "trhdr":
                self._row.header = True
            case "clmrg" | "clvmrg":
                self._merge[name == "clvmrg"] = True
            case "cellx":
                self._row.edges.append(value or 0)
                self._row.merges.append((self._merge[0], self._merge[1]))
                self._merge = [False, False]
            case "intbl":
                self._in_table = True
            case "cell":
                self._row.texts.append(self._labelled())
                self._text = ""
            case "nestcell":
                self._text += ", "
            case "nestrow":
                self._text += "; "
            case "row":
                self._rows.append(self._row)
                self._row = replace(self._row, texts=[])
                self._text = ""
            case _:
                return False
        return True

    # Paragraphs and what stands beside them ------------------------------------------------------

    def _structure(self, name: str, value: int | None) -> None:
        match name:
            case "par" | "sect":
                self._paragraph()
            case "page":
                self._paragraph()
                if not self._writer.page_is_empty and not self._rows:
                    self._writer.new_page()
            case "pard":
                self._in_table, self._level, self._style_level = False, None, None
            case "outlinelevel" if value is not None:
                self._level = value + 1 if value < 9 else None
            case "s" if value is not None:
                self._style_key = value
                found = _HEADING_NAME.fullmatch(self._styles.get(value, ""))
                self._style_level = int(found[1]) if found else None
            case "chftn":
                if self._state.destination not in ("footnote", "annotation"):
                    self._text += superscript(str(self._note_count + 1))
            case "footnote" | "annotation" | "shptxt":
                self._begin(name)
            case _ if name in _HEADS:
                self._begin("head")
            case "pntext" | "listtext":
                self._state.destination = "listtext"
                self._label = ""
            case "atnauthor":
                self._state.destination, self._author = "atnauthor", ""
            case "fonttbl":
                self._state.destination = "fonttbl"
            case "pict":
                self._pictures += 1
                self._state.destination = "skip"
            case "upr":
                self._state.destination = "upr"
            case "ud":
                self._state.destination = ""
            case "nesttableprops":
                pass

    def _begin(self, destination: str) -> None:
        self._outer.append(self._text)
        self._text = ""
        self._state.destination = destination

    def _close(self) -> None:
        destination = self._state.destination
        before = self._stack.pop() if self._stack else _State()
        ends = destination != before.destination
        if destination == "stylesheet" and not ends and self._style_key is not None:
            self._styles[self._style_key] = self._text.strip().rstrip(";")
            self._style_key, self._text = None, ""
        self._state = before
        if not ends:
            return
        if destination in ("footnote", "annotation", "shptxt", "head", "stylesheet"):
            text, self._text = squeeze(self._text), self._outer.pop() if self._outer else ""
            if destination == "footnote" and text:
                self._note_count += 1
                self._notes.append(f"{superscript(str(self._note_count))} {text}")
            elif destination == "annotation" and text:
                self._notes.append(f"Comment by {self._author}: {text}" if self._author else text)
            elif destination == "shptxt":
                self._notes.append(text)
            elif destination == "head" and text and text not in self._heads:
                self._heads.add(text)
                self._writer.write(text, BlockKind.METADATA)

    def _labelled(self) -> str:
        label, self._label = squeeze(self._label), ""
        text = self._text
        return f"{_bullet(label)} {text}" if label and text.strip() else text

    def _paragraph(self) -> None:
        if self._state.destination in ("footnote", "annotation", "head", "shptxt"):
            self._text += " "
            return
        if self._state.destination in ("skip", "stylesheet", "fonttbl"):
            return
        if self._in_table:
            self._text += " "
            return
        self._end_table()
        labelled = bool(self._label.strip()) and bool(self._text.strip())
        text = "\n".join(squeeze(line) for line in self._labelled().split("\n")).strip()
        level = self._level or self._style_level
        if level is not None:
            self._writer.heading(text, level)
        else:
            self._writer.write(text, BlockKind.LIST_ITEM if labelled else BlockKind.PARAGRAPH)
        self._text = ""
        self._write_notes()

    def _write_notes(self) -> None:
        for note in self._notes:
            self._writer.write(note, BlockKind.NOTE)
        self._notes = []

    def _end_table(self) -> None:
        rows, self._rows = self._rows, []
        if not rows:
            return
        edges = sorted({edge for row in rows for edge in row.edges})
        grid: list[list[Cell]] = []
        open_cells: dict[int, Cell] = {}
        """By the edge at the right: the cell above, which may go on."""
        headed = 0
        for number, row in enumerate(rows):
            cells: list[Cell] = []
            before = -1
            for index, text in enumerate(row.texts):
                edge = row.edges[index] if index < len(row.edges) else before + 1
                place = edges.index(edge) if edge in edges else before + 1
                width = max(place - before, 1)
                beside, above = row.merges[index] if index < len(row.merges) else (False, False)
                before = max(place, before)
                if beside and cells:
                    cells[-1].columns += width
                elif above and edge in open_cells:
                    open_cells[edge].rows += 1
                else:
                    cell = Cell(text, width)
                    cells.append(cell)
                    open_cells[edge] = cell
            grid.append(cells)
            if row.header and headed == number:
                headed += 1
        texts, header_rows = spread(grid, headed or None)
        self._writer.table(texts, header_rows)
        self._write_notes()


def _code_page(number: int | None) -> str:
    """Text of one that Python does not know must be read somehow."""
    names = {932: "cp932", 936: "gb18030", 949: "cp949", 950: "big5hkscs", 10000: "mac_roman"}
    if number in names:
        return names[number]
    try:
        return codecs.lookup(f"cp{number}").name
    except LookupError:
        return "cp1252"


def _surrogates(code: int) -> str:
    """Halves of a pair come one by one and are joined when the text is cleaned."""
    return chr(code - 0xF000) if 0xF020 <= code <= 0xF07E else chr(code)


def _bullet(label: str) -> str:
    return label if any(map(str.isalnum, label)) else "-"
