"""What fields ask for only when a client asks for them."""

from typing import TYPE_CHECKING, Protocol, TypeAlias
from uuid import UUID

import strawberry

if TYPE_CHECKING:
    from schema.chat import ChatStep, Citation, Message
    from schema.documents import Document, DocumentVersion, Page
    from schema.nodes import Connection
    from schema.retrieval import Box, Passage, TextSpan


class Loading(Protocol):
    """Batched look-ups of one operation; the resolvers' context provides them."""

    async def document(self, document_id: UUID) -> "Document": ...

    async def cited_document(self, document_id: UUID) -> "Document | None":
        """None once it is deleted."""
        ...

    async def version(self, version_id: UUID) -> "DocumentVersion | None":
        """None once it is deleted."""
        ...

    async def versions(self, document_id: UUID) -> "list[DocumentVersion]":
        """Newest first."""
        ...

    async def page(self, version_id: UUID, number: int) -> "Page | None": ...

    async def boxes(
        self, version_id: UUID, first_page: int, last_page: int, start: int, end: int
    ) -> "list[Box]":
        """Around characters `start` to `end` of the document."""
        ...

    async def spans(
        self, version_id: UUID, first_page: int, last_page: int, start: int, end: int
    ) -> "list[TextSpan]":
        """Of characters `start` to `end` of the document, one a page."""
        ...

    async def quote_boxes(self, version_id: UUID, number: int, start: int, end: int) -> "list[Box]":
        """Around characters `start` to `end` of one page."""
        ...

    async def download_url(self, version_id: UUID, inline: bool) -> str: ...

    async def citations(self, message_id: UUID) -> "list[Citation]": ...

    async def passages(self, message_id: UUID) -> "list[Passage]": ...

    async def steps(self, message_id: UUID) -> "list[ChatStep]": ...

    async def messages(
        self, conversation_id: UUID, first: int, after: str | None
    ) -> "Connection[Message]": ...


class HasLoading(Protocol):
    @property
    def loading(self) -> Loading: ...


Info: TypeAlias = strawberry.Info[HasLoading, None]
