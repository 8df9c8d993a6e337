"""Mapping of rows and results of services to the types of the schema."""

from typing import TypeVar
from uuid import UUID

import strawberry

from core.errors import ErrorCode
from core.ids import Kind, encode_id
from core.states import MessageRole, MessageStatus
from db import accounts as account_rows
from db import conversations as conversation_rows
from db import documents as document_rows
from db import progress as progress_rows
from db.citations import Citation as CitationRow
from db.citations import Step as StepRow
from db.retrieval import Hit
from db.usage import Month
from schema.accounts import ApiKey, MonthlyUsage, Role, Session, Usage, User
from schema.chat import (
    AnswerUsage,
    ChatStep,
    Citation,
    Conversation,
    Message,
)
from schema.documents import (
    Document,
    DocumentProgress,
    DocumentVersion,
    DocumentWarning,
    DuplicateDocument,
    IngestionFailure,
    Page,
    PreparedUpload,
    RestoredVersion,
    UploadedDocument,
    UploadHeader,
)
from schema.nodes import Connection, Edge, PageInfo
from schema.retrieval import Box, Passage, RetrievalTrace
from services import accounts as account_services
from services.layout import Box as LayoutBox
from services.quotas import Quota, bounds
from services.uploads import Duplicate, Prepared, Uploaded

T = TypeVar("T")


def global_id(kind: Kind, id_: UUID) -> strawberry.ID:
    return strawberry.ID(encode_id(kind, id_))


def user(row: account_rows.User) -> User:
    return User(
        id=global_id(Kind.USER, row.id),
        email=row.email,
        name=row.name,
        role=Role(row.role),
        created_at=row.created_at,
    )


def session(opened: account_services.Session) -> Session:
    return Session(
        access_token=opened.access.token,
        access_token_expires_at=opened.access.expires_at,
        refresh_token=opened.refresh_token,
        user=user(opened.user),
    )


def api_key(row: account_rows.ApiKey) -> ApiKey:
    return ApiKey(
        id=global_id(Kind.API_KEY, row.id),
        name=row.name,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


def usage(
    used: document_rows.Usage, limits: document_rows.Usage, month: Month, quota: Quota
) -> Usage:
    starts_at, ends_at = bounds(month)
    return Usage(
        document_count=used.documents,
        document_limit=limits.documents,
        stored_bytes=used.bytes,
        stored_bytes_limit=limits.bytes,
        answers_today=month.answers_today,
        daily_answer_limit=quota.daily_answers,
        month=MonthlyUsage(
            starts_at=starts_at,
            ends_at=ends_at,
            answer_count=month.answers,
            prompt_tokens=month.prompt_tokens,
            completion_tokens=month.completion_tokens,
            token_limit=quota.monthly_tokens,
            cost=month.cost,
        ),
    )


def progress(row: progress_rows.Progress) -> DocumentProgress:
    failure = None
    if row.failure_code is not None:
        failure = IngestionFailure(
            code=ErrorCode(row.failure_code),
            message=row.failure_message or "",
            advice=row.failure_advice,
        )
    return DocumentProgress(
        document_id=row.document_id,
        version=row.version,
        status=row.status,
        stage=row.stage,
        fraction=row.fraction,
        attempt=row.attempt,
        message=row.message,
        failure=failure,
        at=row.at,
    )


def document(row: document_rows.Document) -> Document:
    return Document(
        key=row.id,
        version_id=row.version_id,
        id=global_id(Kind.DOCUMENT, row.id),
        filename=row.filename,
        media_type=row.media_type,
        byte_size=row.byte_size,
        sha256=row.sha256.hex(),
        status=row.progress.status,
        progress=progress(row.progress),
        page_count=row.page_count,
        chunk_count=row.chunk_count,
        language=row.language,
        languages=row.languages,
        warnings=[
            DocumentWarning(code=warning.code, message=warning.message, pages=warning.pages)
            for warning in row.warnings
        ],
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def version(row: document_rows.Version) -> DocumentVersion:
    return DocumentVersion(
        key=row.id,
        id=global_id(Kind.VERSION, row.id),
        number=row.number,
        is_latest=row.is_latest,
        is_active=row.is_active,
        media_type=row.media_type,
        byte_size=row.byte_size,
        sha256=row.sha256.hex(),
        page_count=row.page_count,
        created_at=row.created_at,
    )


def uploaded(done: Uploaded | Duplicate) -> UploadedDocument | DuplicateDocument:
    if isinstance(done, Duplicate):
        return DuplicateDocument(document=document(done.document))
    return UploadedDocument(
        document=document(done.document),
        replaced=done.version_number > 1,
        version_number=done.version_number,
    )


def restored(done: Uploaded) -> RestoredVersion:
    return RestoredVersion(document=document(done.document), version_number=done.version_number)


def prepared(result: Prepared | Duplicate) -> PreparedUpload | DuplicateDocument:
    if isinstance(result, Duplicate):
        return DuplicateDocument(document=document(result.document))
    return PreparedUpload(
        upload_id=strawberry.ID(result.upload_id),
        url=result.url,
        headers=[UploadHeader(name=name, value=value) for name, value in result.headers.items()],
        expires_at=result.expires_at,
    )


def page(row: document_rows.Page) -> Page:
    return Page(
        number=row.number,
        whole=row.text,
        width=row.width,
        height=row.height,
        language=row.language,
    )


def box(found: LayoutBox) -> Box:
    return Box(page=found.page, x=found.x, y=found.y, width=found.width, height=found.height)


def passage(hit: Hit) -> Passage:
    return Passage(
        document_id=hit.document_id,
        version_id=hit.version_id,
        last_page=hit.last_page,
        start=hit.start,
        id=strawberry.ID(f"psg_{hit.version_id.hex}_{hit.ordinal}"),
        text=hit.text,
        page_number=hit.first_page,
        score=hit.score,
        trace=RetrievalTrace(
            lexical_rank=hit.lexical_rank,
            lexical_score=hit.lexical_score,
            semantic_rank=hit.semantic_rank,
            similarity=hit.similarity,
        ),
    )


def conversation(row: conversation_rows.Conversation) -> Conversation:
    return Conversation(
        key=row.id,
        id=global_id(Kind.CONVERSATION, row.id),
        title=row.title,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def message(row: conversation_rows.Message) -> Message:
    ended = row.role is MessageRole.ASSISTANT and row.status is not MessageStatus.STREAMING
    return Message(
        key=row.id,
        id=global_id(Kind.MESSAGE, row.id),
        role=row.role,
        text=row.text,
        status=row.status,
        parent_id=None if row.parent_id is None else global_id(Kind.MESSAGE, row.parent_id),
        grounded=row.grounded,
        answerer=row.answerer,
        usage=AnswerUsage(
            prompt_tokens=row.prompt_tokens,
            completion_tokens=row.completion_tokens,
            cost=row.cost,
        )
        if ended
        else None,
        suggestions=row.suggestions,
        rating=row.rating,
        created_at=row.created_at,
    )


def citation(row: CitationRow) -> Citation:
    return Citation(
        document_id=row.document_id,
        version_id=row.version_id,
        index=row.index,
        start=row.start,
        end=row.end,
        page_number=row.page_number,
        filename=row.filename,
        quote=row.quote,
        verified=row.verified,
        text_start=row.page_start,
        text_end=row.page_end,
    )


def step(row: StepRow) -> ChatStep:
    return ChatStep(tool=row.tool, subject=row.subject)


def connection(nodes: list[T], cursors: list[str], has_next_page: bool) -> Connection[T]:
    edges = [Edge(cursor=cursor, node=node) for cursor, node in zip(cursors, nodes, strict=True)]
    return Connection(
        edges=edges,
        page_info=PageInfo(
            has_next_page=has_next_page, end_cursor=cursors[-1] if cursors else None
        ),
    )
