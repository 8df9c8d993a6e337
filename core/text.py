"""What text may hold."""

import re

from core.errors import InvalidInput

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def is_storable(text: str) -> bool:
    """PostgreSQL takes no NUL, and UTF-8 no half of a surrogate pair."""
    return _UNSTORABLE.search(text) is None


def check_storable(text: str | None, field: str) -> None:
    """Raises `InvalidInput`."""
    if text is not None and not is_storable(text):
        raise InvalidInput("Text may hold neither NUL nor half of a character.", field)


def storable(text: str) -> str:
    return _UNSTORABLE.sub("", text)
