"""Text into comparable terms, for any script."""

import re
import unicodedata

_WORD = re.compile(
    # Letters and digits, and the vowel signs of Indic and Arabic scripts: to `re` no letters.
    r"[\w\u0300-\u036f\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff]+"
)
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]+")
"""Scripts that do not put spaces between words: Thai, Lao, Burmese, Khmer, kana, Han."""

STEM = 5
"""Characters kept of a word: crude stemming that needs no language."""


def terms(text: str) -> list[str]:
    """Word stems in order; overlapping pairs of characters where words are not spaced."""
    found: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        rest = 0
        for run in _UNSPACED.finditer(word):
            _add(found, word[rest : run.start()])
            characters = run[0]
            found.extend(characters[i : i + 2] for i in range(max(1, len(characters) - 1)))
            rest = run.end()
        _add(found, word[rest:])
    return found


def _add(found: list[str], word: str) -> None:
    if word:
        found.append(word[:STEM])
