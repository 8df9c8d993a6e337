"""Questions that one table answers: the largest, the sum, how many, all that.

The cells are compared and added by code; what is shown are the rows that the result rests on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import numpy as np
import regex

from core.blocks import BlockKind
from core.errors import ProviderUnavailable
from core.terms import squeezed, terms
from providers.answering import Library, Source, TableText
from providers.answering.intents import Understood
from providers.answering.language import detect, reply
from providers.answering.quotes import Quote, Text, Written
from providers.answering.sentences import Row
from providers.embedding import Embedder

OPERATIONS = ("total", "average", "most", "least", "how_many", "list", "which")
"""Labels of `phrases.toml`, the first one counts."""
MAX_DOCUMENTS = 3
"""Whose tables are read, best passage first."""
MAX_ROWS = 20
"""That are shown."""
MAX_TIES = 5
MAX_COUNTED = 8
"""Rows that are shown of those that were counted or added."""
FITTING = 0.5
"""Share of the question's words that stand in a table, its columns or above it."""
COMMON_PREFIX = 5
"""Letters from which two words are taken for forms of one."""

_NUMBER = regex.compile(
    r"(?P<sign>[-+\u2212]?)\s?(?:\p{Sc}|[A-Z]{3})?\s?(?P<number>\p{Nd}{1,3}(?:[.,'’\s]\p{Nd}{3})+(?:[.,]\p{Nd}+)?|\p{Nd}+(?:[.,]\p{Nd}+)?)"
    r"\s?(?:\p{Sc}|%|°?\p{L}{1,4}[²³]?(?:/\p{L}{1,3})?)?"
)
_GROUPED = regex.compile(r"\p{Nd}{1,3}(?:[.,'’\s]\p{Nd}{3})+")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as a query of one table."""

    table: TableText
    operation: str
    rows: list[int]
    """Those that fit what it says."""
    filtered: bool
    column: int | None
    """What is compared or added."""


async def about_table(
    text: str,
    understood: Understood,
    library: Library,
    sources: Sequence[Source],
    embedder: Embedder,
) -> Written | None:
    """None for questions that no table answers as a whole."""
    operation = next((label for label in OPERATIONS if label in understood.labels), None)
    if operation is None:
        return None
    best: tuple[float, UUID, TableText] | None = None
    for document in await _documents(library, sources):
        for table in await library.tables(document):
            share = _share(text, understood, table, sources, document)
            if len(table.rows) > 1 and share >= FITTING and (best is None or share > best[0]):
                best = share, document, table
    if best is None:
        return None
    asked = await _asked(text, understood, operation, best[2], embedder)
    return None if asked is None else await _answer(understood.language, asked, best[1], library)


async def _documents(library: Library, sources: Sequence[Source]) -> list[UUID]:
    """The first few that the passages are from; one that is asked alone even without any."""
    readable = [card.document for card in await library.documents() if card.is_readable]
    if len(readable) == 1:
        return readable
    found = (s.document for s in sources if any(block.table for block in s.blocks))
    return [document for document in dict.fromkeys(found) if document][:MAX_DOCUMENTS]


def _share(
    text: str, understood: Understood, table: TableText, sources: Sequence[Source], document: UUID
) -> float:
    """Of the words that say what is asked for."""
    wanted = _terms(understood.subject) or [
        word for word in _terms(text) if _among(word, set(_terms(" ".join(table.columns))))
    ]
    if not wanted:
        return 0.0
    title = next((s.title for s in sources if s.document == document), "")
    cells = " ".join(cell for row in table.rows for cell in row)
    known = set(_terms(f"{' '.join(table.columns)} {table.about} {title} {cells}"))
    return sum(_among(word, known) for word in wanted) / len(wanted)


async def _asked(
    text: str, understood: Understood, operation: str, table: TableText, embedder: Embedder
) -> Asked | None:
    wanted = set(_terms(text))
    said = {squeezed(token) for token in text.split()}
    numeric = [n for n in range(len(table.columns)) if _is_numeric(table, n)]
    fitting = list(range(len(table.rows)))
    filtered = False
    spent: set[str] = set()
    for column in range(len(table.columns)):
        if column in numeric:
            continue
        values = {row[column] for row in table.rows if column < len(row) and row[column]}
        named = {value for value in values if _is_named(value, wanted, said, table.columns[column])}
        if named and len(named) < len(values):
            kept = [
                n
                for n in fitting
                if table.rows[n][column : column + 1] and table.rows[n][column] in named
            ]
            if kept:
                fitting, filtered = kept, True
                spent |= {term for value in named for term in _terms(value)}
    if operation in ("how_many", "list", "which"):
        return _listing(understood, operation, table, fitting, filtered, spent)
    if not numeric:
        return None
    column_asked = await _column(text, table, numeric, embedder)
    return Asked(table, operation, fitting, filtered, column_asked)


def _listing(
    understood: Understood,
    operation: str,
    table: TableText,
    fitting: list[int],
    filtered: bool,
    spent: set[str],
) -> Asked | None:
    """All rows only where the question says nothing but what a row is."""
    if filtered:
        several = operation != "which" or len(fitting) > 1
        return Asked(table, operation, fitting, True, None) if several else None
    if operation == "which":
        return None
    what = set(_terms(f"{table.columns[0]} {table.about}")) | spent
    columns = set(_terms(" ".join(table.columns)))
    wanted = _terms(understood.subject)
    known = what | columns if operation == "list" else what
    if not wanted or not any(_among(word, what) for word in wanted):
        return None
    enough = sum(_among(word, known) for word in wanted) >= len(wanted) * (
        0.6 if operation == "list" else 1
    )
    return Asked(table, operation, fitting, False, None) if enough else None


async def _column(
    text: str, table: TableText, numeric: Sequence[int], embedder: Embedder
) -> int | None:
    """By the words of its name, or else by its meaning. None if several fit alike."""
    wanted = _terms(text)
    shares = []
    for number in numeric:
        name = _terms(table.columns[number])
        shares.append(sum(_among(word, set(wanted)) for word in name) / max(1, len(name)))
    best = max(shares)
    chosen = [n for n, share in zip(numeric, shares, strict=True) if share == best]
    if best == 0 and not any(table.columns[n] for n in chosen):
        return None
    if best == 0 and len(chosen) > 1:
        try:
            query = await embedder.embed_query(text)
            names = await embedder.embed_passages([table.columns[n] or "-" for n in chosen])
        except ProviderUnavailable:
            return None
        return chosen[int(np.argmax(names @ query))]
    return chosen[0] if best > 0 or len(chosen) == 1 else None


async def _answer(language: str, asked: Asked, document: UUID, library: Library) -> Written | None:
    table, rows = asked.table, asked.rows
    parts: list[Text | Quote] = []
    match asked.operation:
        case "most" | "least" if asked.column is not None:
            values = {n: v for n in rows if (v := _value(table, n, asked.column)) is not None}
            if not values:
                return None
            extreme = (max if asked.operation == "most" else min)(values.values())
            rows = [n for n, value in values.items() if value == extreme][:MAX_TIES]
            cell = table.rows[rows[0]][asked.column]
            name = table.columns[asked.column]
            parts.append(Text(f"{name}: {cell}" if name else cell))
        case "total" | "average" if asked.column is not None:
            values = {n: v for n in rows if (v := _value(table, n, asked.column)) is not None}
            if not values:
                return None
            rows = list(values)
            total = sum(values.values(), Decimal(0))
            average = asked.operation == "average"
            result = round(total / len(values), 4) if average else total
            name = table.columns[asked.column] or str(asked.column + 1)
            line = reply(
                language, asked.operation, column=name, count=len(values), value=_shown(result)
            )
            parts.append(Text(line))
        case "how_many" if len(rows) > 1:
            parts.append(Text(reply(language, "rows", count=len(rows))))
        case "how_many" | "list" | "which":
            pass
        case _:
            return None
    shown = MAX_ROWS if asked.operation in ("list", "which") else MAX_COUNTED
    quotes = await _quoted(table, rows[:shown], document, library)
    if not quotes:
        return None
    if len(rows) > shown:
        quotes.append(Text(f"… ({reply(language, 'rows', count=len(rows))})"))
    return Written([*parts, *quotes], grounded=True)


async def _quoted(
    table: TableText, rows: Sequence[int], document: UUID, library: Library
) -> list[Text | Quote]:
    quotes: list[Text | Quote] = []
    for number in rows:
        sources = await library.excerpt(document, table.places[number])
        if sources:
            text = " ".join(sources[0].text.split())
            row = Row(tuple(table.columns), tuple(table.rows[number]))
            quotes.append(Quote(sources[0], text, row, BlockKind.TABLE))
    return quotes


def _is_numeric(table: TableText, column: int) -> bool:
    cells = [row[column] for row in table.rows if column < len(row) and row[column].strip()]
    numbers = sum(_NUMBER.fullmatch(cell.strip()) is not None for cell in cells)
    return bool(cells) and numbers >= 0.6 * len(cells)


def _value(table: TableText, row: int, column: int) -> Decimal | None:
    cells = table.rows[row]
    found = _NUMBER.fullmatch(cells[column].strip()) if column < len(cells) else None
    if found is None:
        return None
    number = regex.sub(r"['’\s]", "", found["number"])
    comma, dot = number.rfind(","), number.rfind(".")
    if comma >= 0 and dot >= 0:
        number = number.replace("," if comma < dot else ".", "").replace(",", ".")
    elif comma >= 0 or dot >= 0:
        mark = "," if comma >= 0 else "."
        grouped = _GROUPED.fullmatch(number) and _separates_thousands(table, column, mark)
        number = number.replace(mark, "" if grouped else ".")
    sign = -1 if found["sign"] in ("-", "\u2212") else 1
    return sign * Decimal(number)


def _separates_thousands(table: TableText, column: int, mark: str) -> bool:
    """A comma does unless a cell of the column has other than three digits behind it; a dot only
    if there is another sign of it: `4.312` is a measure more often than thousands."""
    cells = [row[column] for row in table.rows if column < len(row)]
    decimals = any(
        regex.search(rf"{regex.escape(mark)}(?!\p{{Nd}}{{3}}(?!\p{{Nd}}))\p{{Nd}}", c)
        for c in cells
    )
    if decimals:
        return False
    return mark == "," or any(c.count(mark) > 1 or ("," in c and mark == ".") for c in cells)


def _shown(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _is_named(value: str, wanted: set[str], said: set[str], column: str) -> bool:
    if squeezed(value) in said and any(map(str.isdigit, value)):
        return True
    words = set(_terms(value))
    telling = words - set(_terms(column))
    return bool(telling) and all(_among(word, wanted) for word in words)


def _among(word: str, known: set[str]) -> bool:
    if word in known:
        return True
    stem = word[:COMMON_PREFIX]
    return len(stem) == COMMON_PREFIX and any(other.startswith(stem) for other in known)


def _terms(text: str) -> list[str]:
    return [
        term for term in dict.fromkeys(terms(text, dict.fromkeys([detect(text), "en"]))) if term
    ]
