"""Asking, and following an answer while it is written, from any process, as often as one likes."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from uuid import UUID

from core.errors import ErrorCode, InvalidInput, NotFound, RateLimited
from core.principal import Principal
from core.telemetry import ANSWERS
from db import answers, conversations, documents
from db.answers import Ending, Event
from db.conversations import Message
from db.engine import Database, ReadSession, WriteSession
from services.answer_log import LEASE_SECONDS, AnswerTail, failure
from services.composition import Composer
from services.events import Hints, answer_subject, stop_subject

MAX_QUESTION_CHARACTERS = 10_000
MAX_STREAMING = 5
"""Answers that one user may have written at the same time."""
RECHECK_SECONDS = 2.0
"""How long a follower goes without a hint before it reads again."""
ENDINGS = ("COMPLETED", "FAILED")


@dataclass(frozen=True, slots=True)
class Ask:
    client_message_id: str
    text: str
    conversation_id: UUID | None = None
    document_ids: Sequence[UUID] | None = None
    parent_id: UUID | None = None


class Chat:
    """Answers are written by tasks of this process, whoever is listening."""

    def __init__(
        self,
        database: Database,
        hints: Hints,
        tail: AnswerTail,
        composer: Composer,
    ) -> None:
        self._database = database
        self._hints = hints
        self._tail = tail
        self._composer = composer
        self._writing: set[asyncio.Task[None]] = set()

    async def ask(self, principal: Principal, ask: Ask) -> UUID:
        """Store the question and begin its answer; the answer's id. A resend asks nothing new.

        Raises `InvalidInput`, `NotFound` and `RateLimited`.
        """
        if not ask.text.strip():
            raise InvalidInput("A question needs some text.", field="text")
        if len(ask.text) > MAX_QUESTION_CHARACTERS:
            raise InvalidInput(
                f"A question has at most {MAX_QUESTION_CHARACTERS:,} characters.", field="text"
            )
        if not 1 <= len(ask.client_message_id) <= 200:
            raise InvalidInput("An id has 1 to 200 characters.", field="clientMessageId")
        async with self._database.write(principal.user_id) as session:
            await documents.lock_library(session)
            sent = await conversations.answer_by_client_id(session, ask.client_message_id)
            if sent is not None:
                return sent.id
            if await answers.streaming(session) >= MAX_STREAMING:
                raise RateLimited(
                    f"{MAX_STREAMING} answers are being written; wait for one of them.", 5
                )
            question = await self._question(session, ask)
            answer = await conversations.insert_message(
                session,
                question.conversation_id,
                question.id,
                "ASSISTANT",
                "",
                "STREAMING",
                client_message_id=ask.client_message_id,
            )
            await answers.begin(session, answer.id, LEASE_SECONDS)
            await conversations.touch(session, question.conversation_id)
            await answers.append_events(session, answer.id, [Event(1, "STARTED", {})])
        task = asyncio.create_task(self._composer.write(principal, question, answer.id))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        return answer.id

    async def _question(self, session: WriteSession, ask: Ask) -> Message:
        """The message that is asked: new at the end of a branch, or an earlier one again."""
        if ask.parent_id is not None:
            parent = await conversations.message(session, ask.parent_id)
            if parent is None or ask.conversation_id not in (None, parent.conversation_id):
                raise NotFound("There is no message with this id.")
            if parent.role == "USER" and parent.text == ask.text:
                return parent
            conversation_id = parent.conversation_id
            parent_id = parent.parent_id if parent.role == "USER" else parent.id
        elif ask.conversation_id is not None:
            known = await conversations.conversations_by_ids(session, [ask.conversation_id])
            if not known:
                raise NotFound("There is no conversation with this id.")
            last = await conversations.last_message(session, ask.conversation_id)
            conversation_id, parent_id = ask.conversation_id, last.id if last else None
        else:
            conversation = await conversations.insert_conversation(session, title_of(ask.text))
            conversation_id, parent_id = conversation.id, None
        return await conversations.insert_message(
            session,
            conversation_id,
            parent_id,
            "USER",
            ask.text,
            "COMPLETED",
            document_ids=ask.document_ids,
        )

    async def follow(
        self, principal: Principal, message_id: UUID, after: int
    ) -> AsyncGenerator[Event]:
        """Every event newer than `after`, in order, none twice, until the answer has ended.

        Raises `NotFound`.
        """
        async with self._database.read(principal.user_id) as session:
            await self._answer(session, message_id)
        async with self._hints.listen(answer_subject(message_id)) as listener:
            last = after
            while True:
                for event in await self._newer(principal, message_id, last):
                    yield event
                    last = event.sequence
                    if event.kind in ENDINGS:
                        return
                await listener.wait(RECHECK_SECONDS)

    async def stop(self, principal: Principal, message_id: UUID) -> Message:
        """End an answer early; what is written stays. Raises `NotFound`."""
        async with self._hints.listen(answer_subject(message_id)) as listener:
            async with self._database.write(principal.user_id) as session:
                message = await self._answer(session, message_id)
                await answers.request_stop(session, message_id)
            await self._hints.publish(stop_subject(message_id))
            deadline = time.monotonic() + RECHECK_SECONDS
            while message.status == "STREAMING" and time.monotonic() < deadline:
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
        async with self._database.write(principal.user_id) as session:
            message = await conversations.rate(session, message_id, rating, comment)
        if message is None:
            raise NotFound("There is no answer with this id.")
        return message

    async def interrupt_expired(self) -> None:
        """End the answers whose writer died; what is written stays."""
        async with self._database.read(None) as session:
            expired = await answers.expired(session)
        for message_id, owner_id in expired:
            tail = await self._tail.after(message_id, 0)
            async with self._database.write(owner_id) as session:
                text = await answers.lock_expired(session, message_id)
                if text is None:
                    continue
                last = await answers.last_sequence(session, message_id)
                recovered = [event for event in tail if event.sequence > last]
                text += "".join(e.payload["text"] for e in recovered if e.kind == "DELTA")
                sequence = last + len(recovered) + 1
                end = Event(sequence, "FAILED", failure(ErrorCode.INTERRUPTED))
                await answers.append_events(session, message_id, [*recovered, end])
                ending = Ending("INTERRUPTED", failure_code=ErrorCode.INTERRUPTED)
                await answers.end(session, message_id, ending, text, sequence)
            ANSWERS.labels(outcome="interrupted").inc()
            await self._hints.publish(answer_subject(message_id))

    async def close(self) -> None:
        """Hand back what is being written: each answer ends INTERRUPTED with its text."""
        for task in self._writing:
            task.cancel()
        await asyncio.gather(*self._writing, return_exceptions=True)

    async def _answer(self, session: ReadSession, message_id: UUID) -> Message:
        message = await conversations.message(session, message_id)
        if message is None or message.role != "ASSISTANT":
            raise NotFound("There is no answer with this id.")
        return message

    async def _newer(self, principal: Principal, message_id: UUID, after: int) -> list[Event]:
        tail = await self._tail.after(message_id, after)
        if tail and tail[0].sequence == after + 1:
            return tail
        async with self._database.read(principal.user_id) as session:
            message = await self._answer(session, message_id)
            events = await answers.events_after(session, message_id, after)
        if events or message.status == "STREAMING":
            return events
        if message.status in ("FAILED", "INTERRUPTED"):
            return [Event(after + 1, "FAILED", failure(ErrorCode.INTERRUPTED))]
        return [Event(after + 1, "COMPLETED", {"grounded": bool(message.grounded)})]


def title_of(question: str) -> str:
    """The first question, as far as a list shows it."""
    words = " ".join(question.split())
    return words if len(words) <= 80 else words[:79].rsplit(" ", 1)[0] + "…"
