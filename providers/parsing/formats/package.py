"""Office Open XML packages (ECMA-376, part 2): parts and how they are related."""

import posixpath
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from core.errors import ErrorCode, ParseFailure
from providers.parsing.formats import Source
from providers.parsing.formats.zip import check_package, encrypted
from providers.parsing.media import OLE_MAGIC

Element = Any
"""An element of lxml, whose stubs are not worth their weight here."""


class Package:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = {name.lower(): name for name in archive.namelist()}

    def read(self, part: str) -> bytes | None:
        name = self._names.get(part.lower().lstrip("/"))
        return None if name is None else self._archive.read(name)

    def xml(self, part: str) -> Element | None:
        """Raises `ParseFailure`: MALFORMED."""
        data = self.read(part)
        return None if data is None else parse_xml(data)

    def related(self, part: str, kind: str = "") -> dict[str, str]:
        """Parts by the id of their relation to `part`, those of one kind or all of them."""
        folder, name = posixpath.split(part)
        relations = self.xml(f"{folder}/_rels/{name}.rels")
        found = {}
        for relation in relations if relations is not None else ():
            if not isinstance(relation.tag, str) or relation.get("TargetMode") == "External":
                continue
            target = posixpath.normpath(posixpath.join("/", folder, relation.get("Target", "")))
            if (relation.get("Type") or "").endswith(kind):
                found[relation.get("Id", "")] = target.lstrip("/")
        return found

    def one(self, part: str, kind: str) -> Element | None:
        """The root of the first part of a kind that `part` is related to."""
        for target in self.related(part, kind).values():
            return self.xml(target)
        return None

    def embedded(self, part: str) -> int:
        """How many other files a part shows as objects."""
        return sum(len(self.related(part, kind)) for kind in ("/oleObject", "/package"))

    @cached_property
    def main(self) -> str:
        return next(iter(self.related("", "/officeDocument").values()), "")


@contextmanager
def open_package(source: Source) -> Iterator[Package]:
    """Raises `ParseFailure`: MALFORMED, ENCRYPTED or TOO_LARGE."""
    with source.open() as file:
        if file.read(len(OLE_MAGIC)) == OLE_MAGIC:
            raise encrypted()
        check_package(file)
        with zipfile.ZipFile(file) as archive:
            yield Package(archive)


def parse_xml(data: bytes) -> Element:
    """Without entities, network or DTDs. Raises `ParseFailure`: MALFORMED."""
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, recover=True, huge_tree=True,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    root = etree.fromstring(data, parser)
    if root is None:
        raise damaged()
    return root


def damaged() -> ParseFailure:
    return ParseFailure(
        ErrorCode.MALFORMED,
        "The file is damaged and cannot be read.",
        "Open it in the program that made it, save it again and upload that.",
    )


def kind(element: Element) -> str:
    """The name of an element without its namespace, which differs between editions."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Element | None, name: str) -> str | None:
    """By its name without namespace."""
    if element is None:
        return None
    for key, value in element.attrib.items():
        if key == name or key.endswith("}" + name):
            return str(value)
    return None


def child(element: Element | None, *path: str) -> Element | None:
    """The first child of a name, and so on down the path."""
    for name in path:
        if element is None:
            return None
        element = next((found for found in element if kind(found) == name), None)
    return element


def value(element: Element | None, *path: str) -> str | None:
    """The attribute `val` of a descendant."""
    return attribute(child(element, *path), "val")


def is_on(element: Element | None, *path: str) -> bool:
    """A property that is there, unless it says that it is off."""
    found = child(element, *path)
    return found is not None and attribute(found, "val") not in ("0", "false", "off", "none")


def integer(text: str | None, default: int = 0) -> int:
    """What an attribute says; the default where it says no whole number."""
    try:
        return default if text is None else int(text)
    except ValueError:
        return default
