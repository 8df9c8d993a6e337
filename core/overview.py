"""What a document is about, in its own words: its outline, and a sentence for each section."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Place = tuple[int, int]
"""Characters of the document, whose pages are joined by a blank line: from start up to end."""


@dataclass(frozen=True, slots=True)
class Section:
    heading: str
    level: int
    page: int
    start: int
    """Where its heading begins ..."""
    end: int
    """... and where the next section of its level, or of one above, begins."""


@dataclass(frozen=True, slots=True)
class Point:
    """A sentence that stands for a section, or for what stands before the first one."""

    text: str
    heading: str
    page: int
    place: Place


@dataclass(frozen=True, slots=True)
class Overview:
    title: str
    """The first heading, or else the name of the file."""
    sections: Sequence[Section] = ()
    points: Sequence[Point] = ()
    author: Point | None = None
    """The sentence that says who wrote it ..."""
    date: Point | None = None
    """... and when."""


def dump_overview(overview: Overview) -> dict[str, Any]:
    def point(one: Point | None) -> list[Any] | None:
        return None if one is None else [one.text, one.heading, one.page, *one.place]

    return {
        "title": overview.title,
        "sections": [[s.heading, s.level, s.page, s.start, s.end] for s in overview.sections],
        "points": [point(one) for one in overview.points],
        "author": point(overview.author),
        "date": point(overview.date),
    }


def load_overview(data: Any) -> Overview | None:
    """None for versions that were read before there were overviews."""

    def point(fields: Any) -> Point:
        text, heading, page, start, end = fields
        return Point(text, heading, page, (start, end))

    if data is None:
        return None
    return Overview(
        data["title"],
        [Section(*fields) for fields in data["sections"]],
        [point(fields) for fields in data["points"]],
        *(None if data[name] is None else point(data[name]) for name in ("author", "date")),
    )
