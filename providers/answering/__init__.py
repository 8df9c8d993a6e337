"""Questions and passages into cited answers."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from core.blocks import Block
from core.overview import Overview, Place


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier message of the conversation."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Source:
    """A passage that the answer may cite as `[index]`, index from 1."""

    index: int
    title: str
    page_number: int
    text: str
    similarity: float
    """Cosine of question and passage, -1 to 1."""
    context: str = ""
    """Headings above the passage: they tell what it is about and are never quoted."""
    blocks: Sequence[Block] = ()
    """What the text is made of; empty where nobody knows."""
    document: UUID | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a document without opening it."""

    document: UUID
    title: str
    is_readable: bool
    failure: str | None
    """Why it could not be read."""
    page_count: int | None
    language: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TableText:
    """A table with the words of its cells; `places` has that of each row in the document."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    places: Sequence[Place]
    about: str
    """Headings and caption over it."""


class Library(Protocol):
    """What the asker may look up, for answerers that look further; raises `ProviderUnavailable`.

    Sources that it returns may be cited from then on, numbered after those already given.
    """

    async def search(self, query: str) -> list[Source]:
        """The best passages, best first."""
        ...

    async def mentions(self, words: str) -> list[Source]:
        """Of each document that has all of these words in one passage the best one."""
        ...

    async def read(self, title: str, first_page: int, last_page: int) -> list[Source]:
        """What stands on some pages of a document, as far as an answer may take in."""
        ...

    async def titles(self) -> list[str]:
        """Of the documents, newest first."""
        ...

    async def documents(self) -> list[Card]:
        """Those that may be looked up, newest first, whether or not they could be read."""
        ...

    async def recent(self) -> list[UUID]:
        """The documents that the last answer of the conversation cited, most cited first."""
        ...

    async def overview(self, document: UUID) -> Overview | None: ...

    async def page(self, document: UUID, number: int) -> Place | None: ...

    async def excerpt(self, document: UUID, place: Place) -> list[Source]:
        """What stands there, passage by passage, as far as an answer may take in."""
        ...

    async def tables(self, document: UUID) -> list[TableText]:
        """In order; one that goes on over pages is one."""
        ...


@dataclass(slots=True)
class Tokens:
    """What a language model has read and written, counted up while it works.

    Estimated where its server does not say, or is not heard out.
    """

    prompt: int = 0
    completion: int = 0

    def add(self, prompt: int, completion: int) -> None:
        self.prompt += prompt
        self.completion += completion


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    history: Sequence[Turn]
    """Oldest first, without the question itself."""
    sources: Sequence[Source]
    """Best first."""
    library: Library | None = None
    """Where to look further."""
    spent: Tokens = field(default_factory=Tokens)
    """On the answer, however it ends."""


@dataclass(frozen=True, slots=True)
class Delta:
    """More of the answer's text; citations stand in it as `[n]`."""

    text: str
    quotes: bool = False
    """One quotation and its citation, which is of all its sentences and not of the last one."""


@dataclass(frozen=True, slots=True)
class Step:
    """The answerer has looked further."""

    tool: str
    subject: str
    """What it looked for."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Ends every answer. `grounded` is false when the sources do not hold the answer."""

    grounded: bool
    answerer: str
    """The `name` of the one who wrote the answer."""
    suggestions: Sequence[str] = ()
    """Questions to ask next: at most three, plain text of at most 200 characters."""


class Answerer(Protocol):
    """Raises `ProviderUnavailable`."""

    name: str

    def answer(self, question: Question) -> AsyncGenerator[Delta | Step | Verdict]:
        """Deltas and steps, then exactly one verdict; closing the generator stops the work."""
        ...

    async def rewrite(self, question: str, history: Sequence[Turn], spent: Tokens) -> str:
        """The question as one that can be understood, and searched for, without the history."""
        ...

    async def aclose(self) -> None: ...
