"""RapidOCR: the PP-OCRv6 models that its wheel carries, on ONNX Runtime.

They read Chinese, Japanese and the languages of the Latin alphabet.
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from providers.recognition import Box, Recognition, RecognizedWord

_THREADS = 2
_DETECTION_SIDE = 1_280
"""Pixels: lines are found in a picture no larger, and read in the picture itself."""
_MIN_SCORE = 0.6
_MIN_SKEW, _MAX_SKEW = 0.6, 20.0
"""Degrees: a smaller slant does no harm, a larger one is no skew."""
_LEGIBLE_SHARE = 0.5
_WORD_GAP = 0.15
"""Of the height of a line: wider stripes without ink part words."""


class RapidRecognizer:
    """Opens the models when the first picture comes. Raises `ImportError` without the library."""

    @cached_property
    def _engine(self) -> Any:
        from rapidocr import RapidOCR

        return RapidOCR(
            params={
                "EngineConfig.onnxruntime.intra_op_num_threads": _THREADS,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                "Global.log_level": "critical",
                "Global.max_side_len": 4_000,
                "Global.text_score": 0.0,
                "Det.limit_side_len": _DETECTION_SIDE,
                "Det.limit_type": "max",
                "Det.use_dilation": False,  # it runs the lines of dense pages together
            }
        )

    def recognize(self, image: Any) -> Recognition:
        matrix = np.eye(3)
        found = self._read(image)
        turned = image
        for _ in range(2):  # turn by quarters first, then level what is left
            change = self._correction(turned, found)
            if change is None:
                break
            turned, step = change
            matrix = step @ matrix
            found = self._read(turned)
        back = np.linalg.inv(matrix)
        words: list[RecognizedWord] = []
        read = total = 0.0
        for number, (quad, text, score, parts) in enumerate(found):
            width, height = _extent(quad)
            total += width
            if score < _MIN_SCORE or not text.strip():
                continue
            if len(text) > 2 and sum(not s.isspace() for s in text) < 0.3 * width / height:
                continue
            read += width
            text = _spaced(turned, quad, text, parts)
            for token, place in _tokens(text, quad, parts):
                box = _bounds(_map(back, _corners(place)))
                words.append(RecognizedWord(token, place, box, number, height))
        legible = total == 0 or read > _LEGIBLE_SHARE * total
        upright = bool(np.allclose(matrix, np.eye(3)))
        return Recognition(words, upright, float(turned.shape[1]), legible)

    def _read(self, image: Any) -> list[tuple[Any, str, float, Any]]:
        """Corners, text, score and parts of each line."""
        result = self._engine(
            np.repeat(image[:, :, None], 3, axis=2),
            use_det=True, use_cls=True, use_rec=True, return_word_box=True,
            return_single_char_box=True,
        )  # fmt: skip
        if getattr(result, "boxes", None) is None or result.txts is None:
            return []
        parts = result.word_results if len(result.word_results) == len(result.txts) else None
        return [
            (np.array(quad, float), text, float(score), parts[number] if parts else ())
            for number, (quad, text, score) in enumerate(
                zip(result.boxes, result.txts, result.scores, strict=True)
            )
        ]

    def _correction(self, image: Any, found: Sequence[Any]) -> tuple[Any, Any] | None:
        """The picture turned so that its lines run level to the right, and the matrix of that."""
        import cv2

        quads = [quad for quad, text, _, _ in found if len(text) > 2]
        if not quads:
            return None
        height, width = image.shape
        tall = sum(_extent(quad)[1] > 1.5 * _extent(quad)[0] for quad in quads)
        if 2 * tall > len(quads):
            return np.ascontiguousarray(np.rot90(image)), np.array(
                [[0.0, 1, 0], [-1, 0, width], [0, 0, 1]]
            )
        if self._is_inverted(image, quads):
            return np.ascontiguousarray(image[::-1, ::-1]), np.array(
                [[-1.0, 0, width], [0, -1, height], [0, 0, 1]]
            )
        wide = [quad for quad in quads if _extent(quad)[0] > 4 * _extent(quad)[1]]
        if len(wide) < 2:
            return None
        slant = statistics.median(
            math.degrees(math.atan2(quad[1][1] - quad[0][1], quad[1][0] - quad[0][0]))
            for quad in wide
        )
        if not _MIN_SKEW < abs(slant) < _MAX_SKEW:
            return None
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), slant, 1.0)
        cosine, sine = abs(turn[0, 0]), abs(turn[0, 1])
        new_width = int(height * sine + width * cosine)
        new_height = int(height * cosine + width * sine)
        turn[0, 2] += new_width / 2 - width / 2
        turn[1, 2] += new_height / 2 - height / 2
        level = cv2.warpAffine(
            image, turn, (new_width, new_height), flags=cv2.INTER_CUBIC, borderValue=255
        )
        return level, np.vstack([turn, [0, 0, 1]])

    def _is_inverted(self, image: Any, quads: Sequence[Any]) -> bool:
        """Whether most of the longest lines stand on their heads."""
        longest = sorted(quads, key=lambda quad: -_extent(quad)[0])[:7]
        votes = 0
        for quad in longest:
            left, top, right, bottom = (int(value) for value in _bounds(quad))
            crop = image[max(top, 0) : bottom, max(left, 0) : right]
            if not crop.size:
                continue
            result = self._engine(
                np.repeat(crop[:, :, None], 3, axis=2),
                use_det=False, use_cls=True, use_rec=False, return_word_box=False,
            )  # fmt: skip
            label, score = result.cls_res[0]
            votes += 1 if label == "180" and score > 0.9 else -1
        return votes > 0


def _extent(quad: Any) -> tuple[float, float]:
    width = max(np.linalg.norm(quad[0] - quad[1]), np.linalg.norm(quad[2] - quad[3]))
    height = max(np.linalg.norm(quad[0] - quad[3]), np.linalg.norm(quad[1] - quad[2]))
    return float(width), max(float(height), 1.0)


def _bounds(quad: Any) -> Box:
    points = np.asarray(quad, float)
    left, top = points.min(axis=0)
    right, bottom = points.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def _corners(box: Box) -> Any:
    left, top, right, bottom = box
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def _map(matrix: Any, points: Any) -> Any:
    return points @ matrix[:2, :2].T + matrix[:2, 2]


def _spaced(image: Any, quad: Any, text: str, parts: Any) -> str:
    """The text with the spaces that stand on paper and that the recogniser swallowed."""
    if not parts or not text.isprintable() or any(sign > "\u2fff" for sign in text):
        return text
    left, top, right, bottom = (int(value) for value in _bounds(quad))
    height = bottom - top
    crop = image[max(top + height // 8, 0) : bottom - height // 8, max(left, 0) : right]
    if not crop.size:
        return text
    low, high = np.percentile(crop, (2, 98))
    ink = (
        (crop < (low + high) / 2)
        if np.median(crop) > (low + high) / 2
        else (crop > (low + high) / 2)
    )
    filled = np.flatnonzero(ink.any(axis=0))
    steps = np.diff(filled)
    edges = np.flatnonzero(steps > 1)
    if not len(edges):
        return text
    widest = max(_WORD_GAP * height, 1.7 * float(np.median(steps[edges])))
    gaps = [
        max(left, 0) + (filled[edge] + filled[edge + 1]) / 2
        for edge in edges
        if steps[edge] - 1 > widest
    ]
    centres: list[tuple[int, float]] = []
    at = 0
    for part, _, corners in parts:
        found = text.find(part, at) if part.strip() and corners is not None else -1
        if found >= 0:
            box = _bounds(corners)
            centres.append((found, (box[0] + box[2]) / 2))
            at = found + len(part)
    for (first, before), (second, after) in reversed(list(pairwise(centres))):
        if text[first].isdigit() and text[second].isdigit():
            continue  # a 1 stands between wide margins, and a number must stay one
        if second == first + 1 and any(before < gap < after for gap in gaps):
            text = f"{text[:second]} {text[second:]}"
    return text


def _tokens(text: str, quad: Any, parts: Any) -> Iterator[tuple[str, Box]]:
    """Words with their boxes, those of the recogniser's parts, else in proportion."""
    left, top, right, bottom = _bounds(quad)
    step = (right - left) / max(len(text), 1)
    spots: list[tuple[int, int, Box]] = []
    at = 0
    for part, _, corners in parts or ():
        found = text.find(part, at) if part else -1
        if found >= 0 and corners is not None:
            spots.append((found, found + len(part), _bounds(corners)))
            at = found + len(part)
    position = 0
    for token in text.split():
        start = text.index(token, position)
        position = start + len(token)
        boxes = [box for a, b, box in spots if a < position and start < b]
        if boxes:
            yield token, (min(box[0] for box in boxes), top, max(box[2] for box in boxes), bottom)
        else:
            yield token, (left + start * step, top, left + position * step, bottom)
