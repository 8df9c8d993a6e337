"""The numbered events of an answer: at once to Redis, in batches to the database."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from typing import Literal
from uuid import UUID

import structlog

from core.errors import ErrorCode
from core.principal import Principal
from core.states import EventKind
from core.telemetry import describe
from db import answer_events, answers, conversations, usage
from db.answer_events import (
    AnswerCompleted,
    AnswerFailed,
    CitationMade,
    Content,
    DeltaWritten,
    Event,
    SourcesFound,
    content_of,
)
from db.answers import Ending
from db.citations import Citation, Step
from db.engine import Database
from providers.answering import Step as AnswererStep
from providers.answering import Tokens
from services.chat.leases import LEASE_SECONDS, Leases
from services.hints import Hints, answer_subject, hint_channel, stop_subject
from services.redis import Redis, best_effort

logger = structlog.get_logger()
COALESCE_SECONDS = 0.025
CHECKPOINT_SECONDS = 1.0
RETRY_SECONDS = 0.25
SILENT_AFTER_SECONDS = 8.0
"""Age of its lease at which a writer falls silent: a sweeper may soon end the answer instead."""
TAIL_SECONDS, ENDED_SECONDS = 600, 5
"""How long Redis keeps the newest events of an answer, and those of one that has ended: then the
database has all of them but what was cited from documents deleted since."""

_FAILURES = {
    ErrorCode.INTERRUPTED: "The answer was interrupted; ask again.",
    ErrorCode.LLM_TIMEOUT: "The language model took too long; ask again.",
    ErrorCode.LLM_UNAVAILABLE: "The language model is not available; ask again later.",
    ErrorCode.RETRIEVAL_FAILED: "Your documents could not be searched; ask again.",
}


def failure(code: ErrorCode) -> AnswerFailed:
    return AnswerFailed(code, _FAILURES.get(code, "The answer failed unexpectedly; ask again."))


class AnswerTail:
    """The newest events of answers in Redis streams, for other processes; they may be lost."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def append(self, message_id: UUID, events: Sequence[Event]) -> None:
        """Add events that are not there yet, and tell whoever follows the answer."""
        await best_effort(self._append(message_id, events), without="answer tail lost")

    async def _append(self, message_id: UUID, events: Sequence[Event]) -> None:
        key = _key(message_id)
        seconds = ENDED_SECONDS if events[-1].is_last else TAIL_SECONDS
        async with self._redis.pipeline(transaction=False) as pipeline:
            for event in events:
                content = event.content
                fields = {"kind": content.kind, "payload": json.dumps(content.to_payload())}
                pipeline.xadd(key, fields, id=f"{event.sequence}-0")  # type: ignore[arg-type]
            pipeline.expire(key, seconds)
            pipeline.publish(hint_channel(answer_subject(message_id)), b"")
            await pipeline.execute(raise_on_error=False)

    async def after(self, message_id: UUID, sequence: int, limit: int) -> list[Event] | None:
        """The events that follow `sequence`, [] if there are none yet, None if they are lost."""
        stream = self._redis.xrange(_key(message_id), f"({sequence}-0", count=limit)
        entries = await best_effort(stream, without="answer tail not read")
        if entries is None:
            return None
        events = [_event(id_, fields) for id_, fields in entries]
        gapless = [e for expected, e in enumerate(events, sequence + 1) if e.sequence == expected]
        return None if events and not gapless else gapless


class AnswerLog:
    """Records what one answer does; `send` and `keep` carry it out while it is written.

    Followers in this process read it from here, those in others from Redis or the database.
    """

    def __init__(
        self,
        database: Database,
        hints: Hints,
        tail: AnswerTail,
        principal: Principal,
        message_id: UUID,
        started: Event,
        leases: Leases,
    ) -> None:
        """`started` stands in the database already."""
        self.message_id = message_id
        self.text = ""
        self.spent = Tokens()
        self._database = database
        self._hints = hints
        self._tail = tail
        self._principal = principal
        self._pending_texts: list[str] = []
        self._events = [started]
        self._sent_count = 0
        self._kept_count = 1
        self._leases = leases
        self._dirty = asyncio.Event()
        self._dirty.set()
        self._news = asyncio.Event()
        self._closed = False

    def sources(self, count: int, step: AnswererStep | None = None) -> None:
        """Record that the answer has been given `count` passages; `step` found the newest."""
        self._cut_delta()
        self._record(SourcesFound(count, Step(step.tool, step.subject) if step else None))

    def delta(self, text: str) -> None:
        if text:
            self.text += text
            self._pending_texts.append(text)
            self._dirty.set()

    def citation(self, citation: Citation) -> None:
        self._cut_delta()
        self._record(CitationMade(citation))

    async def follow(self, after: int) -> AsyncGenerator[Event]:
        """Every event newer than `after` that followers may know, until no more will come."""
        while True:
            news, closed = self._news, self._closed
            for event in self._events[after : self._sent_count]:
                yield event
                after = event.sequence
            if closed:
                return
            await news.wait()

    async def send(self) -> None:
        """Tell followers what is new every few milliseconds, until cancelled."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            self._cut_delta()
            if self._holds_lease():
                await self._send()
            await asyncio.sleep(COALESCE_SECONDS)

    async def keep(self) -> Literal["stop", "gone"]:
        """Checkpoint what is new and renew the lease until the answer is to end or has ended."""
        async with self._hints.listen(stop_subject(self.message_id)) as listener:
            while self._holds_lease():
                hinted = await listener.wait(CHECKPOINT_SECONDS)
                age = self._leases.age(self.message_id)
                if not hinted and self._kept_count == len(self._events) and age < LEASE_SECONDS / 4:
                    continue
                try:
                    async with asyncio.timeout(LEASE_SECONDS / 4):
                        state = await self._checkpoint()
                except Exception as error:  # whatever ails the database, while the lease lasts
                    logger.warning("checkpoint postponed", error=describe(error))
                    continue
                if state != "held":
                    return state
        return "gone"

    async def end(self, ending: Ending) -> None:
        """Write the end, once, with all events that are not kept yet, then publish it.

        Tried again as long as the lease lasts; after that the sweeper ends the answer.
        """
        try:
            await self._write_end(ending)
        finally:
            self._closed = True
            self._tell()

    async def _write_end(self, ending: Ending) -> None:
        self._cut_delta()
        if ending.failure_code is not None:
            self._record(failure(ending.failure_code))
        else:
            self._record(AnswerCompleted(bool(ending.grounded)))
        while True:
            try:
                async with asyncio.timeout(LEASE_SECONDS / 4):
                    await self._end(ending)
            except Exception:
                if not self._holds_lease():
                    logger.exception("end not written", message_id=str(self.message_id))
                    return
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    def _holds_lease(self) -> bool:
        return self._leases.age(self.message_id) < SILENT_AFTER_SECONDS

    def _record(self, content: Content) -> None:
        self._events.append(Event(len(self._events) + 1, content))
        self._dirty.set()

    def _cut_delta(self) -> None:
        if self._pending_texts:
            text = "".join(self._pending_texts)
            self._pending_texts.clear()
            self._record(DeltaWritten(text))

    async def _send(self) -> None:
        """Publish new events, to Redis first: what followers see outlives this process."""
        unsent = self._events[self._sent_count :]
        if unsent:
            await self._tail.append(self.message_id, unsent)
            self._sent_count += len(unsent)
            self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _checkpoint(self) -> Literal["held", "stop", "gone"]:
        self._cut_delta()
        text, events, kept = self.text, self._events[self._kept_count :], len(self._events)
        async with self._database.write(self._principal.user_id) as session:
            state = await answers.checkpoint(
                session, self.message_id, text, events, kept, LEASE_SECONDS
            )
        self._kept_count = kept
        return state

    async def _end(self, ending: Ending) -> None:
        sequence = self._events[-1].sequence
        async with self._database.write(self._principal.user_id) as session:
            ended = await answers.end(session, self.message_id, ending, self.text, sequence)
            if ended:
                unkept = self._events[self._kept_count :]
                await answer_events.append(session, self.message_id, unkept)
                session.after_commit(self._send)
            else:
                self._hints.publish(session, answer_subject(self.message_id))
            if ended or await conversations.message(session, self.message_id) is None:
                await usage.count_tokens(session, ending)  # a deleted answer is not given back


def _event(id_: bytes, fields: dict[bytes, bytes]) -> Event:
    """The event in an entry of a Redis stream."""
    kind = EventKind(fields[b"kind"].decode())
    return Event(int(id_.split(b"-")[0]), content_of(kind, json.loads(fields[b"payload"])))


def _key(message_id: UUID) -> str:
    return f"lectern:answer:{message_id.hex}"
