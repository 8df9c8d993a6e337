"""Conversations in the order in which they were held, and pages of many at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from sqlalchemy import text

from core.principal import Principal
from core.settings import Settings
from core.states import MessageRole, MessageStatus
from db import conversations
from db.conversations import Message, MessagesPage
from db.engine import Database, ReadSession, WriteSession
from resolvers.context import Context
from resolvers.schema import build_schema
from services.container import Services

WAITING = text("SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")


async def talk(services: Services, principal: Principal, *said: str) -> list[Message]:
    """A conversation of these messages."""
    conversation = await services.conversations.create(principal, "Lamps")
    async with services.database.write(principal.user_id) as session:
        return [
            await conversations.insert_message(
                session, conversation.id, None, MessageRole.USER, text, MessageStatus.COMPLETED
            )
            for text in said
        ]


async def test_of_two_questions_at_once_the_one_that_waited_comes_last(
    settings: Settings, services: Services, principal: Principal
) -> None:
    """Though its transaction, in another process, began first."""
    database = services.database
    conversation = await services.conversations.create(principal, "Oil")

    async def ask(session: WriteSession, words: str) -> None:
        await conversations.insert_message(
            session, conversation.id, None, MessageRole.USER, words, MessageStatus.COMPLETED
        )

    async def wait_and_ask(other: Database) -> None:
        async with other.write_alone(principal.user_id) as session:
            await ask(session, "second")

    async with Database(str(settings.database_url)) as other:
        async with database.write_alone(principal.user_id) as session:
            waiting = asyncio.create_task(wait_and_ask(other))
            while not (await session.one(WAITING))["n"]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await ask(session, "first")
        await waiting

    page = MessagesPage(conversation.id, 10, None)
    ((messages, _),) = await services.conversations.messages(principal, [page])
    async with database.read(principal.user_id) as reading:
        last = await conversations.last_message(reading, conversation.id)
    assert [message.text for message in messages] == ["first", "second"]
    assert last == messages[-1]


async def test_each_page_has_its_own_size_and_beginning(
    services: Services, principal: Principal
) -> None:
    fog = await talk(services, principal, "fog 1", "fog 2", "fog 3", "fog 4")
    oil = await talk(services, principal, "oil 1", "oil 2")

    found = await services.conversations.messages(
        principal,
        [
            MessagesPage(fog[0].conversation_id, 2, (fog[0].created_at, fog[0].id)),
            MessagesPage(oil[0].conversation_id, 2, None),
            MessagesPage(oil[0].conversation_id, 2, (oil[1].created_at, oil[1].id)),
            MessagesPage(fog[0].conversation_id, 1, None),
        ],
    )

    assert found == [(fog[1:3], True), (oil, False), ([], False), (fog[:1], True)]


async def test_messages_of_many_conversations_are_read_at_once(
    services: Services, principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        await talk(services, principal, f"{number} a", f"{number} b")
    transactions = 0
    read = Database.read

    @asynccontextmanager
    async def counted(database: Database, owner_id: UUID | None) -> AsyncIterator[ReadSession]:
        nonlocal transactions
        transactions += owner_id == principal.user_id
        async with read(database, owner_id) as session:
            yield session

    monkeypatch.setattr(Database, "read", counted)
    query = """{ conversations { nodes {
      some: messages(first: 1) { nodes { text } pageInfo { hasNextPage } }
      all: messages { nodes { text } } } } }"""

    result = await build_schema().execute(query, context_value=Context(services, principal, "test"))

    assert result.errors is None
    assert result.data == {
        "conversations": {
            "nodes": [
                {
                    "some": {"nodes": [{"text": f"{n} a"}], "pageInfo": {"hasNextPage": True}},
                    "all": {"nodes": [{"text": f"{n} a"}, {"text": f"{n} b"}]},
                }
                for n in (4, 3, 2, 1, 0)
            ]
        }
    }
    assert transactions == 2, "one for the conversations, one for all pages"
