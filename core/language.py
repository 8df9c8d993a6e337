"""Which language a text is in."""

from collections.abc import Container
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier


@cache
def _identifier() -> LanguageIdentifier:
    """Loading takes half a second; one serves the whole process."""
    return LanguageIdentifier.from_model_file(MODEL_FILE)


def detect_language(text: str, among: Container[str] | None = None) -> str | None:
    """ISO 639-1 code of the most likely language (of those); None without any letter."""
    if not any(character.isalpha() for character in text):
        return None
    ranking: list[tuple[str, float]] = _identifier().rank(text)
    return next((code for code, _ in ranking if among is None or code in among), None)
