"""Markers in streamed text, and quotes found again on their page."""

from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.citations import Citation
from db.documents import Page
from db.retrieval import Hit
from services.chat.citations import Marker, MarkerReader, cite


def read(*deltas: str, sources: int = 3) -> tuple[str, list[Marker]]:
    reader = MarkerReader(sources)
    parts = [reader.feed(delta) for delta in deltas]
    parts.append(reader.feed("", final=True))
    assert "".join(text for text, _ in parts) == reader.text
    return reader.text, [marker for _, markers in parts for marker in markers]


def spans(*deltas: str, sources: int = 3) -> list[tuple[int, str]]:
    text, markers = read(*deltas, sources=sources)
    return [(marker.index, text[marker.start : marker.end]) for marker in markers]


def test_a_quotation_is_cited_whole() -> None:
    reader = MarkerReader(2)
    markers: list[Marker] = []
    for delta, quotes in (
        ("Perhaps this. ", False),
        ("Definition 11. A space is compact. See 6. [1]", True),
        (" It has\na cover. Always. [2]", True),
    ):
        markers += reader.feed(delta, quotes=quotes)[1]

    assert [reader.text[marker.start : marker.end] for marker in markers] == [
        "Definition 11. A space is compact. See 6.",
        "It has\na cover. Always.",
    ]


@pytest.mark.parametrize(
    ("written", "shown", "cited"),
    [
        ("Lit in 1862 [1].", "Lit in 1862 [1].", [(1, "Lit in 1862")]),
        ("Lit in 1862. [1]", "Lit in 1862. [1]", [(1, "Lit in 1862.")]),
        ("Lit[1][2].", "Lit[1][2].", [(1, "Lit"), (2, "Lit")]),
        ("Lit [1] [2].", "Lit [1] [2].", [(1, "Lit"), (2, "Lit")]),
        ("Lit [1, 3].", "Lit [1][3].", [(1, "Lit"), (3, "Lit")]),
        ("Lit [1-3].", "Lit [1][2][3].", [(1, "Lit"), (2, "Lit"), (3, "Lit")]),
        ("Lit [1,1].", "Lit [1].", [(1, "Lit")]),
        ("Lit [1, 2, 4, 5, 6, 7, 8, 9, 10, 11].", "Lit [1][2].", [(1, "Lit"), (2, "Lit")]),
        ("Lit 【2】。", "Lit [2]。", [(2, "Lit")]),
        ("Lit [9].", "Lit.", []),
        ("Lit [0].", "Lit.", []),
        ("Lit [2, 9].", "Lit [2].", [(2, "Lit")]),
        ("Built in [2020] or [a] or [].", "Built in [2020] or [a] or [].", []),
        ("Write `x[1]` there.", "Write `x[1]` there.", []),
        ("```\nx[1]\n```\nSo [1].", "```\nx[1]\n```\nSo [1].", [(1, "So")]),
        ("One ` tick\nand on [1].", "One ` tick\nand on [1].", [(1, "and on")]),
        ("Fog [\u20601] came. [2]", "Fog [\u20601] came. [2]", [(2, "Fog [\u20601] came.")]),
        ("Fog came. It is lit. [1] So it is [2].", None, [(1, "It is lit."), (2, "So it is")]),
        ("Dr. J. Smith lit it [1].", None, [(1, "Dr. J. Smith lit it")]),
        ("It weighs 3.5 t [1].", None, [(1, "It weighs 3.5 t")]),
        ("- one\n- two [1]\n- three [2]", None, [(1, "- two"), (2, "- three")]),
        ("灯塔于1862年点亮。雾来了。[1]", None, [(1, "雾来了。")]),
        ("أضيئت المنارة عام 1862. جاء الضباب [1].", None, [(1, "جاء الضباب")]),
        ("दीपस्तंभ जला। कोहरा आया। [2]", None, [(2, "कोहरा आया।")]),
        ("प्रकाश [१].", "प्रकाश [1].", [(1, "प्रकाश")]),
        ("[1] Lit.", "[1] Lit.", [(1, "")]),
    ],
)
def test_markers(written: str, shown: str | None, cited: list[tuple[int, str]]) -> None:
    text, _ = read(written)
    assert text == (shown or written)
    assert spans(written) == cited
    assert spans(*written) == cited, "one character at a time"


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["a", " ", "[", "]", "1", "2", "9", ",", "-", "`", "\n", "。", "أ", ". "]),
        max_size=40,
    )
)
def test_however_it_is_split_the_reading_is_the_same(pieces: list[str]) -> None:
    written = "".join(pieces)
    whole = read(written)
    assert read(*pieces) == whole
    assert read(*written) == whole
    text, markers = whole
    assert [marker.position for marker in markers] == list(range(len(markers)))
    for marker in markers:
        assert 1 <= marker.index <= 3
        assert 0 <= marker.start <= marker.end <= len(text)
        assert text[marker.start : marker.end].strip() == text[marker.start : marker.end]
        assert f"[{marker.index}]" in text[marker.end :]


FIRST = (
    "The keeper oils the valve every week. The e\ufb03cient en-\ngine was lit in 1862, "
    "and Ann Ross said “let it burn”. A cart brought the coal. Its oil ran"
)
SECOND = "out by morning. 灯塔于1862年点亮。 كانت السفن تمر ليلا. कोहरा सुबह आया।"
PAGES = [
    Page(4, 0, FIRST, None, None, []),
    Page(5, len(FIRST) + 2, SECOND, None, None, []),
]


def citation(sentence: str, pages: list[Page] = PAGES, start: int = 0) -> Citation:
    text = "\n\n".join(page.text for page in PAGES)[start:]
    version, document = uuid4(), uuid4()
    hit = Hit(document, "f", version, 0, start, 4, 5, "", text, None, None, None, None, 1.0)
    return cite(Marker(0, 1, 0, len(sentence)), sentence, hit, pages)


@pytest.mark.parametrize(
    ("sentence", "page", "quote"),
    [
        ("The keeper oils the valve every week.", 4, "The keeper oils the valve every week."),
        ("the KEEPER  oils\nthe valve", 4, "The keeper oils the valve"),
        ("The efficient engine was lit", 4, "The e\ufb03cient en-\ngine was lit"),
        ('said "let it burn"', 4, "said “let it burn”"),
        ('Somebody once cried "Let it burn" aloud', 4, "let it burn"),
        ("Its oil ran out by morning.", 5, "out by morning."),
        ("灯塔于1862年点亮", 5, "灯塔于1862年点亮"),
        ("塔于1862年", 5, "塔于1862年"),
        ("كانت السفن تمر ليلا", 5, "كانت السفن تمر ليلا"),
        ("कोहरा सुबह आया।", 5, "कोहरा सुबह आया।"),
        ("Every week the valve is oiled", 4, "The keeper oils the valve every week."),
    ],
)
def test_quotes_are_found_on_their_page(sentence: str, page: int, quote: str) -> None:
    found = citation(sentence)
    assert (found.page_number, found.quote, found.verified) == (page, quote, True)
    text = PAGES[page - 4].text
    assert text[found.page_start : found.page_end] == quote


def test_part_of_a_word_is_no_quote() -> None:
    assert citation("art brought the coal").quote == "A cart brought the coal."


def test_a_quotation_that_stands_nowhere_is_shown_as_claimed_and_not_verified() -> None:
    found = citation('The keeper said "put out the fire at once".')
    assert (found.quote, found.verified) == ("put out the fire at once", False)
    assert found.page_start == found.page_end


def test_a_sentence_in_other_words_altogether_is_cited_with_the_whole_passage() -> None:
    found = citation("Zzz qqq.")
    assert found.quote == FIRST
    assert found.verified


def test_of_equal_quotes_the_one_in_the_passage_is_meant() -> None:
    pages = [Page(1, 0, "Oil it. Fog came. Oil it.", None, None, [])]
    found = citation("Oil it.", pages, start=18)
    assert (found.page_start, found.page_end) == (18, 25)


@settings(deadline=None)
@given(st.integers(0, len(FIRST) - 1), st.integers(1, 80))
def test_what_a_page_says_is_found_where_it_stands(start: int, length: int) -> None:
    words = FIRST[start : start + length]
    begins_word = start == 0 or not (FIRST[start - 1].isalnum() and FIRST[start].isalnum())
    end = start + len(words)
    ends_word = end == len(FIRST) or not (FIRST[end - 1].isalnum() and FIRST[end].isalnum())
    found = citation(words)
    assert found.quote == PAGES[found.page_number - 4].text[found.page_start : found.page_end]
    if begins_word and ends_word and any(character.isalnum() for character in words):
        assert "".join(words.split()).strip("-") in "".join(found.quote.split())
