"""Books (EPUB 2 and 3): the chapters in the order of reading, each beginning a page."""

import posixpath
from collections.abc import Iterator
from urllib.parse import unquote

from providers.parsing import PageWindow
from providers.parsing.formats import Source
from providers.parsing.formats.html import write_html
from providers.parsing.formats.package import Package, attribute, damaged, kind, open_package
from providers.parsing.formats.zip import encrypted
from providers.parsing.writer import Writer

_MARKUP = ("application/xhtml+xml", "text/html", "application/xml")


def read(source: Source) -> Iterator[PageWindow]:
    """Raises `ParseFailure`: MALFORMED, ENCRYPTED, EMPTY or TOO_LARGE."""
    writer = Writer()
    with open_package(source) as package:
        locked = _locked(package)
        for part in _chapters(package):
            if part in locked:
                raise encrypted()
            data = package.read(part)
            if data is None:
                continue
            if not writer.page_is_empty:
                writer.new_page()
            write_html(writer, data)
    return writer.windows(source.max_pages)


def _chapters(package: Package) -> Iterator[str]:
    container = package.xml("META-INF/container.xml")
    root = next(
        (e for e in (container.iter() if container is not None else ()) if kind(e) == "rootfile"),
        None,
    )
    path = attribute(root, "full-path") or ""
    book = package.xml(path)
    if book is None:
        raise damaged()
    items = {
        attribute(item, "id"): posixpath.normpath(
            posixpath.join(posixpath.dirname(path), unquote(attribute(item, "href") or ""))
        )
        for item in book.iter()
        if kind(item) == "item" and attribute(item, "media-type") in _MARKUP
    }
    for reference in book.iter():
        if kind(reference) == "itemref" and (part := items.get(attribute(reference, "idref"))):
            yield part


def _locked(package: Package) -> set[str]:
    """Parts under digital rights management; fonts are often disguised, which harms nobody."""
    root = package.xml("META-INF/encryption.xml")
    return {
        unquote(attribute(reference, "URI") or "")
        for reference in (root.iter() if root is not None else ())
        if kind(reference) == "CipherReference"
    }
