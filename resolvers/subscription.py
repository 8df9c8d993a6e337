"""Root fields of subscriptions: everything that can be watched."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import assert_never
from uuid import UUID

import strawberry

from core.errors import DatabaseUnavailable, DomainError, RateLimited, ShuttingDown
from core.ids import Kind, decode_id
from core.principal import Principal
from db.answer_events import (
    AnswerCompleted,
    AnswerFailed,
    AnswerStarted,
    CitationMade,
    DeltaWritten,
    Event,
    SourcesFound,
)
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
            await info.context.admit("question")
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
    sequence, loading = event.sequence, info.context.loading
    match event.content:
        case AnswerStarted() as started:
            answer, question, conversation = await asyncio.gather(
                loading.message(message_id),
                loading.message(started.question_id),
                loading.conversation(started.conversation_id),
            )
            return ChatStarted(
                sequence=sequence,
                conversation=mapping.conversation(conversation),
                question=mapping.message(question),
                answer=mapping.message(answer),
            )
        case SourcesFound(count=count, step=step):
            passages = await loading.passages(message_id)
            return ChatSources(
                sequence=sequence,
                passages=passages[:count],
                step=mapping.step(step) if step else None,
            )
        case DeltaWritten(text=text):
            return ChatDelta(sequence=sequence, text=text)
        case CitationMade(citation=citation):
            return ChatCitation(sequence=sequence, citation=await loading.citation(citation))
        case AnswerCompleted(grounded=grounded):
            answer = await loading.message(message_id)
            return ChatCompleted(
                sequence=sequence, answer=mapping.message(answer), grounded=grounded
            )
        case AnswerFailed(code=code, message=message, retryable=retryable):
            return ChatFailed(sequence=sequence, code=code, message=message, retryable=retryable)
        case other:
            assert_never(other)


def _failed(error: DomainError, sequence: int) -> ChatFailed:
    """The failure as an event; with sequence 0 nothing was begun, so nothing can be resumed."""
    return ChatFailed(
        sequence=sequence,
        code=error.code,
        message=error.message,
        retryable=isinstance(error, RateLimited | DatabaseUnavailable | ShuttingDown),
        retry_after=error.retry_after if isinstance(error, RateLimited) else None,
    )
