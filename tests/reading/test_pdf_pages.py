"""PDF pages are read as they are displayed: turned, hidden, written on, with heads and feet."""

from pathlib import Path

import pytest

from core.blocks import BlockKind
from core.errors import ErrorCode, ParseFailure
from support.pdfs import box_of, headings, lines, parts, pdf, read, read_page, text

MEMO = (
    "The south sluice leaks at its lower hinge.",
    "A new seal is quoted at 7,140 crowns.",
    "The next dive is planned for March 2031.",
)


@pytest.mark.parametrize("angle", [0, 90, 180, 270])
def test_a_page_turned_by_its_dictionary(tmp_path: Path, angle: int) -> None:
    page = read_page(tmp_path, pdf(lines(70, 760, *MEMO), page=f"/Rotate {angle}"))
    assert " ".join(page.text.split()) == " ".join(MEMO)
    assert (page.width, page.height) == ((595, 842) if angle % 180 == 0 else (842, 595))
    left, top, right, bottom = box_of(page, "7,140 crowns")
    middle = (left + right) / 20_000, (top + bottom) / 20_000
    x, y = {
        0: (0.37, 0.11), 90: (0.89, 0.37), 180: (0.63, 0.89), 270: (0.11, 0.63)
    }[angle]  # fmt: skip
    assert middle == pytest.approx((x, y), abs=0.04)


@pytest.mark.parametrize("matrix", ["0 1 -1 0 400 100", "-1 0 0 -1 560 700", "0 -1 1 0 100 700"])
def test_text_that_is_drawn_turned(tmp_path: Path, matrix: str) -> None:
    drawn = "".join(
        f"q {matrix} cm {text(0, -14 * number, line)} Q\n" for number, line in enumerate(MEMO)
    )
    page = read_page(tmp_path, pdf(drawn))
    assert " ".join(page.text.split()) == " ".join(MEMO)


def test_a_label_drawn_sideways_stands_apart_from_the_lines(tmp_path: Path) -> None:
    side = "q 0 1 -1 0 40 300 cm " + text(0, 0, "Depth in metres") + " Q\n"
    page = read_page(tmp_path, pdf(side + lines(70, 760, *MEMO)))
    assert page.text.startswith(MEMO[0])
    assert page.text.endswith("Depth in metres")


HIDDEN = {
    "white on white": "1 1 1 rg " + text(70, 700, "Pay the keeper nothing.") + " 0 g\n",
    "nearly white": "0.99 0.99 0.99 rg " + text(70, 700, "Pay the keeper nothing.") + " 0 g\n",
    "tiny": text(70, 700, "Pay the keeper nothing.", size=0.6),
    "off the page": text(70, -40, "Pay the keeper nothing."),
    "invisible mode": "3 Tr " + text(70, 700, "Pay the keeper nothing.") + " 0 Tr\n",
    "under a shape": text(70, 700, "Pay the keeper nothing.") + "1 g 60 690 300 30 re f 0 g\n",
    "clipped away": "q 300 300 10 10 re W n " + text(70, 700, "Pay the keeper nothing.") + " Q\n",
}


@pytest.mark.parametrize("name", HIDDEN)
def test_text_that_nobody_sees_is_left_out(tmp_path: Path, name: str) -> None:
    page = read_page(tmp_path, pdf(text(70, 760, "Wages are due on Friday.") + HIDDEN[name]))
    assert page.text == "Wages are due on Friday."


def test_text_outside_the_crop_box_is_left_out(tmp_path: Path) -> None:
    content = text(70, 600, "Inside the page.") + text(70, 800, "Printer's note.")
    page = read_page(tmp_path, pdf(content, page="/CropBox [0 0 595 700]"))
    assert page.text == "Inside the page."
    assert page.height == 700
    assert box_of(page, "Inside")[1] == pytest.approx((700 - 608) / 700 * 10_000, abs=60)


def test_a_layer_that_is_switched_off_is_left_out(tmp_path: Path) -> None:
    content = (
        text(70, 760, "Final text.")
        + "/OC /off BDC "
        + text(70, 700, "Draft remark.")
        + " EMC /OC /on BDC "
        + text(70, 640, "Shown layer.")
        + " EMC"
    )
    data = pdf(
        content,
        objects=["<< /Type /OCG /Name (a) >>", "<< /Type /OCG /Name (b) >>"],
        catalog="/OCProperties << /OCGs [10 0 R 11 0 R] /D << /OFF [10 0 R] >> >>",
        resources="/Properties << /off 10 0 R /on 11 0 R >>",
    )
    assert read_page(tmp_path, data).text == "Final text.\n\nShown layer."


def test_white_text_on_a_dark_ground_is_read(tmp_path: Path) -> None:
    content = "0.1 0.1 0.4 rg 60 690 400 40 re f 1 1 1 rg " + text(70, 700, "Harbour rules") + "0 g"
    assert read_page(tmp_path, pdf(content)).text == "Harbour rules"


WIDGET = "<< /Type /Annot /Subtype /Widget /P 100 0 R /F 4 "
FORM = [
    WIDGET + "/FT /Tx /T (a) /V (Runa Vik) /Rect [150 696 300 714] >>",
    WIDGET + "/FT /Tx /T (b) /V (LB-7730) /Rect [150 666 300 684] >>",
    WIDGET + "/FT /Btn /T (c) /V /Yes /AS /Yes /Rect [50 638 62 650] "
    "/AP << /N << /Yes 16 0 R /Off 16 0 R >> >> >>",
    WIDGET + "/FT /Btn /T (d) /V /Off /AS /Off /Rect [50 608 62 620] "
    "/AP << /N << /Yes 16 0 R /Off 16 0 R >> >> >>",
    WIDGET + "/FT /Ch /Ff 131072 /T (e) /Opt [(North) (South)] /V (South) "
    "/Rect [150 576 300 594] >>",
    WIDGET + "/FT /Tx /T (f) /Ff 8192 /V (letmein) /Rect [150 546 300 564] >>",
    "<< /Type /XObject /Subtype /Form /BBox [0 0 12 12] /Length 0 >>\nstream\n\nendstream",
]


def test_values_of_a_form_stand_beside_their_labels(tmp_path: Path) -> None:
    content = (
        text(50, 700, "Keeper:")
        + text(50, 670, "Licence no:")
        + text(70, 640, "Has a boat")
        + text(70, 610, "Has a radio")
        + text(50, 580, "Quay:")
        + text(50, 550, "Password:")
    )
    fields = " ".join(f"{number} 0 R" for number in range(10, 16))
    data = pdf(
        content,
        annotations=[f"{number} 0 R" for number in range(10, 16)],
        objects=FORM,
        catalog=f"/AcroForm << /Fields [{fields}] /DA (/Helv 0 Tf) >>",
    )
    page = read_page(tmp_path, data)
    assert page.text.split("\n\n") == [
        "Keeper: Runa Vik",
        "Licence no: LB-7730",
        "[x] Has a boat",
        "[ ] Has a radio",
        "Quay: South",
        "Password:",
    ]
    left, top, right, bottom = box_of(page, "LB-7730")
    assert 150 / 595 * 10_000 - 5 <= left < right <= 300 / 595 * 10_000
    assert (842 - 684) / 842 * 10_000 - 60 <= top < bottom <= (842 - 666) / 842 * 10_000 + 60


def test_typewriter_text_and_comments(tmp_path: Path) -> None:
    notes = [
        "<< /Type /Annot /Subtype /FreeText /Rect [70 600 400 630] /DA (/Helv 12 Tf) "
        "/Contents (The spare key hangs in cell 12.) >>",
        "<< /Type /Annot /Subtype /Text /Rect [10 10 30 30] /T (Ishbel) "
        "/Contents (Ask the mason first.) >>",
        "<< /Type /Annot /Subtype /Text /F 2 /Rect [10 40 30 60] /Contents (Hidden note.) >>",
    ]
    data = pdf("", annotations=["10 0 R", "11 0 R", "12 0 R"], objects=notes)
    page = read_page(tmp_path, data)
    assert page.text == "The spare key hangs in cell 12.\n\nComment (Ishbel): Ask the mason first."
    assert parts(page, BlockKind.NOTE) == ["Comment (Ishbel): Ask the mason first."]
    assert box_of(page, "spare key")[1] > 2_000


def test_running_heads_and_feet_are_kept_once(tmp_path: Path) -> None:
    contents = [
        text(60, 800, "Charter no. SK-4471-B", 9)
        + lines(60, 700, f"Article {number} tells of the {name}.", "It was agreed in Dunvarran.")
        + text(60, 30, f"Secret of the wardens - page {number} of 4", 9)
        for number, name in enumerate(("slipway", "lamp", "ferry", "bell"), 1)
    ]
    pages, _ = read(tmp_path, pdf(*contents))
    assert parts(pages[0], BlockKind.METADATA) == [
        "Charter no. SK-4471-B",
        "Secret of the wardens - page 1 of 4",
    ]
    whole = "\n".join(page.text for page in pages)
    assert whole.count("SK-4471-B") == whole.count("Secret") == 1
    assert whole.count("It was agreed in Dunvarran.") == 4


def test_bookmarks_make_headings(tmp_path: Path) -> None:
    content = text(60, 760, "Of the lamp") + lines(60, 730, *MEMO)
    outline = [
        "<< /Type /Outlines /First 11 0 R /Last 11 0 R /Count 1 >>",
        "<< /Title (Of the lamp) /Parent 10 0 R /Dest [100 0 R /Fit] >>",
    ]
    page = read_page(tmp_path, pdf(content, objects=outline, catalog="/Outlines 10 0 R"))
    assert headings(page) == [(1, "Of the lamp")]


def test_a_cover_of_rights_management_is_refused_with_advice(tmp_path: Path) -> None:
    content = lines(
        60, 700, "This PDF file is protected", "You need a different reader to view it.",
        "This document has been protected by Microsoft Office rights management.",
    )  # fmt: skip
    with pytest.raises(ParseFailure) as failure:
        read(tmp_path, pdf(content))
    assert failure.value.code == ErrorCode.ENCRYPTED
    assert failure.value.advice is not None


def test_attached_files_are_named(tmp_path: Path) -> None:
    files = [
        "<< /Type /Filespec /F (ledger.csv) /UF (ledger.csv) /EF << /F 11 0 R >> >>",
        "<< /Type /EmbeddedFile /Length 3 >>\nstream\na,b\nendstream",
    ]
    names = "/Names << /EmbeddedFiles << /Names [(ledger.csv) 10 0 R] >> >>"
    _, warnings = read(tmp_path, pdf(text(60, 700, "See the file."), objects=files, catalog=names))
    assert any("ledger.csv" in warning.message for warning in warnings)
