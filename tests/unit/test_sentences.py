import pytest

from core.blocks import Block, BlockKind, Table
from providers.answering.sentences import MAX_CHARACTERS, Row, Sentence, split


def texts(passage: str, language: str = "en") -> list[str]:
    return [sentence.text for sentence in split(passage, language)]


@pytest.mark.parametrize(
    ("language", "passage", "sentences"),
    [
        (
            "en",
            "Dr. Ross paid $3.50 in the U.S. for it. It was No. 7! Was it?",
            ["Dr. Ross paid $3.50 in the U.S. for it.", "It was No. 7!", "Was it?"],
        ),
        (
            "de",
            "Am 3. Januar kam z. B. Herr Dr. Ross. Er blieb.",
            ["Am 3. Januar kam z. B. Herr Dr. Ross.", "Er blieb."],
        ),
        (
            "es",
            "La Sra. Ross llegó. ¿Cuándo? ¡Ayer!",
            ["La Sra. Ross llegó.", "¿Cuándo?", "¡Ayer!"],
        ),
        (
            "zh",
            "灯塔建于1862年。谁点亮了它？是罗斯！",
            ["灯塔建于1862年。", "谁点亮了它？", "是罗斯！"],
        ),
        ("hi", "यह दीपस्तंभ है। इसे किसने जलाया? रॉस ने।", ["यह दीपस्तंभ है।", "इसे किसने जलाया?", "रॉस ने।"]),
        ("ar", "هذه منارة. من أضاءها؟ روس.", ["هذه منارة.", "من أضاءها؟", "روس."]),
    ],
)
def test_sentences_end_where_the_language_ends_them(
    language: str, passage: str, sentences: list[str]
) -> None:
    assert texts(passage, language) == sentences


def test_wrapped_lines_are_one_sentence_and_blank_lines_end_it() -> None:
    passage = "The lamp was lit\nby hand\n\nNobody came"

    assert texts(passage) == ["The lamp was lit by hand", "Nobody came"]


def test_list_items_are_sentences_without_their_mark() -> None:
    passage = "- Monday closed\n* Tuesday 9 to 17. Last entry 16:30.\n2) Wednesday"

    assert texts(passage) == ["Monday closed", "Tuesday 9 to 17. Last entry 16:30.", "Wednesday"]


def test_table_rows_are_sentences_under_their_header() -> None:
    passage = "# Crew\n\nName | Post\n--- | ---\nRoss | keeper\nLind | cook"

    columns = ("Name", "Post")
    assert list(split(passage, "en")) == [
        Sentence(
            "Ross | keeper", "Crew Name Post", BlockKind.TABLE, Row(columns, ("Ross", "keeper"))
        ),
        Sentence("Lind | cook", "Crew Name Post", BlockKind.TABLE, Row(columns, ("Lind", "cook"))),
    ]


def test_headings_lead_and_are_not_quoted() -> None:
    passage = "## Opening hours\nDaily from nine.\n\n## Prices\nFive crowns."

    assert list(split(passage, "en")) == [
        Sentence("Daily from nine.", "Opening hours"),
        Sentence("Five crowns.", "Prices"),
    ]


@pytest.mark.parametrize("passage", ["", " \n\n ", "---", "# Title"])
def test_nothing_to_quote(passage: str) -> None:
    assert texts(passage) == []


def test_long_sentence_is_cut_at_semicolons_and_loses_nothing() -> None:
    clauses = [f"{'clause ' * 20}number {i};" for i in range(6)]

    assert texts(" ".join(clauses)) == clauses


def test_text_without_any_end_is_cut_between_words() -> None:
    passage = "ประภาคารนี้สร้างขึ้นในปี " * 60

    parts = texts(passage, "th")

    assert max(map(len, parts)) <= MAX_CHARACTERS
    assert "".join(parts).replace(" ", "") == passage.replace(" ", "")


def test_blocks_decide_what_is_quoted_together() -> None:
    parts = ["From: Ross\nSubject: x", "## Crew", "Name | Post", "Ross | keeper", "a = 1\n\nb()"]
    passage = "\n".join(parts)
    at = [passage.index(part) for part in parts]
    name, post = passage.index("Ross |"), passage.rindex("keeper")
    row = [(name, name + 4), (post, post + 6)]
    blocks = [
        Block(BlockKind.METADATA, at[0], at[1] - 1),
        Block(BlockKind.HEADING, at[1], at[2] - 1, level=2),
        Block(BlockKind.TABLE, at[2], at[4] - 1, table=Table(["Name", "Post"], [row])),
        Block(BlockKind.CODE, at[4], len(passage)),
    ]

    assert list(split(passage, "en", blocks)) == [
        Sentence(
            "Ross | keeper",
            "Crew Name Post",
            BlockKind.TABLE,
            Row(("Name", "Post"), ("Ross", "keeper")),
        ),
        Sentence("a = 1\n\nb()", "Crew", BlockKind.CODE),
    ]


def test_headers_of_a_mail_lead_and_are_not_quoted() -> None:
    mail = "Subject: The chain\nFrom: Ishbel <i@skerra.example>\n\nIt snapped on Tuesday night."

    assert list(split(mail, "en")) == [Sentence("It snapped on Tuesday night.", "The chain")]


def test_labels_and_values_are_one_line_each() -> None:
    assert texts("Phone: 555-0171\nBirthday: 14 August") == [
        "Phone: 555-0171",
        "Birthday: 14 August",
    ]


def test_a_sentence_goes_on_over_the_end_of_a_page() -> None:
    assert texts("It is said that the date of\n\nthe visit be recorded.") == [
        "It is said that the date of the visit be recorded."
    ]


@pytest.mark.parametrize(
    ("text", "fragment"),
    [
        ("Ishbel", True),
        (".", True),
        ("Definition 7", False),
        ("Nobody came at all", False),
        ("是", True),
    ],
)
def test_fragments(text: str, fragment: bool) -> None:
    assert Sentence(text).is_fragment is fragment
