"""Documents and what becomes of them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import strawberry
from strawberry.file_uploads import Upload

from core.blocks import WarningCode
from core.errors import ErrorCode
from core.states import DocumentStatus, IngestionStage, OnSameName
from schema.defaults import NullIsDefault, OptionalInt
from schema.errors import (
    FileTooLarge,
    InvalidInput,
    InvalidState,
    NameTaken,
    NotFound,
    QuotaExceeded,
    RateLimited,
    UnsupportedFileType,
    UploadMismatch,
)
from schema.loading import Info
from schema.nodes import Node

strawberry.enum(
    DocumentStatus,
    description="How far a document is. SEARCHABLE: its words are found; search by meaning is "
    "still being prepared.",
)
strawberry.enum(IngestionStage, description="What is being done with a document.")


strawberry.enum(
    OnSameName,
    description="What becomes of a file whose name another document has. KEEP_BOTH: it is kept "
    "beside it, as `report (2).pdf`. REPLACE: it becomes that document's next version. REJECT: it "
    "is refused.",
)


@strawberry.type(description="Why a document could not be processed, and what may help.")
class IngestionFailure:
    code: ErrorCode
    message: str
    advice: str | None


MAX_TEXT_SLICE = 50_000


@strawberry.type(description="A page, slide, sheet or section.")
class Page:
    whole: strawberry.Private[str]
    number: int = strawberry.field(description="From 1.")
    width: float | None = strawberry.field(description="Points; null without a layout.")
    height: float | None
    language: str | None = strawberry.field(
        description="ISO 639-1; null without words, or before the document is SEARCHABLE."
    )

    @strawberry.field(description="Unicode code points of the whole text.")
    def text_length(self) -> int:
        return len(self.whole)

    @strawberry.field(
        description="At most 50,000 code points from `start` on; a longer page is read in slices.",
        extensions=[NullIsDefault()],
    )
    async def text(self, start: OptionalInt = 0, length: OptionalInt = MAX_TEXT_SLICE) -> str:
        start, length = max(start, 0), min(max(length, 0), MAX_TEXT_SLICE)
        return self.whole[start : start + length]


strawberry.enum(
    WarningCode,
    name="DocumentWarningCode",
    description="What people should know before they trust what was read of a document.",
)


@strawberry.type(description="What was not read of a document, or not as it stands.")
class DocumentWarning:
    code: WarningCode
    message: str
    pages: list[int] = strawberry.field(description="Empty when it is about the whole.")


@strawberry.type(description="One snapshot of a document's processing.")
class DocumentProgress:
    document_id: strawberry.Private[UUID]
    version: int = strawberry.field(
        description="Counts the snapshots of a document without gaps; resume after it."
    )
    status: DocumentStatus
    stage: IngestionStage
    fraction: float = strawberry.field(description="0 to 1.")
    attempt: int
    message: str | None
    failure: IngestionFailure | None
    at: datetime

    @strawberry.field
    async def document(self, info: Info) -> "Document":
        return await info.context.loading.document(self.document_id)


@strawberry.enum(
    description="What a browser does with an original file. INLINE: it shows PDF, images and plain "
    "text, and saves anything else."
)
class Disposition(StrEnum):
    ATTACHMENT = "ATTACHMENT"
    INLINE = "INLINE"


OptionalDisposition = Annotated[Disposition, strawberry.argument(graphql_type=Disposition | None)]


@strawberry.type(
    description="One state of a document's file, which never changes. A new one replaces it in "
    "searches; citations go on opening the one they cite."
)
class DocumentVersion(Node):
    key: strawberry.Private[UUID]
    id: strawberry.ID
    number: int = strawberry.field(description="From 1, in the order of uploads.")
    is_latest: bool
    is_active: bool = strawberry.field(
        description="Searches and answers read this one; false while it is being processed."
    )
    media_type: str = strawberry.field(description="Recognised from the content.")
    byte_size: int
    sha256: str = strawberry.field(description="Of the content, hexadecimal.")
    page_count: int | None
    created_at: datetime

    @strawberry.field(description="Null when there is no such page, or not yet.")
    async def page(self, info: Info, number: int) -> Page | None:
        return await info.context.loading.page(self.key, number)

    @strawberry.field(
        description="Opens exactly these bytes, without a header, for 15 minutes.",
        extensions=[NullIsDefault()],
    )
    async def download_url(
        self, info: Info, disposition: OptionalDisposition = Disposition.ATTACHMENT
    ) -> str | None:
        inline = disposition is Disposition.INLINE
        return await info.context.loading.download_url(self.key, inline)


@strawberry.type(
    description="An uploaded file and what Lectern knows of it, as its latest version stands."
)
class Document(Node):
    key: strawberry.Private[UUID]
    version_id: strawberry.Private[UUID]
    id: strawberry.ID
    filename: str
    media_type: str = strawberry.field(description="Recognised from the content.")
    byte_size: int
    sha256: str = strawberry.field(description="Of the content, hexadecimal.")
    status: DocumentStatus
    progress: DocumentProgress
    page_count: int | None
    chunk_count: int | None
    language: str | None = strawberry.field(description="ISO 639-1; that of most of its text.")
    languages: list[str] = strawberry.field(
        description="ISO 639-1; of a mixed document all, that of most of its text first."
    )
    warnings: list[DocumentWarning] = strawberry.field(
        description="What was not read, or not as it stands; empty until it is SEARCHABLE."
    )
    created_at: datetime
    updated_at: datetime

    @strawberry.field(description="Null when there is no such page, or not yet.")
    async def page(self, info: Info, number: int) -> Page | None:
        return await info.context.loading.page(self.version_id, number)

    @strawberry.field(
        description="Opens the original file, without a header, for 15 minutes.",
        extensions=[NullIsDefault()],
    )
    async def download_url(
        self, info: Info, disposition: OptionalDisposition = Disposition.ATTACHMENT
    ) -> str | None:
        inline = disposition is Disposition.INLINE
        return await info.context.loading.download_url(self.version_id, inline)

    @strawberry.field(description="Newest first.")
    async def versions(self, info: Info) -> list[DocumentVersion]:
        return await info.context.loading.versions(self.key)


@strawberry.input
class UploadDocumentInput:
    file: Upload
    filename: str | None = strawberry.field(
        default=None, description="Instead of the name that came with the file."
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="Makes a repeated request harmless; 1 to 200 characters."
    )
    on_same_name: OnSameName = strawberry.field(
        default=OnSameName.KEEP_BOTH, description="When another document has this name."
    )


@strawberry.input
class PrepareUploadInput:
    filename: str
    byte_size: int
    sha256: str = strawberry.field(description="Of the content, hexadecimal.")
    idempotency_key: str | None = strawberry.field(
        default=None, description="Makes a repeated request harmless; 1 to 200 characters."
    )
    on_same_name: OnSameName = strawberry.field(
        default=OnSameName.KEEP_BOTH, description="When another document has this name."
    )


@strawberry.type
class UploadHeader:
    name: str
    value: str


@strawberry.type(
    description="Send the file's bytes by HTTP PUT, again from the start if it breaks off."
)
class PreparedUpload:
    upload_id: strawberry.ID
    url: str = strawberry.field(description="Takes exactly the announced number of bytes.")
    headers: list[UploadHeader] = strawberry.field(description="To send with them.")
    expires_at: datetime


@strawberry.input
class RenameDocumentInput:
    id: strawberry.ID
    filename: str


@strawberry.type(description="The file is stored and will be processed, whatever happens.")
class UploadedDocument:
    document: Document
    replaced: bool = strawberry.field(description="An earlier version of this document.")
    version_number: int


@strawberry.type(description="The same content is this document's latest version already.")
class DuplicateDocument:
    document: Document


@strawberry.type
class RetriedIngestion:
    document: Document


@strawberry.type
class CancelledIngestion:
    document: Document


@strawberry.input
class RestoreVersionInput:
    document_id: strawberry.ID
    number: int = strawberry.field(description="Of the version whose file is wanted back.")


@strawberry.type(
    description="The old file is the document's newest version and is processed again."
)
class RestoredVersion:
    document: Document
    version_number: int


@strawberry.type
class RenamedDocument:
    document: Document


@strawberry.type
class DeletedDocument:
    id: strawberry.ID


UploadDocumentResult = Annotated[
    UploadedDocument
    | DuplicateDocument
    | FileTooLarge
    | UnsupportedFileType
    | QuotaExceeded
    | NameTaken
    | InvalidInput
    | InvalidState
    | NotFound
    | UploadMismatch
    | RateLimited,
    strawberry.union("UploadDocumentResult"),
]
PrepareUploadResult = Annotated[
    PreparedUpload
    | DuplicateDocument
    | FileTooLarge
    | QuotaExceeded
    | NameTaken
    | InvalidInput
    | RateLimited,
    strawberry.union("PrepareUploadResult"),
]
RetryIngestionResult = Annotated[
    RetriedIngestion | NotFound | InvalidState | RateLimited,
    strawberry.union("RetryIngestionResult"),
]
CancelIngestionResult = Annotated[
    CancelledIngestion | NotFound | InvalidState | RateLimited,
    strawberry.union("CancelIngestionResult"),
]
RenameDocumentResult = Annotated[
    RenamedDocument | NotFound | InvalidInput | RateLimited,
    strawberry.union("RenameDocumentResult"),
]
DeleteDocumentResult = Annotated[
    DeletedDocument | NotFound | RateLimited, strawberry.union("DeleteDocumentResult")
]
RestoreVersionResult = Annotated[
    RestoredVersion | NotFound | InvalidState | QuotaExceeded | RateLimited,
    strawberry.union("RestoreVersionResult"),
]
