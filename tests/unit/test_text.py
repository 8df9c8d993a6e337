"""Decoding, cleaning and cutting of text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.parsing.formats.text import clean, decode, sections

GERMAN = "Die Wärter zählen täglich die Möwen über den Klippen; Größe und Flügelschläge."
RUSSIAN = "Смотритель маяка каждый вечер записывает высоту воды и направление ветра."
JAPANESE = "灯台守は毎晩、海の高さと風の向きを日誌に書き留めている。それは昔からの習慣だ。"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "utf-8"),
        (GERMAN, "utf-8-sig"),
        (GERMAN, "utf-16"),
        (GERMAN, "utf-16-le"),
        (GERMAN, "utf-32"),
        (GERMAN, "cp1252"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
    ],
)
def test_common_encodings_are_decoded(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


def test_bytes_that_are_no_text_are_refused() -> None:
    assert decode(bytes(range(256)) * 40) is None
    assert decode(bytes(4096)) is None


def test_cleaning_leaves_what_postgres_and_people_can_read() -> None:
    assert clean("a\0b\x07c\r\nd\re\tf\x0cg") == "abc\nd\ne\tf\ng"
    assert clean("cafe\u0301") == "caf\u00e9"
    assert clean("e\ufb03cient \ufefb") == "efficient \u0644\u0627"
    clean("lone \ud800 surrogate").encode()


@given(st.text(alphabet=st.sampled_from("ab .\n#"), max_size=400), st.integers(4, 60))
def test_sections_lose_nothing_but_white_space_and_stay_small(text: str, size: int) -> None:
    cut = list(sections(text, size))
    assert "".join("".join(cut).split()) == "".join(text.split())
    assert all(len(section) <= size * 3 // 2 for section in cut)


def test_sections_begin_at_headings_then_at_paragraphs() -> None:
    text = "# One\n\n" + "alpha beta. " * 8 + "\n\n# Two\n\n" + "gamma delta. " * 8
    assert [section.split("\n")[0] for section in sections(text, 100)] == ["# One", "# Two"]
    paragraphs = "\n\n".join(["word " * 12] * 4)
    assert all(section.startswith("word") for section in sections(paragraphs, 60))
    assert len(list(sections(paragraphs, 60))) == 4
