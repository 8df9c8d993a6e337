"""Tables of PDFs are blocks with rows, cells and the names of their columns."""

import itertools
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import TableBordersLayout

from core.blocks import BlockKind
from support.pdfs import box_of, cells, lines, pdf, read, read_page, table_of, text

PRICES = [
    ("Berth", "Summer", "Winter"),
    ("North quay", "12.40", "9.80"),
    ("South quay", "14.10", "11.00"),
    ("Buoy", "6.00", "4.50"),
]


def grid(
    xs: list[float], ys: list[float], skip: tuple[tuple[float, float, float, float], ...] = ()
) -> str:
    """Rules between all columns and rows, but for those named by their ends."""
    rules = [(x, a, x, b) for x in xs for a, b in itertools.pairwise(ys)]
    rules += [(a, y, b, y) for y in ys for a, b in itertools.pairwise(xs)]
    return "".join(f"{a} {b} m {c} {d} l S\n" for a, b, c, d in rules if (a, b, c, d) not in skip)


def test_a_ruled_table(tmp_path: Path) -> None:
    content = grid([60, 200, 300, 400], [600, 620, 640, 660, 680])
    for number, row in enumerate(PRICES):
        for x, cell in zip((65, 205, 305), row, strict=True):
            content += text(x, 666 - 20 * number, cell)
    page = read_page(tmp_path, pdf(text(60, 700, "Table 3: Dues per night") + content))
    table = table_of(page)
    assert table.columns == ["Berth", "Summer", "Winter"]
    assert cells(page, table) == [list(row) for row in PRICES[1:]]
    assert table.caption is not None
    assert page.text[slice(*table.caption)] == "Table 3: Dues per night"
    assert "North quay | 12.40 | 9.80\nSouth quay | 14.10 | 11.00" in page.text
    assert box_of(page, "14.10")[0] == round(205 / 595 * 10_000)


def test_a_table_without_rules(tmp_path: Path) -> None:
    content = "".join(
        text(x, 660 - 18 * number, cell)
        for number, row in enumerate(PRICES)
        for x, cell in zip((60, 220, 320), row, strict=True)
    )
    prose = "The dues were agreed by the wardens in May and hold for a whole year from then on."
    page = read_page(tmp_path, pdf(text(60, 700, prose) + content + text(60, 560, prose)))
    table = table_of(page)
    assert table.columns == ["Berth", "Summer", "Winter"]
    assert cells(page, table) == [list(row) for row in PRICES[1:]]
    assert page.text.count(prose) == 2


def test_merged_headers_join_their_names_and_merged_rows_repeat(tmp_path: Path) -> None:
    xs, ys = [60.0, 160.0, 260.0, 360.0], [580.0, 600.0, 620.0, 640.0, 660.0, 680.0]
    missing = ((260, 660, 260, 680), (60, 660, 160, 660), (60, 620, 160, 620))
    content = grid(xs, ys, missing)
    for x, y, cell in (
        (65, 656, "Length"), (230, 666, "Price"), (165, 646, "Summer"), (265, 646, "Winter"),
        (65, 616, "8 to 12 m"), (165, 626, "25.00"), (265, 626, "13.00"), (165, 606, "27.50"),
        (265, 606, "14.00"), (65, 586, "over 12 m"), (165, 586, "31.00"), (265, 586, "16.00"),
    ):  # fmt: skip
        content += text(x, y, cell)
    page = read_page(tmp_path, pdf(content))
    table = table_of(page)
    assert table.columns == ["Length", "Price Summer", "Price Winter"]
    assert cells(page, table) == [
        ["8 to 12 m", "25.00", "13.00"],
        ["8 to 12 m", "27.50", "14.00"],
        ["over 12 m", "31.00", "16.00"],
    ]


def test_wrapped_cells_are_one_row(tmp_path: Path) -> None:
    rows = [
        ("Hazard", "Measure", "Owner"),
        ("Ice on the steps\nof the slipway", "Salt at dawn, and a rope along\nthe wall", "Quill"),
        ("Loose chain", "Weekly look by two keepers at\nlow water", "Okafor"),
        ("Fire", "Sand buckets", "Tarrant"),
    ]
    content, y = "", 700.0
    for row in rows:
        for x, cell in zip((60, 220, 420), row, strict=True):
            content += lines(x, y, *cell.split("\n"), size=10, leading=1.2)
        y -= 12 * max(cell.count("\n") + 1 for cell in row) + 8
    page = read_page(tmp_path, pdf(content))
    assert cells(page, table_of(page)) == [
        [cell.replace("\n", " ") for cell in row] for row in rows[1:]
    ]


def test_a_header_is_carried_over_pages(tmp_path: Path) -> None:
    made = FPDF()
    made.set_font("Helvetica", size=11)
    made.add_page()
    with made.table(borders_layout=TableBordersLayout.ALL, width=120) as table:
        for cells_of_row in [("Day", "Depth", "Keeper")] + [
            (f"{day} June", f"{day}.4 m", "Quill") for day in range(1, 61)
        ]:
            row = table.row()
            for cell in cells_of_row:
                row.cell(cell)
    pages, _ = read(tmp_path, bytes(made.output()))
    tables = [table_of(page) for page in pages]
    assert len(tables) > 1
    assert all(table.columns == ["Day", "Depth", "Keeper"] for table in tables)
    rows = [row for page, table in zip(pages, tables, strict=True) for row in cells(page, table)]
    assert [row[0] for row in rows] == [f"{day} June" for day in range(1, 61)]


def test_a_table_goes_on_overleaf_without_its_header(tmp_path: Path) -> None:
    def part(rows: list[tuple[str, ...]]) -> str:
        ys = [780 - 20.0 * number for number in range(len(rows) + 1)][::-1]
        return grid([60, 200, 300], ys) + "".join(
            text(x, 766 - 20 * number, cell)
            for number, row in enumerate(rows)
            for x, cell in zip((65, 205), row, strict=True)
        )

    first: list[tuple[str, ...]] = [
        ("Part", "Weight"),
        *((f"Wheel {n}", f"{n} kg") for n in range(1, 36)),
    ]
    second: list[tuple[str, ...]] = [(f"Cam {letter}", "2 kg") for letter in "abcd"]
    pages, _ = read(tmp_path, pdf(part(first), part(second)))
    table = table_of(pages[1])
    assert table.columns == ["Part", "Weight"]
    assert cells(pages[1], table) == [list(row) for row in second]


def test_columns_of_prose_are_no_table(tmp_path: Path) -> None:
    left = ["The sea enters the well by a pipe", "that is nine centimetres wide, and",
            "waves pass too fast to fill it, so", "the well follows the tide alone."]  # fmt: skip
    right = ["A float of copper rides on the well", "and a chain leads from it over the",
             "great wheel to a weight of lead in", "the shaft behind the north room."]  # fmt: skip
    page = read_page(tmp_path, pdf(lines(60, 700, *left) + lines(310, 700, *right)))
    assert not any(block.kind == BlockKind.TABLE for block in page.blocks)
    assert " ".join(page.text.split()) == " ".join([*left, *right])


def test_a_frame_around_text_is_no_table(tmp_path: Path) -> None:
    content = "50 600 400 100 re S " + lines(60, 680, "Beware of the tide.", "It does not wait.")
    page = read_page(tmp_path, pdf(content))
    assert not any(block.kind == BlockKind.TABLE for block in page.blocks)
