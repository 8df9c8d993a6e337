"""Checks of what text may hold."""

import re

from core.errors import InvalidInput

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """Whether text has neither NUL nor half of a surrogate pair, which cannot be stored."""
    return _UNSTORABLE.search(text) is None


def check_storable(text: str | None, field: str) -> None:
    """Raises `InvalidInput`, naming the field, for text that cannot be stored."""
    if text is not None and not is_storable(text):
        raise InvalidInput("Text may hold neither NUL nor half of a character.", field)


def storable(text: str) -> str:
    return _UNSTORABLE.sub("", text)
