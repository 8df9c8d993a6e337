"""Which recogniser reads a page: chosen by script, from those that are installed."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import regex

from providers.recognition import Recognition, Recognizer
from providers.recognition.rapid import RapidRecognizer
from providers.recognition.tesseract import TesseractRecognizer, languages

_SIGNS = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]")
_OTHER_SCRIPTS = frozenset(
    "amh ara asm aze_cyrl bel ben bod bul div dzo ell fas grc guj heb hin hye iku kan kat kaz khm "
    "kir kor lao mal mar mkd mon mya nep ori pan pus rus san sin snd srp syr tam tel tgk tha tir "
    "uig ukr urd uzb_cyrl yid".split()
)
"""Languages of Tesseract's whose letters the built-in models do not know."""


class ScriptRecognizer:
    """The built-in models first; Tesseract for what they cannot read, where it has the data."""

    def __init__(self, tessdata: Path | None) -> None:
        self._builtin: Recognizer | None = RapidRecognizer() if find_spec("rapidocr") else None
        installed = set(languages(tessdata)) if tessdata else set()
        self._tesseract: Recognizer | None = (
            TesseractRecognizer(tessdata) if tessdata and installed else None
        )
        self._other_scripts = bool(installed & _OTHER_SCRIPTS)

    @property
    def available(self) -> bool:
        return self._builtin is not None or self._tesseract is not None

    def recognize(self, image: Any) -> Recognition:
        if self._builtin is None:
            return self._tesseract.recognize(image) if self._tesseract else Recognition([])
        first = self._builtin.recognize(image)
        if self._tesseract is None or (not self._other_scripts and first.legible):
            return first
        if first.legible and any(_SIGNS.search(word.text) for word in first.words):
            return first
        second = self._tesseract.recognize(image)
        return second if _letters(second) > 0.5 * _letters(first) else first


def _letters(recognition: Recognition) -> int:
    return sum(len(word.text) for word in recognition.words)
