"""Answers by any OpenAI-compatible chat-completions server, as a stream."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import openai

from core.errors import ErrorCode, ProviderUnavailable
from providers.answering import Delta, Question, Step, Tokens, Turn, Verdict
from providers.answering.language import detect, not_found
from providers.answering.prompt import (
    TOOLS,
    answer_messages,
    estimated_tokens,
    rewrite_messages,
)
from providers.answering.reply import Reply
from providers.answering.suggestions import from_lines
from providers.answering.tools import Tools
from providers.breaker import CircuitBreaker

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolUnionParam

DOWN = (
    TimeoutError,
    openai.APIConnectionError,
    openai.InternalServerError,
    openai.RateLimitError,
)
"""What opens the circuit; a rejected request shows that the server answers."""

REFUSES_TOOLS = (
    openai.BadRequestError,
    openai.NotFoundError,
    openai.UnprocessableEntityError,
    openai.InternalServerError,
)
"""How servers without tools say so; some break at them."""

UNAVAILABLE = "The language model cannot be used right now."

MAX_REWRITTEN = 500
"""Characters; a longer "question" is a model that talks instead of rewriting."""

MAX_RETRIES = 2
"""Of a request that failed before its first token: 408, 409, 429, 5xx and lost connections."""

Chunk = Any
"""A `chat.completion.chunk` as it came, JSON: the client's models of it, which validate nothing,
cost ten times what all else does that happens to a token."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `first_token` covers every retry; after it nothing is retried."""

    first_token: float = 20
    between_tokens: float = 15
    total: float = 120
    rewrite: float = 5


def open_client(
    base_url: str | None, api_key: str, max_retries: int = MAX_RETRIES
) -> openai.AsyncOpenAI:
    """On aiohttp: a token costs it a third of what httpx takes.

    It says `APITimeoutError` for every connection that cannot be made.
    """
    http_client = openai.DefaultAioHttpClient()
    return openai.AsyncOpenAI(
        api_key=api_key, base_url=base_url, max_retries=max_retries, http_client=http_client
    )


class OpenAIAnswerer:
    """The client's own retries (jitter, `Retry-After`) end when the answer begins to stream."""

    def __init__(
        self, client: openai.AsyncOpenAI, model: str, timeouts: Timeouts | None = None
    ) -> None:
        self.name = model
        self._client = client
        self._timeouts = timeouts or Timeouts()
        self._takes_tools = True
        self._breaker = CircuitBreaker(ErrorCode.LLM_UNAVAILABLE, UNAVAILABLE, DOWN)

    async def answer(self, question: Question) -> AsyncGenerator[Delta | Step | Verdict]:
        """Grounded means: the model found the answer and cited at least one of the sources."""
        reply = Reply()
        if not self._takes_tools:
            question = replace(question, library=None)
        tools = Tools(question) if question.library else None
        clock = asyncio.get_running_loop().time
        end = clock() + self._timeouts.total
        messages = answer_messages(question)
        while question.sources:
            try:
                async with aclosing(self._stream(messages, end, tools, question.spent)) as stream:
                    async for piece in stream:
                        if text := reply.feed(piece):
                            yield Delta(text)
            except ProviderUnavailable:
                if reply.questions is None:  # else the answer itself is whole
                    raise
            if tools is None or not tools.called:
                break
            async for step in tools.answer_calls(messages):
                yield step
        if text := reply.end():
            yield Delta(text)
        if question.sources and not reply.text and not reply.refused:
            raise ProviderUnavailable(
                ErrorCode.LLM_UNAVAILABLE, "The language model gave an empty answer."
            )
        if not reply.text:
            yield Delta(not_found(detect(question.text)))
        given = {source.index for source in (tools.sources if tools else question.sources)}
        yield Verdict(
            grounded=not reply.refused and not given.isdisjoint(reply.cited()),
            answerer=self.name,
            suggestions=from_lines(reply.questions or "", question.text),
        )

    async def rewrite(self, question: str, history: Sequence[Turn], spent: Tokens) -> str:
        if not history:
            return question
        messages = rewrite_messages(question, history)
        with _provider_errors(), self._breaker.guard():
            async with asyncio.timeout(self._timeouts.rewrite):
                completion = await self._client.chat.completions.create(
                    model=self.name, messages=messages
                )
            content = completion.choices[0].message.content if completion.choices else None
        _count(spent, completion.usage, messages, content or "")
        rewritten = " ".join((content or "").split())
        return rewritten if 0 < len(rewritten) <= MAX_REWRITTEN else question

    async def aclose(self) -> None:
        await self._client.close()

    async def _stream(
        self,
        messages: list["ChatCompletionMessageParam"],
        end: float,
        tools: Tools | None,
        spent: Tokens,
    ) -> AsyncGenerator[str]:
        clock = asyncio.get_running_loop().time
        stream, chunk = await self._open(messages, end, tools)
        finished = False
        said, usage = "", None
        try:
            while chunk is not None:
                with _unreadable():
                    text, final = _read(chunk, tools)
                    usage = chunk.get("usage") or usage
                finished = finished or final
                said += text
                if text:
                    yield text
                pause = clock() + self._timeouts.between_tokens
                with _provider_errors():
                    async with asyncio.timeout_at(min(pause, end)):
                        chunk = await anext(stream, None)
        finally:
            _count(spent, usage, messages, said)
            await stream.close()
        if not finished:
            raise ProviderUnavailable(
                ErrorCode.LLM_UNAVAILABLE, "The language model stopped in the middle of its answer."
            )

    async def _open(
        self, messages: list["ChatCompletionMessageParam"], end: float, tools: Tools | None
    ) -> tuple[openai.AsyncStream[object], Chunk | None]:
        """The stream and its first chunk: only then has the server shown that it works.

        A server that refuses tools but does without them is not offered any again.
        """
        clock = asyncio.get_running_loop().time
        with _provider_errors(), self._breaker.guard():
            async with asyncio.timeout_at(min(clock() + self._timeouts.first_token, end)):
                if tools is not None and tools.offered and self._takes_tools:
                    try:
                        return await self._request(messages, tools=TOOLS)
                    except REFUSES_TOOLS:
                        opened = await self._request(messages)
                        self._takes_tools = False
                        return opened
                return await self._request(messages)

    async def _request(
        self,
        messages: list["ChatCompletionMessageParam"],
        **tools: "list[ChatCompletionToolUnionParam]",
    ) -> tuple[openai.AsyncStream[object], Chunk | None]:
        stream = await self._client.post(
            "/chat/completions",
            cast_to=object,
            stream=True,
            stream_cls=openai.AsyncStream[object],
            body={
                "model": self.name,
                "messages": messages,
                "stream": True,
                "stream_options": {"include_usage": True},
                **tools,
            },
        )
        try:
            return stream, await anext(stream, None)
        except BaseException:
            await stream.close()
            raise


def _read(chunk: Chunk, tools: Tools | None) -> tuple[str, bool]:
    """Text and whether the model ended here."""
    if not chunk.get("choices"):  # the chunk with the usage
        return "", False
    choice = chunk["choices"][0]
    delta = choice.get("delta") or {}
    if tools is not None and tools.offered:
        tools.hear(delta.get("tool_calls") or [])
    return "" + (delta.get("content") or ""), choice.get("finish_reason") is not None


@contextmanager
def _unreadable() -> Iterator[None]:
    """Whatever is not where it should be."""
    try:
        yield
    except (AttributeError, TypeError, KeyError, IndexError, ValueError) as error:
        raise ProviderUnavailable(
            ErrorCode.LLM_UNAVAILABLE, "The language model's answer cannot be read."
        ) from error


def _count(
    spent: Tokens, usage: Any, messages: list["ChatCompletionMessageParam"], said: str
) -> None:
    """By what the server says, if that can be read."""
    try:
        counted = dict(usage)
        spent.add(int(counted["prompt_tokens"]), int(counted["completion_tokens"]))
    except (TypeError, KeyError, ValueError):
        spent.add(*estimated_tokens(messages, said))


@contextmanager
def _provider_errors() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise ProviderUnavailable(
            ErrorCode.LLM_TIMEOUT, "The language model took too long to answer."
        ) from error
    except (openai.OpenAIError, ValueError) as error:  # ValueError: a chunk that is no JSON
        raise ProviderUnavailable(ErrorCode.LLM_UNAVAILABLE, UNAVAILABLE) from error
