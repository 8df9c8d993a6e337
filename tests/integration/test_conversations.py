"""Conversations in the order in which they were held."""

import asyncio

from sqlalchemy import text

from core.principal import Principal
from core.settings import Settings
from db import conversations
from db.engine import Database, WriteSession
from services.container import Services

WAITING = text("SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")


async def test_of_two_questions_at_once_the_one_that_waited_comes_last(
    settings: Settings, services: Services, principal: Principal
) -> None:
    """Though its transaction, in another process, began first."""
    database = services.database
    conversation = await services.conversations.create(principal, "Oil")

    async def ask(session: WriteSession, words: str) -> None:
        await conversations.insert_message(
            session, conversation.id, None, "USER", words, "COMPLETED"
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

    messages, _ = await services.conversations.messages(principal, conversation.id, 10, None)
    async with database.read(principal.user_id) as session:
        last = await conversations.last_message(session, conversation.id)
    assert [message.text for message in messages] == ["first", "second"]
    assert last == messages[-1]
