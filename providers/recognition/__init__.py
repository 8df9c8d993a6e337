"""Text recognition: pictures of pages into words. Called from the confined parser alone."""

from dataclasses import dataclass
from typing import Any, Protocol

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""


@dataclass(frozen=True, slots=True)
class RecognizedWord:
    text: str
    place: Box
    """In the picture turned upright."""
    box: Box
    """In the picture as it was given."""
    line: int
    height: float
    """Of its line, in pixels."""


@dataclass(frozen=True, slots=True)
class Recognition:
    words: list[RecognizedWord]
    upright: bool = True
    """False when the picture had to be turned by a quarter, a half or a skew first."""
    width: float = 0.0
    """Of the picture turned upright, in pixels."""
    legible: bool = True
    """False when most of what looks like text could not be read, as letters of other scripts."""


class Recognizer(Protocol):
    def recognize(self, image: Any) -> Recognition:
        """Read a picture in shades of grey: rows of bytes, shape (height, width)."""
        ...
