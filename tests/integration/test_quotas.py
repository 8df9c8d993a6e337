"""What answers cost, counted with a real model server and kept in the database."""

import asyncio
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import text

from core.errors import QuotaExceeded
from core.ids import new_id
from core.principal import Principal
from core.settings import Settings
from core.states import MessageStatus
from db.answer_events import CitationMade, DeltaWritten
from db.conversations import Message
from db.usage import Month
from services.chat.chat import Ask
from services.container import Services, open_services
from services.quotas import bounds
from support.language_model import Model, chunk, completes, says, streams
from support.library import add_documents

FILES = {"guide.txt": "The lighthouse of Skerra was lit in 1862 by Ann Ross."}


@pytest.fixture
def settings(settings: Settings, model: Model) -> Settings:
    changes = {
        "openai_base_url": model.url,
        "answerer": "openai",
        "prompt_price": Decimal("0.25"),
        "completion_price": Decimal(2),
    }
    return settings.model_copy(update=changes)


@pytest.fixture(autouse=True)
async def documents(settings: Settings, services: Services, principal: Principal) -> None:
    await add_documents(settings, services, principal, FILES)


async def ask(services: Services, principal: Principal, **more: object) -> Message:
    """The answer, after its end."""
    asked = Ask(new_id().hex, "When was the lighthouse lit?", **more)  # type: ignore[arg-type]
    answer = (await services.chat.ask(principal, asked)).answer
    async for _ in services.chat.follow(principal, answer, 0):
        pass
    return await services.chat.answer(principal, answer.id)


async def test_an_answer_keeps_its_tokens_and_what_they_cost_that_day(
    settings: Settings, services: Services, principal: Principal, model: Model
) -> None:
    model.manners = [says("Lit in 1862 [1].")]

    answer = await ask(services, principal)

    assert (answer.prompt_tokens, answer.completion_tokens) == (70, 9)
    assert answer.cost == Decimal("0.000036")  # 70 * 0.25 + 9 * 2 = 35.5 millionths
    dearer = settings.model_copy(update={"prompt_price": Decimal(1000)})
    async with open_services(dearer) as later:
        assert (await later.chat.answer(principal, answer.id)).cost == answer.cost


async def test_understanding_a_follow_up_is_counted_too(
    services: Services, principal: Principal, model: Model
) -> None:
    model.manners = [says("Lit in 1862 [1].")]
    first = await ask(services, principal)
    model.manners = [completes("When was the lighthouse lit?"), says("Lit in 1862 [1].")]

    second = await ask(services, principal, parent_id=first.id)

    assert second.prompt_tokens > first.prompt_tokens
    assert second.completion_tokens > first.completion_tokens


async def test_what_the_server_does_not_count_is_estimated(
    services: Services, principal: Principal, model: Model
) -> None:
    model.manners = [streams(chunk("Lit in 1862 [1]."), chunk(None, "stop"), "[DONE]")]

    answer = await ask(services, principal)

    prompt = "".join(str(m["content"]) for m in model.requests[0]["messages"])
    assert len(prompt.encode()) / 6 < answer.prompt_tokens <= len(prompt.encode()) / 3
    assert answer.completion_tokens == len("Lit in 1862 [1].") // 3


async def test_stopping_an_answer_does_not_make_it_free(
    services: Services, principal: Principal, model: Model
) -> None:
    model.manners = [says("Lit in 1862 [1].", *["word "] * 10_000, between=0.02)]
    begun = (await services.chat.ask(principal, Ask("1", "When was the lighthouse lit?"))).answer
    async for event in services.chat.follow(principal, begun, 0):
        if isinstance(event.content, CitationMade):
            break

    answer = await services.chat.stop(principal, begun.id)

    assert answer.status == "STOPPED"
    assert answer.prompt_tokens > 100
    assert answer.completion_tokens >= 5
    assert answer.cost > 0


async def test_quotes_cost_nothing(
    settings: Settings, principal: Principal, services: Services
) -> None:
    async with open_services(settings.model_copy(update={"answerer": "extractive"})) as quoting:
        answer = await ask(quoting, principal)

    assert answer.answerer == "extractive"
    assert (answer.prompt_tokens, answer.completion_tokens, answer.cost) == (0, 0, Decimal(0))


async def test_the_month_adds_up_and_deleting_gives_nothing_back(
    services: Services, principal: Principal, model: Model
) -> None:
    model.manners = [says("Lit in 1862 [1].")]
    first, second = await ask(services, principal), await ask(services, principal)

    month = await services.quotas.month(principal)
    assert (month.answers_today, month.answers) == (2, 2)
    assert (month.prompt_tokens, month.completion_tokens) == (140, 18)
    assert month.cost == first.cost + second.cost
    for answer in (first, second):
        await services.conversations.delete(principal, answer.conversation_id)
    assert await services.quotas.month(principal) == month


async def test_an_answer_that_is_deleted_while_it_is_written_is_paid_for(
    services: Services, principal: Principal, model: Model
) -> None:
    model.manners = [says(*["word "] * 10_000, between=0.02)]
    answer = (await services.chat.ask(principal, Ask("1", "When was the lighthouse lit?"))).answer
    async for event in services.chat.follow(principal, answer, 0):
        if isinstance(event.content, DeltaWritten):
            break
    await services.conversations.delete(principal, answer.conversation_id)
    async with asyncio.timeout(60):
        while services.chat.writing:  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    month = await services.quotas.month(principal)
    assert month.answers == 1
    assert month.prompt_tokens > 100


async def test_a_new_month_begins_at_zero(
    services: Services, principal: Principal, model: Model
) -> None:
    model.manners = [says("Lit in 1862 [1].")]
    await ask(services, principal)
    await let_days_pass(services, principal, 31)

    month = await services.quotas.month(principal)

    assert (month.answers_today, month.answers) == (0, 0)
    assert (month.prompt_tokens, month.cost) == (0, Decimal(0))


async def test_a_day_has_so_many_answers_and_the_refusal_says_until_when(
    settings: Settings, principal: Principal, stranger: Principal, model: Model
) -> None:
    model.manners = [says("Lit in 1862 [1].")]
    async with open_services(settings.model_copy(update={"max_user_daily_answers": 2})) as strict:
        first, _ = await ask(strict, principal), await ask(strict, principal)
        with pytest.raises(QuotaExceeded) as refused:
            await ask(strict, principal)

        assert "2 questions a day" in refused.value.message
        assert "00:00 UTC" in refused.value.message
        await strict.conversations.delete(principal, first.conversation_id)
        with pytest.raises(QuotaExceeded):
            await ask(strict, principal)
        assert (await strict.quotas.month(principal)).answers == 2, "refusals do not count"
        assert (await ask(strict, stranger)).status == "COMPLETED"
        await let_days_pass(strict, principal, 1)
        assert (await ask(strict, principal)).status == "COMPLETED"


async def test_a_resend_is_not_another_answer(
    settings: Settings, principal: Principal, model: Model
) -> None:
    model.manners = [says("Lit in 1862 [1].")]
    asked = Ask("once", "When was the lighthouse lit?")
    async with open_services(settings.model_copy(update={"max_user_daily_answers": 1})) as strict:
        answers = [(await strict.chat.ask(principal, asked)).answer.id for _ in range(3)]

    assert len(set(answers)) == 1


async def test_questions_at_the_same_time_do_not_slip_past_the_limit(
    settings: Settings, principal: Principal, model: Model
) -> None:
    model.manners = [says("Lit in 1862 [1].")]
    async with open_services(settings.model_copy(update={"max_user_daily_answers": 2})) as strict:
        asked = [strict.chat.ask(principal, Ask(str(n), "When was it lit?")) for n in range(4)]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)

    assert sum(isinstance(outcome, QuotaExceeded) for outcome in outcomes) == 2


async def test_beyond_its_tokens_an_account_is_answered_in_quotes(
    settings: Settings, principal: Principal, stranger: Principal, model: Model
) -> None:
    model.manners = [says("Lit in 1862 [1].")]
    thrifty = settings.model_copy(update={"max_user_monthly_tokens": 79})
    async with open_services(thrifty) as services:
        by_model, by_quotes = await ask(services, principal), await ask(services, principal)

        assert (by_model.answerer, by_quotes.answerer) == ("gpt-5-mini", "extractive")
        assert len(model.requests) == 1
        assert (by_quotes.status, by_quotes.cost) == (MessageStatus.COMPLETED, Decimal(0))
        assert "1862" in by_quotes.text
        assert (await services.quotas.month(stranger)).answers == 0
        await let_days_pass(services, principal, 31)
        assert (await ask(services, principal)).answerer == "gpt-5-mini"


@pytest.mark.parametrize(
    ("today", "first", "next_first"),
    [
        (date(2026, 12, 31), datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (date(2028, 2, 29), datetime(2028, 2, 1, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC)),
        (date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)),
    ],
)
def test_bounds_of_a_month(today: date, first: datetime, next_first: datetime) -> None:
    assert bounds(Month(today, 0, 0, 0, 0, Decimal(0))) == (first, next_first)


async def let_days_pass(services: Services, principal: Principal, days: int) -> None:
    async with services.database.write(principal.user_id) as session:
        await session.run(text("UPDATE usage_days SET day = day - CAST(:days AS int)"), days=days)
