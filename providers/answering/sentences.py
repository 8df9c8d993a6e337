"""A passage into what can be quoted: sentences, list items and table rows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from semantic_text_splitter import TextSplitter
from sentencex import segment

MAX_CHARACTERS = 400
"""Longer sentences are cut, at semicolons if they can: an answer quotes, it does not recite."""

_splitter = TextSplitter(MAX_CHARACTERS)
_CLAUSE = re.compile(r"(?<=[;；؛])\s*")
_HEADING = re.compile(r"#{1,6}\s")
_ITEM_MARK = re.compile(r"^\s*(?:[-*•‣◦▪\u2013]|\d{1,3}[.)])\s+")
_RULE = re.compile(r"(?=.*\S)[\s|:=_-]+")
"""A line that only draws, such as the one under a table's header."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text` is the document's own words, white space folded; `lead` is what stands over it.

    The lead (a heading, the first row of a table) tells what a sentence is about: it is scored with
    the sentence and never quoted.
    """

    text: str
    lead: str = ""


def split(passage: str, language: str) -> Iterator[Sentence]:
    """In order. `language` (ISO 639-1) decides which dots end a sentence."""
    heading = ""
    written = (line for line in passage.splitlines() if not _RULE.fullmatch(line))
    for kind, group in groupby(written, key=_kind):
        lines = [" ".join(line.split()) for line in group]
        if kind == "heading":
            heading = " ".join(line.lstrip("# ") for line in lines)
        elif kind == "row":
            yield Sentence(lines[0], heading)
            lead = f"{heading} {lines[0]}".strip()
            yield from (Sentence(row, lead) for row in lines[1:])
        elif kind == "item":
            for item in lines:
                yield from (Sentence(part, heading) for part in _cut(_ITEM_MARK.sub("", item)))
        elif kind == "prose":
            for sentence in segment(language, " ".join(lines)):
                yield from (Sentence(part, heading) for part in _cut(sentence.strip()))


def _kind(line: str) -> str:
    if not line.strip():
        return "blank"
    if _HEADING.match(line):
        return "heading"
    if " | " in line:
        return "row"
    return "item" if _ITEM_MARK.match(line) else "prose"


def _cut(sentence: str) -> list[str]:
    if len(sentence) <= MAX_CHARACTERS:
        return [sentence]
    return [part for clause in _CLAUSE.split(sentence) for part in _splitter.chunks(clause)]
