"""Asking questions, and following their answers from any process."""

import asyncio
import time
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Self, TypeVar
from uuid import UUID

import structlog

from core.errors import ErrorCode, InvalidInput, NotFound, ShuttingDown, TooManyAnswers
from core.principal import Principal
from core.states import MessageRole, MessageStatus
from core.text import check_storable
from db import answer_events, answers, conversations, usage
from db.answer_events import AnswerStarted, Event
from db.conversations import Conversation, Message
from db.engine import Database, ReadSession, WriteSession
from services.admission import Admission
from services.chat.answer_log import AnswerLog, AnswerTail, failure
from services.chat.generation import AnswerGenerator
from services.chat.leases import LEASE_SECONDS, Leases
from services.conversations import check_room
from services.hints import Hints, answer_subject, stop_subject
from services.quotas import Quota

T = TypeVar("T")

logger = structlog.get_logger()
MAX_QUESTION_CHARACTERS = 10_000
MAX_STREAMING = 5
"""Answers that one user may have written at the same time."""
RECHECK_SECONDS = 10.0
"""How long a follower waits for a hint before it reads again."""
STOP_SECONDS = 2.0
MAX_SEQUENCE = 2**31 - 2
"""Largest sequence that a client may send: its successor still is a GraphQL Int."""
BATCH = 1000
"""Events that a follower holds in memory at most."""


@dataclass(frozen=True, slots=True)
class Ask:
    client_message_id: str
    text: str
    conversation_id: UUID | None = None
    document_ids: Sequence[UUID] | None = None
    parent_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    conversation: Conversation
    question: Message
    answer: Message


class Chat:
    """Questions and their answers, which tasks of this process write, followed or not."""

    def __init__(
        self,
        database: Database,
        hints: Hints,
        tail: AnswerTail,
        generator: AnswerGenerator,
        quota: Quota,
        max_conversations: int,
        leases: Leases,
        admission: Admission,
    ) -> None:
        self._database = database
        self._hints = hints
        self._tail = tail
        self._generator = generator
        self._quota = quota
        self._max_conversations = max_conversations
        self._leases = leases
        self._admission = admission
        self._tasks: set[asyncio.Task[Any]] = set()
        self._logs: dict[UUID, AnswerLog] = {}
        self._refuses = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the answers that are still being written as INTERRUPTED, with their text so far."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def writing(self) -> int:
        """Number of answers that this process is writing."""
        return len(self._logs)

    def refuse_questions(self) -> None:
        """Refuse new questions from now on; answers that have begun are written to their end."""
        self._refuses = True

    async def ask(self, principal: Principal, ask: Ask) -> Asked:
        """Store the question and begin its answer. A resend asks nothing new.

        Raises `InvalidInput`, `NotFound`, `RateLimited`, `Overloaded`, `QuotaExceeded` and
        `ShuttingDown`.
        """
        if self._refuses:
            raise ShuttingDown
        self._admission.admit_question(self._generator.searching.waiting)
        if not ask.text.strip():
            raise InvalidInput("A question needs some text.", field="text")
        check_storable(ask.text, "text")
        if len(ask.text) > MAX_QUESTION_CHARACTERS:
            raise InvalidInput(
                f"A question has at most {MAX_QUESTION_CHARACTERS:,} characters.", field="text"
            )
        if not 1 <= len(ask.client_message_id) <= 200:
            raise InvalidInput("An id has 1 to 200 characters.", field="clientMessageId")
        check_storable(ask.client_message_id, "clientMessageId")
        # Whoever leaves now has asked all the same: begun is begun.
        return await asyncio.shield(self._spawn(self._begin(principal, ask)))

    async def _begin(self, principal: Principal, ask: Ask) -> Asked:
        async with self._database.write_alone(principal.user_id) as session:
            sent = await conversations.answer_by_client_id(session, ask.client_message_id)
            if sent is not None:
                return await self._asked_before(session, sent, ask)
            if await answers.streaming(session) >= MAX_STREAMING:
                raise TooManyAnswers(
                    f"{MAX_STREAMING} answers are being written; wait for one of them.", 5
                )
            by_model = self._quota.admit(await usage.count_answer(session))
            conversation, question = await self._question(session, ask)
            answer = await conversations.insert_message(
                session,
                question.conversation_id,
                question.id,
                MessageRole.ASSISTANT,
                "",
                MessageStatus.STREAMING,
                client_message_id=ask.client_message_id,
            )
            started = Event(1, AnswerStarted(question.id, conversation.id))
            await answers.begin(session, answer.id, started, LEASE_SECONDS)
        self._leases.hold(answer.id)
        log = AnswerLog(
            self._database, self._hints, self._tail, principal, answer.id, started, self._leases
        )
        self._logs[answer.id] = log
        self._spawn(self._write(principal, question, log, by_model))
        return Asked(conversation, question, answer)

    async def _write(
        self, principal: Principal, question: Message, log: AnswerLog, by_model: bool
    ) -> None:
        try:
            await self._generator.write(principal, question, log, by_model=by_model)
        finally:
            del self._logs[log.message_id]
            self._leases.release(log.message_id)

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _asked_before(self, session: ReadSession, sent: Message, ask: Ask) -> Asked:
        """What was asked under this id before. Raises `InvalidInput` if it was another question."""
        question = await conversations.message(session, sent.parent_id or sent.id)
        if question is None or question.text != ask.text:
            raise InvalidInput(
                "This id stands for another question already; choose a new one.",
                field="clientMessageId",
            )
        known = await conversations.conversations_by_ids(session, [sent.conversation_id])
        return Asked(known[sent.conversation_id], question, sent)

    async def _question(self, session: WriteSession, ask: Ask) -> tuple[Conversation, Message]:
        """The message to answer: a new one at the end of a branch, or an earlier one again."""
        if ask.parent_id is not None:
            parent = await conversations.message(session, ask.parent_id)
            if parent is None or ask.conversation_id not in (None, parent.conversation_id):
                raise NotFound("There is no message with this id.")
            conversation = await self._touch(session, parent.conversation_id)
            if parent.role is MessageRole.USER and _same_question(parent, ask):
                return conversation, parent
            parent_id = parent.parent_id if parent.role is MessageRole.USER else parent.id
        elif ask.conversation_id is not None:
            conversation = await self._touch(session, ask.conversation_id)
            last = await conversations.last_message(session, ask.conversation_id)
            parent_id = last.id if last else None
        else:
            await check_room(session, self._max_conversations)
            conversation = await conversations.insert_conversation(session, title_of(ask.text))
            parent_id = None
        question = await conversations.insert_message(
            session,
            conversation.id,
            parent_id,
            MessageRole.USER,
            ask.text,
            MessageStatus.COMPLETED,
            document_ids=ask.document_ids,
        )
        return conversation, question

    async def _touch(self, session: WriteSession, conversation_id: UUID) -> Conversation:
        conversation = await conversations.touch(session, conversation_id)
        if conversation is None:
            raise NotFound("There is no conversation with this id.")
        return conversation

    async def answer(self, principal: Principal, message_id: UUID) -> Message:
        """Raises `NotFound`."""
        async with self._database.read(principal.user_id) as session:
            return await self._answer(session, message_id)

    async def follow(
        self, principal: Principal, answer: Message, after: int
    ) -> AsyncGenerator[Event]:
        """Yield every event after `after`, in order and none twice, until the answer has ended.

        Raises `NotFound` when the answer is deleted meanwhile.
        """
        last = min(max(after, 0), MAX_SEQUENCE)
        if log := self._logs.get(answer.id):
            async with aclosing(log.follow(last)) as events_here:
                async for event in events_here:
                    yield event
                    last = event.sequence
                    if event.is_last:
                        return
        async with self._hints.listen(answer_subject(answer.id)) as listener:
            hinted = False
            while True:
                events = await self._tail.after(answer.id, last, BATCH)
                if events is None or not (events or hinted):
                    events, ended = await self._newer_events(principal, answer.id, last)
                    if ended and not events:
                        return
                for event in events:
                    yield event
                    last = event.sequence
                    if event.is_last:
                        return
                if not events:
                    hinted = await listener.wait(RECHECK_SECONDS)

    async def stop(self, principal: Principal, message_id: UUID) -> Message:
        """End an answer early; what is written stays. Raises `NotFound`."""
        async with self._hints.listen(answer_subject(message_id)) as listener:
            async with self._database.write(principal.user_id) as session:
                message = await self._answer(session, message_id)
                await answers.request_stop(session, message_id)
                self._hints.publish(session, stop_subject(message_id))
            deadline = time.monotonic() + STOP_SECONDS
            while message.status is MessageStatus.STREAMING and time.monotonic() < deadline:
                await listener.wait(0.1)
                async with self._database.read(principal.user_id) as session:
                    message = await self._answer(session, message_id)
        return message

    async def rate(
        self, principal: Principal, message_id: UUID, rating: int, comment: str | None
    ) -> Message:
        """Raises `InvalidInput` and `NotFound`."""
        if not 1 <= rating <= 5:
            raise InvalidInput("A rating is between 1 and 5.", field="rating")
        if comment is not None and len(comment) > 2000:
            raise InvalidInput("A comment has at most 2,000 characters.", field="comment")
        check_storable(comment or "", "comment")
        async with self._database.write(principal.user_id) as session:
            message = await conversations.rate(session, message_id, rating, comment)
        if message is None:
            raise NotFound("There is no answer with this id.")
        return message

    async def _answer(self, session: ReadSession, message_id: UUID) -> Message:
        message = await conversations.message(session, message_id)
        if message is None or message.role is not MessageRole.ASSISTANT:
            raise NotFound("There is no answer with this id.")
        return message

    async def _newer_events(
        self, principal: Principal, message_id: UUID, after: int
    ) -> tuple[list[Event], bool]:
        """Newer events from the database, and whether the answer has ended."""
        async with self._database.read(principal.user_id) as session:
            message = await self._answer(session, message_id)
            events = await answer_events.after(session, message_id, after, BATCH)
            last = await answer_events.last_sequence(session, message_id)
        ended = message.status is not MessageStatus.STREAMING
        if message.status is MessageStatus.INTERRUPTED and after > last:
            # Its writer died, and Redis before it could be asked.
            events = [Event(after + 1, failure(ErrorCode.INTERRUPTED))]
        return events, ended


def _same_question(asked: Message, ask: Ask) -> bool:
    """Whether the earlier question is asked again, rather than an edited one."""
    if asked.text != ask.text or ask.document_ids is None:
        return asked.text == ask.text
    return asked.document_ids is not None and set(ask.document_ids) == set(asked.document_ids)


def title_of(question: str) -> str:
    """A conversation's title: its first question, cut to what a list shows."""
    words = " ".join(question.split())
    return words if len(words) <= 80 else words[:79].rsplit(" ", 1)[0] + "…"
