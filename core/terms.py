"""Splitting of text, in any script, into the terms that lexical search compares."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache

import regex
import Stemmer

_STEMMERS = {
    "ar": "arabic",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fa": "persian",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "nl": "dutch",
    "no": "norwegian",
    "nb": "norwegian",
    "nn": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
}
"""Snowball algorithms by ISO 639-1 code; other languages are compared word by word."""

_COMPOUND = regex.compile(r"[\p{L}\p{N}]+(?:[-_./:][\p{L}\p{N}]+)+")
"""Identifiers, versions, dates and section numbers: `INV-2024-00731`, `4.2`."""
_JOINTS = regex.compile(r"[-_./:,'’\s@+]+")
_GROUPED = regex.compile(r"(?<![\p{N}.,])\p{Nd}{1,3}(?:[,.'’ \u00a0\u202f]\p{Nd}{3})+(?![\p{N}])")
"""A number whose thousands are set apart."""
_DIGIT = regex.compile(r"\p{Nd}")
_UNSPACED = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\u30fc\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]+"
)
"""Scripts without spaces between words, or with endings that no stemmer knows: compared by
overlapping pairs of characters."""
_WORD = regex.compile(
    rf"(?V1){_UNSPACED.pattern}|[[\p{{L}}\p{{M}}\p{{N}}]--{_UNSPACED.pattern[:-1]}]+"
)
_ACCENT = regex.compile(r"[\u0300-\u036f\u0640\u064b-\u065f\u0670]")
"""Latin, Greek and Cyrillic accents, Arabic vowels and lengthening; Indic signs are letters."""
MAX_TERM_LENGTH = 64
MIN_SQUEEZED = 5
"""Characters of an identifier whose other spellings are terms as well."""


def terms(text: str, languages: Iterable[str]) -> list[str]:
    """The terms of a text in order; words are stemmed once for each language that stems."""
    return [term for _, stems in _analysed(text, languages) for term in stems]


def search_terms(text: str, languages: Iterable[str]) -> list[str]:
    """`terms`, and after each word that a stemmer changed the word itself, marked with `=`.

    So a passage with the very word is ahead of one that only shares its stem.
    """
    found = []
    for word, stems in _analysed(text, languages):
        found += stems
        if stems != [word]:
            found.append(f"={word}")
    return found


@lru_cache(maxsize=8_192)
def word_terms(word: str, languages: tuple[str, ...]) -> Sequence[str]:
    """The terms of what stands between two spaces; cached, because texts repeat their words."""
    return terms(word, languages)


def _analysed(text: str, languages: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Each word, folded, with its stems; a word that no stemmer changes is its own stem."""
    folded = fold(text)
    stemmers = [_stemmer(_STEMMERS[code]) for code in languages if code in _STEMMERS]
    if _DIGIT.search(folded):
        for compound in _COMPOUND.findall(folded):
            if _DIGIT.search(compound):
                yield (term := compound[:MAX_TERM_LENGTH]), [term]
                joined = squeezed(compound)
                if len(joined) >= MIN_SQUEEZED:
                    yield (term := joined[:MAX_TERM_LENGTH]), [term]
        for number in _GROUPED.findall(folded):
            if not _COMPOUND.fullmatch(number):
                yield (term := squeezed(number)), [term]
    for found in _WORD.findall(folded):
        if _UNSPACED.match(found):
            for pair in (found[i : i + 2] for i in range(max(1, len(found) - 1))):
                yield pair, [pair]
        else:
            word = found[:MAX_TERM_LENGTH]
            yield word, list(dict.fromkeys(s.stemWord(word) for s in stemmers)) or [word]


def fold(text: str) -> str:
    """The text without differences of case, width, ligatures and accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", _ACCENT.sub("", decomposed))


def squeezed(token: str) -> str:
    """An identifier or a number in the spelling that all its spellings share: `QZ-310 b` as
    `qz310b`, `12,400` as `12400`."""
    return str(_JOINTS.sub("", fold(token)))


@cache
def _stemmer(algorithm: str) -> Stemmer.Stemmer:
    return Stemmer.Stemmer(algorithm)
