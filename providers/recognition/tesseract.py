"""Tesseract, which liteparse carries, for the languages whose data are installed."""

import io
from pathlib import Path
from typing import Any

from providers.recognition import Recognition, RecognizedWord

_POINTS = 72


class TesseractRecognizer:
    """Reads with the `*.traineddata` of a folder."""

    def __init__(self, tessdata: Path) -> None:
        self._tessdata = tessdata

    def recognize(self, image: Any) -> Recognition:
        """Raises `ImportError` without the library."""
        from liteparse import LiteParse, ParseError
        from PIL import Image

        file = io.BytesIO()
        Image.fromarray(image).save(file, "PDF", resolution=_POINTS)  # one point a pixel
        parser = LiteParse(
            ocr_enabled=True,
            ocr_failure_fatal=True,
            ocr_language="+".join(languages(self._tessdata)),
            tessdata_path=str(self._tessdata),
            emit_word_boxes=True,
            quiet=True,
            image_mode="off",
        )
        try:
            result = parser.parse(file.getvalue())
        except ParseError:
            return Recognition([], legible=False)
        words = [
            RecognizedWord(
                word.text,
                (word.x, word.y, word.x + word.width, word.y + word.height),
                (word.x, word.y, word.x + word.width, word.y + word.height),
                number,
                item.height,
            )
            for page in result.pages
            for number, item in enumerate(page.text_items)
            for word in item.words or ()
            if word.text.strip()
        ]
        return Recognition(words, width=float(image.shape[1]))


def languages(tessdata: Path) -> list[str]:
    return sorted(path.stem for path in tessdata.glob("*.traineddata") if path.stem != "osd")
