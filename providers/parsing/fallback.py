"""A second parser for when the first cannot."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import structlog

from core.errors import ParseFailure, ProviderUnavailable
from providers.parsing import PageWindow, Parser

logger = structlog.get_logger()


class FallbackParser:
    """Whatever stops the first parser before its first page, the second reads the document.

    That includes a document that the first gave up: the second may read it, or names the reason.
    """

    def __init__(self, first: Parser, second: Parser) -> None:
        self.name = first.name
        self._first = first
        self._second = second

    async def parse(self, path: Path, media_type: str) -> AsyncGenerator[PageWindow, None]:
        notice: str | None = None
        started = False
        try:
            async with aclosing(self._first.parse(path, media_type)) as windows:
                async for window in windows:
                    started = True
                    yield window
            return
        except (ProviderUnavailable, ParseFailure) as failure:
            if started:
                raise
            logger.warning("parser_fell_back", parser=self._first.name, code=failure.code)
            notice = f"{failure.message} The {self._second.name} parser read the document."
        async with aclosing(self._second.parse(path, media_type)) as windows:
            async for window in windows:
                yield replace(window, notice=notice)
                notice = None
