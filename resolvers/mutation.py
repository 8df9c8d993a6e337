"""Root fields of mutations: everything that can be changed."""

import strawberry

from core.ids import Kind, decode_id
from resolvers import arguments, mapping
from resolvers.context import Info
from resolvers.errors import ErrorsAsData
from schema import accounts, chat, documents
from schema.defaults import NullIsDefault, OptionalBool


@strawberry.type
class Mutation:
    @strawberry.mutation(extensions=[ErrorsAsData("register")])
    async def register(
        self, info: Info, input: accounts.RegisterInput
    ) -> accounts.RegisterResult | None:
        return mapping.session(
            await info.context.services.accounts.register(input.email, input.password, input.name)
        )

    @strawberry.mutation(extensions=[ErrorsAsData(None)])
    async def login(self, info: Info, input: accounts.LoginInput) -> accounts.LoginResult | None:
        return mapping.session(
            await info.context.services.accounts.login(
                input.email, input.password, info.context.address
            )
        )

    @strawberry.mutation(
        extensions=[ErrorsAsData("refresh")],
        description="A new session for a refresh token, which is used up by it. The same token "
        "may be sent again for 10 seconds, should the answer be lost; after that it counts as "
        "stolen and ends the session.",
    )
    async def refresh_session(
        self, info: Info, refresh_token: str
    ) -> accounts.RefreshSessionResult | None:
        return mapping.session(await info.context.services.accounts.refresh(refresh_token))

    @strawberry.mutation(
        description="End this session, or with `everywhere` every session of yours: their refresh "
        "tokens stop working. Access tokens already given out last until they expire, 15 minutes "
        "by default; API keys stay.",
        extensions=[NullIsDefault()],
    )
    async def logout(
        self, info: Info, everywhere: OptionalBool = False
    ) -> accounts.LogoutResult | None:
        await info.context.services.accounts.logout(info.context.principal, everywhere)
        return accounts.LogoutResult(everywhere=everywhere)

    @strawberry.mutation(
        extensions=[ErrorsAsData()],
        description="Delete your account with its documents, conversations, sessions and keys. "
        "It cannot be undone.",
    )
    async def delete_account(
        self, info: Info, password: str
    ) -> accounts.DeleteAccountResult | None:
        principal = info.context.principal
        await info.context.services.accounts.delete(principal, password)
        return accounts.DeletedAccount(id=mapping.global_id(Kind.USER, principal.user_id))

    @strawberry.mutation(
        extensions=[ErrorsAsData()],
        description="Needs an access token: keys create no further keys.",
    )
    async def create_api_key(
        self, info: Info, input: accounts.CreateApiKeyInput
    ) -> accounts.CreateApiKeyResult | None:
        created = await info.context.services.accounts.create_api_key(
            info.context.principal, input.name, input.expires_at
        )
        return accounts.CreatedApiKey(api_key=mapping.api_key(created.key), secret=created.secret)

    @strawberry.mutation(extensions=[ErrorsAsData()])
    async def revoke_api_key(
        self, info: Info, id: strawberry.ID
    ) -> accounts.RevokeApiKeyResult | None:
        key = await info.context.services.accounts.revoke_api_key(
            info.context.principal, decode_id(Kind.API_KEY, id)
        )
        return accounts.RevokedApiKey(api_key=mapping.api_key(key))

    @strawberry.mutation(
        extensions=[ErrorsAsData("upload")],
        description="Send it as multipart/form-data (GraphQL multipart request specification). "
        "What becomes of a file under a taken name is for `onSameName` to say.",
    )
    async def upload_document(
        self, info: Info, input: documents.UploadDocumentInput
    ) -> documents.UploadDocumentResult | None:
        uploaded = await info.context.services.uploads.upload(
            info.context.principal, arguments.upload(input)
        )
        return mapping.uploaded(uploaded)

    @strawberry.mutation(
        extensions=[ErrorsAsData("upload")],
        description="Announce a file by its hash: it is in the library already, or here is where "
        "to PUT it. Then `completeUpload`.",
    )
    async def prepare_upload(
        self, info: Info, input: documents.PrepareUploadInput
    ) -> documents.PrepareUploadResult | None:
        prepared = await info.context.services.uploads.prepare(
            info.context.principal, arguments.announced(input)
        )
        return mapping.prepared(prepared)

    @strawberry.mutation(
        extensions=[ErrorsAsData("upload")],
        description="Check the bytes that were PUT against their announced hash, and process "
        "them. Repeating it is harmless.",
    )
    async def complete_upload(
        self, info: Info, upload_id: strawberry.ID
    ) -> documents.UploadDocumentResult | None:
        uploaded = await info.context.services.uploads.complete(info.context.principal, upload_id)
        return mapping.uploaded(uploaded)

    @strawberry.mutation(
        extensions=[ErrorsAsData()],
        description="Make the file of an old version the newest version of its document.",
    )
    async def restore_version(
        self, info: Info, input: documents.RestoreVersionInput
    ) -> documents.RestoreVersionResult | None:
        restored = await info.context.services.uploads.restore(
            info.context.principal, decode_id(Kind.DOCUMENT, input.document_id), input.number
        )
        return mapping.restored(restored)

    @strawberry.mutation(
        extensions=[ErrorsAsData()], description="Process a failed or cancelled document again."
    )
    async def retry_ingestion(
        self, info: Info, document_id: strawberry.ID
    ) -> documents.RetryIngestionResult | None:
        row = await info.context.services.documents.retry(
            info.context.principal, decode_id(Kind.DOCUMENT, document_id)
        )
        return documents.RetriedIngestion(document=mapping.document(row))

    @strawberry.mutation(extensions=[ErrorsAsData()])
    async def cancel_ingestion(
        self, info: Info, document_id: strawberry.ID
    ) -> documents.CancelIngestionResult | None:
        row = await info.context.services.documents.cancel(
            info.context.principal, decode_id(Kind.DOCUMENT, document_id)
        )
        return documents.CancelledIngestion(document=mapping.document(row))

    @strawberry.mutation(extensions=[ErrorsAsData()])
    async def rename_document(
        self, info: Info, input: documents.RenameDocumentInput
    ) -> documents.RenameDocumentResult | None:
        row = await info.context.services.documents.rename(
            info.context.principal, decode_id(Kind.DOCUMENT, input.id), input.filename
        )
        return documents.RenamedDocument(document=mapping.document(row))

    @strawberry.mutation(
        extensions=[ErrorsAsData()],
        description="Delete a document with everything made from it, citations included. The text "
        "of old answers stays in your conversations, words quoted from it as well.",
    )
    async def delete_document(
        self, info: Info, id: strawberry.ID
    ) -> documents.DeleteDocumentResult | None:
        await info.context.services.documents.delete(
            info.context.principal, decode_id(Kind.DOCUMENT, id)
        )
        return documents.DeletedDocument(id=id)

    @strawberry.mutation(extensions=[ErrorsAsData()])
    async def create_conversation(
        self, info: Info, input: chat.CreateConversationInput
    ) -> chat.CreateConversationResult | None:
        row = await info.context.services.conversations.create(info.context.principal, input.title)
        return chat.CreatedConversation(conversation=mapping.conversation(row))

    @strawberry.mutation(extensions=[ErrorsAsData()])
    async def rename_conversation(
        self, info: Info, input: chat.RenameConversationInput
    ) -> chat.RenameConversationResult | None:
        row = await info.context.services.conversations.rename(
            info.context.principal, decode_id(Kind.CONVERSATION, input.id), input.title
        )
        return chat.RenamedConversation(conversation=mapping.conversation(row))

    @strawberry.mutation(extensions=[ErrorsAsData()])
    async def delete_conversation(
        self, info: Info, id: strawberry.ID
    ) -> chat.DeleteConversationResult | None:
        await info.context.services.conversations.delete(
            info.context.principal, decode_id(Kind.CONVERSATION, id)
        )
        return chat.DeletedConversation(id=id)

    @strawberry.mutation(
        extensions=[ErrorsAsData()], description="End an answer early; what is written stays."
    )
    async def stop_answer(
        self, info: Info, message_id: strawberry.ID
    ) -> chat.StopAnswerResult | None:
        row = await info.context.services.chat.stop(
            info.context.principal, decode_id(Kind.MESSAGE, message_id)
        )
        return chat.StoppedAnswer(answer=mapping.message(row))

    @strawberry.mutation(extensions=[ErrorsAsData()])
    async def rate_answer(
        self, info: Info, input: chat.RateAnswerInput
    ) -> chat.RateAnswerResult | None:
        row = await info.context.services.chat.rate(
            info.context.principal,
            decode_id(Kind.MESSAGE, input.message_id),
            input.rating,
            input.comment,
        )
        return chat.RatedAnswer(answer=mapping.message(row))
