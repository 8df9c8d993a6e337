"""Office Math (ECMA-376, part 1, 22.1) as a line of text: Q=A·v, (a+b)/2, x², √(2gh)."""

from collections.abc import Callable

from providers.parsing.formats.package import Element, child, kind, value
from providers.parsing.formats.scripts import subscript, superscript


def linear(element: Element) -> str:
    """Operands of more than one character stand in parentheses where they must."""
    render = _FORMS.get(kind(element))
    if render is not None:
        return render(element)
    if kind(element) == "t":
        return element.text or ""
    if kind(element).endswith("Pr"):
        return ""
    return "".join(map(linear, element))


def _part(element: Element, name: str) -> str:
    found = child(element, name)
    return "" if found is None else linear(found).strip()


def _operand(text: str) -> str:
    simple = all(
        character.isalnum() or character in ".,′⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉" for character in text
    )
    return text if simple or _is_enclosed(text) else f"({text})"


def _is_enclosed(text: str) -> bool:
    depth = 0
    for index, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0 and index < len(text) - 1:
            return False
    return text[:1] in "([{|" and depth == 0


def _fraction(element: Element) -> str:
    if value(element, "fPr", "type") == "noBar":
        return f"({_part(element, 'num')} over {_part(element, 'den')})"
    return f"{_operand(_part(element, 'num'))}/{_operand(_part(element, 'den'))}"


def _scripts(element: Element) -> str:
    base, sub, sup = (_part(element, name) for name in ("e", "sub", "sup"))
    base = _operand(base) if sup and len(base) > 1 else base
    return base + (subscript(sub) if sub else "") + (superscript(sup) if sup else "")


def _before(element: Element) -> str:
    sub, sup = _part(element, "sub"), _part(element, "sup")
    return subscript(sub) + superscript(sup) + _part(element, "e")


def _root(element: Element) -> str:
    degree = _part(element, "deg")
    sign = {"": "√", "2": "√", "3": "∛", "4": "∜"}.get(degree, superscript(degree) + "√")
    return sign + _operand(_part(element, "e"))


def _operator(element: Element) -> str:
    sign = value(element, "naryPr", "chr")
    sub, sup = _part(element, "sub"), _part(element, "sup")
    bounds = (subscript(sub) if sub else "") + (superscript(sup) if sup else "")
    return f"{'∫' if sign is None else sign}{bounds} {_part(element, 'e')}"


def _delimited(element: Element) -> str:
    begin = value(element, "dPr", "begChr")
    end = value(element, "dPr", "endChr")
    separator = value(element, "dPr", "sepChr")
    parts = [linear(part).strip() for part in element if kind(part) == "e"]
    inner = ("|" if separator is None else separator).join(parts)
    return f"{'(' if begin is None else begin}{inner}{')' if end is None else end}"


def _matrix(element: Element) -> str:
    rows = [
        ", ".join(linear(cell).strip() for cell in row if kind(cell) == "e")
        for row in element
        if kind(row) == "mr"
    ]
    return f"[{'; '.join(rows)}]"


def _lines(element: Element) -> str:
    return "; ".join(linear(part).strip() for part in element if kind(part) == "e")


def _limit(element: Element) -> str:
    below = kind(element) == "limLow"
    limit = _part(element, "lim")
    return _part(element, "e") + (subscript(limit) if below else superscript(limit))


def _function(element: Element) -> str:
    return f"{_part(element, 'fName')} {_operand(_part(element, 'e'))}"


def _accent(element: Element) -> str:
    accent = value(element, "accPr", "chr") or "\u0302"
    base = _part(element, "e")
    return base + accent if len(base) == 1 else f"({base}){accent}"


_FORMS: dict[str, Callable[[Element], str]] = {
    "f": _fraction,
    "sSup": _scripts,
    "sSub": _scripts,
    "sSubSup": _scripts,
    "sPre": _before,
    "rad": _root,
    "nary": _operator,
    "d": _delimited,
    "m": _matrix,
    "eqArr": _lines,
    "limLow": _limit,
    "limUpp": _limit,
    "func": _function,
    "acc": _accent,
    "phant": lambda element: "",
}


def mathml(element: Element) -> str:
    """MathML (presentation) in the same form."""
    parts = [part for part in element if isinstance(part.tag, str)]
    inner = [mathml(part) for part in parts]
    match kind(element), inner:
        case "annotation" | "annotation-xml" | "mphantom", _:
            return ""
        case "mi" | "mn" | "mo" | "mtext" | "ms", _:
            return "".join(element.itertext()).strip()
        case "mfrac", [above, below]:
            return f"{_operand(above)}/{_operand(below)}"
        case "msup" | "mover", [base, above]:
            return (_operand(base) if len(base) > 1 else base) + superscript(above)
        case "msub" | "munder", [base, below]:
            return base + subscript(below)
        case "msubsup" | "munderover", [base, below, above]:
            return base + subscript(below) + superscript(above)
        case "msqrt", _:
            return "√" + _operand("".join(inner))
        case "mroot", [base, degree]:
            return superscript(degree) + "√" + _operand(base)
        case "mtr", _:
            return ", ".join(inner)
        case "mtable", _:
            return f"[{'; '.join(inner)}]"
        case _:
            return "".join(inner)
