"""One answerer that stands in for another."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import structlog

from core.errors import ProviderUnavailable
from core.telemetry import describe
from providers.answering import Answerer, Delta, Question, Step, Tokens, Turn, Verdict

logger = structlog.get_logger()


class FallbackAnswerer:
    """Asks `first`, and `second` when `first` fails before its first word.

    An answer that breaks off later stays broken: two voices in one answer would mislead. The
    verdict names who spoke.
    """

    def __init__(self, first: Answerer, second: Answerer) -> None:
        self.name = first.name
        self._first = first
        self._second = second

    async def answer(self, question: Question) -> AsyncGenerator[Delta | Step | Verdict]:
        spoken = False
        try:
            async with aclosing(self._first.answer(question)) as events:
                async for event in events:
                    spoken = spoken or isinstance(event, Delta)
                    yield event
            return
        except ProviderUnavailable as error:
            if spoken:
                raise
            self._log(error)
        async with aclosing(self._second.answer(question)) as events:
            async for event in events:
                yield event

    async def rewrite(self, question: str, history: Sequence[Turn], spent: Tokens) -> str:
        try:
            return await self._first.rewrite(question, history, spent)
        except ProviderUnavailable as error:
            self._log(error)
            return await self._second.rewrite(question, history, spent)

    async def aclose(self) -> None:
        try:
            await self._first.aclose()
        finally:
            await self._second.aclose()

    def _log(self, error: ProviderUnavailable) -> None:
        logger.warning(
            "answerer_fell_back",
            first=self._first.name,
            second=self._second.name,
            code=error.code,
            cause=describe(error.__cause__),
        )
