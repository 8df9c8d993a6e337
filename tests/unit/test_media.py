"""What a file is, told by its first bytes."""

import codecs
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from providers.parsing import formats, media
from providers.parsing.media import sniff, sniff_file

SAMPLES = Path(__file__).parents[1] / "samples"

EXPECTED = {
    "tide-engine-handbook.pdf": formats.PDF,
    "survey-report.docx": formats.DOCX,
    "centenary-talk.pptx": formats.PPTX,
    "accounts.xlsx": formats.XLSX,
    "restoration-minutes.odt": formats.ODT,
    "skerra-tales.epub": formats.EPUB,
    "third-chain.eml": formats.EML,
    "supplier-notice.rtf": formats.RTF,
    "visitor-guide.html": formats.HTML,
    "observatory-charter.md": formats.MARKDOWN,
    "tide-readings.csv": formats.CSV,
    "keeper-diary.txt": formats.PLAIN,
}


@pytest.mark.parametrize(("name", "expected"), EXPECTED.items())
def test_each_format_is_recognised(name: str, expected: str) -> None:
    path = SAMPLES / name
    assert sniff(path.read_bytes()[: media.SNIFF_BYTES], name) == expected
    assert sniff_file(path, name) == expected


@pytest.mark.parametrize("name", [n for n in EXPECTED if not n.endswith((".md", ".csv", ".txt"))])
def test_a_wrong_extension_or_declared_type_does_not_deceive(name: str) -> None:
    assert sniff_file(SAMPLES / name, "letter.txt", "text/plain") == (
        formats.PLAIN if name.endswith(".eml") else EXPECTED[name]
    )


@pytest.mark.parametrize(
    ("filename", "declared", "expected"),
    [
        ("notes", "text/markdown; charset=utf-8", formats.MARKDOWN),
        ("notes", "application/octet-stream", formats.PLAIN),
        ("notes.csv", "text/plain", formats.CSV),
        ("notes.pdf", "application/pdf", formats.PLAIN),
        ("NOTES.MD", None, formats.MARKDOWN),
    ],
)
def test_name_then_declared_type_tell_kinds_of_text_apart(
    filename: str, declared: str | None, expected: str
) -> None:
    assert sniff(b"one, two, three\n", filename, declared) == expected


@pytest.mark.parametrize(
    "head",
    [
        "Grüße, это текст".encode(),
        "Grüße".encode("cp1252"),
        codecs.BOM_UTF16_LE + "text".encode("utf-16-le"),
        "plain words in utf-16 without a mark".encode("utf-16-be"),
        codecs.BOM_UTF8 + b"text",
        "日本語のテキスト".encode("shift_jis"),
        b"",
    ],
)
def test_text_in_any_common_encoding_is_text(head: bytes) -> None:
    assert sniff(head, "letter.txt") == formats.PLAIN


@pytest.mark.parametrize(
    ("head", "filename"),
    [
        (b"GIF89a" + bytes(64), "scan.gif"),
        (b"GIF89a" + bytes(64), "scan.pdf"),
        (b"\x7fELF\x02\x01\x01" + bytes(64), "program.txt"),
        (b"MZ\x90\x00\x03\x00\x00\x00" + bytes(64), "invoice.docx"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03" + bytes(16), "archive.txt"),
        (b"PK\x03\x04" + bytes(26) + b"photo.jpg", "archive.zip"),
        (b"PK\x03\x04" + bytes(26) + b"photo.jpg", "archive.docx"),
        (b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(32), "archive.7z"),
        (media.OLE_MAGIC + bytes(504), "drawing.vsd"),
        (media.OLE_MAGIC + bytes(504), "notes"),
    ],
)
def test_archives_images_and_programs_are_refused(head: bytes, filename: str) -> None:
    assert sniff(head, filename) is None


def test_an_encrypted_office_file_passes_to_be_reported_as_encrypted() -> None:
    assert sniff(media.OLE_MAGIC + bytes(504), "secret.docx") == formats.DOCX


@pytest.mark.parametrize("name", ["legacy.doc", "legacy", "legacy.txt"])
def test_a_compound_file_is_told_by_its_streams(name: str) -> None:
    head = media.OLE_MAGIC + bytes(504) + "WordDocument".encode("utf-16-le")
    assert sniff(head, name) == formats.DOC


def test_a_package_is_told_by_its_directory_whatever_stands_first(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("docProps/app.xml", "x" * 20_000)
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("ppt/presentation.xml", "<p/>")
    assert sniff_file(path, "file.docx") == formats.PPTX


def test_sniffing_loads_no_parser() -> None:
    code = "import providers.parsing.media, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert not {b"liteparse", b"kreuzberg", b"lxml", b"selectolax"} & set(loaded.split())
