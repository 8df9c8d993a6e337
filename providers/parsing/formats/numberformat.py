"""Values as a spreadsheet shows them, by number format (ECMA-376, part 1, 18.8.30 and 18.8.31)."""

import locale
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache

ISO_DATE = "yyyy-mm-dd"
BUILT_IN = {
    0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: '"$"#,##0;\\-"$"#,##0',
    6: '"$"#,##0;\\-"$"#,##0', 7: '"$"#,##0.00;\\-"$"#,##0.00', 8: '"$"#,##0.00;\\-"$"#,##0.00',
    9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??", 14: ISO_DATE, 15: "d-mmm-yy",
    16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss",
    22: f"{ISO_DATE} h:mm", 37: "#,##0;\\-#,##0", 38: "#,##0;\\-#,##0",
    39: "#,##0.00;\\-#,##0.00", 40: "#,##0.00;\\-#,##0.00", 41: "#,##0;\\-#,##0", 42: '"$"#,##0',
    43: "#,##0.00;\\-#,##0.00", 44: '"$"#,##0.00;\\-"$"#,##0.00', 45: "mm:ss", 46: "[h]:mm:ss",
    47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
    27: 'yyyy"年"m"月"', 28: 'm"月"d"日"', 29: 'm"月"d"日"', 30: ISO_DATE, 31: 'yyyy"年"m"月"d"日"',
    32: 'h"时"mm"分"', 33: 'h"时"mm"分"ss"秒"', 34: "h:mm AM/PM", 35: "h:mm:ss AM/PM",
    36: 'yyyy"年"m"月"', 50: 'yyyy"年"m"月"', 51: 'm"月"d"日"', 52: 'yyyy"年"m"月"',
    53: 'm"月"d"日"', 54: 'm"月"d"日"', 55: "h:mm AM/PM", 56: "h:mm:ss AM/PM",
    57: 'yyyy"年"m"月"', 58: 'm"月"d"日"',
}  # fmt: skip
"""By id. What 14 and 22 look like is up to each computer: here they are written after ISO 8601."""

_TOKEN = re.compile(
    r"""
    "(?P<quoted>[^"]*)"? | \\(?P<escaped>.) | _(?P<space>.) | \*(?P<fill>.)
    | \[(?P<bracket>[^\]]*)\] | (?P<general>General) | (?P<ampm>AM/PM|A/P|上午/下午)
    | (?P<exponent>E[+-]) | (?P<date>y+|m+|d+|h+|s+|g+|e+|b+|a{3,}) | (?P<digit>[0#?])
    | (?P<point>\.) | (?P<comma>,) | (?P<percent>%) | (?P<slash>/) | (?P<text>@) | (?P<other>.)
    """,
    re.X | re.I | re.S,
)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)(-?[\d.]+)")
_ELAPSED = re.compile(r"(h+|m+|s+)", re.I)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b, ">": lambda a, b: a > b, "=": lambda a, b: a == b,
    "<=": lambda a, b: a <= b, ">=": lambda a, b: a >= b, "<>": lambda a, b: a != b,
}  # fmt: skip
_ERAS = (
    (datetime(2019, 5, 1), "令和", "R"), (datetime(1989, 1, 8), "平成", "H"),
    (datetime(1926, 12, 25), "昭和", "S"), (datetime(1912, 7, 30), "大正", "T"),
    (datetime(1868, 1, 1), "明治", "M"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Section:
    tokens: Sequence[tuple[str, str]]
    """Kind and text."""
    condition: tuple[str, float] | None
    is_date: bool
    language: str
    buddhist: bool


def format_number(value: float, pattern: str, *, epoch_1904: bool = False) -> str:
    """`value` counts days for dates, from 1900 or from 1904."""
    sections = _sections(pattern)
    section, negative = _chosen(sections, value)
    if section is None:
        return general(value)
    if section.is_date:
        if value < 0:
            return general(value)
        return _date(section, value, epoch_1904)
    return _number(section, abs(value) if negative else value)


def format_text(text: str, pattern: str) -> str:
    """Text is shown through the fourth section, or one that has an @."""
    sections = _sections(pattern)
    section = sections[3] if len(sections) > 3 else sections[-1]
    if len(sections) < 4 and not any(kind == "text" for kind, _ in section.tokens):
        return text
    return "".join(text if kind == "text" else _literal(kind, t) for kind, t in section.tokens)


def general(value: float) -> str:
    """Whole numbers in full, others with ten digits."""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    text = f"{value:.10G}"
    if "E" in text:
        mantissa, exponent = text.split("E")
        return f"{mantissa}E{exponent[0]}{exponent[1:].zfill(2)}"
    return text


@lru_cache(maxsize=512)
def _sections(pattern: str) -> tuple[_Section, ...]:
    sections: list[list[tuple[str, str]]] = [[]]
    for found in _TOKEN.finditer(pattern):
        kind = found.lastgroup or "other"
        text = found[kind]
        if kind == "other" and text == ";":
            sections.append([])
        else:
            sections[-1].append((kind, text))
    return tuple(_section(tokens) for tokens in sections)


def _section(tokens: list[tuple[str, str]]) -> _Section:
    condition, language, buddhist = None, "en", False
    shown: list[tuple[str, str]] = []
    for kind, text in tokens:
        if kind != "bracket":
            shown.append((kind, text))
        elif text.startswith("$"):
            currency, _, code = text[1:].partition("-")
            shown.append(("quoted", currency))
            language, buddhist = _locale(code)
        elif found := _CONDITION.fullmatch(text.replace(" ", "")):
            condition = (found[1], float(found[2]))
        elif _ELAPSED.fullmatch(text):
            shown.append(("elapsed", text.lower()))
    is_date = any(kind in ("date", "elapsed", "ampm") for kind, _ in shown)
    if is_date:
        shown = [("date", text.lower()) if kind == "date" else (kind, text) for kind, text in shown]
    return _Section(shown, condition, is_date, language, buddhist)


def _locale(code: str) -> tuple[str, bool]:
    """Language by Microsoft's number, and whether years count from Buddha."""
    try:
        number = int(code, 16)
    except ValueError:
        return (code.replace("-", "_") or "en"), False
    name = locale.windows_locale.get(number & 0xFFFF, "en")
    return name, number >> 16 & 0xFF == 7


def _chosen(sections: Sequence[_Section], value: float) -> tuple[_Section | None, bool]:
    """And whether the section stands for the sign."""
    conditional = any(section.condition for section in sections[:2])
    if conditional:
        for index, section in enumerate(sections[:3]):
            condition = section.condition
            if condition is None or _COMPARE[condition[0]](value, condition[1]):
                return section, index > 0 and value < 0
        return None, False
    if len(sections) == 1 or value > 0:
        return sections[0], False
    if value < 0:
        return sections[1], True
    return (sections[2] if len(sections) > 2 else sections[0]), False


def _literal(kind: str, text: str) -> str:
    if kind == "space":
        return " "
    if kind == "fill":
        return ""
    return text


def _number(section: _Section, value: float) -> str:
    tokens = list(section.tokens)
    kinds = [kind for kind, _ in tokens]
    if "general" in kinds or "text" in kinds:
        shown = general(value)
        return "".join(
            shown if kind in ("general", "text") else _literal(kind, text) for kind, text in tokens
        )
    if "digit" not in kinds:
        sign = "-" if value < 0 else ""
        return sign + "".join(_literal(kind, text) for kind, text in tokens)
    if "slash" in kinds and "digit" in kinds[: kinds.index("slash")]:
        return _fraction(tokens, value)
    if "exponent" in kinds:
        return _scientific(tokens, value)
    number = Decimal(repr(value)) * 100 ** kinds.count("percent")
    first, last = kinds.index("digit"), len(kinds) - 1 - kinds[::-1].index("digit")
    point = kinds.index("point") if "point" in kinds else None
    end_of_whole = point if point is not None else last + 1
    grouping = "comma" in kinds[first:end_of_whole]
    scale = 0
    trailing = end_of_whole
    while trailing < len(kinds) and point is None and kinds[trailing] == "comma":
        scale += 1
        trailing += 1
    if point is not None:
        after = point - 1
        while after > first and kinds[after] == "comma":
            scale += 1
            after -= 1
        trailing = last + 1
        while trailing < len(kinds) and kinds[trailing] == "comma":
            scale += 1
            trailing += 1
        grouping = "comma" in kinds[first : after + 1]
    elif scale:
        grouping = "comma" in kinds[first : last + 1]
    number /= Decimal(1000) ** scale
    decimals = kinds[point:].count("digit") if point is not None else 0
    rounded = abs(number).quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    whole, _, rest = f"{rounded:f}".partition(".")
    sign = "-" if number < 0 and rounded else ""
    before = _whole(tokens[:end_of_whole], "" if whole == "0" else whole, grouping)
    return sign + before + _decimals(tokens[end_of_whole:], rest)


def _whole(tokens: Sequence[tuple[str, str]], digits: str, grouping: bool) -> str:
    """Digits into the places before the point, from the right; the first takes what is over."""
    places = [index for index, (kind, _) in enumerate(tokens) if kind == "digit"]
    left = list(digits)
    parts: list[str] = []
    count = 0

    def group(digit: str) -> str:
        nonlocal count
        count += 1
        return digit + ("," if grouping and count > 1 and count % 3 == 1 else "")

    for index in range(len(tokens) - 1, -1, -1):
        kind, text = tokens[index]
        if kind == "digit":
            digit = left.pop() if left else {"0": "0", "?": " "}.get(text, "")
            if digit:
                parts.append(group(digit) if digit != " " else digit)
            if places and index == places[0]:
                parts += [group(left.pop()) for _ in range(len(left))]
        elif kind != "comma":
            parts.append(_literal(kind, text))
    if not places and left:
        parts.append("".join(left))
    return (
        "".join(reversed(parts)).lstrip(" ")
        if tokens[:1] and tokens[0][1] == "?"
        else "".join(reversed(parts))
    )


def _decimals(tokens: Sequence[tuple[str, str]], digits: str) -> str:
    """From the point on; a # at the end shows no zero."""
    kinds = [kind for kind, _ in tokens]
    places = [index for index, kind in enumerate(kinds) if kind == "digit"]
    shown: dict[int, str] = dict(zip(places, digits, strict=False))
    for index in reversed(places):
        if tokens[index][1] == "0" or shown.get(index, "0") != "0":
            break
        shown[index] = " " if tokens[index][1] == "?" else ""
    text = ""
    for index, (kind, literal) in enumerate(tokens):
        if kind == "digit":
            text += shown.get(index, "")
        elif kind == "point":
            text += "."
        elif kind != "comma":
            text += _literal(kind, literal)
    return text


def _scientific(tokens: Sequence[tuple[str, str]], value: float) -> str:
    kinds = [kind for kind, _ in tokens]
    at = kinds.index("exponent")
    point = kinds.index("point") if "point" in kinds[:at] else at
    decimals = kinds[point:at].count("digit")
    step = max(kinds[:point].count("digit"), 1)
    exponent = math.floor(math.log10(abs(value))) if value else 0
    exponent -= exponent % step
    mantissa = value / 10**exponent
    if abs(round(mantissa, decimals)) >= 10**step:
        exponent += step
        mantissa /= 10**step
    sign = "-" if exponent < 0 else ("+" if tokens[at][1].endswith("+") else "")
    width = kinds[at:].count("digit")
    rest = "".join(_literal(k, t) for k, t in tokens[at + 1 :] if k != "digit")
    return f"{mantissa:.{decimals}f}E{sign}{abs(exponent):0{width}d}{rest}"


def _fraction(tokens: Sequence[tuple[str, str]], value: float) -> str:
    kinds = [kind for kind, _ in tokens]
    slash = kinds.index("slash")
    below = "".join(
        text for kind, text in tokens[slash + 1 :] if kind in ("digit", "other") and text.strip()
    )
    run = slash - 1
    while run >= 0 and kinds[run] == "digit":
        run -= 1
    mixed = "digit" in kinds[: run + 1]
    if below.isdecimal() and below.strip("0"):
        denominator = int(below)
        numerator = round(abs(value) * denominator)
    else:
        exact = Fraction(repr(abs(value))).limit_denominator(10 ** max(len(below), 1) - 1)
        numerator, denominator = exact.numerator, exact.denominator
    whole, left = divmod(numerator, denominator) if mixed else (0, numerator)
    parts = [str(whole)] if mixed and (whole or not left) else []
    if left or not mixed:
        parts.append(f"{left}/{denominator}")
    return ("-" if value < 0 else "") + " ".join(parts)


def _date(section: _Section, value: float, epoch_1904: bool) -> str:
    tokens = section.tokens
    digits = 0
    for index, (kind, _) in enumerate(tokens):
        if kind == "point" and index and _is_seconds(tokens, index):
            digits = sum(k == "digit" for k, _ in tokens[index : index + 4])
    seconds = Decimal(repr(value)) * 86_400
    seconds = seconds.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    moment = _moment(seconds, epoch_1904)
    twelve = any(kind == "ampm" for kind, _ in tokens)
    text = ""
    for index, (kind, token) in enumerate(tokens):
        if kind == "elapsed":
            unit = {"h": 3600, "m": 60, "s": 1}[token[0]]
            text += f"{int(seconds // unit):0{len(token)}d}"
        elif kind == "date":
            minutes = token[0] == "m" and len(token) < 3 and _is_minutes(tokens, index)
            text += _date_part(section, token, moment, twelve, minutes)
        elif kind == "ampm":
            text += _half_of_day(token, moment)
        elif kind == "digit":
            fraction = f"{seconds % 1:.{max(digits, 1)}f}"[2:]
            place = sum(k == "digit" for k, _ in tokens[:index])
            text += fraction[place] if place < digits else ""
        elif kind == "text":
            continue
        else:
            text += _literal(kind, token)
    return text


def _moment(seconds: Decimal, epoch_1904: bool) -> datetime:
    """1900 counts a 29 February that never was."""
    days = int(seconds // 86_400)
    start = datetime(1904, 1, 1) if epoch_1904 else datetime(1899, 12, 30 if days >= 60 else 31)
    try:
        return start + timedelta(seconds=float(seconds))
    except OverflowError:
        return datetime.max


def _is_seconds(tokens: Sequence[tuple[str, str]], point: int) -> bool:
    return tokens[point - 1][1][:1].lower() == "s"


def _is_minutes(tokens: Sequence[tuple[str, str]], index: int) -> bool:
    """Beside hours or seconds `m` is a minute."""
    times = ("date", "elapsed")
    before = next((t for k, t in reversed(tokens[:index]) if k in times), "")
    after = next((t for k, t in tokens[index + 1 :] if k in times), "")
    return before[:1] == "h" or after[:1] == "s"


def _half_of_day(token: str, moment: datetime) -> str:
    first, _, second = token.partition("/")
    return second if moment.hour >= 12 else first


def _date_part(section: _Section, token: str, moment: datetime, twelve: bool, minutes: bool) -> str:
    length = len(token)
    match token[0]:
        case "y" | "b":
            year = moment.year + (543 if section.buddhist or token[0] == "b" else 0)
            return f"{year % 100:02}" if length <= 2 else f"{year:04}"
        case "e":
            return str(_era(moment)[0])
        case "g":
            _, name, letter = _era(moment)
            return letter if length == 1 else name[:1] if length == 2 else name
        case "m" if minutes:
            return f"{moment.minute:0{length}d}"
        case "m" if length <= 2:
            return f"{moment.month:0{length}d}"
        case "m":
            name = _name(section.language, "months", length, moment.month)
            return name[:1] if length == 5 else name
        case "d" if length <= 2:
            return f"{moment.day:0{length}d}"
        case "d" | "a":
            return _name(section.language, "days", length, moment.weekday())
        case "h":
            hour = (moment.hour % 12 or 12) if twelve else moment.hour
            return f"{hour:0{min(length, 2)}d}"
        case _:
            return f"{moment.second:0{min(length, 2)}d}"


def _era(moment: datetime) -> tuple[int, str, str]:
    for start, name, letter in _ERAS:
        if moment >= start:
            return moment.year - start.year + 1, name, letter
    return moment.year, "", ""


@lru_cache(maxsize=256)
def _name(language: str, what: str, length: int, number: int) -> str:
    """Of a month or a day of the week."""
    from babel import Locale, UnknownLocaleError

    try:
        found = Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        found = Locale("en")
    width = "abbreviated" if length == 3 else "wide"
    names = found.months["format"][width] if what == "months" else found.days["format"][width]
    return str(names[number])
