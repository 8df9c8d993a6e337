"""Rich Text Format (Microsoft RTF 1.9.1) as plain text."""

import re
from collections.abc import Iterator

from providers.parsing import PageWindow
from providers.parsing.formats import Source
from providers.parsing.formats.text import clean
from providers.parsing.writer import Writer, write_text

_FOOTNOTE = re.compile(r"\\footnote(?![a-z])")


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`."""
    writer = Writer()
    write_text(writer, render_rtf(source.path.read_bytes()))
    return writer.windows(source.max_pages)


def render_rtf(data: bytes) -> str:
    """Paragraphs apart by a blank line, table rows as `a | b`, footnotes where they are called.

    striprtf follows the code page of each font, without which most languages are unreadable.
    """
    from striprtf.striprtf import rtf_to_text

    source = _FOOTNOTE.sub(r"\\line ", data.decode("latin-1"))
    text: str = rtf_to_text(source, errors="replace")  # type: ignore[no-untyped-call]
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    rendered, in_table = "", False
    for line in text.split("\n"):
        row = line.endswith("|")
        line = " | ".join(cell.strip() for cell in line[:-1].split("|")) if row else line.strip()
        if not line.strip(" |"):
            in_table = False
            continue
        rendered += ("" if not rendered else "\n" if row and in_table else "\n\n") + line
        in_table = row
    return clean(rendered)
