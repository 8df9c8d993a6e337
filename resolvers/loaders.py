"""Batched look-ups for fields inside lists: one query, however many items ask."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from strawberry.dataloader import DataLoader

from core.errors import NotFound
from core.ids import check_page_size, decode_cursor, encode_cursor
from core.principal import Principal
from core.response_memory import grow_response
from db.citations import Citation as CitationRow
from db.citations import Step as StepRow
from db.conversations import Conversation as ConversationRow
from db.conversations import Message as MessageRow
from db.conversations import MessagesPage
from db.documents import Document as DocumentRow
from db.documents import Page as PageRow
from db.documents import Version as VersionRow
from db.retrieval import Hit
from resolvers import mapping
from schema.chat import ChatStep, Citation, Message
from schema.documents import Document, DocumentVersion, Page
from schema.loading import Loading
from schema.nodes import Connection
from schema.retrieval import Box, Passage, TextSpan
from services.container import Services
from services.layout import boxes_of

PageKey = tuple[UUID, int]
PAGES_AT_ONCE = 8
"""Pages that one query loads; with the places of its words, a page may take megabytes."""


class Loaders(Loading):
    """The look-ups of one operation, for one principal."""

    def __init__(self, services: Services, principal: Principal) -> None:
        self._services = services
        self._principal = principal
        self._documents = DataLoader(self._load_documents)
        self._pages = DataLoader(self._load_pages, max_batch_size=PAGES_AT_ONCE)
        self._reading_pages = asyncio.Lock()
        self._versions = DataLoader(self._load_versions)
        self._versions_of = DataLoader(self._load_versions_of)
        self._citations = DataLoader(self._load_citations)
        self._passages = DataLoader(self._load_passages)
        self._steps = DataLoader(self._load_steps)
        self._messages = DataLoader(self._load_messages)
        self._conversations = DataLoader(self._load_conversations)
        self._message_pages = DataLoader(self._load_message_pages)

    def forget(self) -> None:
        """Empty all caches, before each event of a subscription: rows may have changed."""
        for loader in (
            self._documents,
            self._versions,
            self._versions_of,
            self._pages,
            self._citations,
            self._passages,
            self._steps,
            self._messages,
            self._conversations,
            self._message_pages,
        ):
            loader.clear_all()

    async def document(self, document_id: UUID) -> Document:
        return mapping.document(await self._documents.load(document_id))

    async def cited_document(self, document_id: UUID) -> Document | None:
        try:
            return await self.document(document_id)
        except NotFound:
            return None

    async def version(self, version_id: UUID) -> DocumentVersion | None:
        row = await self._versions.load(version_id)
        return mapping.version(row) if row else None

    async def versions(self, document_id: UUID) -> list[DocumentVersion]:
        return [mapping.version(row) for row in await self._versions_of.load(document_id)]

    async def page(self, version_id: UUID, number: int) -> Page | None:
        found = await self._pages.load((version_id, number))
        return mapping.page(found) if found else None

    async def boxes(
        self, version_id: UUID, first_page: int, last_page: int, start: int, end: int
    ) -> list[Box]:
        keys = [(version_id, number) for number in range(first_page, last_page + 1)]
        pages = await self._pages.load_many(keys)
        return [
            mapping.box(box)
            for page in pages
            if page is not None
            for box in boxes_of(page, start - page.start, end - page.start)
        ]

    async def spans(
        self, version_id: UUID, first_page: int, last_page: int, start: int, end: int
    ) -> list[TextSpan]:
        keys = [(version_id, number) for number in range(first_page, last_page + 1)]
        return [
            TextSpan(
                page=page.number,
                start=max(start - page.start, 0),
                end=min(end - page.start, len(page.text)),
            )
            for page in await self._pages.load_many(keys)
            if page is not None and start < page.start + len(page.text) and end > page.start
        ]

    async def quote_boxes(self, version_id: UUID, number: int, start: int, end: int) -> list[Box]:
        page = await self._pages.load((version_id, number))
        return [mapping.box(box) for box in boxes_of(page, start, end)] if page else []

    async def download_url(self, version_id: UUID, inline: bool) -> str:
        version = await self._versions.load(version_id)
        if version is None:
            raise NotFound("There is no such version any more.")
        return await self._services.downloads.url(self._principal, version, inline)

    async def citation(self, made: CitationRow) -> Citation:
        """The citation that an event told of, whose document may be renamed or deleted since."""
        version = await self._versions.load(made.version_id)
        if version is None:
            return mapping.citation(made.without_words())
        return mapping.citation(replace(made, filename=version.filename))

    async def citations(self, message_id: UUID) -> list[Citation]:
        return [mapping.citation(row) for row in await self._citations.load(message_id)]

    async def passages(self, message_id: UUID) -> list[Passage]:
        return [mapping.passage(hit) for hit in await self._passages.load(message_id)]

    async def steps(self, message_id: UUID) -> list[ChatStep]:
        return [mapping.step(row) for row in await self._steps.load(message_id)]

    async def message(self, message_id: UUID) -> MessageRow:
        return await self._messages.load(message_id)

    async def conversation(self, conversation_id: UUID) -> ConversationRow:
        return await self._conversations.load(conversation_id)

    async def messages(
        self, conversation_id: UUID, first: int, after: str | None
    ) -> Connection[Message]:
        """Raises `InvalidInput`."""
        page = MessagesPage(
            conversation_id, check_page_size(first), decode_cursor(after) if after else None
        )
        rows, more = await self._message_pages.load(page)
        cursors = [encode_cursor(row.created_at, row.id) for row in rows]
        return mapping.connection([mapping.message(row) for row in rows], cursors, more)

    async def _load_documents(self, ids: list[UUID]) -> Sequence[DocumentRow | Exception]:
        found = await self._services.documents.by_ids(self._principal, ids)
        return [found.get(id_) or NotFound("There is no document with this id.") for id_ in ids]

    async def _load_versions(self, ids: list[UUID]) -> Sequence[VersionRow | None]:
        found = await self._services.documents.versions_by_ids(self._principal, ids)
        return [found.get(id_) for id_ in ids]

    async def _load_versions_of(self, document_ids: list[UUID]) -> Sequence[list[VersionRow]]:
        found = await self._services.documents.versions_of(self._principal, document_ids)
        return [found.get(id_, []) for id_ in document_ids]

    async def _load_pages(self, keys: list[PageKey]) -> Sequence[PageRow | None]:
        # One batch after the other: each counts before the next one is read.
        async with self._reading_pages:
            found = await self._services.documents.pages(self._principal, keys)
            grow_response(sum(len(p.text) + len(p.words) for p in found.values()) // 2)
        return [found.get(key) for key in keys]

    async def _load_citations(self, ids: list[UUID]) -> Sequence[list[CitationRow]]:
        found = await self._services.conversations.citations(self._principal, ids)
        return [found.get(id_, []) for id_ in ids]

    async def _load_passages(self, ids: list[UUID]) -> Sequence[list[Hit]]:
        found = await self._services.conversations.passages(self._principal, ids)
        return [found.get(id_, []) for id_ in ids]

    async def _load_steps(self, ids: list[UUID]) -> Sequence[list[StepRow]]:
        found = await self._services.conversations.steps(self._principal, ids)
        return [found.get(id_, []) for id_ in ids]

    async def _load_messages(self, ids: list[UUID]) -> Sequence[MessageRow | Exception]:
        found = await self._services.conversations.messages_by_ids(self._principal, ids)
        return [found.get(id_) or NotFound("There is no message with this id.") for id_ in ids]

    async def _load_message_pages(
        self, pages: list[MessagesPage]
    ) -> Sequence[tuple[list[MessageRow], bool]]:
        return await self._services.conversations.messages(self._principal, pages)

    async def _load_conversations(self, ids: list[UUID]) -> Sequence[ConversationRow | Exception]:
        found = await self._services.conversations.by_ids(self._principal, ids)
        missing = NotFound("There is no conversation with this id.")
        return [found.get(id_) or missing for id_ in ids]
