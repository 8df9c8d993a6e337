"""Which language a text is in."""

from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier


@cache
def _identifier() -> LanguageIdentifier:
    """Loading takes half a second; one serves the whole process."""
    return LanguageIdentifier.from_model_file(MODEL_FILE)


def detect_language(text: str) -> str | None:
    """ISO 639-1 code of the most likely language; None without any letter."""
    if not any(character.isalpha() for character in text):
        return None
    language: str = _identifier().classify(text)[0]
    return language
