"""Pictures as documents: PNG, JPEG and WebP of one page, TIFF of one or more."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from core.blocks import ReadingWarning, WarningCode
from core.errors import ErrorCode, ParseFailure
from providers.parsing import Page, PageWindow
from providers.parsing.formats import Source
from providers.parsing.formats.layout import Typography, arrange, sections
from providers.parsing.formats.pdf_tables import Rules
from providers.parsing.formats.pdf_writer import Writer
from providers.parsing.formats.scans import PICTURE_SIDE, ScanReader
from providers.parsing.writer import too_many_pages

MAX_PIXELS = 100_000_000
_POINTS_PER_INCH = 72
_USUAL_RESOLUTION = 96
"""Dots an inch of a picture that does not say."""


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`: MALFORMED, TOO_LARGE, NO_TEXT_LAYER or EMPTY."""
    Image.MAX_IMAGE_PIXELS = None  # checked here, before anything is decoded
    reader = ScanReader(source.tessdata)
    found_text = all_read = True
    try:
        with source.open() as file, Image.open(file) as picture:
            count = getattr(picture, "n_frames", 1) if picture.format == "TIFF" else 1
            if count > source.max_pages:
                raise too_many_pages(count, source.max_pages)
            found_text = False
            for number, frame in enumerate(ImageSequence.Iterator(picture), 1):
                if number > count:
                    break
                page, warning = _read_page(number, frame, reader)
                found_text = found_text or bool(page.text)
                all_read = all_read and warning.code != WarningCode.NO_TEXT_LAYER
                yield PageWindow([page], count, warnings=[warning])
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        raise ParseFailure(
            ErrorCode.MALFORMED,
            "The picture is damaged and cannot be read.",
            "Open it in a viewer, save it again and upload that.",
        ) from error
    if not found_text and not all_read:
        raise ParseFailure(
            ErrorCode.NO_TEXT_LAYER,
            "The text of the picture could not be recognised.",
            "Run text recognition (OCR) for its language over it and upload the result.",
        )
    if not found_text:
        raise ParseFailure(ErrorCode.EMPTY, "The picture holds no text.")


def _read_page(number: int, frame: Image.Image, reader: ScanReader) -> tuple[Page, ReadingWarning]:
    if frame.width * frame.height > MAX_PIXELS:
        raise ParseFailure(
            ErrorCode.TOO_LARGE,
            f"The picture has more than {MAX_PIXELS // 1_000_000} million dots.",
            "Make it smaller and upload that.",
        )
    resolution = frame.info.get("dpi", (_USUAL_RESOLUTION,))[0]
    try:
        resolution = max(float(resolution), 1.0)
    except (TypeError, ValueError, ZeroDivisionError):
        resolution = float(_USUAL_RESOLUTION)
    picture = _upright(frame)
    points = _POINTS_PER_INCH / resolution
    width, height = picture.width * points, picture.height * points
    reduced = picture.copy()
    reduced.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
    writer = Writer()
    unread = ReadingWarning(
        WarningCode.NO_TEXT_LAYER,
        "Pages are pictures, and their text was not recognised.",
        [number],
    )
    if not reader.available:
        return writer.page(number, width, height), unread
    words, recognition = reader.read(np.array(reduced), reduced.width / width)
    if not recognition.legible:
        return writer.page(number, width, height), unread
    typography = Typography.of(words)
    frame_width = recognition.width * width / reduced.width
    for section in sections(arrange(words, Rules()), typography, {}, frame_width):
        writer.write(section)
    recognized = ReadingWarning(
        WarningCode.RECOGNIZED_TEXT,
        "Pages were read by text recognition, which may err.",
        [number],
    )
    return writer.page(number, width, height), recognized


def _upright(frame: Image.Image) -> Any:
    """In shades of grey on white, as the camera says it was held."""
    turned = ImageOps.exif_transpose(frame)
    if turned.mode in ("RGBA", "LA", "PA") or "transparency" in turned.info:
        colored = turned.convert("RGBA")
        paper = Image.new("RGBA", colored.size, "white")
        turned = Image.alpha_composite(paper, colored)
    if turned.mode.startswith("I;16") or turned.mode in ("I", "F"):
        values = np.asarray(turned, float)
        span = max(float(values.max() - values.min()), 1.0)
        return Image.fromarray(((values - values.min()) / span * 255).astype(np.uint8))
    return turned.convert("L")
