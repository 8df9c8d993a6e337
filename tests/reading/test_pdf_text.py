"""Letters of a PDF become the words that a reader reads, in the reader's order."""

from pathlib import Path

from core.blocks import BlockKind
from support.pdfs import headings, lines, parts, pdf, read, read_page, text


def test_exponents_are_never_digits(tmp_path: Path) -> None:
    content = (
        text(60, 700, "The well holds 3 x 10", 12)
        + text(174, 705, "5", 8)
        + text(182, 700, "litres over 40 m", 12)
        + text(265, 705, "2", 8)
        + text(272, 700, "of floor.", 12)
    )
    assert read_page(tmp_path, pdf(content)).text == (
        "The well holds 3 x 10\u2075 litres over 40 m\u00b2 of floor."
    )


def test_letters_set_wide_are_words(tmp_path: Path) -> None:
    content = "BT /F2 18 Tf 9 Tc 60 740 Td (HARBOUR) Tj 22 0 Td ET " + "".join(
        text(60 + 22 * n, 700, letter, 16) for n, letter in enumerate("THE")
    )
    content += "".join(text(150 + 22 * n, 700, letter, 16) for n, letter in enumerate("LAMP"))
    page = read_page(tmp_path, pdf(content))
    assert "HARBOUR" in page.text
    assert "THE LAMP" in page.text


def test_words_broken_at_the_end_of_a_line(tmp_path: Path) -> None:
    content = lines(
        60, 700, "The keeper reads the baro-", "meter at noon, and a well-known sign of a",
        "gale is a well-", "known fall within twenty-", "Four hours.",
    )  # fmt: skip
    words = read_page(tmp_path, pdf(content)).text.split()
    assert "barometer" in words
    assert words.count("well-known") == 2


def test_a_sentence_goes_on_in_the_next_column_past_a_footnote(tmp_path: Path) -> None:
    left = lines(
        60, 700, "The first moon cam was cut in", "bronze by Vance herself, and the",
        "second by a founder whose name", "was kept from the wardens until",
        "the storm of 1953, when all was", "told in a letter that the post-",
    )  # fmt: skip
    note = lines(60, 600, "1 Vance, Diary, volume two, page 31.", size=7)
    right = lines(
        310, 700, "master had kept in his desk for", "thirty years. Nobody on the island",
        "had asked him for it, he said, and", "he was not a man who gave away",
        "what he was not asked for. He was", "given the green flag to keep.",
    )  # fmt: skip
    page = read_page(tmp_path, pdf(left + note + right))
    flow = " ".join(page.text.split())
    assert "a letter that the postmaster had kept in his desk" in flow
    assert parts(page, BlockKind.NOTE) == ["1 Vance, Diary, volume two, page 31."]
    assert page.text.endswith("page 31.")


def test_headings_have_levels_and_lists_their_numbers(tmp_path: Path) -> None:
    prose = ("The lamp is lit at dusk and put out when the sun stands over the rocks, and",
             "the hour of both is written in the book by the keeper on watch.")  # fmt: skip
    content = (
        text(60, 780, "Rules of the lamp", 22)
        + lines(60, 740, *prose)
        + text(60, 690, "Oil", 15)
        + lines(60, 660, *prose)
        + lines(60, 600, "1. Fill the tank.", "2. Trim the wick.", "3. Shut the door.")
    )
    page = read_page(tmp_path, pdf(content))
    assert headings(page) == [(1, "Rules of the lamp"), (2, "Oil")]
    assert parts(page, BlockKind.LIST_ITEM) == [
        "1. Fill the tank.", "2. Trim the wick.", "3. Shut the door."
    ]  # fmt: skip
    assert " ".join(prose) in page.text.replace("\n", " ")


def test_code_keeps_its_lines_and_indents(tmp_path: Path) -> None:
    code = ["def light(lamp):", "    if lamp.oil > 0:", "        lamp.burn()", "    return lamp"]
    content = "".join(text(60, 700 - 14 * n, line, 10, "F3") for n, line in enumerate(code))
    page = read_page(tmp_path, pdf(text(60, 730, "How it is lit:") + content))
    assert parts(page, BlockKind.CODE) == ["\n".join(code)]


def japanese(lines_of_signs: list[str]) -> bytes:
    """Columns from right to left, sign under sign, in a font that need not be embedded."""
    content = ""
    for column, signs in enumerate(lines_of_signs):
        for row, sign in enumerate(signs):
            code = sign.encode("utf-16-be").hex()
            content += f"BT /J 14 Tf {400 - 24 * column} {700 - 15 * row} Td <{code}> Tj ET\n"
    fonts = [
        "<< /Type /Font /Subtype /Type0 /BaseFont /HeiseiMin-W3 /Encoding /UniJIS-UTF16-H "
        "/DescendantFonts [11 0 R] >>",
        "<< /Type /Font /Subtype /CIDFontType0 /BaseFont /HeiseiMin-W3 /CIDSystemInfo << "
        "/Registry (Adobe) /Ordering (Japan1) /Supplement 2 >> /FontDescriptor 12 0 R >>",
        "<< /Type /FontDescriptor /FontName /HeiseiMin-W3 /Flags 4 /Ascent 880 /Descent -120 "
        "/ItalicAngle 0 /CapHeight 700 /StemV 80 /FontBBox [0 -120 1000 880] >>",
    ]
    return pdf(content, objects=fonts, resources="/Font << /F1 3 0 R /J 10 0 R >>")


def test_columns_of_japanese_are_read_from_right_to_left(tmp_path: Path) -> None:
    page = read_page(tmp_path, japanese(["灯台守は毎朝", "潮位を記録する"]))
    assert "".join(page.text.split()) == "灯台守は毎朝潮位を記録する"
    assert len(page.words) == 6 * 13
    first, last = page.words[2], page.words[-4]
    assert first > last


def test_rows_of_a_contents_page_are_lines(tmp_path: Path) -> None:
    content = "".join(
        text(60, 700 - 16 * n, title) + text(480, 700 - 16 * n, str(3 * n + 1))
        for n, title in enumerate(("Lamp", "Well", "Wheel", "Chain", "Drum", "Cam", "Door"))
    )
    page = read_page(tmp_path, pdf(content))
    assert not any(block.table for block in page.blocks)
    assert "Wheel 7" in page.text


def test_documents_of_two_pages_keep_what_both_say(tmp_path: Path) -> None:
    pages, _ = read(tmp_path, pdf(*[lines(60, 700, "Receipt for one night.", "Paid.")] * 2))
    assert pages[0].text == pages[1].text
