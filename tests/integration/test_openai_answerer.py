"""The real SDK against a chat-completions server on the loopback whose manners each test sets."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace

import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from core.errors import ErrorCode, ProviderUnavailable
from providers.answering import Delta, Question, Source, Step, Tokens, Turn, Verdict
from providers.answering.openai import OpenAIAnswerer, Timeouts, open_client
from support.language_model import Manner, Model, answers, chunk, completes, says, streams

SOURCES = [
    Source(1, "Guide", 3, "The lighthouse was lit in 1862.", 0.9),
    Source(2, "Diary", 1, "Fog came in the morning.", 0.8),
]
QUESTION = Question("When was the lighthouse lit?", [], SOURCES)


@pytest.fixture
async def answerer(model: Model) -> AsyncIterator[OpenAIAnswerer]:
    client = open_client(model.url, "k")
    answerer = OpenAIAnswerer(client, "test-model", Timeouts(first_token=30, rewrite=30))
    yield answerer
    await answerer.aclose()


@pytest.fixture
async def impatient(model: Model) -> AsyncIterator[Callable[..., OpenAIAnswerer]]:
    async with open_client(model.url, "k") as client:
        yield lambda **timeouts: OpenAIAnswerer(client, "test-model", Timeouts(**timeouts))


async def collect(answerer: OpenAIAnswerer, question: Question = QUESTION) -> tuple[str, Verdict]:
    events = [event async for event in answerer.answer(question)]
    *deltas, verdict = events
    assert isinstance(verdict, Verdict)
    assert all(isinstance(delta, Delta) for delta in deltas)
    return "".join(delta.text for delta in deltas if isinstance(delta, Delta)), verdict


async def drain(answerer: OpenAIAnswerer, seen: list[Delta | Step | Verdict]) -> None:
    async for event in answerer.answer(QUESTION):
        seen.append(event)


async def test_answer_streams_and_ends_with_a_grounded_verdict_and_usage(
    model: Model, answerer: OpenAIAnswerer
) -> None:
    model.manners = [says("It was lit", " in 1862", " [1].")]

    question = replace(QUESTION, spent=Tokens())
    events = [event async for event in answerer.answer(question)]

    assert question.spent == Tokens(70, 9)
    assert events == [
        Delta("It was lit"),
        Delta(" in 1862"),
        Delta(" [1]."),
        Verdict(True, "test-model"),
    ]
    assert model.requests[0]["model"] == "test-model"
    assert model.requests[0]["stream_options"] == {"include_usage": True}


async def test_refusal_token_is_hidden_even_when_split_over_chunks(
    model: Model, answerer: OpenAIAnswerer
) -> None:
    model.manners = [says("NOT_", "IN_SOURCES", "\n", "The documents", " do not say.")]

    text, verdict = await collect(answerer)

    assert text == "The documents do not say."
    assert not verdict.grounded


async def test_bare_refusal_is_said_in_the_language_of_the_question(
    model: Model, answerer: OpenAIAnswerer
) -> None:
    model.manners = [says("NOT_IN_SOURCES")]

    text, verdict = await collect(
        answerer, Question("Wann wurde der Leuchtturm gebaut?", [], SOURCES)
    )

    assert text == "Ihre Dokumente beantworten diese Frage nicht."
    assert not verdict.grounded


@pytest.mark.parametrize("opening", ["N", "NOT", "NOT_IN"])
async def test_text_that_only_begins_like_the_token_is_shown_whole(
    model: Model, answerer: OpenAIAnswerer, opening: str
) -> None:
    model.manners = [says(opening)]

    text, _ = await collect(answerer)

    assert text == opening


@pytest.mark.parametrize("uncited", ["It was lit in 1862.", "It was lit in 1862 [7]."])
async def test_answer_that_cites_no_source_is_not_grounded(
    model: Model, answerer: OpenAIAnswerer, uncited: str
) -> None:
    model.manners = [says(uncited)]

    _, verdict = await collect(answerer)

    assert not verdict.grounded


async def test_without_sources_the_model_is_not_asked(
    model: Model, answerer: OpenAIAnswerer
) -> None:
    text, verdict = await collect(answerer, Question("What is the capital of Peru?", [], []))

    assert text == "Your documents do not answer this question."
    assert not verdict.grounded
    assert model.requests == []


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_failure_before_the_first_token_is_tried_again(
    model: Model, answerer: OpenAIAnswerer, status: int
) -> None:
    model.manners = [answers(status, retry_after_ms="1"), says("In 1862 [1].")]

    text, _ = await collect(answerer)

    assert text == "In 1862 [1]."
    assert len(model.requests) == 2


async def test_retries_end_and_details_stay_out_of_the_message(
    model: Model, answerer: OpenAIAnswerer
) -> None:
    model.manners = [answers(500, retry_after_ms="1")]

    with pytest.raises(ProviderUnavailable) as failure:
        await collect(answerer)

    assert failure.value.code is ErrorCode.LLM_UNAVAILABLE
    assert "secret" not in failure.value.message
    assert len(model.requests) == 3


async def test_rejected_key_is_not_tried_again(model: Model, answerer: OpenAIAnswerer) -> None:
    model.manners = [answers(401)]

    with pytest.raises(ProviderUnavailable) as failure:
        await collect(answerer)

    assert failure.value.code is ErrorCode.LLM_UNAVAILABLE
    assert len(model.requests) == 1


async def test_server_that_asks_for_more_time_than_there_is_times_out(
    model: Model, impatient: Callable[..., OpenAIAnswerer]
) -> None:
    model.manners = [answers(429, retry_after="60")]

    with pytest.raises(ProviderUnavailable) as failure:
        await collect(impatient(first_token=0.3))

    assert failure.value.code is ErrorCode.LLM_TIMEOUT
    assert len(model.requests) == 1


async def test_unreachable_server() -> None:
    client = open_client("http://127.0.0.1:9/v1", "k", max_retries=0)
    answerer = OpenAIAnswerer(client, "test-model")

    with pytest.raises(ProviderUnavailable) as failure:
        await collect(answerer)

    assert failure.value.code is ErrorCode.LLM_UNAVAILABLE
    await answerer.aclose()


async def test_silence_before_the_first_token_times_out_and_hangs_up(
    model: Model, impatient: Callable[..., OpenAIAnswerer]
) -> None:
    model.manners = [model.hangs()]

    with pytest.raises(ProviderUnavailable) as failure:
        await collect(impatient(first_token=0.3))

    assert failure.value.code is ErrorCode.LLM_TIMEOUT
    await asyncio.wait_for(model.left.wait(), 10)


async def test_silence_between_tokens_times_out_after_the_text_so_far(
    model: Model, impatient: Callable[..., OpenAIAnswerer]
) -> None:
    model.manners = [streams(chunk("In 1862 "), between=60)]
    seen: list[Delta | Step | Verdict] = []

    with pytest.raises(ProviderUnavailable) as failure:
        await drain(impatient(between_tokens=0.3), seen)

    assert seen == [Delta("In 1862 ")]
    assert failure.value.code is ErrorCode.LLM_TIMEOUT
    assert len(model.requests) == 1


async def test_after_failures_in_a_row_the_server_is_left_alone(
    model: Model, answerer: OpenAIAnswerer
) -> None:
    model.manners = [streams("not json at first")]
    for _ in range(9):
        with pytest.raises(ProviderUnavailable):
            await collect(answerer)
    assert len(model.requests) == 9, "an answer that cannot be read is still an answer"
    model.requests.clear()

    model.manners = [answers(503, retry_after_ms="1")]
    for _ in range(9):
        with pytest.raises(ProviderUnavailable):
            await collect(answerer)

    assert len(model.requests) == 15, "five answers of three tries each"


async def test_answer_without_end_is_cut_at_the_total(
    model: Model, impatient: Callable[..., OpenAIAnswerer]
) -> None:
    model.manners = [says(*["and on "] * 10_000, between=0.05)]

    with pytest.raises(ProviderUnavailable) as failure:
        await collect(impatient(total=0.5))

    assert failure.value.code is ErrorCode.LLM_TIMEOUT


@pytest.mark.parametrize(
    "broken",
    ["{not json", "[1]", '"text"', '{"choices": [1]}', '{"choices": [{"delta": {"content": 5}}]}'],
)
async def test_malformed_chunk(model: Model, answerer: OpenAIAnswerer, broken: str) -> None:
    model.manners = [streams(chunk("In 1862 "), broken, chunk(None, "stop"))]

    with pytest.raises(ProviderUnavailable) as failure:
        await collect(answerer)

    assert failure.value.code is ErrorCode.LLM_UNAVAILABLE
    assert len(model.requests) == 1


@pytest.mark.parametrize(
    "cut",
    [
        streams(chunk("In 1862 ")),
        streams(chunk("In 1862 "), "[DONE]"),
        streams(chunk("In 1862 "), then=ConnectionError("cut")),
        streams(chunk("In 1862 "), '{"error": {"message": "out of memory"}}'),
    ],
    ids=["ends early", "done without a reason", "connection lost", "error event"],
)
async def test_cut_stream_fails_after_the_text_so_far(
    model: Model, answerer: OpenAIAnswerer, cut: Manner
) -> None:
    model.manners = [cut]
    seen: list[Delta | Step | Verdict] = []

    with pytest.raises(ProviderUnavailable) as failure:
        await drain(answerer, seen)

    assert seen == [Delta("In 1862 ")]
    assert failure.value.code is ErrorCode.LLM_UNAVAILABLE


async def test_empty_answer_is_a_failure_and_no_refusal(
    model: Model, answerer: OpenAIAnswerer
) -> None:
    model.manners = [says()]

    with pytest.raises(ProviderUnavailable):
        await collect(answerer)


async def test_closing_the_answer_hangs_up(model: Model, answerer: OpenAIAnswerer) -> None:
    left = asyncio.Event()

    async def endless(request: Request) -> Response:
        async def body() -> AsyncIterator[str]:
            try:
                while True:
                    yield f"data: {chunk('and on ')}\n\n"
                    await asyncio.sleep(0.01)
            finally:
                left.set()

        return StreamingResponse(body(), media_type="text/event-stream")

    model.manners = [endless]

    async with aclosing(answerer.answer(QUESTION)) as events:
        await anext(events)

    await asyncio.wait_for(left.wait(), 10)


@pytest.mark.parametrize("ending", [(chunk(None, "stop"), "[DONE]"), ()], ids=["whole", "cut off"])
async def test_questions_to_ask_next_are_not_part_of_the_answer(
    model: Model, answerer: OpenAIAnswerer, ending: tuple[str, ...]
) -> None:
    pieces = ["Lit in 1862 [1].", "\nNEXT_", "QUESTIONS\n- Who ", "lit it?\n- Why?\n"]
    model.manners = [streams(*map(chunk, pieces), *ending)]

    text, verdict = await collect(answerer)

    assert text == "Lit in 1862 [1]."
    assert verdict == Verdict(True, "test-model", ("Who lit it?", "Why?"))


HISTORY = [Turn("user", "Who built the lighthouse?"), Turn("assistant", "Ann Ross did [2].")]


async def test_follow_up_is_rewritten_with_the_conversation(
    model: Model, answerer: OpenAIAnswerer
) -> None:
    model.manners = [completes("When did Ann Ross\nbuild the lighthouse?")]

    rewritten = await answerer.rewrite("When did she?", HISTORY, Tokens())

    assert rewritten == "When did Ann Ross build the lighthouse?"
    sent = json.dumps(model.requests[0]["messages"])
    assert "Ann Ross did." in sent
    assert "When did she?" in sent


async def test_first_question_is_not_rewritten(model: Model, answerer: OpenAIAnswerer) -> None:
    assert await answerer.rewrite("When was it lit?", [], Tokens()) == "When was it lit?"
    assert model.requests == []


@pytest.mark.parametrize("useless", [None, "  ", "Well, let me explain. " * 100])
async def test_useless_rewriting_leaves_the_question(
    model: Model, answerer: OpenAIAnswerer, useless: str | None
) -> None:
    model.manners = [completes(useless)]

    assert await answerer.rewrite("When did she?", HISTORY, Tokens()) == "When did she?"


async def test_rewriting_fails_like_answering(
    model: Model, impatient: Callable[..., OpenAIAnswerer]
) -> None:
    model.manners = [model.hangs()]

    with pytest.raises(ProviderUnavailable) as failure:
        await impatient(rewrite=0.3).rewrite("When did she?", HISTORY, Tokens())

    assert failure.value.code is ErrorCode.LLM_TIMEOUT
