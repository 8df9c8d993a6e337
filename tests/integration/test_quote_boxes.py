"""The boxes of a quote lie on its words and on no others."""

from pathlib import Path

import pytest
from sentencex import segment

from core.settings import Settings
from db.documents import Page
from providers.parsing.factory import open_parser
from providers.parsing.formats import PDF
from services.layout import UNITS, Box, boxes_of

SAMPLES = Path(__file__).parent.parent / "samples"


async def pages_of(path: Path, settings: Settings) -> list[Page]:
    return [
        Page(page.number, 0, page.text, page.width, page.height, list(page.words))
        async for window in open_parser(settings).parse(path, PDF)
        for page in window.pages
    ]


def holds(box: Box, x: int, y: int, width: int, height: int) -> bool:
    """Whether the box holds the middle of a word."""
    middle, centre = (x + width / 2) / UNITS, (y + height / 2) / UNITS
    return box.x <= middle <= box.x + box.width and box.y <= centre <= box.y + box.height


@pytest.mark.parametrize("name", ["tide-engine-handbook.pdf"])
async def test_boxes_cover_exactly_the_quote(name: str, settings: Settings) -> None:
    checked = 0
    for page in await pages_of(SAMPLES / name, settings):
        words = list(zip(*(page.words[i::6] for i in range(6)), strict=True))
        position = 0
        for sentence in segment("en", page.text):
            start = position
            position += len(sentence)
            end = start + len(sentence.rstrip())
            boxes = boxes_of(page, start, end)
            for word_start, word_end, *rectangle in words:
                quoted = word_start < end and start < word_end
                covered = any(holds(box, *rectangle) for box in boxes)
                assert covered == quoted, (page.number, sentence, page.text[word_start:word_end])
                checked += quoted
    assert checked > 300
