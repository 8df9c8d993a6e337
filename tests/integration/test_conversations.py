"""Conversations in the order in which they were held."""

import asyncio

from core.principal import Principal
from db import conversations, documents
from services.container import Services


async def test_of_two_questions_at_once_the_one_that_waited_comes_last(
    services: Services, principal: Principal
) -> None:
    """Though its transaction began first."""
    database = services.database
    conversation = await services.conversations.create(principal, "Oil")
    begun, asked = asyncio.Event(), asyncio.Event()

    async def wait_and_ask() -> None:
        async with database.write(principal.user_id) as session:
            begun.set()
            await asked.wait()
            await documents.lock_library(session)
            await conversations.insert_message(
                session, conversation.id, None, "USER", "second", "COMPLETED"
            )

    waiting = asyncio.create_task(wait_and_ask())
    await begun.wait()
    async with database.write(principal.user_id) as session:
        await documents.lock_library(session)
        await conversations.insert_message(
            session, conversation.id, None, "USER", "first", "COMPLETED"
        )
        asked.set()
    await waiting

    messages, _ = await services.conversations.messages(principal, conversation.id, 10, None)
    async with database.read(principal.user_id) as session:
        last = await conversations.last_message(session, conversation.id)
    assert [message.text for message in messages] == ["first", "second"]
    assert last == messages[-1]
