"""The rows of answers: few, exact to resume from, and locked in one order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from cli.embedded import EmbeddedPostgres
from core.errors import ErrorCode
from core.ids import new_id
from core.states import MessageRole, MessageStatus
from db import accounts, answer_events, answers, conversations
from db.answer_events import (
    AnswerCompleted,
    AnswerFailed,
    AnswerStarted,
    DeltaWritten,
    Event,
    SourcesFound,
)
from db.answers import Ending
from db.conversations import Message
from db.engine import Database, WriteSession

Act = Callable[[WriteSession, Message], Awaitable[object]]
EVENTS = [
    Event(1, AnswerStarted(new_id(), new_id())),
    *(Event(n, DeltaWritten(f"word{n} ")) for n in range(2, 7)),
    Event(7, SourcesFound(3)),
    *(Event(n, DeltaWritten(f"word{n} ")) for n in range(8, 10)),
    Event(10, AnswerCompleted(grounded=True)),
]
LOCK = text("SELECT 1 FROM messages WHERE owner_id = :owner_id AND id = :id FOR UPDATE")
WAITING = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


@pytest.fixture
async def database(postgres: EmbeddedPostgres) -> AsyncIterator[Database]:
    """Without the services, which sweep."""
    async with Database(postgres.app_url) as database:
        yield database


@pytest.fixture
async def superuser(postgres: EmbeddedPostgres) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres.url("postgres"))
    yield connection
    await connection.close()


async def begin(database: Database) -> tuple[UUID, Message]:
    """A user's answer whose lease has run out already."""
    owner_id = new_id()
    async with database.write(owner_id) as session:
        await accounts.insert_user(session, f"{owner_id.hex}@example.org", "", None)
        conversation = await conversations.insert_conversation(session, "Lamps")
        answer = await conversations.insert_message(
            session, conversation.id, None, MessageRole.ASSISTANT, "", MessageStatus.STREAMING
        )
        await answers.begin(session, answer.id, EVENTS[0], lease_seconds=-1)
    return owner_id, answer


@pytest.mark.parametrize(
    "batches",
    [
        [EVENTS[1:]],
        [EVENTS[1:4], EVENTS[4:]],
        [[event] for event in EVENTS[1:]],
        [EVENTS[1:3], EVENTS[1:4], EVENTS[1:]],
    ],
    ids=["at once", "in two", "one by one", "again after lost commits"],
)
@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_events_are_read_on_after_any_of_them(
    database: Database, batches: list[list[Event]], limit: int
) -> None:
    owner_id, answer = await begin(database)
    for batch in batches:
        async with database.write(owner_id) as session:
            await answer_events.append(session, answer.id, batch)

    async with database.read(owner_id) as reading:
        for after in range(len(EVENTS) + 2):
            found = await answer_events.after(reading, answer.id, after, limit)
            assert found == EVENTS[after : after + limit]
        assert await answer_events.last_sequence(reading, answer.id) == len(EVENTS)


async def test_deltas_of_one_batch_are_one_row(
    database: Database, superuser: asyncpg.Connection
) -> None:
    owner_id, answer = await begin(database)
    async with database.write(owner_id) as session:
        await answer_events.append(session, answer.id, EVENTS[1:])

    count = "SELECT count(*) FROM answer_events WHERE message_id = $1"
    assert await superuser.fetchval(count, answer.id) == 5


async def checkpoint(session: WriteSession, answer: Message) -> str:
    delta = Event(2, DeltaWritten("Lit"))
    return await answers.checkpoint(session, answer.id, "Lit", [delta], 2, 60)


async def delete(session: WriteSession, answer: Message) -> bool:
    return await conversations.delete(session, answer.conversation_id)


async def interrupt(session: WriteSession, answer: Message) -> bool:
    if await answers.lock_expired(session, answer.id) is None:
        return False
    failed = AnswerFailed(ErrorCode.INTERRUPTED, "Ask again.")
    await answer_events.append(session, answer.id, [Event(2, failed)])
    return await answers.end(session, answer.id, Ending(MessageStatus.INTERRUPTED), "", 2)


@pytest.mark.parametrize(
    ("first", "second", "outcome"),
    [
        (delete, checkpoint, [True, "gone"]),
        (checkpoint, delete, ["held", True]),
        (interrupt, checkpoint, [True, "gone"]),
        (checkpoint, interrupt, ["held", False]),
        (delete, interrupt, [True, False]),
        (interrupt, delete, [True, True]),
    ],
)
async def test_of_two_at_once_one_waits_for_the_other(
    database: Database,
    superuser: asyncpg.Connection,
    first: Act,
    second: Act,
    outcome: list[object],
) -> None:
    owner_id, answer = await begin(database)

    async def run(act: Act) -> object:
        async with database.write(owner_id) as session:
            return await act(session, answer)

    async def begun(act: Act, waiting: int) -> asyncio.Task[object]:
        """Once so many wait for a lock."""
        task = asyncio.create_task(run(act))
        async with asyncio.timeout(30):
            while await superuser.fetchval(WAITING) < waiting:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return task

    async with database.write(owner_id) as session:
        await session.one(LOCK, owner_id=owner_id, id=answer.id)
        tasks = [await begun(first, 1), await begun(second, 2)]

    assert await asyncio.gather(*tasks) == outcome
