"""Small Office files made of the XML that a test is about."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"
_NAMESPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
    f'xmlns:r="{_OFFICE}"'
)


def document(body: str) -> str:
    return f"<w:document {_NAMESPACES}><w:body>{body}</w:body></w:document>"


def paragraph(text: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr>{run(text)}</w:p>"


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def part(name: str, content: str) -> str:
    """A root element, such as `w:footnotes`."""
    return f"<{name} {_NAMESPACES}>{content}</{name}>"


def write_docx(folder: Path, body: str, **parts: str) -> Path:
    """`parts` are roots by the kind of their relation, such as `footnotes`."""
    files = {"word/document.xml": document(body)}
    files |= {f"word/{kind}.xml": content for kind, content in parts.items()}
    related = {"word/document.xml": {kind: f"{kind}.xml" for kind in parts}}
    return write_package(folder / "made.docx", "word/document.xml", files, related)


def write_xlsx(
    folder: Path, rows: str, *, formats: tuple[str, ...] = (), after: str = "", before: str = ""
) -> Path:
    """One sheet; style n + 1 has the n-th of the formats."""
    numbered = "".join(
        f'<numFmt numFmtId="{200 + n}" formatCode="{code}"/>' for n, code in enumerate(formats)
    )
    styles = "".join(f'<xf numFmtId="{200 + n}"/>' for n in range(len(formats)))
    files = {
        "xl/workbook.xml": part(
            "workbook", '<sheets><sheet name="Stock" r:id="worksheet"/></sheets>'
        ),
        "xl/worksheet.xml": part("worksheet", f"{before}<sheetData>{rows}</sheetData>{after}"),
        "xl/styles.xml": part(
            "styleSheet",
            f'<numFmts>{numbered}</numFmts><cellXfs><xf numFmtId="0"/>{styles}</cellXfs>',
        ),
    }
    related = {"xl/workbook.xml": {"worksheet": "worksheet.xml", "styles": "styles.xml"}}
    return write_package(folder / "made.xlsx", "xl/workbook.xml", files, related)


def write_pptx(folder: Path, shapes: str, *, slide: str = "", **parts: str) -> Path:
    """One slide, with attributes of its own."""
    tree = f"<p:cSld><p:spTree>{shapes}</p:spTree></p:cSld>"
    files = {
        "ppt/presentation.xml": part(
            "p:presentation", '<p:sldIdLst><p:sldId id="256" r:id="slide"/></p:sldIdLst>'
        ),
        "ppt/slide.xml": f"<p:sld {_NAMESPACES} {slide}>{tree}</p:sld>",
    }
    files |= {f"ppt/{kind}.xml": content for kind, content in parts.items()}
    related = {
        "ppt/presentation.xml": {"slide": "slide.xml"},
        "ppt/slide.xml": {kind: f"{kind}.xml" for kind in parts},
    }
    return write_package(folder / "made.pptx", "ppt/presentation.xml", files, related)


def shape(text: str, left: int, top: int, *, placeholder: str = "") -> str:
    holder = f'<p:nvPr><p:ph type="{placeholder}"/></p:nvPr>' if placeholder else "<p:nvPr/>"
    return (
        f"<p:sp><p:nvSpPr>{holder}</p:nvSpPr><p:spPr><a:xfrm>"
        f'<a:off x="{left}" y="{top}"/><a:ext cx="90" cy="90"/></a:xfrm></p:spPr>'
        f"<p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"
    )


def write_package(
    path: Path, main: str, files: Mapping[str, str], related: Mapping[str, Mapping[str, str]]
) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("_rels/.rels", _relations({"officeDocument": main}))
        for name, content in files.items():
            archive.writestr(name, content)
        for owner, targets in related.items():
            folder, _, name = owner.rpartition("/")
            archive.writestr(f"{folder}/_rels/{name}.rels", _relations(targets))
    return path


def _relations(targets: Mapping[str, str]) -> str:
    items = "".join(
        f'<Relationship Id="{kind}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for kind, target in targets.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}">{items}</Relationships>'
