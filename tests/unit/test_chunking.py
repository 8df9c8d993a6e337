"""Passages: where they end, what stands above them, and that they are the document's own words."""

from collections import Counter

from core.blocks import BlockKind
from core.terms import search_terms
from db.documents import Page
from providers.parsing.writer import Writer
from services.ingestion.chunking import (
    DENSE_PASSAGE_CHARACTERS,
    PAGE_BREAK,
    PASSAGE_CHARACTERS,
    chunk_pages,
)

SENTENCE = "The keeper reads the tide gauge at noon and writes the height into her book. "


def pages(*texts: str) -> list[Page]:
    found, start = [], 0
    for number, text in enumerate(texts, start=1):
        found.append(Page(number, start, text, None, None, []))
        start += len(text) + len(PAGE_BREAK)
    return found


def test_passages_are_slices_of_the_document_and_know_their_pages() -> None:
    texts = [SENTENCE * 20, SENTENCE * 3, f"# Lamps\n\n{SENTENCE * 30}"]
    document = PAGE_BREAK.join(texts)
    document_pages = pages(*texts)
    chunks = chunk_pages("keeper.txt", document_pages, ["en"] * 3)
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    reached = 0
    for chunk in chunks:
        assert document[chunk.start :].startswith(chunk.text)
        assert not document[reached : chunk.start].strip()  # nothing is left out
        reached = chunk.start + len(chunk.text)
        assert len(chunk.text) <= PASSAGE_CHARACTERS[1]
        for number, offset in ((chunk.first_page, chunk.start), (chunk.last_page, reached - 1)):
            page = document_pages[number - 1]
            assert page.start <= offset < page.start + len(page.text)
    assert not document[reached:].strip()
    assert (chunks[0].first_page, chunks[-1].last_page) == (1, 3)


def test_passages_end_where_sentences_do() -> None:
    chunks = chunk_pages("keeper.txt", pages(SENTENCE * 40), ["en"])
    assert len(chunks) > 2
    assert all(chunk.text.rstrip().endswith("book.") for chunk in chunks)


def test_headings_above_a_passage_are_its_context() -> None:
    text = (
        f"# Harbour\n\n{SENTENCE * 8}\n\n## Fees\n\n{SENTENCE * 8}\n\n"
        f"## Hours\n\n{SENTENCE * 8}\n\n# Lamps\n\n{SENTENCE * 8}"
    )
    contexts = [chunk.context for chunk in chunk_pages("island_guide.md", pages(text), ["en"])]
    assert list(dict.fromkeys(contexts)) == [
        "island guide › Harbour",
        "island guide › Harbour › Fees",
        "island guide › Harbour › Hours",
        "island guide › Lamps",
    ]


def test_a_name_without_letters_is_no_title() -> None:
    assert chunk_pages("20240315_0001.txt", pages(SENTENCE), ["en"])[0].context == ""


def test_scripts_that_say_more_in_a_character_get_shorter_passages() -> None:
    text = "守塔人正午时读潮位计，并把高度写进她的本子里。" * 60
    chunks = chunk_pages("海.txt", pages(text), ["zh"])
    assert max(len(chunk.text) for chunk in chunks) <= DENSE_PASSAGE_CHARACTERS[1]


def test_terms_are_those_of_context_and_text() -> None:
    (chunk,) = chunk_pages("lamps.txt", pages("The keeper's lamps."), ["en"])
    assert chunk.terms == dict(Counter(search_terms("lamps\nThe keeper's lamps.", ["en"])))
    assert chunk.length == 7  # keeper, the, s, and both forms of lamps twice


def written(writer: Writer) -> list[Page]:
    found, start = [], 0
    for page in (page for window in writer.windows(100) for page in window.pages):
        found.append(Page(page.number, start, page.text, None, None, [], page.blocks))
        start += len(page.text) + len(PAGE_BREAK)
    return found


def test_passages_of_a_table_hold_whole_rows_and_the_names_of_its_columns() -> None:
    writer = Writer()
    writer.heading("Stock", 2)
    rows = [[f"PX-{number}", f"gasket of kind {number}", str(number)] for number in range(400)]
    writer.table([["Part", "Name", "Days"], *rows], 1, "In bin 4")
    document_pages = written(writer)
    chunks = chunk_pages("parts.csv", document_pages, ["en"] * len(document_pages))
    lines = [line for chunk in chunks for line in chunk.text.split("\n")]
    assert [line for line in lines if line.startswith("PX-")] == [" | ".join(row) for row in rows]
    assert len(chunks) > 10
    assert {chunk.context for chunk in chunks[1:2]} == {
        "parts › Stock\nIn bin 4\nPart | Name | Days"
    }
    assert all(chunk.context.endswith("Part | Name | Days") for chunk in chunks)
    assert all(chunk.terms["=days"] for chunk in chunks)


def test_records_and_lines_of_code_are_never_cut() -> None:
    writer = Writer()
    entries = [f"2026-03-12 10:59 job {number} done. In {number} ms." for number in range(100)]
    for entry in entries:
        writer.write(entry, BlockKind.RECORD)
    code = [f"    return self._probe.read({number})" for number in range(100)]
    writer.write("\n".join(code), BlockKind.CODE)
    document_pages = written(writer)
    chunks = chunk_pages("a.log", document_pages, ["en"] * len(document_pages))
    lines = [line for chunk in chunks for line in chunk.text.split("\n") if line]
    assert [line.strip() for line in lines] == [line.strip() for line in [*entries, *code]]
    assert max(len(chunk.text) for chunk in chunks) <= PASSAGE_CHARACTERS[1]
