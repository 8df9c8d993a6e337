"""Tables, logs, code and data in text."""

import json
from pathlib import Path

import pytest

from core.blocks import BlockKind, WarningCode
from support.reading import Reading, read_file


def reading_of(folder: Path, name: str, content: str | bytes) -> Reading:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_file(path)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimited_tables_have_columns_and_records(tmp_path: Path, delimiter: str) -> None:
    lines = [["Part", "Name", "Days"], ["PX-1", "gasket", "44"], ["PX-2", "hinge", "5"]]
    content = "\n".join(delimiter.join(line) for line in lines)
    reading = reading_of(tmp_path, "stock.csv", content)
    assert reading.tables == [(lines[0], lines[1:])]
    assert reading.text == "Part | Name | Days\nPX-1 | gasket | 44\nPX-2 | hinge | 5"


def test_quoted_cells_keep_delimiters_and_lines_make_one_row(tmp_path: Path) -> None:
    content = 'sep=;\r\n"Name";"Note"\r\n"A; B";"one\r\ntwo"\r\n"C";"3"\r\n'
    reading = reading_of(tmp_path, "notes.csv", content)
    assert reading.tables == [(["Name", "Note"], [["A; B", "one two"], ["C", "3"]])]


def test_a_table_without_names_has_no_columns(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, "firms.csv", "㈱海山商会,②番線\n髙木,横浜\n".encode("cp932"))
    assert reading.tables == [(["", ""], [["㈱海山商会", "②番線"], ["髙木", "横浜"]])]
    assert [warning.code for warning in reading.warnings] == [WarningCode.GUESSED_ENCODING]


def test_a_long_table_names_its_columns_on_every_page(tmp_path: Path) -> None:
    rows = "".join(f"PX-{number},item {number},{number}\n" for number in range(1000))
    reading = reading_of(tmp_path, "stock.csv", f"Part,Name,Count\n{rows}")
    assert len(reading.pages) > 3
    assert {tuple(columns) for columns, _ in reading.tables} == {("Part", "Name", "Count")}
    found = [row for _, cells in reading.tables for row in cells]
    assert found == [[f"PX-{n}", f"item {n}", str(n)] for n in range(1000)]


@pytest.mark.parametrize(
    "stamp",
    [
        "2026-03-12 10:59:11 INFO",
        "2026-03-12T10:59:11.5Z",
        "[12/Mar/2026:10:59:11 +0000]",
        "Mar  3 12:00:01 host",
        "10.0.0.1 - - [12/Mar/2026:10:59:11 +0000]",
        "12:00:01",
        "ERROR",
    ],
)
def test_entries_of_a_log_are_records_with_what_follows_them(tmp_path: Path, stamp: str) -> None:
    entries = [f"{stamp} job {number}" for number in range(5)]
    entries[2] += "\nTraceback:\n  File x"
    reading = reading_of(tmp_path, "worker.log", "\n".join(entries))
    assert reading.texts(BlockKind.RECORD) == entries


def test_prose_is_no_log(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, "a.txt", "One.\nStill one.\n\nTwo.\n \nThree.")
    assert reading.texts(BlockKind.PARAGRAPH) == ["One.\nStill one.", "Two.", "Three."]


@pytest.mark.parametrize("name", ["a.py", "a.json", "a.yaml", "a.xml", "a.sql"])
def test_code_keeps_its_lines(tmp_path: Path, name: str) -> None:
    content = "a:\n    b.c()\n\n\n    d"
    reading = reading_of(tmp_path, name, content)
    assert reading.texts(BlockKind.CODE) == [content]


def test_lines_of_json_are_records(tmp_path: Path) -> None:
    reading = reading_of(tmp_path, "a.jsonl", '{"id": 1}\n\n{"id": 2}\n')
    assert reading.texts(BlockKind.RECORD) == ['{"id": 1}', '{"id": 2}']


def test_notebooks_are_prose_code_and_output(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Tides\n", "\n", "As read."]},
        {"cell_type": "code", "source": "height()", "outputs": [{"text": ["4.58\n"]}]},
    ]
    reading = reading_of(tmp_path, "a.ipynb", json.dumps({"nbformat": 4, "cells": cells}))
    assert reading.text == "# Tides\n\nAs read.\n\nheight()\n\n4.58"
    assert reading.texts(BlockKind.CODE) == ["height()", "4.58"]


def test_markdown_stays_as_written_and_its_tables_become_tables(tmp_path: Path) -> None:
    content = "---\ntitle: T\n---\n# H *x*\n\nA **b**.\n\n| a | b |\n|---|--:|\n| 1\\|2 | 3 |\n\n- x\n- y\n\n```py\nz()\n```\n<!-- no -->\n"
    reading = reading_of(tmp_path, "a.md", content)
    assert reading.text == ("title: T\n\n# H *x*\n\nA **b**.\n\na | b\n1|2 | 3\n\n- x\n- y\n\nz()")
    assert reading.tables == [(["a", "b"], [["1|2", "3"]])]
    assert [block.kind for _, block in reading.blocks] == [
        "METADATA", "HEADING", "PARAGRAPH", "TABLE", "LIST_ITEM", "LIST_ITEM", "CODE",
    ]  # fmt: skip


def test_rich_text_has_tables_notes_lists_and_any_code_page(tmp_path: Path) -> None:
    content = (
        rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fcharset0 A;}{\f1\fcharset238 B;}{\f2\fcharset128 C;}}"
        rb"{\stylesheet{\s1 heading 1;}}\pard\s1 Title\par\pard caf\'e9 \f1 \'b9\'9c \f2\'93\'fa\'96\'7b\f0 \u8364?"
        rb" 10{\super 5}{\footnote A note.}{\v never}\par"
        rb"{\listtext 1.\tab}First\par"
        rb"\trowd\clvmgf\cellx100\cellx200\intbl a\cell b\cell\row"
        rb"\trowd\clvmrg\cellx100\cellx200\intbl\cell c\cell\row\pard After.\par}"
    )
    reading = reading_of(tmp_path, "a.rtf", content)
    assert reading.text.split("\n\n") == [
        "# Title", "café ąś 日本€ 10⁵", "¹ A note.", "1. First", "a | b\na | c", "After.",
    ]  # fmt: skip
