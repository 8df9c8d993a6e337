"""Passages, and where they stand."""

from datetime import datetime
from uuid import UUID

import strawberry

from schema.documents import Document, DocumentVersion
from schema.loading import Info


@strawberry.type(description="A part of one line; fractions of the page, origin top left.")
class Box:
    page: int
    x: float
    y: float
    width: float
    height: float


@strawberry.type(description="How a passage was found.")
class RetrievalTrace:
    lexical_rank: int | None = strawberry.field(description="Place by BM25, from 1.")
    lexical_score: float | None
    semantic_rank: int | None = strawberry.field(description="Place by cosine, from 1.")
    similarity: float | None = strawberry.field(description="Cosine of question and passage.")


@strawberry.type(description="Characters of a page's text, in Unicode code points.")
class TextSpan:
    page: int
    start: int
    end: int = strawberry.field(description="Before this code point.")


@strawberry.type(description="A part of a document that a search or an answer rests on.")
class Passage:
    document_id: strawberry.Private[UUID]
    version_id: strawberry.Private[UUID]
    last_page: strawberry.Private[int]
    start: strawberry.Private[int]
    id: strawberry.ID
    text: str
    page_number: int = strawberry.field(description="The page on which it begins.")
    score: float
    trace: RetrievalTrace

    @strawberry.field
    async def document(self, info: Info) -> Document:
        return await info.context.loading.document(self.document_id)

    @strawberry.field(description="The state of the document that the passage is from.")
    async def version(self, info: Info) -> DocumentVersion | None:
        return await info.context.loading.version(self.version_id)

    @strawberry.field(description="One a line; empty where the format has no layout.")
    async def boxes(self, info: Info) -> list[Box]:
        return await info.context.loading.boxes(
            self.version_id,
            self.page_number,
            self.last_page,
            self.start,
            self.start + len(self.text),
        )

    @strawberry.field(description="Where it stands in the text of its pages, one a page.")
    async def spans(self, info: Info) -> list[TextSpan]:
        return await info.context.loading.spans(
            self.version_id,
            self.page_number,
            self.last_page,
            self.start,
            self.start + len(self.text),
        )


@strawberry.input(description="Bounds of a search; what is null does not bound.")
class SearchFilter:
    first_page: int | None = None
    last_page: int | None = None
    uploaded_from: datetime | None = None
    uploaded_until: datetime | None = None
