"""Conversations, and answers that cite."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import strawberry

from core.errors import ErrorCode
from core.states import MessageRole, MessageStatus
from schema.defaults import NullIsDefault, OptionalInt
from schema.documents import Document, DocumentVersion
from schema.errors import InvalidInput, NotFound, QuotaExceeded, RateLimited
from schema.loading import Info
from schema.nodes import Connection, Node
from schema.retrieval import Box, Passage

strawberry.enum(MessageRole)
strawberry.enum(MessageStatus, description="How far a message is; questions are always COMPLETED.")


@strawberry.type(
    description="What a sentence of an answer rests on. It cites one version and goes on opening "
    "that until the document is deleted; then it keeps its number, the file's name and page alone."
)
class Citation:
    document_id: strawberry.Private[UUID]
    version_id: strawberry.Private[UUID]
    index: int = strawberry.field(description="The [n] in the text.")
    start: int = strawberry.field(
        description="Where the cited sentence begins in the answer's text, in Unicode code points: "
        "`Array.from(text)` in JavaScript, whose strings count UTF-16 units."
    )
    end: int = strawberry.field(description="Where it ends: before this code point.")
    filename: str = strawberry.field(
        description="The document's name; once it is deleted, the one it was cited under."
    )
    page_number: int
    quote: str = strawberry.field(description="Empty once the document is deleted.")
    verified: bool = strawberry.field(
        description="The quote stands, word for word, on that page; false once that is gone."
    )

    text_start: int = strawberry.field(
        description="Where the quote begins in the text of its page, in Unicode code points."
    )
    text_end: int = strawberry.field(
        description="Where it ends: before this code point. A quote that stands nowhere has both "
        "equal."
    )

    @strawberry.field(description="Null once it is deleted.")
    async def document(self, info: Info) -> Document | None:
        return await info.context.loading.cited_document(self.document_id)

    @strawberry.field(
        description="The very bytes and pages that are cited; null once they are deleted."
    )
    async def version(self, info: Info) -> DocumentVersion | None:
        return await info.context.loading.version(self.version_id)

    @strawberry.field(
        description="One a line; empty where the format has no layout, and once it is deleted."
    )
    async def boxes(self, info: Info) -> list[Box]:
        return await info.context.loading.quote_boxes(
            self.version_id, self.page_number, self.text_start, self.text_end
        )


@strawberry.type(description="How the answerer looked further.")
class ChatStep:
    tool: str
    subject: str = strawberry.field(description="What it looked for.")


@strawberry.type(description="What an answer took of a language model.")
class AnswerUsage:
    prompt_tokens: int = strawberry.field(
        description="Read by the model; estimated where its server does not say."
    )
    completion_tokens: int = strawberry.field(description="Written by the model.")
    cost: Decimal = strawberry.field(
        description="By the prices at the time, in the server's currency, to a millionth."
    )


@strawberry.type(description="A question or an answer; messages form a tree.")
class Message(Node):
    key: strawberry.Private[UUID]
    id: strawberry.ID
    role: MessageRole
    text: str
    status: MessageStatus
    parent_id: strawberry.ID | None = strawberry.field(description="What it follows.")
    grounded: bool | None = strawberry.field(
        description="False when the documents do not hold the answer; null for questions, and "
        "for answers that did not come to their end."
    )
    answerer: str | None = strawberry.field(
        description="The model that wrote the answer, or `extractive` for quotes alone; null for "
        "questions and until the answer has come to its end."
    )
    usage: AnswerUsage | None = strawberry.field(
        description="Null for questions and while the answer is written; zeros without a model."
    )
    suggestions: list[str] = strawberry.field(
        description="Questions to ask next, at most three, as plain text."
    )
    rating: int | None
    created_at: datetime

    @strawberry.field
    async def citations(self, info: Info) -> list[Citation]:
        return await info.context.loading.citations(self.key)

    @strawberry.field(description="What the answer was written from, best first.")
    async def passages(self, info: Info) -> list[Passage]:
        return await info.context.loading.passages(self.key)

    @strawberry.field(description="What was looked up beyond the first search, in order.")
    async def steps(self, info: Info) -> list[ChatStep]:
        return await info.context.loading.steps(self.key)


@strawberry.type
class Conversation(Node):
    key: strawberry.Private[UUID]
    id: strawberry.ID
    title: str
    created_at: datetime
    updated_at: datetime

    @strawberry.field(description="Oldest first.", extensions=[NullIsDefault()])
    async def messages(
        self, info: Info, first: OptionalInt = 50, after: str | None = None
    ) -> Connection[Message] | None:
        return await info.context.loading.messages(self.key, first, after)


@strawberry.type(description="The question is stored and its answer has begun.")
class ChatStarted:
    sequence: int
    conversation: Conversation
    question: Message
    answer: Message


@strawberry.type(
    description="What the answer will be written from; comes again, longer, with each step."
)
class ChatSources:
    sequence: int
    passages: list[Passage] = strawberry.field(description="[n] in the answer cites the n-th.")
    step: ChatStep | None = strawberry.field(description="Null for the first search.")


@strawberry.type(description="More of the answer's text.")
class ChatDelta:
    sequence: int
    text: str


@strawberry.type(description="A marker [n] of the text so far, resolved and checked.")
class ChatCitation:
    sequence: int
    citation: Citation


@strawberry.type(description="The answer has ended; it may have been stopped early.")
class ChatCompleted:
    sequence: int
    answer: Message
    grounded: bool = strawberry.field(
        description="False when the documents do not hold the answer, or when it was stopped "
        "before that was known; then `answer.grounded` is null."
    )


@strawberry.type(description="There is no answer, or only a part of one.")
class ChatFailed:
    sequence: int
    code: ErrorCode
    message: str
    retryable: bool
    retry_after: float | None = strawberry.field(
        default=None, description="Seconds until the next try can succeed, where that is known."
    )


ChatEvent = Annotated[
    ChatStarted | ChatSources | ChatDelta | ChatCitation | ChatCompleted | ChatFailed,
    strawberry.union("ChatEvent", description="Numbered without gaps; resume after any of them."),
]


@strawberry.input
class ChatInput:
    client_message_id: strawberry.ID = strawberry.field(
        description="Yours to choose; a resend with the same id never asks twice, and "
        "a new question needs a new one."
    )
    text: str
    conversation_id: strawberry.ID | None = strawberry.field(
        default=None, description="Null: a new conversation."
    )
    document_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Null: the whole library."
    )
    parent_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="Continue after an earlier answer; or edit an earlier question; or, with that "
        "question's own text, have it answered once more.",
    )


@strawberry.input
class CreateConversationInput:
    title: str = strawberry.field(description="1 to 200 characters.")


@strawberry.input
class RenameConversationInput:
    id: strawberry.ID
    title: str


@strawberry.input
class RateAnswerInput:
    message_id: strawberry.ID
    rating: int = strawberry.field(description="1 to 5.")
    comment: str | None = None


@strawberry.type
class CreatedConversation:
    conversation: Conversation


@strawberry.type
class RenamedConversation:
    conversation: Conversation


@strawberry.type
class DeletedConversation:
    id: strawberry.ID


@strawberry.type
class StoppedAnswer:
    answer: Message


@strawberry.type
class RatedAnswer:
    answer: Message


CreateConversationResult = Annotated[
    CreatedConversation | InvalidInput | QuotaExceeded | RateLimited,
    strawberry.union("CreateConversationResult"),
]
RenameConversationResult = Annotated[
    RenamedConversation | NotFound | InvalidInput | RateLimited,
    strawberry.union("RenameConversationResult"),
]
DeleteConversationResult = Annotated[
    DeletedConversation | NotFound | RateLimited, strawberry.union("DeleteConversationResult")
]
StopAnswerResult = Annotated[
    StoppedAnswer | NotFound | RateLimited, strawberry.union("StopAnswerResult")
]
RateAnswerResult = Annotated[
    RatedAnswer | NotFound | InvalidInput | RateLimited, strawberry.union("RateAnswerResult")
]
