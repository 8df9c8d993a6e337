"""What lexical search compares, in each script."""

import pytest

from core.terms import MAX_TERM_LENGTH, search_terms, terms


@pytest.mark.parametrize(
    ("text", "languages", "expected"),
    [
        ("The keepers' lamps", ["en"], ["the", "keeper", "lamp"]),
        ("Die Häuser", ["de"], ["die", "haus"]),
        ("Straße STRASSE ﬁne", [], ["strasse", "strasse", "fine"]),
        ("lamps", ["en", "de"], ["lamp", "lamps"]),
        ("潮汐表", [], ["潮汐", "汐表"]),
        ("潮", [], ["潮"]),
        ("섬의 도서관", [], ["섬의", "도서", "서관"]),
        ("ซ่อมแห", [], ["ซ่", "่อ", "อม", "มแ", "แห"]),
        ("हिन्दी", [], ["हिन्दी"]),
        ("2024年潮汐", [], ["2024", "年潮", "潮汐"]),
        ("INV-2024-00731", [], ["inv-2024-00731", "inv202400731", "inv", "2024", "00731"]),
        ("§ 4.2", [], ["4.2", "4", "2"]),
        ("well-known", [], ["well", "known"]),
        ("🦀 !?", [], []),
        ("x" * 100, [], ["x" * MAX_TERM_LENGTH]),
    ],
)
def test_terms(text: str, languages: list[str], expected: list[str]) -> None:
    assert terms(text, languages) == expected


def test_a_word_that_stems_is_also_searched_as_it_stands() -> None:
    assert search_terms("lamps burn", ["en"]) == ["lamp", "=lamps", "burn"]
    assert search_terms("lamps", ["en", "de"]) == ["lamp", "lamps", "=lamps"]


def test_pairs_of_characters_are_searched_once() -> None:
    assert search_terms("潮汐表", ["en"]) == ["潮汐", "汐表"]


def test_unknown_languages_compare_words() -> None:
    assert search_terms("tàu thuyền", ["vi"]) == ["tau", "thuyen"]
