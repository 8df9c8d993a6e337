"""How readers of text begin."""

from core.blocks import WarningCode
from providers.parsing.formats import Source
from providers.parsing.formats.text import decode, not_text
from providers.parsing.writer import Writer


def read_text(source: Source, writer: Writer, declared: str | None = None) -> str:
    """Tells the writer of what is in doubt. Raises `ParseFailure`: MALFORMED."""
    decoded = decode(source.read_bytes(), declared)
    if decoded is None:
        raise not_text()
    if decoded.doubt:
        writer.warn(WarningCode.GUESSED_ENCODING, decoded.doubt, whole=True)
    return decoded.text
