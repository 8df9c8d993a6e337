"""The list of conversations and what was said in them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from core.errors import InvalidInput, NotFound, QuotaExceeded
from core.ids import check_page_size
from core.principal import Principal
from core.text import check_storable
from db import citations, conversations
from db.citations import Citation, Step
from db.conversations import Conversation, Message, MessagesPage
from db.engine import Database, ReadSession
from db.retrieval import Hit

Cursor = tuple[datetime, UUID]


class Conversations:
    def __init__(self, database: Database, limit: int) -> None:
        """One user has at most `limit` conversations."""
        self._database = database
        self._limit = limit

    async def create(self, principal: Principal, title: str) -> Conversation:
        """Raises `InvalidInput` and `QuotaExceeded`."""
        title = _checked_title(title)
        async with self._database.write_alone(principal.user_id) as session:
            await check_room(session, self._limit)
            return await conversations.insert_conversation(session, title)

    async def rename(self, principal: Principal, conversation_id: UUID, title: str) -> Conversation:
        """Raises `InvalidInput` and `NotFound`."""
        title = _checked_title(title)
        async with self._database.write(principal.user_id) as session:
            renamed = await conversations.rename(session, conversation_id, title)
        if renamed is None:
            raise _no_conversation()
        return renamed

    async def delete(self, principal: Principal, conversation_id: UUID) -> None:
        """Raises `NotFound`."""
        async with self._database.write(principal.user_id) as session:
            if not await conversations.delete(session, conversation_id):
                raise _no_conversation()

    async def by_ids(self, principal: Principal, ids: Sequence[UUID]) -> dict[UUID, Conversation]:
        async with self._database.read(principal.user_id) as session:
            return await conversations.conversations_by_ids(session, ids)

    async def page_of(
        self, principal: Principal, first: int, after: Cursor | None
    ) -> tuple[list[Conversation], bool]:
        """Conversations, the latest active first, and whether there are more.

        Raises `InvalidInput`.
        """
        check_page_size(first)
        async with self._database.read(principal.user_id) as session:
            found = await conversations.conversations_page(session, first + 1, after)
        return found[:first], len(found) > first

    async def messages(
        self, principal: Principal, pages: Sequence[MessagesPage]
    ) -> list[tuple[list[Message], bool]]:
        """The messages of each page, oldest first, and whether there are more."""
        one_more = [replace(page, limit=page.limit + 1) for page in pages]
        async with self._database.read(principal.user_id) as session:
            found = await conversations.messages_pages(session, one_more)
        return [
            (rows[: page.limit], len(rows) > page.limit)
            for page, rows in zip(pages, found, strict=True)
        ]

    async def messages_by_ids(
        self, principal: Principal, ids: Sequence[UUID]
    ) -> dict[UUID, Message]:
        async with self._database.read(principal.user_id) as session:
            return await conversations.messages_by_ids(session, ids)

    async def citations(
        self, principal: Principal, message_ids: Sequence[UUID]
    ) -> dict[UUID, list[Citation]]:
        async with self._database.read(principal.user_id) as session:
            return await citations.citations(session, message_ids)

    async def passages(
        self, principal: Principal, message_ids: Sequence[UUID]
    ) -> dict[UUID, list[Hit]]:
        async with self._database.read(principal.user_id) as session:
            return await citations.passages(session, message_ids)

    async def steps(
        self, principal: Principal, message_ids: Sequence[UUID]
    ) -> dict[UUID, list[Step]]:
        async with self._database.read(principal.user_id) as session:
            return await citations.steps(session, message_ids)


async def check_room(session: ReadSession, limit: int) -> None:
    """Raises `QuotaExceeded` when the owner may begin no further conversation."""
    if await conversations.count(session) >= limit:
        raise QuotaExceeded(f"You may have {limit:,} conversations; delete some of them first.")


def _checked_title(title: str) -> str:
    title = " ".join(title.split())
    if not 1 <= len(title) <= 200:
        raise InvalidInput("A title has 1 to 200 characters.", field="title")
    check_storable(title, "title")
    return title


def _no_conversation() -> NotFound:
    return NotFound("There is no conversation with this id.")
