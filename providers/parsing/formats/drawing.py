"""Charts and diagrams of Office documents (ECMA-376, part 1, 21.2 and 21.4) as their words and
numbers."""

from collections.abc import Iterator

from core.blocks import BlockKind
from providers.parsing.formats.numberformat import format_number
from providers.parsing.formats.package import Element, attribute, child, integer, kind
from providers.parsing.writer import Writer, squeeze


def chart(writer: Writer, root: Element | None) -> None:
    """A table: the title as caption, a row for each category, a column for each series."""
    if root is None:
        return
    plot = child(root, "chart", "plotArea")
    title = rich_text(child(root, "chart", "title"))
    axes = [
        rich_text(child(axis, "title"))
        for axis in (plot if plot is not None else ())
        if kind(axis).endswith("Ax")
    ]
    series = [element for element in root.iter() if kind(element) == "ser"]
    names, values = [], []
    categories: dict[int, str] = {}
    for number, element in enumerate(series, 1):
        text = child(element, "tx")
        names.append(_joined(_points(text)) or squeeze(_plain(text)) or f"Series {number}")
        for source in ("cat", "xVal"):
            for place, category in _points(child(element, source)).items():
                categories.setdefault(place, category)
        values.append(_points(child(element, "val")) or _points(child(element, "yVal")))
    caption = " / ".join(filter(None, [title, *axes]))
    places = sorted(set(categories) | {place for points in values for place in points})
    rows = [
        [categories.get(place, str(place + 1)), *(points.get(place, "") for points in values)]
        for place in places
    ]
    if rows:
        writer.table([[axes[0] if axes else "", *names], *rows], 1, caption)
    elif caption:
        writer.write(caption)


def diagram(writer: Writer, root: Element | None) -> None:
    """The words of SmartArt, in the order and the depth in which they are outlined."""
    points = {
        attribute(point, "modelId"): point
        for point in (root.iter() if root is not None else ())
        if kind(point) == "pt" and attribute(point, "type") in (None, "node", "asst", "doc")
    }
    below: dict[str | None, list[tuple[int, str | None]]] = {}
    for link in root.iter() if root is not None else ():
        if kind(link) == "cxn" and attribute(link, "type") in (None, "parOf"):
            place = integer(attribute(link, "srcOrd"), 0)
            below.setdefault(attribute(link, "srcId"), []).append(
                (place, attribute(link, "destId"))
            )
    tops = [key for key, point in points.items() if attribute(point, "type") == "doc"]
    pending = [(key, -1) for key in tops] or [(key, 0) for key in points]
    seen: set[str | None] = set()
    while pending:
        key, depth = pending.pop(0)
        if key in seen or key not in points:
            continue
        seen.add(key)
        if depth >= 0 and (text := squeeze(rich_text(points[key]))):
            writer.write(f"{'  ' * depth}- {text}", BlockKind.LIST_ITEM)
        children = sorted(below.get(key, []), key=lambda item: item[0])
        pending[:0] = [(child_key, depth + 1) for _, child_key in children]


def rich_text(element: Element | None) -> str:
    """The paragraphs of DrawingML text on one line."""
    if element is None:
        return ""
    paragraphs = (part for part in element.iter() if kind(part) == "p")
    return squeeze(" ".join(_plain(paragraph) for paragraph in paragraphs))


def _plain(element: Element | None) -> str:
    if element is None:
        return ""
    return "".join(part.text or "" for part in element.iter() if kind(part) in ("t", "v"))


def _points(source: Element | None) -> dict[int, str]:
    """What a chart remembers of a range, as it is shown; of several levels the joined names."""
    found: dict[int, str] = {}
    caches: Iterator[Element] = iter(source.iter()) if source is not None else iter(())
    for cache in caches:
        if kind(cache) not in ("strCache", "numCache", "strLit", "numLit", "lvl"):
            continue
        code = child(cache, "formatCode")
        for point in cache:
            if kind(point) != "pt":
                continue
            place = integer(attribute(point, "idx"), 0)
            inner = child(point, "v")
            text = (inner.text or "") if inner is not None else ""
            pattern = attribute(point, "formatCode") or (code.text if code is not None else None)
            if kind(cache).startswith("num"):
                text = _number(text, pattern)
            found[place] = f"{text} {found[place]}" if place in found else text
    return found


def _number(text: str, pattern: str | None) -> str:
    try:
        number = float(text)
    except ValueError:
        return text
    return format_number(number, pattern or "General")


def _joined(points: dict[int, str]) -> str:
    return " ".join(points[place] for place in sorted(points))
