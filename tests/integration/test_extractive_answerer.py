"""The extractive answerer with the real embedder, on documents about an invented island."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from openai import AsyncOpenAI

from providers.answering import Delta, Question, Source, Turn, Verdict
from providers.answering.extractive import ExtractiveAnswerer
from providers.embedding.bundle import DIMENSIONS, NAME, bundled_model
from providers.embedding.local import LocalEmbedder
from providers.embedding.openai import OpenAIEmbedder

LIGHTHOUSE = (
    "The lighthouse of Skerra stands on the northern cliff. Its tower was built by Ann Ross."
    " The lamp was lit for the first time in 1862. Its beam is seen over twenty miles."
    " Keepers used to row out in any weather."
)
CREW = "# Crew of the tide engine\n\nName | Post | Since\nLind | cook | 1901\nMoe | stoker | 1897"
HARBOUR = "The harbour freezes in February. Ferries then land at the southern pier."
SOURCES = [
    Source(1, "guide.html", 3, LIGHTHOUSE, 0.88),
    Source(2, "handbook.pdf", 9, CREW, 0.84),
    Source(3, "notice.rtf", 1, HARBOUR, 0.82),
]


@pytest.fixture(scope="module")
def answerer(models: Path) -> Iterator[ExtractiveAnswerer]:
    embedder = LocalEmbedder(lambda: bundled_model(models), NAME, DIMENSIONS, threads=2)
    yield ExtractiveAnswerer(embedder)
    asyncio.run(embedder.aclose())


async def ask(
    answerer: ExtractiveAnswerer,
    text: str,
    sources: list[Source] = SOURCES,
    history: list[Turn] | None = None,
) -> tuple[list[str], Verdict]:
    *deltas, verdict = [e async for e in answerer.answer(Question(text, history or [], sources))]
    assert isinstance(verdict, Verdict)
    return [delta.text for delta in deltas if isinstance(delta, Delta)], verdict


async def test_answer_quotes_the_document_and_cites_it(answerer: ExtractiveAnswerer) -> None:
    deltas, verdict = await ask(answerer, "When was the lamp of the lighthouse first lit?")

    assert "The lamp was lit for the first time in 1862. [1]" in [d.strip() for d in deltas]
    assert verdict == Verdict(True, "extractive")
    for delta in filter(str.strip, deltas):
        quote, _, number = delta.rpartition(" ")
        assert quote in SOURCES[int(number.strip("[]")) - 1].text


@pytest.mark.parametrize(
    ("question", "quote"),
    [
        ("Wann wurde die Lampe des Leuchtturms zum ersten Mal angezündet?", "in 1862"),
        ("¿Quién construyó la torre del faro de Skerra?", "by Ann Ross"),
        ("灯塔的灯第一次点亮是在哪一年？", "in 1862"),
        ("Who has been stoker of the tide engine?", "Moe | stoker | 1897 [2]"),
        ("Where do ferries land when the harbour is frozen?", "southern pier. [3]"),
    ],
)
async def test_answer_is_found_across_languages_and_in_tables(
    answerer: ExtractiveAnswerer, question: str, quote: str
) -> None:
    deltas, _ = await ask(answerer, question)

    assert quote in "".join(deltas)


@pytest.mark.parametrize(
    ("question", "refusal"),
    [
        (
            "What is the boiling point of molten lead at sea level?",
            "Your documents do not answer this question.",
        ),
        (
            "Wie viele Abgeordnete sitzen im Parlament von Portugal?",
            "Ihre Dokumente beantworten diese Frage nicht.",
        ),
        ("ما هي عاصمة البرازيل وكم عدد سكانها؟", "لا تجيب مستنداتك عن هذا السؤال."),
        ("巴西的首都是哪个城市？", "您的文档没有回答这个问题。"),
        ("Сколько депутатов в парламенте?", "В ваших документах нет ответа на этот вопрос."),
    ],
)
async def test_refusal_speaks_the_language_of_the_question(
    answerer: ExtractiveAnswerer, question: str, refusal: str
) -> None:
    deltas, verdict = await ask(answerer, question)

    assert deltas == [refusal]
    assert not verdict.grounded


async def test_doubtful_quotes_come_with_a_warning(answerer: ExtractiveAnswerer) -> None:
    deltas, verdict = await ask(answerer, "Who was the last keeper of the lighthouse?")

    assert deltas[0] == (
        "Your documents do not clearly answer this question. These passages come closest."
    )
    assert deltas[2].endswith("[1]")
    assert not verdict.grounded


@pytest.mark.parametrize("sources", [[], [Source(1, "empty", 1, " \n", 0.9)]])
async def test_nothing_to_quote(answerer: ExtractiveAnswerer, sources: list[Source]) -> None:
    deltas, verdict = await ask(answerer, "When was the lamp lit?", sources)

    assert deltas == ["Your documents do not answer this question."]
    assert not verdict.grounded


async def test_question_without_words_is_no_crash(answerer: ExtractiveAnswerer) -> None:
    _, verdict = await ask(answerer, "?!")

    assert not verdict.grounded


async def test_quote_holds_nothing_that_reads_like_a_citation_or_code(
    answerer: ExtractiveAnswerer,
) -> None:
    sources = [Source(1, "wiki", 1, "The lamp of the lighthouse was lit in `1862` [2, 3].", 0.9)]

    deltas, _ = await ask(answerer, "When was the lamp of the lighthouse lit?", sources)

    assert "".join(deltas) == ("The lamp of the lighthouse was lit in '1862' [\u20602, 3]. [1]")


async def test_quotes_of_one_passage_keep_its_order(answerer: ExtractiveAnswerer) -> None:
    question = "Who built the tower of the lighthouse, where does it stand and when was it lit?"

    deltas, _ = await ask(answerer, question)

    places = [LIGHTHOUSE.find(delta.strip().removesuffix(" [1]")) for delta in deltas]
    assert len(places) > 1
    assert places == sorted(places)


async def test_follow_up_is_understood_with_the_conversation(answerer: ExtractiveAnswerer) -> None:
    history = [Turn("user", "Who built the tower of the lighthouse?"), Turn("assistant", "Ann.")]

    deltas, _ = await ask(answerer, "And when was its lamp lit?", history=history)

    assert "in 1862" in "".join(deltas)


async def test_without_vectors_words_decide() -> None:
    client = AsyncOpenAI(api_key="k", base_url="http://127.0.0.1:9/v1", max_retries=0)
    embedder = OpenAIEmbedder(client, "unreachable", 4)

    deltas, verdict = await ask(
        ExtractiveAnswerer(embedder), "When was the lamp of the lighthouse lit?"
    )
    await embedder.aclose()

    assert "in 1862. [1]" in "".join(deltas)
    assert verdict.grounded


async def test_other_headings_are_offered_where_something_was_quoted(
    answerer: ExtractiveAnswerer,
) -> None:
    sources = [
        replace(SOURCES[0], context="guide › The tower"),
        replace(SOURCES[2], context="notice › Winter landings"),
    ]

    _, verdict = await ask(answerer, "When was the lamp of the lighthouse first lit?", sources)
    _, hopeless = await ask(answerer, "Who won the cycling race of Naples?", sources)

    assert verdict.suggestions == ("What do the documents say about “Winter landings”?",)
    assert hopeless.suggestions == ()
