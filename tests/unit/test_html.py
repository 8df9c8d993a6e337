"""The visible text of web pages."""

import pytest

from providers.parsing.formats.html import render_html


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
        ("<p hidden>kept is safer than lost", "kept is safer than lost"),
    ],
)
def test_rendering(markup: str, text: str) -> None:
    assert render_html(markup.encode()) == text


def test_the_declared_encoding_counts_unless_the_bytes_are_utf_8() -> None:
    russian = "<meta charset=windows-1251><p>маяк"
    assert render_html(russian.encode("cp1251")) == "маяк"
    assert render_html(russian.encode()) == "маяк"


def test_unclosed_and_unopened_tags_lose_no_text() -> None:
    text = render_html(b"</table></ul><td>a<table><tr><td>b</ul><li>c</p></div>d")
    assert text is not None
    assert [character for character in text if character.isalpha()] == list("abcd")
