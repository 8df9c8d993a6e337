"""Ending of answers whose writer has died."""

from uuid import UUID

import structlog

from core.errors import ErrorCode
from core.states import MessageStatus
from core.telemetry import ANSWERS
from db import answer_events, answers
from db.answer_events import DeltaWritten, Event
from db.answers import Ending
from db.engine import Database
from services.chat.answer_log import AnswerTail, failure

logger = structlog.get_logger()
SWEEP_SECONDS = 3.0
"""Pause between sweeps; with the lease, a dead replica's answer ends within 15 seconds."""
LOST_EVENTS = 1000
"""Events of one answer that Redis alone may know; it grows by far fewer in a lease's time."""


class AnswerSweeper:
    """Ends abandoned answers; runs in every process, any number of them at once."""

    def __init__(self, database: Database, tail: AnswerTail) -> None:
        self._database = database
        self._tail = tail

    async def sweep(self) -> None:
        """End every answer whose lease has run out; what is written stays."""
        async with self._database.read(None) as session:
            expired = await answers.expired(session)
        for message_id, owner_id in expired:
            try:
                await self._interrupt(message_id, owner_id)
            except Exception:
                logger.exception("answer not ended", message_id=str(message_id))

    async def _interrupt(self, message_id: UUID, owner_id: UUID) -> None:
        async with self._database.read(owner_id) as session:
            last = await answer_events.last_sequence(session, message_id)
        lost = await self._tail.after(message_id, last, LOST_EVENTS) or []
        async with self._database.write(owner_id) as session:
            text = await answers.lock_expired(session, message_id)
            if text is None:
                return
            contents = [event.content for event in lost]
            text += "".join(c.text for c in contents if isinstance(c, DeltaWritten))
            sequence = last + len(lost) + 1
            end = Event(sequence, failure(ErrorCode.INTERRUPTED))
            ending = Ending(MessageStatus.INTERRUPTED, failure_code=ErrorCode.INTERRUPTED)
            await answer_events.append(session, message_id, [*lost, end])
            await answers.end(session, message_id, ending, text, sequence)
            session.after_commit(self._tail.append, message_id, [end])
        ANSWERS.labels(outcome="interrupted").inc()
