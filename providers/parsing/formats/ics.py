"""Calendars (RFC 5545): each event and task a record of its own."""

import re
from collections.abc import Iterator
from datetime import datetime

from core.blocks import BlockKind
from providers.parsing import PageWindow
from providers.parsing.formats import Source
from providers.parsing.formats.reading import read_text
from providers.parsing.writer import Writer

_LABELS = {
    "SUMMARY": "Summary", "DTSTART": "Start", "DTEND": "End", "DUE": "Due", "DURATION": "Duration",
    "LOCATION": "Location", "ORGANIZER": "Organizer", "ATTENDEE": "Attendee", "STATUS": "Status",
    "RRULE": "Repeats", "DESCRIPTION": "Description", "URL": "URL", "COMMENT": "Comment",
}  # fmt: skip
_MOMENTS = frozenset({"DTSTART", "DTEND", "DUE"})
_LINE = re.compile(r"([A-Za-z-]+)((?:;[^:\"]*(?:\"[^\"]*\")?)*):(.*)", re.S)
_PARAMETER = re.compile(r";([A-Za-z-]+)=(?:\"([^\"]*)\"|([^;\"]*))")
_ESCAPE = re.compile(r"\\(.)", re.S)


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`: MALFORMED, EMPTY or TOO_LARGE."""
    writer = Writer()
    write_calendar(writer, read_text(source, writer))
    return writer.windows(source.max_pages)


def write_calendar(writer: Writer, text: str) -> None:
    lines: list[str] = []
    depth = 0
    unfolded = re.sub(r"\r?\n[ \t]", "", text)
    for line in unfolded.splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            continue
        name, parameters, content = found[1].upper(), found[2], found[3]
        if name == "BEGIN":
            if content.upper() in ("VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY"):
                lines, depth = [], 1
            elif depth:
                depth += 1  # an alarm, which says nothing of the event
        elif name == "END" and depth:
            depth -= 1
            if depth == 0:
                writer.write("\n".join(lines), BlockKind.RECORD)
        elif depth == 1 and name in _LABELS and content:
            said = {p[1].upper(): p[2] or p[3] for p in _PARAMETER.finditer(parameters)}
            lines.append(f"{_LABELS[name]}: {_shown(name, content, said)}")


def _shown(name: str, content: str, parameters: dict[str, str]) -> str:
    if name in _MOMENTS:
        return _moment(content, parameters.get("TZID", ""))
    text = _ESCAPE.sub(lambda found: "\n" if found[1] in "nN" else found[1], content)
    if name in ("ORGANIZER", "ATTENDEE"):
        address = re.sub(r"(?i)^mailto:", "", text)
        common = parameters.get("CN", "")
        return f"{common} <{address}>" if common and common != address else address
    return text.strip()


def _moment(content: str, zone: str) -> str:
    """18 March 2026 14:00 UTC"""
    for pattern, shown in (("%Y%m%dT%H%M%S", "%B %Y %H:%M"), ("%Y%m%d", "%B %Y")):
        try:
            moment = datetime.strptime(content.removesuffix("Z"), pattern)
        except ValueError:
            continue
        named = "UTC" if content.endswith("Z") else zone
        return f"{moment.day} {moment.strftime(shown)} {named}".strip()
    return content
