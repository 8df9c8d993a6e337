"""Root fields of queries: everything that can be asked."""

import strawberry

from core.ids import Kind, decode_cursor, decode_id, encode_cursor, kind_of
from core.states import DocumentStatus
from db.retrieval import Scope
from resolvers import arguments, mapping
from resolvers.context import Info
from resolvers.errors import NotFoundAsNull
from schema.accounts import ApiKey, Usage, User
from schema.chat import Conversation, Message
from schema.defaults import NullIsDefault, OptionalInt
from schema.documents import Document
from schema.nodes import Connection, Node
from schema.retrieval import Passage, SearchFilter


@strawberry.type
class Query:
    @strawberry.field(description="Who is asking; null without a token.")
    async def me(self, info: Info) -> User | None:
        if info.context.maybe_principal is None:
            return None
        return mapping.user(await info.context.services.accounts.user(info.context.principal))

    @strawberry.field(
        description="Anything of yours by its id; null when there is nothing.",
        extensions=[NotFoundAsNull()],
    )
    async def node(self, info: Info, id: strawberry.ID) -> Node | None:
        match kind_of(id):
            case Kind.USER:
                return await _user(info, id)
            case Kind.API_KEY:
                return await _api_key(info, id)
            case Kind.DOCUMENT:
                return await _document(info, id)
            case Kind.VERSION:
                return await info.context.loading.version(decode_id(Kind.VERSION, id))
            case Kind.CONVERSATION:
                return await _conversation(info, id)
            case Kind.MESSAGE:
                return await _message(info, id)
            case None:
                return None

    @strawberry.field(
        description="Null when there is no such document of yours.",
        extensions=[NotFoundAsNull()],
    )
    async def document(self, info: Info, id: strawberry.ID) -> Document | None:
        return await _document(info, id)

    @strawberry.field(description="Newest first.", extensions=[NullIsDefault()])
    async def documents(
        self,
        info: Info,
        first: OptionalInt = 20,
        after: str | None = None,
        status: list[DocumentStatus] | None = None,
        search: str | None = None,
    ) -> Connection[Document] | None:
        rows, more = await info.context.services.documents.page_of(
            info.context.principal, first, decode_cursor(after) if after else None, status, search
        )
        cursors = [encode_cursor(row.created_at, row.id) for row in rows]
        return mapping.connection([mapping.document(row) for row in rows], cursors, more)

    @strawberry.field(
        description="Null when there is no such conversation of yours.",
        extensions=[NotFoundAsNull()],
    )
    async def conversation(self, info: Info, id: strawberry.ID) -> Conversation | None:
        return await _conversation(info, id)

    @strawberry.field(description="Latest active first.", extensions=[NullIsDefault()])
    async def conversations(
        self, info: Info, first: OptionalInt = 20, after: str | None = None
    ) -> Connection[Conversation] | None:
        rows, more = await info.context.services.conversations.page_of(
            info.context.principal, first, decode_cursor(after) if after else None
        )
        cursors = [encode_cursor(row.updated_at, row.id) for row in rows]
        return mapping.connection([mapping.conversation(row) for row in rows], cursors, more)

    @strawberry.field(
        description="The best passages of your documents, best first.",
        extensions=[NullIsDefault()],
    )
    async def search(
        self,
        info: Info,
        query: str,
        document_ids: list[strawberry.ID] | None = None,
        first: OptionalInt = 10,
        filter: SearchFilter | None = None,
    ) -> list[Passage] | None:
        await info.context.admit("search")
        bounds = filter or SearchFilter()
        scope = Scope(
            document_ids=arguments.document_ids(document_ids),
            uploaded_from=bounds.uploaded_from,
            uploaded_until=bounds.uploaded_until,
            first_page=bounds.first_page,
            last_page=bounds.last_page,
        )
        async with info.context.services.admission.searching():
            hits = await info.context.services.retrieval.search(
                info.context.principal, query, first, scope
            )
        return [mapping.passage(hit) for hit in hits]

    @strawberry.field(description="Newest first, those revoked or expired included.")
    async def api_keys(self, info: Info) -> list[ApiKey] | None:
        rows = await info.context.services.accounts.api_keys(info.context.principal)
        return [mapping.api_key(row) for row in rows]

    @strawberry.field(description="How full your library is, and what your answers took.")
    async def usage(self, info: Info) -> Usage | None:
        services, principal = info.context.services, info.context.principal
        used, limits = await services.uploads.usage(principal)
        month = await services.quotas.month(principal)
        return mapping.usage(used, limits, month, services.quotas.quota)


async def _user(info: Info, id: strawberry.ID) -> User | None:
    principal = info.context.principal
    if decode_id(Kind.USER, id) != principal.user_id:
        return None
    return mapping.user(await info.context.services.accounts.user(principal))


async def _api_key(info: Info, id: strawberry.ID) -> ApiKey:
    key_id = decode_id(Kind.API_KEY, id)
    return mapping.api_key(
        await info.context.services.accounts.api_key(info.context.principal, key_id)
    )


async def _document(info: Info, id: strawberry.ID) -> Document:
    return await info.context.loading.document(decode_id(Kind.DOCUMENT, id))


async def _conversation(info: Info, id: strawberry.ID) -> Conversation:
    return mapping.conversation(
        await info.context.loading.conversation(decode_id(Kind.CONVERSATION, id))
    )


async def _message(info: Info, id: strawberry.ID) -> Message:
    return mapping.message(await info.context.loading.message(decode_id(Kind.MESSAGE, id)))
