"""Answers in the terminal, however their text is cut into pieces."""

from io import StringIO

import pytest
from rich.cells import cell_len
from rich.console import Console

from cli.answer_printer import AnswerPrinter

ENGLISH = (
    "Spare chains hang in the north room, oiled and wrapped in waxed linen. [3] The moon cam is "
    "replaced every forty years [1][3], after `weights[3]` are taken down.\n\nNothing else is."
)
CHINESE = (
    "备用链条挂在北屋，上过油并用蜡布包好。[2]月亮凸轮每四十年更换一次，而且只有守护人可以更换它。"
)


def printed(text: str, width: int, piece: int, *citations: dict[str, object]) -> str:
    output = StringIO()
    printer = AnswerPrinter(Console(file=output, width=width, highlight=False))
    for start in range(0, len(text), piece):
        printer.feed(text[start : start + piece])
    printer.finish(citations)
    return output.getvalue()


def citation(index: int, page: int, quote: str, verified: bool = True) -> dict[str, object]:
    return {
        "index": index,
        "pageNumber": page,
        "quote": quote,
        "verified": verified,
        "filename": "handbook [draft].pdf",
    }


@pytest.mark.parametrize("text", [ENGLISH, CHINESE])
@pytest.mark.parametrize("piece", [1, 7, 1000])
@pytest.mark.parametrize("width", [24, 80])
def test_lines_fit_and_end_between_words(text: str, piece: int, width: int) -> None:
    lines = printed(text, width, piece).rstrip("\n").split("\n")
    assert max(map(cell_len, lines)) <= width
    assert len(lines) >= sum(map(cell_len, text.split("\n"))) // width
    words = " ".join(lines).split()
    if text is ENGLISH:
        assert [word for word in words if word[0].isalpha()] == [
            word for word in text.split() if word[0].isalpha()
        ]
    else:
        assert "".join(words).replace("[1]", "[2]") == text


def test_footnotes_are_numbered_as_they_appear_and_code_is_left_alone() -> None:
    output = printed(
        ENGLISH,
        100,
        5,
        citation(3, 4, "Spare chains hang."),
        citation(1, 2, "Every forty years.", verified=False),
        citation(3, 5, "The moon cam."),
        citation(3, 4, "Spare chains hang."),
    )
    answer, footnotes = output.split("Nothing else is.")
    assert "linen. [1] The" in answer
    assert "years [2][1]," in answer
    assert "`weights[3]`" in answer
    assert footnotes.split("\n")[2:-1] == [
        "[1] handbook [draft].pdf, pages 4, 5, word for word",
        "    “Spare chains hang.”",
        "    “The moon cam.”",
        "[2] handbook [draft].pdf, page 2, not verified",
        "    “Every forty years.”",
    ]
