"""Writing one answer: understand the question, find passages, answer from them, cite."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

import structlog

from core.errors import DomainError, ErrorCode
from core.principal import Principal
from core.states import MessageRole, MessageStatus
from core.telemetry import ANSWER_SECONDS, ANSWERS, FIRST_DELTA_SECONDS
from core.text import storable
from db import conversations
from db.answers import Ending
from db.conversations import Message
from db.engine import Database
from providers.answering import Answerer, Delta, Question, Source, Step, Turn, Verdict
from providers.answering.documents import gather
from providers.answering.intents import DOCUMENT, LIBRARY, TALK, understand
from services.admission import Lane
from services.chat.answer_log import AnswerLog
from services.chat.citations import Marker, MarkerReader, cite
from services.chat.sources import AnswerSources
from services.quotas import Prices
from services.retrieval import Retrieval

logger = structlog.get_logger()
HISTORY = 12
"""Earlier messages of the branch that a question is understood with."""
TOTAL_SECONDS = 300.0
SEARCHING = 4
"""Answers that search at the same time; the other connections renew the leases of the rest."""


class AnswerGenerator:
    def __init__(
        self,
        database: Database,
        retrieval: Retrieval,
        answerer: Answerer,
        spare: Answerer,
        prices: Prices,
    ) -> None:
        self._database = database
        self._retrieval = retrieval
        self._answerer = answerer
        self._spare = spare
        self._prices = prices
        self.searching = Lane(SEARCHING)

    async def write(
        self, principal: Principal, question: Message, log: AnswerLog, *, by_model: bool
    ) -> None:
        """Write one answer to its end, whatever happens on the way.

        Unless `by_model`, the spare answerer writes it.
        """
        started = time.monotonic()
        answerer = self._answerer if by_model else self._spare
        composed = asyncio.create_task(self._compose(principal, question, log, answerer))
        kept = asyncio.create_task(log.keep())
        sent = asyncio.create_task(log.send())
        ending = Ending(MessageStatus.INTERRUPTED, failure_code=ErrorCode.INTERRUPTED)
        try:
            await asyncio.wait(
                {composed, kept}, timeout=TOTAL_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if composed.done():
                verdict = composed.result()
                ending = Ending(
                    MessageStatus.COMPLETED, verdict.answerer, verdict.grounded, verdict.suggestions
                )
            elif not kept.done():
                ending = Ending(MessageStatus.FAILED, failure_code=ErrorCode.LLM_TIMEOUT)
            elif kept.result() == "stop":
                ending = Ending(MessageStatus.STOPPED, answerer.name)
        except DomainError as error:
            ending = Ending(MessageStatus.FAILED, failure_code=error.code)
        except Exception:
            logger.exception("answer broke", message_id=str(log.message_id))
            ending = Ending(MessageStatus.FAILED, failure_code=ErrorCode.INTERNAL_SERVER_ERROR)
        finally:
            for task in (composed, kept, sent):
                task.cancel()
            await asyncio.gather(composed, kept, sent, return_exceptions=True)
            await log.end(
                replace(
                    ending,
                    prompt_tokens=log.spent.prompt,
                    completion_tokens=log.spent.completion,
                    cost=self._prices.cost(log.spent),
                )
            )
            ANSWERS.labels(outcome=ending.status.lower()).inc()
            ANSWER_SECONDS.observe(time.monotonic() - started)

    async def _compose(
        self, principal: Principal, question: Message, log: AnswerLog, answerer: Answerer
    ) -> Verdict:
        started = time.monotonic()
        history = await self._history(principal, question)
        understood = await asyncio.to_thread(understand, question.text)
        if understood.intent in TALK | LIBRARY:
            answerer = self._spare
        sources = AnswerSources(
            self._database,
            self._retrieval,
            principal,
            log.message_id,
            question.document_ids,
            last_answer=question.parent_id,
        )
        async with self.searching.turn():
            passages: list[Source] = []
            if understood.intent in DOCUMENT:
                passages = await gather(understood, sources)
            if not passages and understood.intent not in TALK | LIBRARY:
                passages = await sources.search(
                    await answerer.rewrite(question.text, history, log.spent)
                )
        log.sources(len(sources.hits))
        reader = MarkerReader(len(sources.hits))
        verdict = Verdict(False, answerer.name)
        asked = Question(question.text, history, passages, sources, log.spent)
        async with aclosing(answerer.answer(asked)) as parts:
            async for part in parts:
                match part:
                    case Delta():
                        if not log.text:
                            FIRST_DELTA_SECONDS.observe(time.monotonic() - started)
                        delta, markers = reader.feed(storable(part.text), quotes=part.quotes)
                        log.delta(delta)
                        await _cite(log, markers, sources)
                    case Step():
                        reader.source_count = len(sources.hits)
                        log.sources(len(sources.hits), part)
                    case Verdict():
                        verdict = part
        delta, markers = reader.feed("", final=True)
        log.delta(delta)
        await _cite(log, markers, sources)
        return verdict

    async def _history(self, principal: Principal, question: Message) -> list[Turn]:
        if question.parent_id is None:
            return []
        async with self._database.read(principal.user_id) as session:
            past = await conversations.branch(session, question.parent_id, HISTORY)
        return [
            Turn("user" if m.role is MessageRole.USER else "assistant", m.text)
            for m in past
            if m.text
        ]


async def _cite(log: AnswerLog, markers: Sequence[Marker], sources: AnswerSources) -> None:
    for marker in markers:
        hit = sources.hits[marker.index - 1]
        sentence = log.text[marker.start : marker.end]
        log.citation(await asyncio.to_thread(cite, marker, sentence, hit, sources.pages_of(hit)))
