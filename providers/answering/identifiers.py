"""What of a question must stand in its answer to the letter: identifiers, addresses, dates, quotes.

Words have synonyms, these have not: a passage about QZ-311-B says nothing about QZ-310-B.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

import regex

from core.terms import fold, squeezed

_MAIL = regex.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_QUOTED = regex.compile(
    r"\"([^\"]{4,})\"|“([^“”]{4,})”|„([^„“”]{4,})[“”]|«([^«»]{4,})»|「([^「」]{2,})」"
)
_TOKEN = regex.compile(r"[\p{L}\p{N}]+(?:[-_./:'’][\p{L}\p{N}]+|(?<=\p{Nd}),\p{Nd}{3}(?!\p{Nd}))*")
_UNIT = regex.compile(
    r"\p{Nd}+(?:[.,]\p{Nd}+)?(?:st|nd|rd|th|s|er|re|e|º|ª|k|m|km|cm|mm|kg|g|mg|h|min|l|ml|kw|mw|gb|mb|eur|usd|px|x"
    r"|年|月|日|号|時|元|円|년|월|일)?"
)
_MOMENT = regex.compile(r"\p{Nd}{1,4}[-./:]\p{Nd}{1,2}(?:[-./:]\p{Nd}{1,4})?")
"""A date or a time, which has too many spellings to miss one."""
LONG = 5
"""Digits that no amount said in passing has."""


@dataclass(frozen=True, slots=True)
class Identifier:
    text: str
    """As it was asked for."""
    key: str
    """The same in every spelling."""
    strict: bool
    """Else a year or a number, which the answer may say otherwise."""

    def stands_in(self, text: str) -> bool:
        return self.key in keys(text) or (" " in self.key and self.key in _words(text))


def identifiers(question: str) -> list[Identifier]:
    found: dict[str, Identifier] = {}

    def add(text: str, key: str, strict: bool) -> None:
        if key:
            found.setdefault(key, Identifier(text, key, strict))

    for match in _MAIL.finditer(question):
        add(match[0], squeezed(match[0]), strict=True)
    for match in _QUOTED.finditer(question):
        phrase = next(part for part in match.groups() if part)
        add(phrase, _words(phrase), strict=True)
    bare = _QUOTED.sub(" ", _MAIL.sub(" ", question))
    for match in _TOKEN.finditer(bare):
        token = match[0]
        key = squeezed(token)
        digits = sum(map(str.isdecimal, key))
        if not digits:
            continue
        if _MOMENT.fullmatch(token):
            add(token, key, strict=False)
            continue
        if _UNIT.fullmatch(key) or key.isdecimal():
            if digits >= LONG:
                add(token, key, strict=True)
            elif digits == 4 and key.isdecimal():
                add(token, key, strict=False)
        elif digits >= 2 and len(key) >= LONG:
            add(token, key, strict=any(map(str.isalpha, key)) or digits >= LONG)
    return list(found.values())


@lru_cache(maxsize=2048)
def keys(text: str) -> frozenset[str]:
    """Every token of a text, squeezed; its parts; and up to three neighbours run together."""
    found: set[str] = {squeezed(match[0]) for match in _MAIL.finditer(text)}
    tokens = _TOKEN.findall(text)
    for token in tokens:
        found.add(squeezed(token))
        found.update(map(squeezed, regex.split(r"[-_./:'’,]", token)))
    short = [token if len(token) <= 12 else "" for token in tokens]
    for size in (2, 3):
        for at in range(len(short) - size + 1):
            parts = short[at : at + size]
            if all(parts) and any(map(_has_digit, parts)):
                found.add(squeezed("".join(parts)))
    return frozenset(found)


def nearest(wanted: Identifier, texts: Iterable[str]) -> str | None:
    """What is written most like it, if anything is."""
    tokens = {token for text in texts for token in _TOKEN.findall(text) if _has_digit(token)}
    close = [
        (SequenceMatcher(None, wanted.key, squeezed(token)).ratio(), token) for token in tokens
    ]
    ratio, token = max(close, default=(0.0, ""))
    return token if ratio >= 0.6 else None


def missing(wanted: Sequence[Identifier], texts: Sequence[str]) -> list[Identifier]:
    return [one for one in wanted if not any(one.stands_in(text) for text in texts)]


def _words(text: str) -> str:
    return " ".join(regex.findall(r"[\p{L}\p{M}\p{N}]+", fold(text)))


def _has_digit(token: str) -> bool:
    return any(map(str.isdecimal, token))
