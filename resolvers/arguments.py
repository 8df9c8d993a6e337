"""Conversion of GraphQL arguments into what services take."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import strawberry
from starlette.datastructures import UploadFile

from core.errors import InvalidInput, NotFound
from core.ids import Kind, decode_id
from providers.storage import CHUNK_BYTES
from schema.chat import ChatInput
from schema.documents import PrepareUploadInput, UploadDocumentInput
from services.chat.chat import Ask
from services.uploads import Announced, Upload

MAX_DOCUMENT_IDS = 1_000
"""How many documents a question may name; they are stored with it."""


def document_ids(ids: Sequence[strawberry.ID] | None) -> list[UUID] | None:
    """Documents by their global ids; another user's find nothing.

    Raises `InvalidInput` for malformed ids and for too many.
    """
    if ids is None:
        return None
    if len(ids) > MAX_DOCUMENT_IDS:
        raise InvalidInput(
            f"documentIds holds at most {MAX_DOCUMENT_IDS:,} ids.", field="documentIds"
        )
    try:
        return [decode_id(Kind.DOCUMENT, id_) for id_ in ids]
    except NotFound:
        raise InvalidInput(
            "documentIds holds something that is no document's id.", field="documentIds"
        ) from None


def upload(input: UploadDocumentInput) -> Upload:
    file: UploadFile = input.file  # type: ignore[assignment]
    return Upload(
        filename=file.filename or "" if input.filename is None else input.filename,
        declared_type=file.content_type,
        chunks=_chunks(file),
        idempotency_key=input.idempotency_key,
        on_same_name=input.on_same_name,
    )


def announced(input: PrepareUploadInput) -> Announced:
    return Announced(
        input.filename, input.byte_size, input.sha256, input.idempotency_key, input.on_same_name
    )


def ask(input: ChatInput) -> Ask:
    return Ask(
        client_message_id=input.client_message_id,
        text=input.text,
        conversation_id=_optional(Kind.CONVERSATION, input.conversation_id),
        document_ids=document_ids(input.document_ids),
        parent_id=_optional(Kind.MESSAGE, input.parent_id),
    )


def _optional(kind: Kind, id_: strawberry.ID | None) -> UUID | None:
    return None if id_ is None else decode_id(kind, id_)


async def _chunks(file: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await file.read(CHUNK_BYTES):
        yield chunk
