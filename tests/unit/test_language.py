"""Which language a text is in."""

import logging

import pytest

from core.language import detect_language, detect_languages

GERMAN = "Die Ersatzketten hängen im nördlichen Raum, geölt und in gewachstes Leinen gewickelt."


def test_a_long_text_is_told_without_a_word_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        assert detect_language(GERMAN * 20) == "de"
    assert caplog.records == []


def test_no_letter_is_no_language() -> None:
    assert detect_language("1 + 2 = 3") is None


def test_the_beginning_alone_does_not_decide() -> None:
    assert detect_language("Abstract. The chains hang there.\n" + GERMAN * 20) == "de"


def test_pages_of_a_mixed_document_have_their_own_language() -> None:
    english = "The spare chains hang in the north room, oiled and wrapped in waxed linen."
    chinese = "备用链条挂在北边的房间里，涂了油，用蜡布包着。"
    languages, of_pages = detect_languages([GERMAN * 4, english, GERMAN, chinese, "1 | 2"])
    assert set(languages) == {"de", "en", "zh"}
    assert languages[0] == "de"
    assert of_pages == ["de", "en", "de", "zh", None]


def test_a_line_in_another_language_does_not_make_a_document_mixed() -> None:
    languages, of_pages = detect_languages([GERMAN * 20, "L'art de la table"])
    assert languages == ["de"]
    assert of_pages == ["de", "de"]
