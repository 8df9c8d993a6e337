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
    decoded = decode(text.encode(encoding))
    assert decoded is not None
    assert decoded.text == text
    assert (decoded.doubt == "") == encoding.startswith("utf")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("La señora Núñez llegó al año.", "cp1252"),
        ("Prénom;Âge\nZoé;12", "cp1252"),
        ("Größe: 5 µm, ±3 °C, 5 €", "cp1252"),
        ("Total: 5 €", "cp1252"),
        ("Wędka leży na łóżku.", "iso8859_2"),
        ("Wędka leży na łóżku, świeża.", "cp1250"),
        ("Příliš žluťoučký kůň úpěl ďábelské ódy.", "cp1250"),
        ("A fűtő az őrség mellett van.", "cp1250"),
        ("Фонарь стоит у двери.", "cp1251"),
        ("Фонарь стоит у двери.", "koi8_r"),
        ("Фонарь стоит у двери.", "cp866"),
        ("Το φανάρι είναι στο ράφι.", "cp1253"),
        ("Το φανάρι είναι στο ράφι.", "iso8859_7"),
        ("Fener kapının yanında, şişenin üstünde.", "cp1254"),
        ("הפנס על המדף", "cp1255"),
        ("المصباح على الرف بجانب الباب", "cp1256"),
        ("โคมไฟอยู่บนชั้น", "cp874"),
        ("㈱海山商会,②番線\n髙木,横浜", "cp932"),
        ("横浜市中区", "euc_jp"),
        ("上海市浦东新区世纪大道", "gb18030"),
        ("臺北市中正區重慶南路", "big5"),
        ("부산광역시 중구", "cp949"),
    ],
)
def test_short_text_is_read_in_the_encoding_in_which_it_is_a_language(
    text: str, encoding: str
) -> None:
    decoded = decode(text.encode(encoding))
    assert decoded is not None
    assert decoded.text == text
    assert "it was read as" in decoded.doubt


def test_what_is_declared_is_believed_where_it_fits() -> None:
    for text, encoding, declared in (
        ("Größe", "iso8859_15", "ISO-8859-15"),
        ("①", "cp932", "Shift_JIS"),
        ("“quoted”", "cp1252", "ISO-8859-1"),
        ("灯台", "iso2022_jp", "iso-2022-jp"),
    ):
        decoded = decode(text.encode(encoding), declared)
        assert decoded is not None
        assert (decoded.text, decoded.doubt) == (text, "")
    wrong = decode("Größe".encode(), "shift_jis")
    assert wrong is not None
    assert wrong.text == "Größe"


def test_a_few_damaged_bytes_do_not_change_the_other_characters() -> None:
    decoded = decode(("Größe " * 20).encode() + b"\xff")
    assert decoded is not None
    assert decoded.text == "Größe " * 20 + "\ufffd"
    assert "damaged" in decoded.doubt


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
