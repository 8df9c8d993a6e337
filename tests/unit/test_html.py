"""The visible text of web pages."""

import pytest

from providers.parsing.formats.html import write_html
from providers.parsing.writer import Writer


def render(data: bytes) -> str:
    writer = Writer()
    write_html(writer, data)
    return "\n\n".join(page.text for window in writer.windows(99) for page in window.pages)


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One <b>two</b>\n three.<p>Four", "One two three.\n\nFour"),
        ("loose<div>inner</div>tail", "loose\n\ninner\n\ntail"),
        ("a<br>b", "a\nb"),
        ("<h2>Head <i>ing</i></h2>x", "## Head ing\n\nx"),
        ("<title>T</title><p>x", "# T\n\nx"),
        ("<title>T</title><h1>H</h1>", "# H"),
        ("<ul><li>a<li>b<ol><li>c<li>d</ol></ul>", "- a\n- b\n  1. c\n  2. d"),
        ("<table><tr><th>a<th>b<tr><td>1<td>2</table>", "a | b\n1 | 2"),
        ("<table><tr><td><p>a</p><p>b</p></td><td></td><td>c</td></tr></table>", "a b |  | c"),
        ("<pre>  x\n    y</pre>", "  x\n    y"),
        ("AT&amp;T &lt;tag&gt; &eacute;&#x4e2d;", "AT&T <tag> é中"),
        ("<script>bad()</script><style>p{}</style><p>good", "good"),
        ("<!-- hidden --><p>shown<template><p>hidden</template>", "shown"),
        ("<p hidden>never seen</p><p style='display: none'>nor this</p>seen", "seen"),
        ("<style>.x { display: none }</style><p class='a x'>never seen</p>seen", "seen"),
        ("<p>10<sup>5</sup> Pa, H<sub>2</sub>O, the 21<sup>st</sup>", "10⁵ Pa, H₂O, the 21st"),
        ("<ol start=3 type=a><li>x<li>y</ol>", "c. x\nd. y"),
        ("<select><option>A<option selected>B</select><input value=C>", "B C"),
        ("<table><tr><th rowspan=2>k<td>1<tr><td>2</table>", "k | 1\nk | 2"),
    ],
)
def test_rendering(markup: str, text: str) -> None:
    assert render(markup.encode()) == text


def test_the_declared_encoding_counts_unless_the_bytes_are_utf_8() -> None:
    russian = "<meta charset=windows-1251><p>маяк"
    assert render(russian.encode("cp1251")) == "маяк"
    assert render(russian.encode()) == "маяк"


def test_unclosed_and_unopened_tags_lose_no_text() -> None:
    text = render(b"</table></ul><td>a<table><tr><td>b</ul><li>c</p></div>d")
    assert [character for character in text if character.isalpha()] == list("abcd")
