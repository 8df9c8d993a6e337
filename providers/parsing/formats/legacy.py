"""Office files from before 2007 and Outlook messages through kreuzberg: their text in order."""

import re
from collections.abc import Iterator
from typing import Any

from core.blocks import WarningCode
from providers.parsing import PageWindow
from providers.parsing.formats import PPT, Source
from providers.parsing.formats.package import damaged
from providers.parsing.formats.zip import encrypted
from providers.parsing.writer import Writer

_DOUBT = "Of this old format only the text was read; save it in a new one for tables and notes."


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`: MALFORMED, ENCRYPTED, EMPTY or TOO_LARGE."""
    from kreuzberg import ExtractionConfig, KreuzbergError, extract_bytes_sync

    writer = Writer()
    options: dict[str, Any] = {"use_cache": False, "disable_ocr": True}
    config = ExtractionConfig(**options, enable_quality_processing=False)
    try:
        result = extract_bytes_sync(source.read_bytes(), source.media_type, config)
    except KreuzbergError as error:
        if re.search("password|encrypt", str(error), re.I):
            raise encrypted() from error
        raise damaged() from error
    for paragraph in re.split(r"\n\s*\n", result.content):
        if not (source.media_type == PPT and paragraph.startswith("Click to edit Master")):
            writer.write(paragraph)
    writer.warn(WarningCode.SKIPPED_CONTENT, _DOUBT, whole=True)
    return writer.windows(source.max_pages)
