"""Superscripts and subscripts as plain text that says what they are: 10⁵, H₂O, x^(n+1)."""

_SUPERSCRIPTS = dict(
    zip(
        "0123456789+-=()nabcdefghijklmoprstuvwxyzABDEGHIJKLMNOPRTUVWβγδθφχ−",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵝᵞᵟᶿᵠᵡ⁻",
        strict=True,
    )
)
_SUBSCRIPTS = dict(
    zip(
        "0123456789+-=()aehijklmnoprstuvxβγρφχ−",
        "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ₋",
        strict=True,
    )
)
_ORDINALS = frozenset({"st", "nd", "rd", "th", "er", "re", "e", "ème", "ère", "o", "a", "os", "as"})


def superscript(text: str, before: str = "") -> str:
    """`before` is what stands before it: the ending of an ordinal number stays as it is."""
    stripped = text.strip()
    if before[-1:].isdecimal() and stripped.lower() in _ORDINALS:
        return text
    return _raised(text, _SUPERSCRIPTS, "^")


def subscript(text: str) -> str:
    return _raised(text, _SUBSCRIPTS, "_")


def _raised(text: str, characters: dict[str, str], sign: str) -> str:
    inner = text.strip()
    if not inner or (inner.isalpha() and len(inner) > 3):  # a word that is set smaller
        return text
    if all(character in characters for character in inner):
        shown = "".join(characters[character] for character in inner)
    elif any(map(str.isalnum, inner)):
        shown = sign + (inner if len(inner) == 1 or inner.isdecimal() else f"({inner})")
    else:
        shown = inner  # a sign such as ° or ® stands where it stands
    start = text.index(inner)
    return text[:start] + shown + text[start + len(inner) :]
