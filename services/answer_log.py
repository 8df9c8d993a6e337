"""The numbered events of an answer: at once to Redis, in batches to the database."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from core.errors import ErrorCode
from core.principal import Principal
from db import answers
from db.answers import Citation, Ending, Event
from db.engine import Database
from services.events import Hints, answer_subject

_log = structlog.get_logger()
COALESCE_SECONDS = 0.025
CHECKPOINT_SECONDS = 0.25
LEASE_SECONDS = 10.0
TAIL_SECONDS = 600
"""How long Redis keeps the newest events; the database keeps all of them."""

_MESSAGES = {
    ErrorCode.INTERRUPTED: "The answer was interrupted; ask again.",
    ErrorCode.LLM_TIMEOUT: "The language model took too long; ask again.",
    ErrorCode.LLM_UNAVAILABLE: "The language model is not available; ask again later.",
    ErrorCode.RETRIEVAL_FAILED: "Your documents could not be searched; ask again.",
}


def failure(code: ErrorCode) -> dict[str, Any]:
    """Payload of a FAILED event."""
    message = _MESSAGES.get(code, "The answer failed unexpectedly; ask again.")
    return {"code": code, "message": message, "retryable": True}


class AnswerTail:
    """The newest events of answers, in Redis streams: transient, and allowed to be lost."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def append(self, message_id: UUID, events: Sequence[Event]) -> None:
        key = _key(message_id)
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for event in events:
                    fields = {"kind": event.kind, "payload": json.dumps(event.payload)}
                    pipeline.xadd(key, fields, id=f"{event.sequence}-0")  # type: ignore[arg-type]
                pipeline.expire(key, TAIL_SECONDS)
                await pipeline.execute()
        except (RedisError, OSError) as error:
            _log.warning("answer tail lost", error=str(error))

    async def after(self, message_id: UUID, sequence: int) -> list[Event]:
        """Newer events as far as Redis still has them, oldest first."""
        try:
            entries = await self._redis.xrange(_key(message_id), min=f"({sequence}-0")
        except (RedisError, OSError):
            return []
        return [
            Event(int(id_.split(b"-")[0]), fields[b"kind"].decode(), json.loads(fields[b"payload"]))
            for id_, fields in entries
        ]


class AnswerLog:
    """Records what one answer does; `pump` carries it out while the answer is written."""

    def __init__(
        self,
        database: Database,
        hints: Hints,
        tail: AnswerTail,
        principal: Principal,
        message_id: UUID,
    ) -> None:
        self._database = database
        self._hints = hints
        self._tail = tail
        self._principal = principal
        self._message_id = message_id
        self._fresh: list[str] = []
        self._events: list[Event] = []
        self._first_sequence = 2
        self._sent = 0
        self._kept = 0
        self._dirty = asyncio.Event()
        self.text = ""
        self.citations: list[Citation] = []

    def sources(self) -> None:
        """The passages stand in the database."""
        self._record("SOURCES", {})

    def delta(self, text: str) -> None:
        if text:
            self.text += text
            self._fresh.append(text)
            self._dirty.set()

    def citation(self, citation: Citation) -> None:
        self._cut_delta()
        self.citations.append(citation)
        self._record("CITATION", {"position": len(self.citations) - 1, **_json(citation)})

    async def pump(self) -> None:
        """Send every few milliseconds and keep every few sends, until cancelled."""
        kept_at = time.monotonic()
        while True:
            try:
                async with asyncio.timeout(LEASE_SECONDS / 4):
                    await self._dirty.wait()
            except TimeoutError:
                kept_at = 0.0
            self._dirty.clear()
            self._cut_delta()
            await self._send()
            if time.monotonic() - kept_at >= CHECKPOINT_SECONDS:
                await self._keep()
                kept_at = time.monotonic()
            await asyncio.sleep(COALESCE_SECONDS)

    async def end(self, ending: Ending) -> None:
        """Write the end, once, with everything that was not yet kept, then say so."""
        self._cut_delta()
        if ending.failure_code is not None:
            self._record("FAILED", failure(ending.failure_code))
        else:
            self._record("COMPLETED", {"grounded": bool(ending.grounded)})
        sequence = self._events[-1].sequence
        async with self._database.write(self._principal.user_id) as session:
            if await answers.end(session, self._message_id, ending, self.text, sequence):
                unkept = self._events[self._kept :]
                await answers.append_events(session, self._message_id, unkept)
                await answers.insert_citations(session, self._message_id, self.citations)
        await self._send()

    def _record(self, kind: str, payload: dict[str, Any]) -> None:
        sequence = self._first_sequence + len(self._events)
        self._events.append(Event(sequence, kind, payload))
        self._dirty.set()

    def _cut_delta(self) -> None:
        if self._fresh:
            text = "".join(self._fresh)
            self._fresh.clear()
            self._record("DELTA", {"text": text})

    async def _send(self) -> None:
        unsent = self._events[self._sent :]
        if unsent:
            self._sent += len(unsent)
            await self._tail.append(self._message_id, unsent)
            await self._hints.publish(answer_subject(self._message_id))

    async def _keep(self) -> None:
        kept = len(self._events)
        text = "".join(e.payload["text"] for e in self._events if e.kind == "DELTA")
        try:
            async with self._database.write(self._principal.user_id) as session:
                await answers.checkpoint(
                    session,
                    self._message_id,
                    text,
                    self._events[self._kept : kept],
                    self._first_sequence + kept - 1,
                    LEASE_SECONDS,
                )
        except OSError as error:
            _log.warning("checkpoint postponed", error=str(error))
        else:
            self._kept = kept


def _key(message_id: UUID) -> str:
    return f"lectern:answer:{message_id.hex}"


def _json(citation: Citation) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, UUID) else value
        for name, value in asdict(citation).items()
    }
