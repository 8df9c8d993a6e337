"""What a front end shows beside an answer, and how it learns that there are no more today."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cli.client import Client
from core.ids import new_id
from core.settings import Settings
from support.accounts import register
from support.chat import Json
from support.language_model import Model, model_in_thread, says, tool_calls
from support.product import Product

SAMPLE = Path(__file__).parent.parent / "samples" / "keeper-diary.txt"
UPLOAD = """
mutation ($file: Upload!) {
  uploadDocument(input: { file: $file }) { ... on UploadedDocument { document { id } } }
}
"""
PROGRESS = "subscription ($id: ID!) { documentProgress(documentId: $id) { status } }"
DETAILS = """fragment details on Message {
  text answerer suggestions steps { tool subject }
  usage { promptTokens completionTokens cost } }"""
CHAT = f"""subscription ($input: ChatInput!) {{ chat(input: $input) {{
  __typename
  ... on ChatStarted {{ question {{ id usage {{ cost }} }} answer {{ id usage {{ cost }} }} }}
  ... on ChatSources {{ step {{ tool subject }} }}
  ... on ChatCompleted {{ answer {{ ...details }} }}
  ... on ChatFailed {{ sequence code message retryable }}
}} }} {DETAILS}"""
MESSAGE = f"query ($id: ID!) {{ node(id: $id) {{ ... on Message {{ ...details }} }} }} {DETAILS}"
USAGE = """{ usage { documentCount answersToday dailyAnswerLimit month {
  startsAt endsAt answerCount promptTokens completionTokens tokenLimit cost } } }"""


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with model_in_thread() as model:
        yield model


@pytest.fixture
def url(settings: Settings, model: Model) -> Iterator[str]:
    limits = {"LECTERN_MAX_USER_DAILY_ANSWERS": "2", "LECTERN_MAX_USER_MONTHLY_TOKENS": "100"}
    prices = {"LECTERN_PROMPT_PRICE": "0.25", "LECTERN_COMPLETION_PRICE": "2"}
    provider = {"OPENAI_BASE_URL": model.url, "LECTERN_ANSWERER": "openai"}
    with Product(settings, **limits, **prices, **provider) as product:
        product.work()
        yield product.serve()[0]


@pytest.fixture
async def client(url: str) -> AsyncIterator[Client]:
    async with Client(url) as client:
        await register(client)
        uploaded = await client.upload(UPLOAD, SAMPLE)
        id_ = uploaded["uploadDocument"]["document"]["id"]
        async for _ in client.subscribe(PROGRESS, id=id_):
            pass
        yield client


async def test_an_answer_tells_all_about_itself_until_the_day_is_over(
    url: str, client: Client, model: Model
) -> None:
    search = tool_calls(("search_documents", '{"query": "fog lamp"}'))
    model.manners = [search, says("It smoked [1].", "\nNEXT_QUESTIONS\n", "- Who wrote it?")]

    async def ask() -> list[Json]:
        question = {"clientMessageId": new_id().hex, "text": "What did the lamp do?"}
        return [event["chat"] async for event in client.subscribe(CHAT, input=question)]

    first = await ask()
    started, answer = first[0], first[-1]["answer"]
    steps = [event["step"] for event in first if event["__typename"] == "ChatSources"]
    assert (started["question"]["usage"], started["answer"]["usage"]) == (None, None)
    assert answer["text"] == "It smoked [1]."
    assert answer["answerer"] == "gpt-5-mini"
    assert answer["suggestions"] == ["Who wrote it?"]
    assert answer["steps"] == steps[1:] == [{"tool": "search_documents", "subject": "fog lamp"}]
    assert answer["usage"]["completionTokens"] == 9
    assert float(answer["usage"]["cost"]) > 0
    reloaded = await client.execute(MESSAGE, id=started["answer"]["id"])
    assert reloaded["node"] == answer

    second = await ask()
    assert second[-1]["answer"]["answerer"] == "extractive", "the month's tokens are used up"
    assert second[-1]["answer"]["usage"]["cost"] == "0.000000"
    (third,) = await ask()
    assert (third["code"], third["sequence"], third["retryable"]) == ("QUOTA_EXCEEDED", 0, False)
    assert "00:00 UTC" in third["message"]

    usage = (await client.execute(USAGE))["usage"]
    assert (usage["answersToday"], usage["dailyAnswerLimit"]) == (2, 2)
    month = usage["month"]
    assert (month["answerCount"], month["tokenLimit"]) == (2, 100)
    assert month["promptTokens"] == answer["usage"]["promptTokens"]
    assert month["cost"] == answer["usage"]["cost"]
    assert month["startsAt"] < month["endsAt"]

    async with Client(url) as other:
        await register(other)
        assert (await other.execute(MESSAGE, id=started["answer"]["id"])) == {"node": None}
        theirs = (await other.execute(USAGE))["usage"]
        assert (theirs["answersToday"], theirs["month"]["promptTokens"]) == (0, 0)
