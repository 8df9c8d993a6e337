"""Natural questions over the project's own samples, each with what a right answer holds."""

import tomllib
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from db.citations import Citation
from db.conversations import Message

HERE = Path(__file__).parent
SAMPLES = HERE.parents[1] / "tests" / "samples"
LEFT_OUT = {"make.py", "surge-log-scan.pdf"}
"""The scan is read where Tesseract's language data is, and refused elsewhere."""


@dataclass(frozen=True, slots=True)
class Case:
    """A question and its expected answer; `questions.toml` tells what each field means."""

    kind: str
    q: str
    after: Sequence[str] = ()
    only: Sequence[str] = ()
    must: Sequence[str] = ()
    never: Sequence[str] = ()
    grounded: bool = True
    cites: str | None = None
    quotes: bool | None = None
    words: int = 90


class Verdict(StrEnum):
    RIGHT = "right"
    HALF = "half"
    """What was asked for, with something that should not be there, too long or in doubt."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Judged:
    case: Case
    verdict: Verdict
    false_grounded: bool
    """The answer claims to be grounded and should not, or misses what was asked for."""
    verified: bool
    words: int
    text: str


def cases() -> list[Case]:
    kinds = tomllib.loads((HERE / "questions.toml").read_text())
    return [Case(kind, **fields) for kind, entries in kinds.items() for fields in entries]


def library() -> dict[str, bytes]:
    """Content of each file by its name, in the order of upload."""
    folders = (SAMPLES, HERE / "library")
    paths = (path for folder in folders for path in sorted(folder.iterdir()) if path.is_file())
    return {path.name: path.read_bytes() for path in paths if path.name not in LEFT_OUT}


def judge(
    case: Case, answer: Message, citations: Sequence[Citation], names: Mapping[UUID, str]
) -> Judged:
    """`names` are the file names by document id."""
    text = _folded(answer.text)
    holds = all(any(_folded(part) in text for part in must.split("|")) for must in case.must)
    spoiled = any(_folded(part) in text for part in case.never)
    places = {names[citation.document_id] for citation in citations}
    holds &= case.cites is None or case.cites in places
    grounded = bool(answer.grounded)
    words = _words(answer.text)
    silent = case.quotes is False and bool(citations)
    if not holds or (grounded and not case.grounded):
        verdict = Verdict.WRONG
    elif spoiled or silent or words > case.words or grounded != case.grounded:
        verdict = Verdict.HALF
    else:
        verdict = Verdict.RIGHT
    return Judged(
        case=case,
        verdict=verdict,
        false_grounded=grounded and not (case.grounded and holds),
        verified=all(citation.verified for citation in citations),
        words=words,
        text=answer.text,
    )


def by_kind(outcomes: Sequence[Judged]) -> Iterator[tuple[str, list[Judged]]]:
    for kind in dict.fromkeys(outcome.case.kind for outcome in outcomes):
        yield kind, [outcome for outcome in outcomes if outcome.case.kind == kind]


def share(outcomes: Sequence[Judged], holds: Callable[[Judged], bool]) -> float:
    return sum(map(holds, outcomes)) / len(outcomes)


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).replace("\u2060", "").casefold().split())


def _words(text: str) -> int:
    """Where words are not spaced, two characters count as one."""
    dense = sum("\u3040" <= character <= "\u9fff" for character in text)
    return dense // 2 if dense > len(text) / 3 else len(text.split())
