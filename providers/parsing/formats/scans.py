"""Pages that are pictures: what text recognition read on them, as words of a page."""

import logging
import resource
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from providers.parsing.formats.pdf_text import Word
from providers.recognition import Recognition
from providers.recognition.choice import ScriptRecognizer

logger = logging.getLogger(__name__)

PICTURE_SIDE = 2_000
"""Pixels of the longer side of a page for recognition: about 170 dots an inch of A4."""
_CPU_SHARE = 0.6
"""Of the time that a parser may take: later pages are left, and said to be."""
_LETTER_SHARE = 0.72
"""Of a line's height: the size of its letters; and where they stand."""
_BASE_SHARE = 0.8
_LIKE_SIZES = 0.22


class ScanReader:
    """Recognition within the time of the process."""

    def __init__(self, tessdata: Path | None) -> None:
        self._recognizer = ScriptRecognizer(tessdata)
        limit = resource.getrlimit(resource.RLIMIT_CPU)[0]
        self._failed = False
        self._seconds = None if limit == resource.RLIM_INFINITY else _CPU_SHARE * limit

    @property
    def available(self) -> bool:
        """Whether the next page can be read."""
        in_time = self._seconds is None or time.process_time() < self._seconds
        return in_time and not self._failed and self._recognizer.available

    def read(self, image: Any, scale: float) -> tuple[list[Word], Recognition]:
        """Words in points, where a point is `scale` pixels of the picture."""
        try:
            recognition = self._recognizer.recognize(image)
        except Exception:  # a library that is refused memory raises what it likes
            self._failed = True
            logger.exception("text recognition failed")
            return [], Recognition([], legible=False)
        return _words(recognition, scale), recognition


def _words(recognition: Recognition, scale: float) -> list[Word]:
    """Lines of nearly the same height are set in one size."""
    if not recognition.words:
        return []
    usual = statistics.median(word.height for word in recognition.words)
    words = []
    for word in recognition.words:
        like = abs(word.height - usual) < _LIKE_SIZES * usual
        size = _LETTER_SHARE * (usual if like else word.height) / scale
        left, top, right, bottom = (value / scale for value in word.place)
        box = word.box
        words.append(
            Word(
                word.text,
                left,
                right,
                top,
                bottom,
                top + _BASE_SHARE * (bottom - top),
                size,
                (box[0] / scale, box[1] / scale, box[2] / scale, box[3] / scale),
                spaced=True,
            )
        )
    return words


def beside(words: Sequence[Word], printed: Sequence[Word]) -> list[Word]:
    """The recognised words that the page does not hold as text already."""
    return [word for word in words if not any(_share(word, other) > 0.4 for other in printed)]


def _share(word: Word, other: Word) -> float:
    left, top = max(word.box[0], other.box[0]), max(word.box[1], other.box[1])
    right, bottom = min(word.box[2], other.box[2]), min(word.box[3], other.box[3])
    area = (word.box[2] - word.box[0]) * (word.box[3] - word.box[1])
    return max(right - left, 0) * max(bottom - top, 0) / area if area > 0 else 0.0


def agreement(layer: Sequence[Word], recognized: Sequence[Word]) -> float:
    """How much of what was recognised stands in a layer of text, 0 to 1."""
    known = {_bare(word.text) for word in layer}
    wanted = [bare for word in recognized if len(bare := _bare(word.text)) > 1]
    return sum(word in known for word in wanted) / len(wanted) if wanted else 1.0


def _bare(text: str) -> str:
    return "".join(sign for sign in text.casefold() if sign.isalnum())
