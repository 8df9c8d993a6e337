"""What a reader makes of a file, without the process around it."""

from dataclasses import dataclass
from pathlib import Path

from core.blocks import Block, BlockKind, ReadingWarning, Table
from providers.parsing import Page
from providers.parsing.formats import Source, find_reader
from providers.parsing.media import sniff_file


@dataclass(frozen=True, slots=True)
class Reading:
    pages: list[Page]
    warnings: list[ReadingWarning]

    @property
    def text(self) -> str:
        return "\n\n".join(page.text for page in self.pages)

    def texts(self, kind: BlockKind) -> list[str]:
        return [page.text[b.start : b.end] for page, b in self.blocks if b.kind is kind]

    @property
    def blocks(self) -> list[tuple[Page, Block]]:
        return [(page, block) for page in self.pages for block in page.blocks]

    @property
    def tables(self) -> list[tuple[list[str], list[list[str]]]]:
        """Columns and cells of each."""
        return [
            (block.table.columns, cells(page, block.table))
            for page, block in self.blocks
            if block.table is not None
        ]


def cells(page: Page, table: Table) -> list[list[str]]:
    return [[page.text[start:end] for start, end in row] for row in table.rows]


def read_file(path: Path, name: str | None = None) -> Reading:
    media_type = sniff_file(path, name or path.name)
    assert media_type is not None
    windows = list(find_reader(media_type).read(Source(path, media_type, 5_000)))
    return Reading(
        [page for window in windows for page in window.pages],
        [warning for window in windows for warning in window.warnings],
    )
