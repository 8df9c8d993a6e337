"""Numbers of lists and clauses as Word shows them (ECMA-376, part 1, 17.9)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from providers.parsing.formats.package import Element, attribute, child, integer, kind, value

_LEVEL = re.compile(r"%(\d)")


@dataclass(slots=True)
class _Level:
    format: str = "decimal"
    text: str = ""
    start: int = 1
    restart: int | None = None
    """Restarts after a level above this number (from 1) was used; 0: never."""
    legal: bool = False
    style: str = ""


@dataclass(slots=True)
class _List:
    levels: dict[int, _Level] = field(default_factory=dict)
    counters: dict[int, int] = field(default_factory=dict)


class Numbering:
    """Counts as it is asked; paragraphs must come in order."""

    def __init__(self, root: Element | None) -> None:
        abstract: dict[str, _List] = {}
        links: dict[str, str] = {}
        self._by_style: dict[str, str] = {}
        self._lists: dict[str, _List] = {}
        self._overrides: dict[str, dict[int, int]] = {}
        """By list and level: where its first use begins anew."""
        for element in root if root is not None else ():
            if kind(element) == "abstractNum":
                key = attribute(element, "abstractNumId") or ""
                abstract[key] = _List(_levels(element))
                if link := value(element, "numStyleLink"):
                    links[key] = link
                if style := value(element, "styleLink"):
                    self._by_style[style] = key
        for element in root if root is not None else ():
            if kind(element) == "num":
                number = attribute(element, "numId") or ""
                key = value(element, "abstractNumId") or ""
                key = self._by_style.get(links.get(key, ""), key)
                shared = abstract.get(key)
                if shared is not None:
                    self._lists[number] = self._overridden(number, element, shared)

    def _overridden(self, number: str, element: Element, shared: _List) -> _List:
        levels = dict(shared.levels)
        for override in element:
            if kind(override) != "lvlOverride":
                continue
            index = integer(attribute(override, "ilvl"), 0)
            if (start := value(override, "startOverride")) is not None:
                self._overrides.setdefault(number, {})[index] = integer(start)
            levels |= _levels(override)
        return _List(levels, shared.counters)

    def level_of_style(self, number: str, style: str) -> int | None:
        """The level of a list that belongs to a paragraph style."""
        found = self._lists.get(number)
        levels = found.levels.items() if found else ()
        return next((index for index, level in levels if level.style == style), None)

    def label(self, number: str, index: int) -> str | None:
        """The next number or bullet of that list and level; None without a list."""
        found = self._lists.get(number)
        if found is None or index not in found.levels:
            return None
        level = found.levels[index]
        start = self._overrides.get(number, {}).pop(index, None)
        if start is not None:
            found.counters[index] = start
        else:
            found.counters[index] = found.counters.get(index, level.start - 1) + 1
        for deeper, other in found.levels.items():
            restarts = other.restart is None or other.restart > index
            if deeper > index and restarts and other.restart != 0:
                found.counters.pop(deeper, None)
        if level.format == "bullet":
            return "-"
        if level.format == "none" and not _LEVEL.search(level.text):
            return level.text.strip()
        return _LEVEL.sub(lambda place: self._shown(found, int(place[1]) - 1, level), level.text)

    def _shown(self, found: _List, index: int, level: _Level) -> str:
        other = found.levels.get(index, _Level())
        count = found.counters.get(index, other.start)
        return format_number(count, "decimal" if level.legal else other.format)


def _levels(element: Element) -> dict[int, _Level]:
    levels = {}
    for item in element:
        if kind(item) != "lvl":
            continue
        restart = value(item, "lvlRestart")
        number_format = value(item, "numFmt") or "decimal"
        custom = next((value(c, "numFmt") for c in item if kind(c) == "AlternateContent"), None)
        levels[integer(attribute(item, "ilvl"), 0)] = _Level(
            custom or number_format,
            value(item, "lvlText") or "",
            integer(value(item, "start"), 0),
            None if restart is None else integer(restart),
            child(item, "isLgl") is not None,
            value(item, "pStyle") or "",
        )
    return levels


def format_number(number: int, style: str) -> str:
    """By the names of ST_NumberFormat; those that are not known count in decimals."""
    match style:
        case "lowerLetter":
            return _letters(number)
        case "upperLetter":
            return _letters(number).upper()
        case "lowerRoman":
            return _roman(number).lower()
        case "upperRoman":
            return _roman(number)
        case "decimalZero":
            return f"{number:02}"
        case "decimalEnclosedCircle" | "decimalEnclosedCircleChinese" if 1 <= number <= 20:
            return chr(0x2460 + number - 1)
        case "ordinal":
            ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
            return f"{number}{'th' if 10 <= number % 100 <= 20 else ending}"
        case (
            "chineseCounting"
            | "chineseCountingThousand"
            | "ideographDigital"
            | ("japaneseCounting" | "taiwaneseCounting" | "taiwaneseCountingThousand")
        ) if 1 <= number < 100:
            return _han(number)
        case "chicago":
            return "*†‡§"[(number - 1) % 4] * ((number - 1) // 4 + 1)
        case "russianLower":
            return _from("абвгдежзиклмнопрстуфхцчшщэюя", number)
        case "russianUpper":
            return _from("АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЭЮЯ", number)
        case "none":
            return ""
        case _:
            return str(number)


def _letters(number: int) -> str:
    return _from("abcdefghijklmnopqrstuvwxyz", number)


def _from(alphabet: str, number: int) -> str:
    """After the last letter Word doubles them: z, aa, bb."""
    if not 0 < number < 1000:
        return str(number)
    return alphabet[(number - 1) % len(alphabet)] * ((number - 1) // len(alphabet) + 1)


def _roman(number: int) -> str:
    if not 0 < number < 4000:
        return str(number)
    parts: Iterable[tuple[int, str]] = zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        "M CM D CD C XC L XL X IX V IV I".split(),
        strict=True,
    )
    text = ""
    for worth, sign in parts:
        text += sign * (number // worth)
        number %= worth
    return text


def _han(number: int) -> str:
    digits = "〇一二三四五六七八九"
    tens, ones = divmod(number, 10)
    text = "" if tens == 0 else ("十" if tens == 1 else digits[tens] + "十")
    return text + (digits[ones] if ones else "")
