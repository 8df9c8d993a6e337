"""Everything that can be watched."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from uuid import UUID

import strawberry

from core.errors import DatabaseUnavailable, DomainError, ErrorCode, RateLimited
from core.ids import Kind, decode_id
from core.principal import Principal
from db.answers import Event
from db.conversations import Message
from resolvers import arguments, mapping
from resolvers.context import Info
from schema.chat import (
    ChatCitation,
    ChatCompleted,
    ChatDelta,
    ChatEvent,
    ChatFailed,
    ChatInput,
    ChatSources,
    ChatStarted,
    ChatStep,
)
from schema.defaults import NullIsDefault, OptionalInt
from schema.documents import DocumentProgress


@strawberry.type
class Subscription:
    @strawberry.subscription(
        description="The newest snapshot, then every new one until the document is READY, FAILED "
        "or CANCELLED; with `afterVersion`, every snapshot since that one that is not "
        "older than a day.",
        extensions=[NullIsDefault()],
    )
    async def document_progress(
        self, info: Info, document_id: strawberry.ID, after_version: OptionalInt = 0
    ) -> AsyncGenerator[DocumentProgress, None]:
        key = decode_id(Kind.DOCUMENT, document_id)
        snapshots = info.context.services.documents.progress(
            info.context.principal, key, after_version
        )
        async with aclosing(snapshots):
            async for snapshot in snapshots:
                info.context.loading.forget()
                yield mapping.progress(snapshot)

    @strawberry.subscription(
        description="The newest snapshot of everything unfinished, then of whatever changes."
    )
    async def library_progress(self, info: Info) -> AsyncGenerator[DocumentProgress, None]:
        snapshots = info.context.services.documents.library_progress(info.context.principal)
        async with aclosing(snapshots):
            async for snapshot in snapshots:
                info.context.loading.forget()
                yield mapping.progress(snapshot)

    @strawberry.subscription(
        description="Ask, and watch the answer being written. It is written to its end even when "
        "nobody watches; `answer` resumes."
    )
    async def chat(self, info: Info, input: ChatInput) -> AsyncGenerator[ChatEvent, None]:
        principal = info.context.principal
        try:
            asked = await info.context.services.chat.ask(principal, arguments.ask(input))
        except DomainError as error:
            yield _failed(error, 0)
            return
        yield ChatStarted(
            sequence=1,
            conversation=mapping.conversation(asked.conversation),
            question=mapping.message(asked.question),
            answer=mapping.message(asked.answer),
        )
        async with aclosing(_events(info, principal, asked.answer, 1)) as events:
            async for event in events:
                yield event

    @strawberry.subscription(
        description="The events of an answer after `afterSequence`, while it is written or later.",
        extensions=[NullIsDefault()],
    )
    async def answer(
        self, info: Info, message_id: strawberry.ID, after_sequence: OptionalInt = 0
    ) -> AsyncGenerator[ChatEvent, None]:
        principal = info.context.principal
        try:
            key = decode_id(Kind.MESSAGE, message_id)
            message = await info.context.services.chat.answer(principal, key)
        except DomainError as error:
            yield _failed(error, 0)
            return
        async with aclosing(_events(info, principal, message, after_sequence)) as events:
            async for event in events:
                yield event


async def _events(
    info: Info, principal: Principal, answer: Message, after: int
) -> AsyncGenerator[ChatEvent, None]:
    events = info.context.services.chat.follow(principal, answer, after)
    sequence = 0
    try:
        async with aclosing(events):
            async for event in events:
                info.context.loading.forget()
                sequence = event.sequence
                yield await _event(info, answer.id, event)
    except DomainError as error:
        yield _failed(error, sequence and sequence + 1)


async def _event(info: Info, message_id: UUID, event: Event) -> ChatEvent:
    payload, sequence, loading = event.payload, event.sequence, info.context.loading
    match event.kind:
        case "STARTED":
            answer, question, conversation = await asyncio.gather(
                loading.message(message_id),
                loading.message(UUID(payload["question"])),
                loading.conversation(UUID(payload["conversation"])),
            )
            return ChatStarted(
                sequence=sequence,
                conversation=mapping.conversation(conversation),
                question=mapping.message(question),
                answer=mapping.message(answer),
            )
        case "SOURCES":
            passages = await loading.passages(message_id)
            step = None if payload["step"] is None else ChatStep(**payload["step"])
            return ChatSources(sequence=sequence, passages=passages[: payload["count"]], step=step)
        case "DELTA":
            return ChatDelta(sequence=sequence, text=payload["text"])
        case "CITATION":
            return ChatCitation(sequence=sequence, citation=mapping.event_citation(payload))
        case "COMPLETED":
            answer = await loading.message(message_id)
            return ChatCompleted(
                sequence=sequence,
                answer=mapping.message(answer),
                grounded=payload["grounded"],
            )
        case _:
            return ChatFailed(
                sequence=sequence,
                code=ErrorCode(payload["code"]),
                message=payload["message"],
                retryable=payload["retryable"],
            )


def _failed(error: DomainError, sequence: int) -> ChatFailed:
    """Sequence 0: nothing was begun, so there is nothing to resume."""
    return ChatFailed(
        sequence=sequence,
        code=error.code,
        message=error.message,
        retryable=isinstance(error, RateLimited | DatabaseUnavailable),
    )
