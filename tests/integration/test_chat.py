"""Answers while documents, conversations, Redis and writers go away around them."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import pytest

from core.errors import ErrorCode, InvalidInput, NotFound
from core.ids import new_id
from core.principal import Principal
from core.settings import Settings
from core.states import EventKind, MessageRole, MessageStatus
from db import answers, conversations
from db.answer_events import (
    AnswerCompleted,
    AnswerStarted,
    CitationMade,
    DeltaWritten,
    Event,
    SourcesFound,
)
from db.citations import Citation, Step
from db.conversations import Message
from services.chat.answer_log import ENDED_SECONDS, AnswerLog, AnswerTail, failure
from services.chat.chat import BATCH, Ask, title_of
from services.chat.leases import Leases
from services.chat.sweeper import AnswerSweeper
from services.container import Services, open_services
from services.queue import open_redis
from support.language_model import Model, says, tool_calls
from support.library import add_documents

STARTED = Event(1, AnswerStarted(new_id(), new_id()))
FILES = {
    "guide.txt": "The lighthouse of Skerra was lit in 1862 by Ann Ross.",
    "diary.txt": "Fog came in the morning and the lamp smoked.",
}


@pytest.fixture
def settings(settings: Settings, model: Model) -> Settings:
    changes = {"openai_base_url": model.url, "answerer": "openai"}
    return settings.model_copy(update=changes)


@pytest.fixture
async def documents(
    settings: Settings, services: Services, principal: Principal
) -> dict[str, object]:
    return dict(await add_documents(settings, services, principal, FILES))


def question(text: str = "When was the lighthouse lit?", **more: object) -> Ask:
    return replace(Ask(new_id().hex, text), **more)  # type: ignore[arg-type]


async def events_of(services: Services, principal: Principal, ask: Ask) -> list[Event]:
    answer = (await services.chat.ask(principal, ask)).answer
    return [event async for event in services.chat.follow(principal, answer, 0)]


async def stored(services: Services, principal: Principal, ask: Ask) -> Message:
    """The answer, after its resend has shown which one it is."""
    return (await services.chat.ask(principal, ask)).answer


@pytest.mark.usefixtures("documents")
async def test_steps_are_events_and_their_passages_may_be_cited(
    services: Services, principal: Principal, stranger: Principal, model: Model
) -> None:
    model.manners = [tool_calls(("search_documents", '{"query": "fog lamp"}')), says("Smoked [2].")]
    asked = question(document_ids=None)

    events = await events_of(services, principal, asked)

    sources = [e.content for e in events if isinstance(e.content, SourcesFound)]
    assert [s.step for s in sources] == [None, Step("search_documents", "fog lamp")]
    answer = await stored(services, principal, asked)
    steps = await services.conversations.steps(principal, [answer.id])
    assert steps[answer.id] == [sources[1].step]
    assert await services.conversations.steps(stranger, [answer.id]) == {}
    passages = (await services.conversations.passages(principal, [answer.id]))[answer.id]
    assert sources[-1].count == len(passages) == 2
    (citation,) = [e.content.citation for e in events if isinstance(e.content, CitationMade)]
    assert citation.quote in passages[1].text
    assert citation.verified


@pytest.mark.usefixtures("documents")
async def test_questions_to_ask_next_are_kept_with_the_answer(
    services: Services, principal: Principal, model: Model
) -> None:
    model.manners = [says("Lit in 1862 [1].", "\nNEXT_QUESTIONS", "\nWho lit it [1]?\n2. Why?")]
    asked = question()

    events = await events_of(services, principal, asked)

    answer = await stored(services, principal, asked)
    assert answer.text == "Lit in 1862 [1]."
    assert answer.suggestions == ["Who lit it?", "Why?"]
    assert "NEXT" not in repr(events)
    assert [event.content.kind for event in events].count(EventKind.CITATION) == 1


async def test_no_documents_chosen_are_no_documents_searched(
    services: Services, principal: Principal, documents: dict[str, object], model: Model
) -> None:
    asked = question(document_ids=[])
    events = await events_of(services, principal, asked)
    assert events[-1].content == AnswerCompleted(grounded=False)
    assert model.requests == []
    assert (await stored(services, principal, asked)).text


async def test_deleting_a_document_under_an_answer_takes_the_words_of_its_citations_along(
    services: Services, principal: Principal, documents: dict[str, object], model: Model
) -> None:
    model.manners = [says("Lit in 1862 [1].", *["word "] * 40, "Lit [1].", between=0.02)]
    asked = question(document_ids=[documents["guide.txt"]])
    answer = (await services.chat.ask(principal, asked)).answer
    seen = []
    async for event in services.chat.follow(principal, answer, 0):
        seen.append(event)
        if isinstance(event.content, CitationMade) and event.content.citation.position == 0:
            await services.documents.delete(principal, documents["guide.txt"])  # type: ignore[arg-type]

    assert isinstance(seen[-1].content, AnswerCompleted)
    assert (await stored(services, principal, asked)).status == "COMPLETED"
    cited = (await services.conversations.citations(principal, [answer.id]))[answer.id]
    assert {(c.index, c.filename, c.page_number, c.quote, c.verified) for c in cited} == {
        (1, "guide.txt", 1, "", False)
    }
    await services.redis.flushdb()
    replayed = [event async for event in services.chat.follow(principal, answer, 0)]
    assert [(event.sequence, event.content.kind) for event in replayed] == [
        (event.sequence, event.content.kind) for event in seen
    ]
    assert "Ann Ross" not in repr(replayed)


async def test_deleting_the_conversation_ends_writer_and_follower(
    services: Services, principal: Principal, documents: dict[str, object], model: Model
) -> None:
    model.manners = [says(*["word "] * 10_000, between=0.02)]
    answer = (await services.chat.ask(principal, question())).answer
    message = (await services.conversations.messages_by_ids(principal, [answer.id]))[answer.id]

    async def follow() -> None:
        async for event in services.chat.follow(principal, answer, 0):
            if isinstance(event.content, DeltaWritten):
                deleted.set()

    deleted = asyncio.Event()
    following = asyncio.create_task(follow())
    await deleted.wait()
    await services.conversations.delete(principal, message.conversation_id)

    with pytest.raises(NotFound):
        await asyncio.wait_for(following, 60)
    async with asyncio.timeout(60):
        while services.chat.writing:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.usefixtures("documents")
async def test_a_hole_in_redis_is_filled_from_the_database_at_once(
    services: Services, principal: Principal, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.chat.chat.RECHECK_SECONDS", 3600)
    model.manners = [says("Lit in 1862 [1].", *["word "] * 20, between=0.03)]
    asked = question()
    seen = await events_of(services, principal, asked)
    answer = await stored(services, principal, asked)
    await services.redis.xdel(f"lectern:answer:{answer.id.hex}", "3-0", "4-0", "7-0")

    async with asyncio.timeout(60):
        replayed = [event async for event in services.chat.follow(principal, answer, 0)]

    assert replayed == seen


@pytest.mark.usefixtures("documents")
async def test_nothing_follows_the_end(
    services: Services, principal: Principal, model: Model
) -> None:
    model.manners = [says("Lit in 1862 [1].")]
    asked = question()
    seen = await events_of(services, principal, asked)
    answer = await stored(services, principal, asked)

    last = seen[-1].sequence
    assert [e async for e in services.chat.follow(principal, answer, last)] == []
    assert [e async for e in services.chat.follow(principal, answer, last + 7)] == []
    again = [e async for e in services.chat.follow(principal, answer, -5)]
    assert again == seen


async def begin(services: Services, principal: Principal) -> Message:
    """An answer whose writer is dead from the start."""
    async with services.database.write(principal.user_id) as session:
        conversation = await conversations.insert_conversation(session, "t")
        answer = await conversations.insert_message(
            session, conversation.id, None, MessageRole.ASSISTANT, "", MessageStatus.STREAMING
        )
        await answers.begin(session, answer.id, STARTED, -1)
    return answer


async def test_a_sweep_keeps_what_only_redis_knew(
    services: Services, principal: Principal, documents: dict[str, object]
) -> None:
    passage = (await services.retrieval.search(principal, "lighthouse", 1))[0]
    cited = Citation(
        *(0, 1, 0, 3, passage.document_id, passage.version_id, 1, 0, 3, "The"),
        verified=True,
        filename="guide.txt",
    )
    tail = AnswerTail(services.redis)
    answer = await begin(services, principal)
    lost = [Event(2, DeltaWritten("Lit [1]")), Event(3, CitationMade(cited))]
    await tail.append(answer.id, lost)
    await tail.append(answer.id, [Event(5, DeltaWritten("after a hole"))])

    await AnswerSweeper(services.database, AnswerTail(services.redis)).sweep()

    message = (await services.conversations.messages_by_ids(principal, [answer.id]))[answer.id]
    assert (message.status, message.text) == ("INTERRUPTED", "Lit [1]")
    found = await services.conversations.citations(principal, [answer.id])
    assert found == {answer.id: [cited]}
    await services.redis.flushdb()
    replayed = [event async for event in services.chat.follow(principal, answer, 0)]
    assert [(e.sequence, e.content.kind) for e in replayed] == [
        (1, EventKind.STARTED),
        (2, EventKind.DELTA),
        (3, EventKind.CITATION),
        (4, EventKind.FAILED),
    ]
    assert replayed[-1].content == failure(ErrorCode.INTERRUPTED)


@pytest.mark.parametrize("seen", [7, 2**31 - 1])
async def test_who_saw_more_than_was_kept_hears_of_the_end(
    services: Services, principal: Principal, seen: int
) -> None:
    answer = await begin(services, principal)
    await AnswerSweeper(services.database, AnswerTail(services.redis)).sweep()

    (end,) = [event async for event in services.chat.follow(principal, answer, seen)]

    assert end.content == failure(ErrorCode.INTERRUPTED)
    assert end.sequence == min(seen + 1, 2**31 - 1)


@pytest.mark.usefixtures("documents")
async def test_what_is_deleted_is_not_cited_from_redis(
    services: Services, principal: Principal, model: Model
) -> None:
    model.manners = [says("Lit in 1862 [1].")]
    asked = question()
    await events_of(services, principal, asked)
    answer = await stored(services, principal, asked)

    kept_for = await services.redis.ttl(f"lectern:answer:{answer.id.hex}")

    assert kept_for <= ENDED_SECONDS


async def test_nobody_sees_what_other_processes_could_not_find(
    services: Services, principal: Principal
) -> None:
    class SlowTail(AnswerTail):
        async def append(self, message_id: UUID, events: Sequence[Event]) -> None:
            await arrived.wait()
            await super().append(message_id, events)

    arrived = asyncio.Event()
    answer = await begin(services, principal)
    tail = SlowTail(services.redis)
    leases = Leases()
    leases.hold(answer.id)
    log = AnswerLog(services.database, services.hints, tail, principal, answer.id, STARTED, leases)
    sending = asyncio.create_task(log.send())
    seeing = asyncio.create_task(anext(log.follow(0)))
    await asyncio.sleep(0.1)
    assert not seeing.done()

    arrived.set()
    assert await seeing == STARTED
    sending.cancel()


async def test_a_redis_that_hangs_is_not_waited_for() -> None:
    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.close()

    released = asyncio.Event()
    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        redis = open_redis(f"redis://{host}:{port}")
        tail = AnswerTail(redis)
        async with asyncio.timeout(60):
            await tail.append(new_id(), [STARTED])
            assert await tail.after(new_id(), 0, BATCH) is None
        released.set()
        await redis.aclose()


async def test_a_writer_that_comes_back_late_changes_nothing(
    services: Services, principal: Principal
) -> None:
    answer = await begin(services, principal)
    tail = AnswerTail(services.redis)
    leases = Leases()
    leases.hold(answer.id)
    log = AnswerLog(services.database, services.hints, tail, principal, answer.id, STARTED, leases)
    log.delta("Too late.")
    await AnswerSweeper(services.database, AnswerTail(services.redis)).sweep()

    assert await asyncio.wait_for(log.keep(), 60) == "gone"
    await log.end(answers.Ending(MessageStatus.COMPLETED, "late", True))

    message = (await services.conversations.messages_by_ids(principal, [answer.id]))[answer.id]
    assert (message.status, message.text) == ("INTERRUPTED", "")
    (end,) = await tail.after(answer.id, 1, BATCH) or []
    assert end.content == failure(ErrorCode.INTERRUPTED)


async def test_closing_the_services_interrupts_what_is_not_finished(
    settings: Settings, services: Services, principal: Principal, model: Model
) -> None:
    await add_documents(settings, services, principal, FILES)
    model.manners = [says("Lit in 1862 [1].", *["word "] * 10_000, between=0.02)]
    async with open_services(settings) as other:
        answer = (await other.chat.ask(principal, question())).answer
        async for event in other.chat.follow(principal, answer, 0):
            if isinstance(event.content, DeltaWritten) and "word" in event.content.text:
                break

    message = (await services.conversations.messages_by_ids(principal, [answer.id]))[answer.id]
    assert message.status == "INTERRUPTED"
    assert message.text.startswith("Lit in 1862 [1].word")
    assert len((await services.conversations.citations(principal, [answer.id]))[answer.id]) == 1


async def test_whoever_leaves_while_asking_has_asked(
    services: Services, principal: Principal, documents: dict[str, object], model: Model
) -> None:
    model.manners = [says("Lit in 1862 [1].")]
    for _ in range(20):
        asked = question()
        asking = asyncio.create_task(services.chat.ask(principal, asked))
        await asyncio.sleep(0.001)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        events = await events_of(services, principal, asked)
        assert isinstance(events[-1].content, AnswerCompleted)


@pytest.mark.parametrize(
    "ask",
    [
        Ask("1", " \n"),
        Ask("1", "a\0b"),
        Ask("1", "\ud800"),
        Ask("1", "x" * 10_001),
        Ask("", "Why?"),
        Ask("\0", "Why?"),
        Ask("x" * 201, "Why?"),
    ],
)
async def test_what_cannot_be_asked(services: Services, principal: Principal, ask: Ask) -> None:
    with pytest.raises(InvalidInput):
        await services.chat.ask(principal, ask)


async def test_text_that_no_database_holds_is_left_out(
    services: Services, principal: Principal, documents: dict[str, object], model: Model
) -> None:
    model.manners = [says("Lit\0 in \ud83d1862 [1].")]
    asked = question()
    events = await events_of(services, principal, asked)
    assert isinstance(events[-1].content, AnswerCompleted)
    assert (await stored(services, principal, asked)).text == "Lit in 1862 [1]."


def test_titles() -> None:
    assert title_of(" Who  lit\nit? ") == "Who lit it?"
    assert title_of("word " * 40) == "word " * 14 + "word…"
    assert len(title_of("灯" * 200)) == 80
