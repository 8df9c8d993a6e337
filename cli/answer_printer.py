"""Answers in the terminal: lines end between words, and footnotes are numbered as they appear."""

import re
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.text import Text

_WIDE = "\u2e80-\u2fff\u3003-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
"""Scripts that put no spaces between words: a line may end after any character."""
_PIECE = re.compile(rf"\n|[^\S\n]+|[{_WIDE}][^\s{_WIDE}\w\[(]*|[^\s{_WIDE}]+")
_MARKER = re.compile(r"\[(\d{1,3})\]")


class AnswerPrinter:
    """Prints an answer that arrives in pieces of any length, then its citations."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._column = 0
        self._held = ""
        """The last word as long as more of it may come."""
        self._space = ""
        self._in_code = False
        self._footnotes: dict[int, int] = {}
        """The answer's number of a source, and ours."""

    def feed(self, delta: str) -> None:
        *pieces, self._held = _PIECE.findall(self._held + delta) or [""]
        for piece in pieces:
            self._print(piece)

    def finish(self, citations: Sequence[dict[str, Any]]) -> None:
        """`citations` are the fields of `Citation` in the contract."""
        self._print(self._held)
        self._held = ""
        self._console.print("\n")
        by_source: dict[int, list[dict[str, Any]]] = {}
        for citation in citations:
            by_source.setdefault(citation["index"], []).append(citation)
        for index in sorted(by_source, key=self._number):
            self._print_source(self._number(index), by_source[index])

    def _print_source(self, number: int, citations: Sequence[dict[str, Any]]) -> None:
        pages = sorted({citation["pageNumber"] for citation in citations})
        page = f"page{'s' if len(pages) > 1 else ''} {', '.join(map(str, pages))}"
        verified = all(citation["verified"] for citation in citations)
        self._console.print(
            rf"\[{number}] [bold]{escape(citations[0]['filename'])}[/], {page}, "
            + ("[green]word for word[/]" if verified else "[yellow]not verified[/]")
        )
        for quote in dict.fromkeys(citation["quote"] for citation in citations):
            self._console.print(
                Padding(Text(f"“{quote}”", style="italic"), (0, 0, 0, 4), expand=False)
            )

    def _print(self, piece: str) -> None:
        if piece == "\n":
            self._column, self._space = 0, ""
            self._console.out("\n", end="")
        elif piece.isspace():
            self._space = piece
        else:
            word = "".join(map(self._renumber, re.split("(`+)", piece)))
            width = cell_len(self._space) + cell_len(word)
            if self._column and self._column + width > self._console.width:
                self._column, self._space = 0, ""
                self._console.out("\n", end="")
            self._console.out(self._space + word, end="", highlight=False)
            self._column += cell_len(self._space) + cell_len(word)
            self._space = ""

    def _renumber(self, part: str) -> str:
        """Of a word, what stands before, in or after the marks of code."""
        if part.startswith("`"):
            self._in_code = not self._in_code
        if self._in_code:
            return part
        return _MARKER.sub(lambda marker: f"[{self._number(int(marker[1]))}]", part)

    def _number(self, index: int) -> int:
        return self._footnotes.setdefault(index, len(self._footnotes) + 1)
