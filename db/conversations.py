"""Conversations and their trees of messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text

from core.ids import new_id
from core.states import MessageRole, MessageStatus
from db.engine import ReadSession, Row, WriteSession


@dataclass(frozen=True, slots=True)
class Conversation:
    id: UUID
    title: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    id: UUID
    conversation_id: UUID
    parent_id: UUID | None
    role: MessageRole
    text: str
    status: MessageStatus
    document_ids: list[UUID] | None
    answerer: str | None
    grounded: bool | None
    prompt_tokens: int
    completion_tokens: int
    cost: Decimal
    suggestions: list[str]
    rating: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class MessagesPage:
    """A page of a conversation: `limit` messages, oldest first, after a time and id."""

    conversation_id: UUID
    limit: int
    after: tuple[datetime, UUID] | None


_CONVERSATION = "id, title, created_at, updated_at"
_MESSAGE = """id, conversation_id, parent_id, role, text, status, document_ids, answerer, grounded,
  prompt_tokens, completion_tokens, cost, suggestions, rating, created_at"""
_INSERT_CONVERSATION = text(f"""
    INSERT INTO conversations (owner_id, id, title) VALUES (:owner_id, :id, :title)
    RETURNING {_CONVERSATION}
    """)
_COUNT = text("SELECT count(*) AS n FROM conversations WHERE owner_id = :owner_id")
_CONVERSATIONS_BY_IDS = text(
    f"SELECT {_CONVERSATION} FROM conversations WHERE owner_id = :owner_id AND id = ANY(:ids)"
)
_CONVERSATIONS_PAGE = text(f"""
    SELECT {_CONVERSATION} FROM conversations WHERE owner_id = :owner_id
      AND (CAST(:after_at AS timestamptz) IS NULL
        OR (updated_at, id) < (:after_at, CAST(:after_id AS uuid)))
    ORDER BY updated_at DESC, id DESC LIMIT :limit
    """)
_RENAME = text(f"""
    UPDATE conversations SET title = :title, updated_at = now()
    WHERE owner_id = :owner_id AND id = :id RETURNING {_CONVERSATION}
    """)
_TOUCH = text(f"""
    UPDATE conversations SET updated_at = now() WHERE owner_id = :owner_id AND id = :id
    RETURNING {_CONVERSATION}
    """)
_DELETE = text("DELETE FROM conversations WHERE owner_id = :owner_id AND id = :id")
_INSERT_MESSAGE = text(f"""
    INSERT INTO messages (owner_id, id, conversation_id, parent_id, role, text, status,
      client_message_id, document_ids)
    VALUES (:owner_id, :id, :conversation_id, :parent_id, :role, :text, :status,
      :client_message_id, :document_ids)
    RETURNING {_MESSAGE}
    """)
_MESSAGES_BY_IDS = text(
    f"SELECT {_MESSAGE} FROM messages WHERE owner_id = :owner_id AND id = ANY(:ids)"
)
_ANSWER_BY_CLIENT_ID = text(f"""
    SELECT {_MESSAGE} FROM messages WHERE owner_id = :owner_id
      AND client_message_id = :client_message_id
    """)
_LAST_MESSAGE = text(f"""
    SELECT {_MESSAGE} FROM messages WHERE owner_id = :owner_id
      AND conversation_id = :id ORDER BY created_at DESC, id DESC LIMIT 1
    """)
_MESSAGES_PAGES = text(f"""
    SELECT page.number, m.* FROM unnest(
      CAST(:ids AS uuid[]), CAST(:limits AS int[]),
      CAST(:after_ats AS timestamptz[]), CAST(:after_ids AS uuid[])
    ) WITH ORDINALITY AS page(of, size, after_at, after_id, number)
    CROSS JOIN LATERAL (
      SELECT {_MESSAGE} FROM messages
      WHERE owner_id = :owner_id AND conversation_id = page.of
        AND (created_at, id) > (coalesce(page.after_at, '-infinity'), page.after_id)
      ORDER BY created_at, id LIMIT page.size) m
    ORDER BY page.number, m.created_at, m.id
    """)
_ANCESTORS = text(f"""
    WITH RECURSIVE line AS (
      SELECT m.*, 1 AS depth FROM messages m WHERE m.owner_id = :owner_id AND m.id = :id
      UNION ALL
      SELECT m.*, line.depth + 1 FROM messages m
      JOIN line ON m.owner_id = :owner_id AND m.id = line.parent_id
      WHERE line.depth < :limit)
    SELECT {_MESSAGE} FROM line ORDER BY depth DESC
    """)
_RATE = text(f"""
    UPDATE messages SET rating = :rating, rating_comment = :comment WHERE owner_id = :owner_id
      AND id = :id AND role = 'ASSISTANT' RETURNING {_MESSAGE}
    """)


async def insert_conversation(session: WriteSession, title: str) -> Conversation:
    row = await session.one(
        _INSERT_CONVERSATION, owner_id=session.owner_id, id=new_id(), title=title
    )
    return Conversation(**row)


async def count(session: ReadSession) -> int:
    return int((await session.one(_COUNT, owner_id=session.owner_id))["n"])


async def conversations_by_ids(
    session: ReadSession, ids: Sequence[UUID]
) -> dict[UUID, Conversation]:
    rows = await session.all(_CONVERSATIONS_BY_IDS, owner_id=session.owner_id, ids=list(ids))
    return {row["id"]: Conversation(**row) for row in rows}


async def conversations_page(
    session: ReadSession, limit: int, after: tuple[datetime, UUID] | None
) -> list[Conversation]:
    """At most `limit` conversations, the latest active first."""
    after_at, after_id = after or (None, None)
    rows = await session.all(
        _CONVERSATIONS_PAGE,
        owner_id=session.owner_id,
        limit=limit,
        after_at=after_at,
        after_id=after_id,
    )
    return [Conversation(**row) for row in rows]


async def rename(session: WriteSession, conversation_id: UUID, title: str) -> Conversation | None:
    row = await session.first(_RENAME, owner_id=session.owner_id, id=conversation_id, title=title)
    return Conversation(**row) if row else None


async def touch(session: WriteSession, conversation_id: UUID) -> Conversation | None:
    """Move a conversation to the top of its owner's list."""
    row = await session.first(_TOUCH, owner_id=session.owner_id, id=conversation_id)
    return Conversation(**row) if row else None


async def delete(session: WriteSession, conversation_id: UUID) -> bool:
    return await session.run(_DELETE, owner_id=session.owner_id, id=conversation_id) == 1


async def insert_message(
    session: WriteSession,
    conversation_id: UUID,
    parent_id: UUID | None,
    role: MessageRole,
    text_: str,
    status: MessageStatus,
    client_message_id: str | None = None,
    document_ids: Sequence[UUID] | None = None,
) -> Message:
    row = await session.one(
        _INSERT_MESSAGE,
        owner_id=session.owner_id,
        id=new_id(),
        conversation_id=conversation_id,
        parent_id=parent_id,
        role=role,
        text=text_,
        status=status,
        client_message_id=client_message_id,
        document_ids=None if document_ids is None else list(document_ids),
    )
    return _message(row)


async def messages_by_ids(session: ReadSession, ids: Sequence[UUID]) -> dict[UUID, Message]:
    rows = await session.all(_MESSAGES_BY_IDS, owner_id=session.owner_id, ids=list(ids))
    return {row["id"]: _message(row) for row in rows}


async def message(session: ReadSession, message_id: UUID) -> Message | None:
    return (await messages_by_ids(session, [message_id])).get(message_id)


async def answer_by_client_id(session: ReadSession, client_message_id: str) -> Message | None:
    row = await session.first(
        _ANSWER_BY_CLIENT_ID, owner_id=session.owner_id, client_message_id=client_message_id
    )
    return _message(row) if row else None


async def last_message(session: ReadSession, conversation_id: UUID) -> Message | None:
    row = await session.first(_LAST_MESSAGE, owner_id=session.owner_id, id=conversation_id)
    return _message(row) if row else None


async def messages_pages(
    session: ReadSession, pages: Sequence[MessagesPage]
) -> list[list[Message]]:
    """The messages of each page, in the order of `pages`."""
    rows = await session.all(
        _MESSAGES_PAGES,
        owner_id=session.owner_id,
        ids=[page.conversation_id for page in pages],
        limits=[page.limit for page in pages],
        after_ats=[page.after and page.after[0] for page in pages],
        after_ids=[page.after and page.after[1] for page in pages],
    )
    found: list[list[Message]] = [[] for _ in pages]
    for row in rows:
        fields = dict(row)
        found[fields.pop("number") - 1].append(_message(fields))
    return found


async def branch(session: ReadSession, message_id: UUID, limit: int) -> list[Message]:
    """A message and what was said before it on its branch, oldest first, at most `limit`."""
    rows = await session.all(_ANCESTORS, owner_id=session.owner_id, id=message_id, limit=limit)
    return [_message(row) for row in rows]


async def rate(
    session: WriteSession, message_id: UUID, rating: int, comment: str | None
) -> Message | None:
    row = await session.first(
        _RATE, owner_id=session.owner_id, id=message_id, rating=rating, comment=comment
    )
    return _message(row) if row else None


def _message(row: Row) -> Message:
    fields = dict(row)
    role, status = MessageRole(fields.pop("role")), MessageStatus(fields.pop("status"))
    return Message(role=role, status=status, **fields)
