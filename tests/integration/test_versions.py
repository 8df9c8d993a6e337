"""Files that come again: nothing is lost, and citations open what they cited."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from core.errors import InvalidState, NameTaken, NotFound
from core.ids import Kind, decode_id, encode_id
from core.principal import Principal
from core.settings import Settings
from core.states import OnSameName
from db.documents import Document, Version
from resolvers.context import Context
from resolvers.schema import build_schema
from services.chat.chat import Ask
from services.container import Services
from services.uploads import Announced, Duplicate, Prepared, Upload, Uploaded
from support.library import open_ingestion
from workers.sweeper import Sweeper

BAKER = "The baker asks twelve crowns for sixty loaves."
SMITH = "The smith asks forty crowns for a new anchor, and ten for the chain."
KEEP_BOTH, REPLACE, REJECT = OnSameName.KEEP_BOTH, OnSameName.REPLACE, OnSameName.REJECT
Send = Callable[..., Awaitable[Uploaded | Duplicate]]
Ask_ = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_versions": 3, "max_user_bytes": 2000})


@pytest.fixture
def send(settings: Settings, services: Services, principal: Principal) -> Send:
    async def send(
        content: str,
        name: str = "invoice.txt",
        on_same_name: OnSameName = KEEP_BOTH,
        key: str | None = None,
    ) -> Uploaded | Duplicate:
        async def once() -> AsyncIterator[bytes]:
            yield content.encode()

        upload = Upload(name, None, once(), key, on_same_name)
        uploaded = await services.uploads.upload(principal, upload)
        while await open_ingestion(settings, services).run_next("test"):
            pass
        return uploaded

    return send


@pytest.fixture
def run(services: Services, principal: Principal) -> Ask_:
    """A GraphQL operation of the principal; its data."""
    schema = build_schema()

    async def run(query: str, **variables: object) -> dict[str, Any]:
        context = Context(services, principal, "test")
        result = await schema.execute(query, variable_values=variables, context_value=context)
        assert result.errors is None, result.errors
        assert result.data is not None
        return result.data

    return run


async def names(services: Services, principal: Principal) -> list[str]:
    rows, _ = await services.documents.page_of(principal, 100, None, None, None)
    return sorted(row.filename for row in rows)


async def found(services: Services, principal: Principal, words: str) -> list[str]:
    return [hit.text for hit in await services.retrieval.search(principal, words, 10)]


async def versions(services: Services, principal: Principal, document: Document) -> list[Version]:
    return (await services.documents.versions_of(principal, [document.id])).get(document.id, [])


async def content(services: Services, principal: Principal, version: Version) -> str:
    file = await services.documents.file(principal.user_id, version.id)
    return b"".join([chunk async for chunk in file.read()]).decode()


async def test_a_file_under_a_taken_name_is_kept_beside_the_other(
    services: Services, principal: Principal, send: Send
) -> None:
    first, second = await send(BAKER), await send(SMITH)
    third = await send(f"{SMITH} Paid.")
    assert isinstance(second, Uploaded)
    assert second.document.id != first.document.id
    assert (second.document.filename, second.version_number) == ("invoice (2).txt", 1)
    assert third.document.filename == "invoice (3).txt"
    assert BAKER in await found(services, principal, "baker loaves")
    assert SMITH in (await found(services, principal, "smith anchor"))[0]


@pytest.mark.parametrize("name", ["invoice", "a" * 251 + ".txt", "日報.txt", ".env"])
async def test_every_name_can_be_told_apart(
    services: Services, principal: Principal, send: Send, name: str
) -> None:
    await send(BAKER, name)
    other = (await send(SMITH, name)).document.filename
    assert other != name
    assert " (2)" in other
    assert len(other) <= 255


async def test_a_document_is_replaced_only_when_asked(
    services: Services, principal: Principal, send: Send
) -> None:
    first = await send(BAKER)
    second = await send(SMITH, on_same_name=REPLACE)
    assert isinstance(second, Uploaded)
    assert (second.document.id, second.version_number) == (first.document.id, 2)
    assert await names(services, principal) == ["invoice.txt"]
    newest, oldest = await versions(services, principal, second.document)
    assert (newest.number, newest.is_latest, newest.is_active) == (2, True, True)
    assert (oldest.number, oldest.is_latest, oldest.is_active) == (1, False, False)
    assert await content(services, principal, newest) == SMITH
    assert await content(services, principal, oldest) == BAKER


async def test_a_taken_name_can_be_refused(
    services: Services, principal: Principal, send: Send
) -> None:
    await send(BAKER)
    with pytest.raises(NameTaken):
        await send(SMITH, on_same_name=REJECT)
    assert await names(services, principal) == ["invoice.txt"]
    assert isinstance(await send(SMITH, "smith.txt", REJECT), Uploaded)


async def test_content_that_only_an_old_version_has_is_no_duplicate(
    services: Services, principal: Principal, send: Send
) -> None:
    await send(BAKER)
    await send(SMITH, on_same_name=REPLACE)
    assert await found(services, principal, "baker loaves") == [SMITH]
    again = await send(BAKER, "baker.txt")
    assert isinstance(again, Uploaded)
    assert again.document.filename == "baker.txt"
    assert (await found(services, principal, "baker loaves"))[0] == BAKER
    assert isinstance(await send(BAKER, "third.txt"), Duplicate)


async def test_replacing_is_not_refused_because_another_document_has_the_content(
    services: Services, principal: Principal, send: Send
) -> None:
    first = await send(BAKER)
    await send(SMITH, "smith.txt")
    second = await send(SMITH, on_same_name=REPLACE)
    assert isinstance(second, Uploaded)
    assert (second.document.id, second.version_number) == (first.document.id, 2)
    assert isinstance(await send(SMITH, on_same_name=REPLACE), Duplicate)


async def test_a_repeated_request_tells_the_same_place(send: Send) -> None:
    await send(BAKER)
    first = await send(SMITH, on_same_name=REPLACE, key="once")
    assert isinstance(first, Uploaded)
    again = await send(SMITH, on_same_name=REPLACE, key="once")
    assert isinstance(again, Uploaded)
    assert again.version_number == first.version_number == 2


async def test_announced_files_are_placed_in_the_same_ways(
    services: Services, principal: Principal, send: Send
) -> None:
    async def announce(text: str, on_same_name: OnSameName) -> Uploaded | Duplicate:
        data = text.encode()

        async def once() -> AsyncIterator[bytes]:
            yield data

        digest = hashlib.sha256(data).hexdigest()
        announced = Announced("invoice.txt", len(data), digest, on_same_name=on_same_name)
        prepared = await services.uploads.prepare(principal, announced)
        assert isinstance(prepared, Prepared)
        await services.uploads.receive(prepared.upload_id, len(data), once())
        return await services.uploads.complete(principal, prepared.upload_id)

    first = await send(BAKER)
    with pytest.raises(NameTaken):
        await announce(SMITH, REJECT)
    replaced = await announce(SMITH, REPLACE)
    assert isinstance(replaced, Uploaded)
    assert (replaced.document.id, replaced.version_number) == (first.document.id, 2)
    beside = await announce(BAKER, KEEP_BOTH)
    assert beside.document.filename == "invoice (2).txt"


async def test_an_old_version_comes_back_as_the_newest(
    settings: Settings, services: Services, principal: Principal, stranger: Principal, send: Send
) -> None:
    document = (await send(BAKER)).document
    await send(SMITH, on_same_name=REPLACE)
    with pytest.raises(NotFound):
        await services.uploads.restore(stranger, document.id, 1)
    with pytest.raises(NotFound):
        await services.uploads.restore(principal, document.id, 7)
    with pytest.raises(InvalidState):
        await services.uploads.restore(principal, document.id, 2)

    restored = await services.uploads.restore(principal, document.id, 1)
    while await open_ingestion(settings, services).run_next("test"):
        pass

    assert (restored.document.id, restored.version_number) == (document.id, 3)
    assert await found(services, principal, "crowns") == [BAKER]
    kept = await versions(services, principal, document)
    assert [(version.number, version.is_active) for version in kept] == [
        (3, True),
        (2, False),
        (1, False),
    ]
    assert await content(services, principal, kept[0]) == BAKER


async def test_old_versions_count_and_go_unless_an_answer_rests_on_them(
    services: Services, principal: Principal, send: Send, run: Ask_
) -> None:
    document = (await send(BAKER)).document
    await answered(services, principal, "What does the baker ask for sixty loaves?")
    for number in range(2, 7):
        await send(f"{SMITH} Number {number}.", on_same_name=REPLACE)
    kept = await versions(services, principal, document)
    assert [version.number for version in kept] == [6, 5, 4, 1]
    used, _ = await services.uploads.usage(principal)
    assert used.bytes == sum(version.byte_size for version in kept)
    await Sweeper(services.database, services.storage).sweep()
    assert await content(services, principal, kept[-1]) == BAKER
    query = """query ($id: ID!) { document(id: $id) { versions {
      number isLatest isActive pageCount page(number: 1) { text } downloadUrl } } }"""
    listed = (await run(query, id=encode_id(Kind.DOCUMENT, document.id)))["document"]["versions"]
    assert [version["page"]["text"] for version in listed][::3] == [f"{SMITH} Number 6.", BAKER]
    assert len({version["downloadUrl"] for version in listed}) == 4


async def answered(services: Services, principal: Principal, text: str) -> str:
    """A finished answer's id."""
    answer = (await services.chat.ask(principal, Ask(text, text))).answer
    async for _ in services.chat.follow(principal, answer, 0):
        pass
    return encode_id(Kind.MESSAGE, answer.id)


CITED = """query ($id: ID!) { node(id: $id) { ... on Message { text citations {
  index filename pageNumber quote verified boxes { page } document { id filename }
  version { number isLatest page(number: 1) { text } downloadUrl } } } } }"""


async def test_a_citation_belongs_to_the_version_that_it_cites(
    services: Services, principal: Principal, send: Send, run: Ask_
) -> None:
    await send(BAKER)
    message = await answered(services, principal, "What does the baker ask for sixty loaves?")
    await send(SMITH, on_same_name=REPLACE)
    (cited, *_) = (await run(CITED, id=message))["node"]["citations"]
    assert (cited["quote"], cited["verified"]) == (BAKER, True)
    assert (cited["version"]["number"], cited["version"]["isLatest"]) == (1, False)
    assert cited["version"]["page"]["text"] == BAKER
    token = cited["version"]["downloadUrl"].rpartition("/")[2]
    file = await services.documents.file(*services.downloads.open(token))
    assert b"".join([chunk async for chunk in file.read()]) == BAKER.encode()


REPLAY = """subscription ($id: ID!) { answer(messageId: $id) { __typename
  ... on ChatStarted { sequence } ... on ChatSources { sequence } ... on ChatDelta { sequence }
  ... on ChatCitation { sequence citation {
    index filename pageNumber quote verified boxes { page } document { id } version { number } } }
  ... on ChatCompleted { sequence answer { text citations { quote document { id } } } }
  ... on ChatFailed { sequence code } } }"""


@pytest.mark.parametrize("kept_in", ["memory and redis", "the database"])
async def test_a_citation_outlives_its_document_without_its_words_and_a_replay_has_no_hole(
    services: Services, principal: Principal, send: Send, run: Ask_, kept_in: str
) -> None:
    document = (await send(BAKER)).document
    message = await answered(services, principal, "What does the baker ask for sixty loaves?")
    await services.documents.delete(principal, document.id)
    if kept_in == "the database":
        await services.redis.flushdb()

    answer = (await run(CITED, id=message))["node"]
    (cited, *_) = answer["citations"]
    assert cited == {
        "index": 1,
        "filename": "invoice.txt",
        "pageNumber": 1,
        "quote": "",
        "verified": False,
        "boxes": [],
        "document": None,
        "version": None,
    }
    assert "twelve crowns" in answer["text"]

    context = Context(services, principal, "test")
    events = []
    stream = await build_schema().subscribe(
        REPLAY, variable_values={"id": message}, context_value=context
    )
    async for result in stream:
        assert result.errors is None
        assert result.data is not None
        events.append(result.data["answer"])
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    citations = [event["citation"] for event in events if event["__typename"] == "ChatCitation"]
    assert citations[0] == cited
    assert events[-1]["__typename"] == "ChatCompleted"


async def test_an_event_of_a_deleted_document_that_redis_still_has_says_no_words(
    services: Services, principal: Principal, send: Send
) -> None:
    """The writer's replica died before it could write its last citation to the database."""
    document = (await send(BAKER)).document
    message = await answered(services, principal, "What does the baker ask for sixty loaves?")
    answer = await services.chat.answer(principal, decode_id(Kind.MESSAGE, message))
    events = [event async for event in services.chat.follow(principal, answer, 0)]
    await services.documents.delete(principal, document.id)
    await services.redis.flushdb()
    await services.chat._tail.append(answer.id, events)
    stream = await build_schema().subscribe(
        REPLAY, variable_values={"id": message}, context_value=Context(services, principal, "test")
    )
    async for result in stream:
        assert result.errors is None
        assert "loaves" not in str((result.data or {})["answer"].get("citation"))
