"""What a user does, over real sockets: register, upload, watch, ask, open the cited page."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from cli.client import Client
from core.settings import Settings
from support.accounts import register
from support.product import Product

SAMPLES = Path(__file__).parent.parent / "samples"

UPLOAD = """
mutation ($file: Upload!) {
  uploadDocument(input: { file: $file }) {
    __typename
    ... on UploadedDocument { document { id filename status } }
    ... on DuplicateDocument { document { id filename status } }
    ... on Error { code message }
  }
}
"""
PROGRESS = """
subscription ($id: ID!, $after: Int!) {
  documentProgress(documentId: $id, afterVersion: $after) {
    version status stage fraction failure { code message advice } document { pageCount chunkCount }
  }
}
"""
CHAT = """
subscription ($input: ChatInput!) {
  chat(input: $input) {
    __typename
    ... on ChatStarted { sequence conversation { id title } question { id } answer { id } }
    ... on ChatSources { sequence passages { id text pageNumber document { filename } } }
    ... on ChatDelta { sequence text }
    ... on ChatCitation { sequence citation { ...cited } }
    ... on ChatCompleted { sequence grounded answer { text status citations { ...cited } } }
    ... on ChatFailed { sequence code message }
  }
}
fragment cited on Citation {
  index start end quote pageNumber verified document { id filename }
  boxes { page x y width height }
}
"""
ANSWER = """
subscription ($id: ID!, $after: Int!) {
  answer(messageId: $id, afterSequence: $after) {
    __typename
    ... on ChatDelta { sequence text }
    ... on ChatCompleted { sequence answer { text } }
  }
}
"""
PAGE = """
query ($id: ID!, $number: Int!) {
  document(id: $id) { downloadUrl byteSize page(number: $number) { text width height } }
}
"""
PAGE_COUNTS = {
    "tide-engine-handbook.pdf": 4,
    "survey-report.docx": 1,
    "visitor-guide.html": 1,
    "observatory-charter.md": 1,
    "keeper-diary.txt": 1,
}


@pytest.fixture
def url(settings: Settings) -> Iterator[str]:
    with Product(settings) as product:
        url, _ = product.serve()
        product.work()
        yield url


@pytest.fixture
async def client(url: str) -> AsyncIterator[Client]:
    async with Client(url) as client:
        await register(client)
        yield client


async def test_the_whole_journey(client: Client) -> None:
    documents = {}
    for filename, page_count in PAGE_COUNTS.items():
        uploaded = (await client.upload(UPLOAD, SAMPLES / filename))["uploadDocument"]
        assert uploaded["__typename"] == "UploadedDocument"
        documents[filename] = uploaded["document"]["id"]
        snapshots = [
            event["documentProgress"]
            async for event in client.subscribe(PROGRESS, id=documents[filename], after=0)
        ]
        assert [s["version"] for s in snapshots] == list(
            range(snapshots[0]["version"], snapshots[-1]["version"] + 1)
        )
        assert [s["fraction"] for s in snapshots] == sorted(s["fraction"] for s in snapshots)
        last = snapshots[-1]
        assert (last["status"], last["fraction"]) == ("READY", 1.0)
        assert last["document"]["pageCount"] == page_count

    again = (await client.upload(UPLOAD, SAMPLES / "keeper-diary.txt"))["uploadDocument"]
    assert again["__typename"] == "DuplicateDocument"
    assert again["document"]["id"] == documents["keeper-diary.txt"]

    question = {"clientMessageId": "1", "text": "Where do the spare chains hang?"}
    events = [event["chat"] async for event in client.subscribe(CHAT, input=question)]
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    kinds = [event["__typename"] for event in events]
    assert (kinds[0], kinds[1], kinds[-1]) == ("ChatStarted", "ChatSources", "ChatCompleted")
    text = "".join(event["text"] for event in events if event["__typename"] == "ChatDelta")
    completed = events[-1]
    assert completed["grounded"]
    assert completed["answer"]["text"] == text
    cited = [event["citation"] for event in events if event["__typename"] == "ChatCitation"]
    assert cited
    assert cited == completed["answer"]["citations"]

    for citation in cited:
        assert citation["verified"]
        assert f"[{citation['index']}]" in text[citation["end"] :]
        source = events[1]["passages"][citation["index"] - 1]
        assert source["document"]["filename"] == citation["document"]["filename"]
        opened = (
            await client.execute(PAGE, id=citation["document"]["id"], number=citation["pageNumber"])
        )["document"]
        assert citation["quote"] in opened["page"]["text"]
        for box in citation["boxes"]:
            assert box["page"] == citation["pageNumber"]
            assert 0 <= box["x"] < box["x"] + box["width"] <= 1
            assert 0 <= box["y"] < box["y"] + box["height"] <= 1
        async with httpx.AsyncClient() as browser:
            file = await browser.get(opened["downloadUrl"])
        assert len(file.content) == opened["byteSize"]

    assert "north room" in cited[0]["quote"]
    assert cited[0]["document"]["filename"] == "tide-engine-handbook.pdf"
    assert cited[0]["boxes"]

    resent = [event["chat"] async for event in client.subscribe(CHAT, input=question)]
    assert resent == events
    answer_id = events[0]["answer"]["id"]
    rest = [e["answer"] async for e in client.subscribe(ANSWER, id=answer_id, after=2)]
    assert "".join(event.get("text", "") for event in rest) == text


async def test_progress_resumes_after_any_version(client: Client) -> None:
    uploaded = await client.upload(UPLOAD, SAMPLES / "keeper-diary.txt")
    id_ = uploaded["uploadDocument"]["document"]["id"]
    seen = [e["documentProgress"] async for e in client.subscribe(PROGRESS, id=id_, after=0)]
    last = seen[-1]["version"]
    for after in (1, last - 1):
        replayed = [
            e["documentProgress"]["version"]
            async for e in client.subscribe(PROGRESS, id=id_, after=after)
        ]
        assert replayed == list(range(after + 1, last + 1))


async def test_an_empty_library_answers_honestly(client: Client) -> None:
    question = {"clientMessageId": "1", "text": "What is the tide engine?"}
    events = [event["chat"] async for event in client.subscribe(CHAT, input=question)]
    assert events[-1]["__typename"] == "ChatCompleted"
    assert not events[-1]["grounded"]
    assert events[-1]["answer"]["text"]
    assert events[-1]["answer"]["citations"] == []


async def test_a_question_id_stands_for_one_question(client: Client) -> None:
    first = {"clientMessageId": "1", "text": "What is the tide engine?"}
    async for _ in client.subscribe(CHAT, input=first):
        pass
    other = first | {"text": "Who is the keeper?"}
    events = [event["chat"] async for event in client.subscribe(CHAT, input=other)]
    assert [(event["__typename"], event["code"]) for event in events] == [
        ("ChatFailed", "INVALID_INPUT")
    ]
