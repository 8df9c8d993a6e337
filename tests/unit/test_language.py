"""Which language a text is in."""

import logging

import pytest

from core.language import detect_language

GERMAN = "Die Ersatzketten hängen im nördlichen Raum, geölt und in gewachstes Leinen gewickelt."


def test_a_long_text_is_told_by_its_beginning_without_a_word_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        assert detect_language(GERMAN * 20) == "de"
    assert caplog.records == []


def test_no_letter_is_no_language() -> None:
    assert detect_language("1 + 2 = 3") is None
