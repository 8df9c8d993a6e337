"""Each supported format, read in the real sandbox."""

import sys
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from core.errors import ErrorCode, ParseFailure
from providers.parsing import Page, PageWindow
from providers.parsing.media import sniff_file
from providers.parsing.sandbox import SandboxedParser

SAMPLES = Path(__file__).parents[1] / "samples"
MEBIBYTE = 1024 * 1024


@pytest.fixture
def parser() -> SandboxedParser:
    return SandboxedParser(timeout_seconds=60, memory_bytes=1024 * MEBIBYTE, max_pages=100)


async def windows_of(parser: SandboxedParser, path: Path) -> list[PageWindow]:
    media_type = sniff_file(path, path.name)
    assert media_type is not None
    return [window async for window in parser.parse(path, media_type)]


async def read(parser: SandboxedParser, name: str) -> list[Page]:
    return [page for window in await windows_of(parser, SAMPLES / name) for page in window.pages]


def paragraphs(page: Page) -> list[str]:
    return page.text.split("\n\n")


async def test_pdf_has_headings_paragraphs_and_tables(parser: SandboxedParser) -> None:
    first, _, third, last = await read(parser, "tide-engine-handbook.pdf")
    assert paragraphs(first)[0] == "# The Tide Engine of Skerra"
    assert paragraphs(first)[1].endswith("once more after they have.")
    assert paragraphs(first)[2].startswith("The engine stands in a granite house")
    assert "## 1. History" in paragraphs(first)
    assert "Part | Material | Weight | Replaced\nFloat | Copper | 38 kg | 1968" in third.text
    assert last.number == 4
    assert "eleven full turns" in last.text
    assert "The Tide Engine: a handbook" not in last.text  # the running head


async def test_pdf_columns_are_read_one_after_the_other(parser: SandboxedParser) -> None:
    page = (await read(parser, "tide-engine-handbook.pdf"))[1]
    story = ["pipe nine centimetres wide", "A copper float", "It is a disc", "The green flag"]
    assert story == sorted(story, key=page.text.index)
    assert "what made Vance famous. It is a disc of phosphor bronze" in page.text


async def test_every_word_of_a_pdf_has_its_box(parser: SandboxedParser) -> None:
    for page in await read(parser, "tide-engine-handbook.pdf"):
        assert page.width == pytest.approx(595.28, abs=0.1)
        assert page.height == pytest.approx(841.89, abs=0.1)
        boxed = bytearray(len(page.text))
        for start, end, x, y, width, height in zip(*[iter(page.words)] * 6, strict=True):
            boxed[start:end] = b"\1" * (end - start)
            assert 0 <= x < x + width <= 10_000
            assert 0 <= y < y + height <= 10_000
        bare = {
            character
            for character, has_box in zip(page.text, boxed, strict=True)
            if not has_box and not character.isspace()
        }
        assert bare <= {"#", "|"}


async def test_boxes_lie_where_the_words_are_printed(parser: SandboxedParser) -> None:
    """The handbook's margin is 22 mm of 210, its columns are divided by 8 mm."""
    page = (await read(parser, "tide-engine-handbook.pdf"))[1]

    def box(phrase: str) -> tuple[int, ...]:
        at = page.text.index(phrase)
        boxes = {
            page.words[i]: tuple(page.words[i + 2 : i + 6]) for i in range(0, len(page.words), 6)
        }
        return boxes[at]

    left = 22 / 210 * 10_000
    right = (22 + (210 - 44 - 8) / 2 + 8) / 210 * 10_000
    assert box("The sea enters")[0] == pytest.approx(left, abs=80)
    assert box("A copper float")[0] == pytest.approx(left, abs=80)
    assert box("The green flag")[0] == pytest.approx(right, abs=80)
    assert box("A copper float")[1] > box("The sea enters")[1]
    # A word broken over two lines has two boxes, the second at the beginning of a line.
    broken = page.text.index("centimetres")
    assert box("centimetres")[0] > 3 * left
    second = next(
        page.words[i + 2] for i in range(0, len(page.words), 6)
        if broken < page.words[i] < broken + len("centimetres")
    )  # fmt: skip
    assert second == pytest.approx(left, abs=80)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "survey-report.docx",
            [
                "# Report of the Molar Rocks survey",
                "Species | Count | Compared to 2011\nGrey seal | 112",
            ],
        ),
        ("restoration-minutes.odt", ["## The roof", "Slate from the Corrie quarry"]),
        ("supplier-notice.rtf", ["Garrick\u2019s of Dunvarran", "The caf\u00e9 takes"]),
        (
            "visitor-guide.html",
            ["## Prices", "Adult day ticket | \u00a318.50 | one day", "- Dogs stay"],
        ),
        ("third-chain.eml", ["Subject: The third chain", "na\u00efve as I was"]),
        ("observatory-charter.md", ["# Charter of the Skerra", "Ferry levy | 41 %"]),
        ("tide-readings.csv", ["Molar Rocks | 2024-03-01 | 05:41 | 4.58 | Quill, J."]),
        ("keeper-diary.txt", ["a herring,\nalive, in the float well"]),
    ],
)
async def test_other_formats(parser: SandboxedParser, name: str, expected: list[str]) -> None:
    (page,) = await read(parser, name)
    assert page.number == 1
    assert page.words == []
    for text in expected:
        assert text in page.text


async def test_sheets_slides_and_chapters_are_pages(parser: SandboxedParser) -> None:
    income, spending = await read(parser, "accounts.xlsx")
    assert income.text.startswith("## Income\n\nSource | 2022 | 2023\nFerry levy | 40180 | 43265")
    assert spending.text.startswith("## Spending")
    seal, wager = await read(parser, "skerra-tales.epub")
    assert seal.text.startswith("# The Seal Who Kept the Light")
    assert wager.text.startswith("# The Clockmaker's Wager")
    slides = await read(parser, "centenary-talk.pptx")
    assert [slide.number for slide in slides] == [1, 2, 3]
    assert slides[1].text.startswith("## What Vance got wrong\n\nThe first moon cam")


async def test_references_in_word_files_survive(parser: SandboxedParser, tmp_path: Path) -> None:
    path = tmp_path / "ampersand.docx"
    with (
        zipfile.ZipFile(SAMPLES / "survey-report.docx") as source,
        zipfile.ZipFile(path, "w") as out,
    ):
        for name in source.namelist():
            data = source.read(name).replace(
                b"Six divers", b"R&amp;D &lt;x&gt; &quot;q&quot; &#233;"
            )
            out.writestr(name, data)
    (window,) = await windows_of(parser, path)
    assert 'R&D <x> "q" \u00e9 made 47 dives' in window.pages[0].text


async def test_long_text_is_cut_into_numbered_sections(
    parser: SandboxedParser, tmp_path: Path
) -> None:
    path = tmp_path / "long.txt"
    text = "\n\n".join(f"Paragraph {number}. " + "word " * 60 for number in range(400))
    path.write_text(text)
    windows = await windows_of(parser, path)
    pages = [page for window in windows for page in window.pages]
    assert [page.number for page in pages] == list(range(1, len(pages) + 1))
    assert {window.page_count for window in windows} == {len(pages)}
    assert len(windows) > 1
    assert all(page.text.startswith("Paragraph ") and len(page.text) <= 4500 for page in pages)
    assert "".join("".join(page.text for page in pages).split()) == "".join(text.split())


async def test_text_without_words_is_empty(parser: SandboxedParser, tmp_path: Path) -> None:
    path = tmp_path / "blank.txt"
    path.write_text(" \n\0\n ")
    with pytest.raises(ParseFailure) as failure:
        await windows_of(parser, path)
    assert failure.value.code is ErrorCode.EMPTY


async def test_an_encoding_is_found_in_the_sandbox_too(
    parser: SandboxedParser, tmp_path: Path
) -> None:
    path = tmp_path / "letter.txt"
    path.write_bytes("La señora Núñez abre el almacén a las nueve.".encode("cp1252"))
    (window,) = await windows_of(parser, path)
    assert window.pages[0].text == "La señora Núñez abre el almacén a las nueve."
    assert window.warnings[0].message.endswith("Windows-1252.")


async def test_more_pages_than_allowed_are_refused(tmp_path: Path) -> None:
    parser = SandboxedParser(timeout_seconds=60, memory_bytes=1024 * MEBIBYTE, max_pages=3)
    long = tmp_path / "long.txt"
    long.write_text("word " * 10_000)
    for path in (SAMPLES / "tide-engine-handbook.pdf", long):
        with pytest.raises(ParseFailure) as failure:
            await windows_of(parser, path)
        assert failure.value.code is ErrorCode.TOO_LARGE
        assert failure.value.advice


async def test_scans_are_read_where_there_is_data_to_recognise_text() -> None:
    parser = SandboxedParser(
        timeout_seconds=60,
        memory_bytes=2048 * MEBIBYTE,
        max_pages=100,
        tessdata=Path(sys.prefix, "share", "tessdata"),
    )
    first, second = await read(parser, "surge-log-scan.pdf")
    assert (
        first.text
        == second.text
        == ("Surge log, 31 January 1953\n\nWater in the house: 1.6 metres")
    )
    assert len(first.words) == 6 * 11
    assert "# The Tide Engine" in (await read(parser, "tide-engine-handbook.pdf"))[0].text


async def test_mail_of_markup_and_attachments(parser: SandboxedParser, tmp_path: Path) -> None:
    message = EmailMessage()
    message["Subject"] = "Gr\u00fc\u00dfe & mehr"
    message["From"] = "a@skerra.example"
    message.set_content("<h1>Hi</h1>loose &amp; free<table><tr><td>1<td>2</table>", subtype="html")
    message.add_attachment("read too", filename="note.txt")
    path = tmp_path / "message.eml"
    path.write_bytes(message.as_bytes())
    (window,) = await windows_of(parser, path)
    assert window.pages[0].text == (
        "Subject: Gr\u00fc\u00dfe & mehr\nFrom: a@skerra.example\nAttachments: note.txt\n\n"
        "# Hi\n\nloose & free\n\n1 | 2\n\n## Attachment: note.txt\n\nread too"
    )
