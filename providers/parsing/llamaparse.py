"""Documents read by LlamaParse, a service that returns Markdown page by page."""

import asyncio
import random
import time
import warnings
from collections.abc import AsyncGenerator
from contextlib import closing
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import structlog

from core.errors import ErrorCode, ParseFailure, ProviderUnavailable
from core.telemetry import describe
from providers.breaker import CircuitBreaker
from providers.parsing import Page, PageWindow
from providers.parsing.formats import BY_MEDIA_TYPE
from providers.parsing.formats.markdown import write_markdown
from providers.parsing.writer import WINDOW_PAGES, Writer, too_many_pages

UNAVAILABLE = "LlamaParse cannot be used right now."
_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504})

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Seconds, except `attempts`. A server that asks for more than `longest_wait` is given up."""

    request: float = 60
    attempts: int = 4
    first_wait: float = 0.5
    longest_wait: float = 30


class LlamaParseParser:
    """Raises `ProviderUnavailable`, or `ParseFailure` when the service gives a document up.

    The client retries by itself, but without jitter, deaf to `Retry-After` and, while it waits for
    a result, for ever; so its requests go through a transport that knows when to stop.
    """

    name = "llamaparse"

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str | None,
        timeout_seconds: float,
        max_pages: int,
        retries: RetryPolicy | None = None,
    ) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on import it announces its successor
            from llama_parse import LlamaParse

        self._client_type = LlamaParse
        self._options: dict[str, Any] = {"api_key": api_key}
        if base_url is not None:
            self._options["base_url"] = base_url.rstrip("/")
        self.timeout_seconds = timeout_seconds
        self.max_pages = max_pages
        self._retries = retries or RetryPolicy()
        self._breaker = CircuitBreaker(
            ErrorCode.PARSER_UNAVAILABLE, UNAVAILABLE, (ProviderUnavailable,)
        )

    async def parse(self, path: Path, media_type: str) -> AsyncGenerator[PageWindow, None]:
        with self._breaker.guard():
            pages = _pages(await self._result(path, media_type))
        if len(pages) > self.max_pages:
            raise too_many_pages(len(pages), self.max_pages)
        for start in range(0, len(pages), WINDOW_PAGES):
            yield PageWindow(pages[start : start + WINDOW_PAGES], len(pages))

    async def _result(self, path: Path, media_type: str) -> Any:
        from llama_cloud_services.parse.base import BackoffPattern, JobFailedException

        async with httpx.AsyncClient(transport=_PatientTransport(self._retries)) as http:
            client = self._client_type(
                **self._options,
                custom_client=http,
                check_interval=1,
                max_check_interval=10,
                backoff_pattern=BackoffPattern.LINEAR,
                ignore_errors=False,
                verbose=False,
                show_progress=False,
            )
            name = "document" + BY_MEDIA_TYPE[media_type].suffixes[0]
            try:
                with closing(await asyncio.to_thread(path.open, "rb")) as file:
                    async with asyncio.timeout(self.timeout_seconds):
                        return await client.aparse(file, extra_info={"file_name": name})
            except ProviderUnavailable:
                raise
            except JobFailedException as error:
                logger.info("llamaparse gave a document up", reason=error.error_code)
                raise ParseFailure(
                    ErrorCode.MALFORMED, "LlamaParse cannot read the document."
                ) from error
            except TimeoutError as error:
                message = "LlamaParse did not finish in time."
                raise ProviderUnavailable(ErrorCode.PARSER_TIMEOUT, message) from error
            except Exception as error:  # the client raises bare exceptions, KeyError and the like
                logger.warning("llamaparse failed", error=describe(error))
                raise _unavailable() from error


class _PatientTransport(httpx.AsyncBaseTransport):
    """Retries with full jitter and by `Retry-After`; every other error ends the call at once.

    Jitter: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    def __init__(self, retries: RetryPolicy) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self._retries = retries

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["timeout"] = httpx.Timeout(self._retries.request).as_dict()
        longest = self._retries.first_wait
        for _ in range(self._retries.attempts):
            try:
                response = await self._inner.handle_async_request(request)
            except httpx.TransportError as error:
                logger.info("llamaparse unreachable", error=describe(error))
                wait = None
            else:
                if response.is_success:
                    return response
                await response.aclose()
                logger.info("llamaparse refused", status=response.status_code)
                if response.status_code not in _RETRIED:
                    break
                wait = _retry_after(response)
            if wait is None:
                wait = random.uniform(0, longest)
            if wait > self._retries.longest_wait:
                break
            await asyncio.sleep(wait)
            longest = min(longest * 2, self._retries.longest_wait)
        raise _unavailable()

    async def aclose(self) -> None:
        await self._inner.aclose()


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds; the header holds seconds or a date (RFC 9110, 10.2.3)."""
    value = response.headers.get("Retry-After", "")
    if value.isdecimal():
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0)
    except ValueError:
        return None


def _pages(result: Any) -> list[Page]:
    """Pages by number; those the service left out are empty."""
    found = {page.page: page for page in result.pages}
    if not found or min(found) < 1:
        raise _unavailable()
    return [
        replace(
            _page(page.md or page.text or ""), number=number, width=page.width, height=page.height
        )
        if (page := found.get(number))
        else Page(number, "")
        for number in range(1, max(found) + 1)
    ]


def _page(markdown: str) -> Page:
    """Text and blocks of one page, tables as tables whether they came as Markdown or as HTML."""
    writer = Writer()
    write_markdown(writer, markdown)
    return writer.page()


def _unavailable() -> ProviderUnavailable:
    return ProviderUnavailable(ErrorCode.PARSER_UNAVAILABLE, UNAVAILABLE)
