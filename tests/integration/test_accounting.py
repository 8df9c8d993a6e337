"""What answers cost, counted with a real model server and kept in the database."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from core.ids import new_id
from core.principal import Principal
from core.settings import Settings
from db.conversations import Message
from language_model import Model, chunk, completes, says, serve_model, streams
from library import add_documents
from services.chat import Ask
from services.container import Services, open_services

FILES = {"guide.txt": "The lighthouse of Skerra was lit in 1862 by Ann Ross."}


@pytest.fixture
async def model() -> AsyncIterator[Model]:
    async with serve_model() as model:
        yield model


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
    answer_id = await services.chat.ask(principal, asked)
    async for _ in services.chat.follow(principal, answer_id, 0):
        pass
    return await message(services, principal, answer_id)


async def message(services: Services, principal: Principal, message_id: object) -> Message:
    found = await services.conversations.messages_by_ids(principal, [message_id])  # type: ignore[list-item]
    return found[message_id]  # type: ignore[index]


async def test_an_answer_keeps_its_tokens_and_what_they_cost_that_day(
    settings: Settings, services: Services, principal: Principal, model: Model
) -> None:
    model.manners = [says("Lit in 1862 [1].")]

    answer = await ask(services, principal)

    assert (answer.prompt_tokens, answer.completion_tokens) == (70, 9)
    assert answer.cost == Decimal("0.000036")  # 70 * 0.25 + 9 * 2 = 35.5 millionths
    dearer = settings.model_copy(update={"prompt_price": Decimal(1000)})
    async with open_services(dearer) as later:
        assert (await message(later, principal, answer.id)).cost == answer.cost


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
    answer_id = await services.chat.ask(principal, Ask("1", "When was the lighthouse lit?"))
    async for event in services.chat.follow(principal, answer_id, 0):
        if event.kind == "CITATION":
            break

    answer = await services.chat.stop(principal, answer_id)

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
    assert (answer.prompt_tokens, answer.completion_tokens, answer.cost) == (0, 0, 0)
