"""The tools that a language model may call while it answers."""

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from core.text import storable
from providers.answering import Question, Source, Step
from providers.answering.prompt import BYTES_PER_TOKEN, quoted_sources, quoted_titles

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

T = TypeVar("T")

MAX_ROUNDS = 3
"""Times that a model may look further; after that it has to answer."""
MAX_CALLS = 4
"""Of one round."""
FOUND_TOKENS = 8_000
"""What all results of an answer's tools may take of the prompt, beside the first sources."""
MAX_SUBJECT = 500
MAX_PAGES = 5
LAST_PAGE = 1_000_000


@dataclass(slots=True)
class Call:
    id: str
    name: str = ""
    arguments: str = ""


class Tools:
    """What the model called in this round, and all sources that it has been given so far.

    Calls are only what the server marks as such: text, be it the model's or a document's, that
    looks like a call is text.
    """

    def __init__(self, question: Question) -> None:
        assert question.library is not None
        self._library = question.library
        self._calls: dict[int, Call] = {}
        self._rounds = 0
        self._room = FOUND_TOKENS * BYTES_PER_TOKEN
        self.sources: list[Source] = list(question.sources)

    @property
    def offered(self) -> bool:
        return self._rounds < MAX_ROUNDS

    @property
    def called(self) -> bool:
        return bool(self._calls)

    def hear(self, pieces: Sequence[Mapping[str, Any]]) -> None:
        """Calls arrive in pieces, each with the index of its call.

        Raises `AttributeError`, `TypeError` and `ValueError` for what is no piece of a call.
        """
        for piece in pieces:
            index = int(piece.get("index") or 0)
            call = self._calls.setdefault(index, Call(piece.get("id") or f"call-{index}"))
            function = piece.get("function") or {}
            call.name += function.get("name") or ""
            call.arguments += function.get("arguments") or ""

    async def answer_calls(
        self, messages: list["ChatCompletionMessageParam"]
    ) -> AsyncGenerator[Step]:
        """Carry out the round's calls and append what they return to the messages.

        Raises `ProviderUnavailable` when the library cannot be searched.
        """
        calls = list(self._calls.values())[:MAX_CALLS]
        self._calls = {}
        self._rounds += 1
        messages.append(
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {"name": call.name, "arguments": call.arguments},
                    }
                    for call in calls
                ],
            }
        )
        for call in calls:
            result, step = await self._run(call)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
            if step is not None:
                yield step

    async def _run(self, call: Call) -> tuple[str, Step | None]:
        """What the model is told, and what the asker is."""
        try:
            arguments = json.loads(call.arguments or "{}")
            match call.name:
                case "search_documents":
                    query = _text(arguments["query"])
                    return self._given(await self._library.search(query)), Step(call.name, query)
                case "read_pages":
                    title = _text(arguments["title"])
                    first = min(max(int(arguments["first_page"]), 1), LAST_PAGE)
                    last = min(max(int(arguments["last_page"]), 1), first + MAX_PAGES - 1)
                    found = await self._library.read(title, first, last)
                    return self._given(found), Step(call.name, f"{title}, {first} to {last}")
                case "list_documents":
                    titles, left_out = self._fitting(await self._library.titles(), str)
                    return f"{quoted_titles(titles)}{left_out}", Step(call.name, "")
        except (ValueError, TypeError, KeyError, OverflowError):
            return "The arguments cannot be read.", None
        return "There is no such tool.", None

    def _given(self, found: Sequence[Source]) -> str:
        if not found:
            return "Nothing was found."
        fitting, left_out = self._fitting(found, lambda source: source.title + source.text)
        if not fitting:
            return left_out.strip()
        known = {source.index for source in self.sources}
        self.sources += [source for source in fitting if source.index not in known]
        return f"{quoted_sources(fitting)}{left_out}"

    def _fitting(self, found: Sequence[T], text: Callable[[T], str]) -> tuple[list[T], str]:
        """The first that there is room for, which they take, and a word about the others."""
        fitting: list[T] = []
        for one in found:
            size = len(text(one).encode())
            if size > self._room:
                left_out = len(found) - len(fitting)
                return fitting, f"\n\nFound, but left out because there is no room: {left_out}."
            self._room -= size
            fitting.append(one)
        return fitting, ""


def _text(value: Any) -> str:
    text = " ".join(storable(str(value)).split())[:MAX_SUBJECT]
    if not text:
        raise ValueError("no text")
    return text
