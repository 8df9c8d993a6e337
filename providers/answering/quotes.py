"""Quotes and own words into the text of an answer, with a marker behind each quote."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import regex

from core.blocks import BlockKind
from providers.answering import Delta, Source
from providers.answering.sentences import Row

MAX_COLUMNS = 10
"""Wider rows are quoted as they stand."""

_BRACKETED_NUMBER = regex.compile(r"(?<=[\[［【])(?=[\d\s,;，、–-]+[\]］】])")
_WORD_JOINER = "\u2060"


@dataclass(frozen=True, slots=True)
class Text:
    """The answerer's own words: they cite nothing."""

    text: str


@dataclass(frozen=True, slots=True)
class Quote:
    source: Source
    text: str
    """As it stands in the source, white space folded but in code."""
    row: Row | None = None
    kind: BlockKind = BlockKind.PARAGRAPH
    lead: str = ""
    """Own words on the same line."""


@dataclass(frozen=True, slots=True)
class Written:
    """A whole answer."""

    parts: Sequence[Text | Quote]
    grounded: bool = False
    confidence: float | None = None
    """How likely it is right, 0 to 1, where that was weighed."""
    tight: bool = field(default=False, kw_only=True)
    """Lines follow one another without a blank one."""


def deltas(written: Written) -> Iterator[Delta]:
    """Each place on a line of its own, rows of one table as one table."""
    before: Text | Quote | None = None
    for table, group in groupby(written.parts, key=_table):
        parts = list(group)
        if before is not None:
            yield Delta("\n" if _joined(before, parts[0], written.tight) else "\n\n")
        if table is not None:
            columns = [name.replace("|", "/") for name in table[0]]
            yield Delta(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
            for part in parts:
                assert isinstance(part, Quote)
                yield Delta("\n| ")
                yield Delta(f"{plain(part.text)} [{part.source.index}]", quotes=True)
                yield Delta(" |")
        else:
            for number, part in enumerate(parts):
                if number:
                    between = "\n" if _joined(parts[number - 1], part, written.tight) else "\n\n"
                    yield Delta(between)
                yield from _part(part)
        before = parts[-1]


def plain(quote: str) -> str:
    """A number in brackets would be taken for a citation of ours, a backtick would hide ours."""
    return str(_BRACKETED_NUMBER.sub(_WORD_JOINER, quote)).replace("`", "'")


def _part(part: Text | Quote) -> Iterator[Delta]:
    if isinstance(part, Text):
        yield Delta(part.text)
    elif part.kind is BlockKind.CODE:
        fence = "```" if "```" not in part.text else "````"
        yield Delta(f"{part.lead}{fence}\n")
        yield Delta(f"{part.text}\n{fence}\n[{part.source.index}]", quotes=True)
    else:
        if part.lead:
            yield Delta(part.lead)
        yield Delta(f"{plain(part.text)} [{part.source.index}]", quotes=True)


def _joined(before: Text | Quote, part: Text | Quote, tight: bool) -> bool:
    """Whether two lines are of one list."""
    if tight:
        return True
    lists = isinstance(before, Quote) and isinstance(part, Quote)
    return lists and before.lead.startswith("- ") and part.lead.startswith("- ")  # type: ignore[union-attr]


def _table(part: Text | Quote) -> tuple[Sequence[str], object] | None:
    """What rows of one table share; None for what is no row to be shown in a table."""
    if isinstance(part, Text) or part.row is None or part.lead:
        return None
    columns, cells = part.row.columns, part.row.cells
    whole = part.text.split(" | ") == list(cells)
    if not whole or not any(columns) or not 1 < len(columns) <= MAX_COLUMNS:
        return None
    return columns, part.source.document
