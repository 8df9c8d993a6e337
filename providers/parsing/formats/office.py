"""Office documents and books through kreuzberg, as pages of plain text."""

import html
import io
import re
import zipfile
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from core.errors import ErrorCode, ParseFailure
from providers.parsing import PageWindow
from providers.parsing.formats import BY_MEDIA_TYPE, DOCX, PPTX, XLSX, Container, Source
from providers.parsing.formats.text import SECTION_CHARACTERS, clean
from providers.parsing.formats.zip import check_package, encrypted
from providers.parsing.media import OLE_MAGIC
from providers.parsing.writer import Writer, write_text

_SLIDE_MARK = "\ue000"
"""A private-use character: kreuzberg writes it where a slide begins."""

_REFERENCE = re.compile(rb"&(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});")
_STAND_INS = {"&": "\ue001", "<": "\ue002", ">": "\ue003", '"': "\ue004", "'": "\ue005"}
_RESTORED = {ord(stand_in): character for character, stand_in in _STAND_INS.items()}

_IMAGE_LINK = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_FURNITURE = frozenset({"group", "list", "slide", "page_break", "image"})

Node = Mapping[str, Any]


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`."""
    paged = source.media_type in (PPTX, XLSX)
    writer = Writer(10 * SECTION_CHARACTERS if paged else SECTION_CHARACTERS)
    for number, text in enumerate(read_office(source.path, source.media_type)):
        if number and paged:
            writer.new_page()
        write_text(writer, text)
    return writer.windows(source.max_pages)


def read_office(path: Path, media_type: str) -> list[str]:
    """Text of each page, slide or sheet; one text where the format does not know pages.

    Raises `ParseFailure`: ENCRYPTED, MALFORMED or TOO_LARGE.
    """
    if BY_MEDIA_TYPE[media_type].container is Container.PACKAGE:
        with path.open("rb") as file:
            if file.read(len(OLE_MAGIC)) == OLE_MAGIC:
                raise encrypted()
        check_package(path)
    result = _extract(path, media_type)
    nodes = _content_nodes(result.document["nodes"] if result.document else [])
    if media_type == PPTX:
        return _split_at(nodes, lambda node: _text(node).startswith(_SLIDE_MARK))
    if media_type == XLSX:
        return _split_at(nodes, lambda node: node["content"]["node_type"] == "heading")
    boundaries = (result.metadata.get("pages") or {}).get("boundaries") or []
    return _split_by_offset(nodes, result.content, boundaries)


def _extract(path: Path, media_type: str) -> Any:
    from kreuzberg import ExtractionConfig, KreuzbergError, PageConfig, extract_bytes_sync

    slides = media_type == PPTX
    options: dict[str, Any] = dict(
        use_cache=False,
        disable_ocr=True,
        enable_quality_processing=False,
        include_document_structure=True,
        output_format="markdown" if slides else "plain",  # only Markdown tells titles of slides
        pages=PageConfig(
            extract_pages=True,
            insert_page_markers=slides,
            marker_format=f"\n\n{_SLIDE_MARK}{{page_num}}\n\n",
        ),
    )
    config = ExtractionConfig(**options)
    config.max_archive_depth = 0
    data = _shield_references(path) if media_type == DOCX else path.read_bytes()
    try:
        return extract_bytes_sync(data, media_type, config)
    except KreuzbergError as error:
        if re.search("password|encrypt", str(error), re.I):
            raise encrypted() from error
        raise ParseFailure(
            ErrorCode.MALFORMED,
            "The file is damaged and cannot be read.",
            "Open it in the program that made it, save it again and upload that.",
        ) from error


def _shield_references(path: Path) -> bytes:
    """A copy of a Word file without pictures, private-use characters in place of `&amp;` and such.

    kreuzberg 4.10 drops character references from Word files: "AT&T" would become "ATT".
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(buffer, "w") as copy:
        for entry in source.infolist():
            if entry.filename.endswith((".xml", ".rels")):
                data = source.read(entry)
                if entry.filename.startswith("word/") and entry.filename.endswith(".xml"):
                    data = _REFERENCE.sub(_stand_in, data)
                copy.writestr(entry.filename, data)
    return buffer.getvalue()


def _stand_in(reference: re.Match[bytes]) -> bytes:
    character = html.unescape(reference[0].decode())
    return _STAND_INS.get(character, character).encode()


def _content_nodes(nodes: Sequence[Node]) -> list[Node]:
    """The nodes that hold text, items of ordered lists with their number."""
    for node in nodes:
        if node["content"]["node_type"] == "list" and node["content"].get("ordered"):
            for number, child in enumerate(node.get("children") or (), 1):
                nodes[child]["content"]["number"] = number
    return [node for node in nodes if node["content"]["node_type"] not in _FURNITURE]


def _split_at(nodes: Sequence[Node], starts_page: Callable[[Node], bool]) -> list[str]:
    pages: list[list[Node]] = []
    for node in nodes:
        if not pages or starts_page(node):
            pages.append([])
        pages[-1].append(node)
    return [_render(page) for page in pages]


def _split_by_offset(
    nodes: Sequence[Node], content: str, boundaries: Sequence[Mapping[str, int]]
) -> list[str]:
    """Give each node to the page on which its text stands in `content`; offsets count bytes."""
    if len(boundaries) < 2:
        return [_render(nodes)]
    data = content.encode()
    starts = [len(data[: page["byte_start"]].decode(errors="ignore")) for page in boundaries]
    pages: list[list[Node]] = [[] for _ in starts]
    position = 0
    for node in nodes:
        probe = _text(node).strip().partition("\n")[0]
        found = content.find(probe, position) if probe else -1
        if found >= 0:
            position = found
        pages[max(bisect_right(starts, position) - 1, 0)].append(node)
    return [_render(page) for page in pages]


def _text(node: Node) -> str:
    content = node["content"]
    if content["node_type"] == "table":
        cells = (cell["content"] for cell in content["grid"]["cells"])
        return str(next((text for text in cells if text.strip()), ""))
    return str(content.get("text") or "")


def _render(nodes: Iterable[Node]) -> str:
    """Paragraphs and tables apart by a blank line, the items of a list by a line end."""
    blocks = []
    for kind, group in groupby(nodes, key=lambda node: node["content"]["node_type"]):
        rendered = [text for node in group if (text := _render_node(node))]
        blocks.append(("\n" if kind == "list_item" else "\n\n").join(rendered))
    return clean("\n\n".join(block for block in blocks if block).translate(_RESTORED))


def _render_node(node: Node) -> str:
    content = node["content"]
    match content["node_type"]:
        case "heading":
            return f"{'#' * content['level']} {_squeeze(content['text'])}"
        case "list_item":
            bullet = f"{content['number']}." if "number" in content else "-"
            return f"{bullet} {_squeeze(content['text'])}"
        case "table":
            return _render_table(content["grid"])
        case _:
            text = _IMAGE_LINK.sub("", _text(node)).strip()
            return "" if text.startswith(_SLIDE_MARK) else text


def _render_table(grid: Mapping[str, Any]) -> str:
    rows = [[""] * grid["cols"] for _ in range(grid["rows"])]
    for cell in grid["cells"]:
        rows[cell["row"]][cell["col"]] = _squeeze(cell["content"])
    for row in rows:
        while row and not row[-1]:
            row.pop()
    return "\n".join(" | ".join(row) for row in rows if row)


def _squeeze(text: str) -> str:
    return " ".join(text.split())
