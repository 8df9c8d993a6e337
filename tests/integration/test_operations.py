"""Every operation as the owner of things calls it, through the schema.

What they refuse stands beside the services, and what they refuse to strangers in tests/security.
"""

from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import pytest

from core.errors import InvalidRefreshToken
from core.ids import Kind, encode_id, new_id
from core.principal import Principal
from core.settings import Settings
from resolvers.context import Context
from resolvers.schema import build_schema
from services.chat.chat import Ask
from services.container import Services
from support.library import add_documents, open_ingestion

SCHEMA = build_schema()
FILES = {
    "lamp.txt": "The lamp of Skerra was lit in 1862 by Ann Ross.",
    "tide.txt": "The tide engine of Skerra has 614 parts.",
    "bread.txt": "Bread is baked at four.",
}


class Caller:
    """Somebody who sends operations."""

    def __init__(self, services: Services, principal: Principal | None) -> None:
        self.services = services
        self.principal = principal

    async def __call__(self, query: str, **variables: object) -> Any:
        """The value of the only root field."""
        context = Context(self.services, self.principal, "test")
        result = await SCHEMA.execute(query, variables, context)
        assert result.errors is None, result.errors
        assert result.data is not None
        (value,) = result.data.values()
        return value


@pytest.fixture
def call(services: Services, principal: Principal) -> Caller:
    return Caller(services, principal)


@pytest.fixture
def anonymous(services: Services) -> Caller:
    return Caller(services, None)


@pytest.fixture
async def library(settings: Settings, services: Services, principal: Principal) -> dict[str, str]:
    """Global id of each document by its name."""
    documents = await add_documents(settings, services, principal, FILES)
    return {name: encode_id(Kind.DOCUMENT, id_) for name, id_ in documents.items()}


@pytest.fixture
async def answer(services: Services, principal: Principal, library: dict[str, str]) -> str:
    """Global id of one that is complete."""
    asked = await services.chat.ask(principal, Ask(new_id().hex, "When was the lamp lit?"))
    async for _ in services.chat.follow(principal, asked.answer, 0):
        pass
    return encode_id(Kind.MESSAGE, asked.answer.id)


async def test_an_account_from_its_registration_to_its_end(anonymous: Caller) -> None:
    account = {"email": f"{new_id().hex}@example.org", "password": "correct horse battery"}
    registered = await anonymous(
        """mutation ($input: RegisterInput!) { register(input: $input) {
          ... on Session { refreshToken user { email name role } } } }""",
        input={**account, "name": "Ada"},
    )
    assert registered["user"] == {"email": account["email"], "name": "Ada", "role": "USER"}

    refreshed = await anonymous(
        """mutation ($token: String!) { refreshSession(refreshToken: $token) {
          ... on Session { accessToken refreshToken } } }""",
        token=registered["refreshToken"],
    )
    session = await anonymous(
        """mutation ($input: LoginInput!) { login(input: $input) {
          ... on Session { accessToken refreshToken } } }""",
        input=account,
    )
    services = anonymous.services
    call = Caller(services, await services.authenticate(f"Bearer {session['accessToken']}"))
    assert await call("{ me { email } }") == {"email": account["email"]}
    assert await anonymous("{ me { email } }") is None

    assert await call("mutation { logout { everywhere } }") == {"everywhere": False}
    with pytest.raises(InvalidRefreshToken):
        await services.accounts.refresh(session["refreshToken"])
    await services.accounts.refresh(refreshed["refreshToken"])  # the other session goes on

    deleted = await call(
        """mutation ($password: String!) { deleteAccount(password: $password) {
          ... on DeletedAccount { id } } }""",
        password=account["password"],
    )
    assert call.principal is not None
    assert deleted == {"id": encode_id(Kind.USER, call.principal.user_id)}


async def test_api_keys(call: Caller) -> None:
    created = await call(
        """mutation { createApiKey(input: { name: "ci" }) {
          ... on CreatedApiKey { secret apiKey { id name revokedAt } } } }"""
    )
    key = created["apiKey"]
    assert key["name"] == "ci"
    assert await call.services.authenticate(f"Bearer {created['secret']}") is not None

    revoked = await call(
        """mutation ($id: ID!) { revokeApiKey(id: $id) {
          ... on RevokedApiKey { apiKey { id revokedAt } } } }""",
        id=key["id"],
    )
    assert revoked["apiKey"]["revokedAt"] is not None
    assert await call("{ apiKeys { id revokedAt } }") == [revoked["apiKey"]]


async def test_anything_is_found_by_its_id(
    call: Caller, library: dict[str, str], answer: str
) -> None:
    key = await call(
        """mutation { createApiKey(input: { name: "ci" }) {
          ... on CreatedApiKey { apiKey { id } } } }"""
    )
    conversations = await call("{ conversations { nodes { id title } } }")
    document = await call(
        "query ($id: ID!) { document(id: $id) { versions { id number } } }", id=library["lamp.txt"]
    )
    assert call.principal is not None
    for id_, typename in (
        (encode_id(Kind.USER, call.principal.user_id), "User"),
        (key["apiKey"]["id"], "ApiKey"),
        (library["lamp.txt"], "Document"),
        (document["versions"][0]["id"], "DocumentVersion"),
        (conversations["nodes"][0]["id"], "Conversation"),
        (answer, "Message"),
    ):
        found = await call("query ($id: ID!) { node(id: $id) { __typename id } }", id=id_)
        assert found == {"__typename": typename, "id": id_}
    for kind in Kind:
        id_ = encode_id(kind, new_id())
        assert await call("query ($id: ID!) { node(id: $id) { id } }", id=id_) is None
    assert await call('{ node(id: "no id") { id } }') is None


async def test_lists_go_on_where_they_were(call: Caller, library: dict[str, str]) -> None:
    for title in ("one", "two", "three"):
        await call(
            """mutation ($title: String!) { createConversation(input: { title: $title }) {
              ... on CreatedConversation { conversation { id } } } }""",
            title=title,
        )
    for field, name, expected in (
        ("documents", "filename", list(reversed(FILES))),
        ("conversations", "title", ["three", "two", "one"]),
    ):
        query = f"""query ($after: String) {{ {field}(first: 2, after: $after) {{
          nodes {{ {name} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
        first = await call(query)
        assert first["pageInfo"]["hasNextPage"]
        second = await call(query, after=first["pageInfo"]["endCursor"])
        assert not second["pageInfo"]["hasNextPage"]
        assert [node[name] for page in (first, second) for node in page["nodes"]] == expected


async def test_documents_are_filtered(call: Caller, library: dict[str, str]) -> None:
    query = """query ($status: [DocumentStatus!], $search: String) {
      documents(status: $status, search: $search) { nodes { filename } } }"""
    found = await call(query, search="TIDE")
    assert found["nodes"] == [{"filename": "tide.txt"}]
    assert (await call(query, status=["FAILED"]))["nodes"] == []
    assert len((await call(query, status=["READY"]))["nodes"]) == len(FILES)


async def test_a_search_keeps_to_what_it_is_told(call: Caller, library: dict[str, str]) -> None:
    query = """query ($ids: [ID!], $filter: SearchFilter) {
      search(query: "Skerra", documentIds: $ids, filter: $filter) {
        document { filename } pageNumber trace { lexicalRank } } }"""
    lamp = library["lamp.txt"]
    everywhere = await call(query)
    assert {"lamp.txt", "tide.txt"} <= {hit["document"]["filename"] for hit in everywhere}
    (only,) = await call(query, ids=[lamp])
    assert only["document"]["filename"] == "lamp.txt"
    assert await call(query, ids=[lamp], filter={"firstPage": 2}) == []
    assert await call(query, filter={"uploadedUntil": "2000-01-01T00:00:00Z"}) == []
    assert await call(query, ids=[]) == []


async def test_a_document_is_renamed_and_deleted(call: Caller, library: dict[str, str]) -> None:
    id_ = library["lamp.txt"]
    renamed = await call(
        """mutation ($id: ID!) { renameDocument(input: { id: $id, filename: "light.txt" }) {
          ... on RenamedDocument { document { id filename } } } }""",
        id=id_,
    )
    assert renamed["document"] == {"id": id_, "filename": "light.txt"}
    deleted = await call(
        "mutation ($id: ID!) { deleteDocument(id: $id) { ... on DeletedDocument { id } } }", id=id_
    )
    assert deleted == {"id": id_}
    assert await call("query ($id: ID!) { document(id: $id) { id } }", id=id_) is None


async def test_processing_is_cancelled_and_taken_up_again(
    call: Caller, settings: Settings, services: Services
) -> None:
    content = b"The fog horn sounds twice."
    prepared = await call(
        """mutation ($input: PrepareUploadInput!) { prepareUpload(input: $input) {
          ... on PreparedUpload { uploadId url } } }""",
        input={
            "filename": "fog.txt",
            "byteSize": len(content),
            "sha256": sha256(content).hexdigest(),
        },
    )
    await services.uploads.receive(prepared["uploadId"], len(content), once(content))
    uploaded = await call(
        """mutation ($id: ID!) { completeUpload(uploadId: $id) {
          ... on UploadedDocument { replaced versionNumber document { id status } } } }""",
        id=prepared["uploadId"],
    )
    id_ = uploaded["document"]["id"]
    assert uploaded["document"]["status"] == "PENDING"

    cancelled = await call(
        """mutation ($id: ID!) { cancelIngestion(documentId: $id) {
          ... on CancelledIngestion { document { status progress { failure { code } } } } } }""",
        id=id_,
    )
    assert cancelled["document"]["status"] == "CANCELLED"
    retried = await call(
        """mutation ($id: ID!) { retryIngestion(documentId: $id) {
          ... on RetriedIngestion { document { id } } } }""",
        id=id_,
    )
    assert retried["document"]["id"] == id_
    while await open_ingestion(settings, services).run_next("test"):
        pass
    document = await call(
        "query ($id: ID!) { document(id: $id) { status page(number: 1) { text } } }", id=id_
    )
    assert document == {"status": "READY", "page": {"text": content.decode()}}


async def test_an_old_version_comes_back(
    call: Caller,
    settings: Settings,
    services: Services,
    principal: Principal,
    library: dict[str, str],
) -> None:
    await add_documents(settings, services, principal, {"lamp.txt": "It was dark."})
    restored = await call(
        """mutation ($id: ID!) { restoreVersion(input: { documentId: $id, number: 1 }) {
          ... on RestoredVersion { versionNumber document { versions { number isLatest } } } } }""",
        id=library["lamp.txt"],
    )
    assert restored["versionNumber"] == 3
    versions = restored["document"]["versions"]
    assert [version["number"] for version in versions] == [3, 2, 1]
    assert [version["isLatest"] for version in versions] == [True, False, False]


async def test_a_conversation_is_made_renamed_and_deleted(call: Caller) -> None:
    created = await call(
        """mutation { createConversation(input: { title: "Tides" }) {
          ... on CreatedConversation { conversation { id title } } } }"""
    )
    id_ = created["conversation"]["id"]
    renamed = await call(
        """mutation ($id: ID!) { renameConversation(input: { id: $id, title: "Ebb" }) {
          ... on RenamedConversation { conversation { title } } } }""",
        id=id_,
    )
    assert renamed == {"conversation": {"title": "Ebb"}}
    query = "query ($id: ID!) { conversation(id: $id) { title messages { nodes { text } } } }"
    assert await call(query, id=id_) == {"title": "Ebb", "messages": {"nodes": []}}
    deleted = await call(
        "mutation ($id: ID!) { deleteConversation(id: $id) { ... on DeletedConversation { id } } }",
        id=id_,
    )
    assert deleted == {"id": id_}
    assert await call(query, id=id_) is None


async def test_an_answer_is_rated_and_stopping_it_late_changes_nothing(
    call: Caller, answer: str
) -> None:
    rated = await call(
        """mutation ($id: ID!) {
          rateAnswer(input: { messageId: $id, rating: 4, comment: "brief" }) {
          ... on RatedAnswer { answer { rating status text } } } }""",
        id=answer,
    )
    assert (rated["answer"]["rating"], rated["answer"]["status"]) == (4, "COMPLETED")
    stopped = await call(
        """mutation ($id: ID!) { stopAnswer(messageId: $id) {
          ... on StoppedAnswer { answer { rating status text } } } }""",
        id=answer,
    )
    assert stopped == rated


async def test_a_message_tells_what_it_rests_on(call: Caller, answer: str) -> None:
    message = await call(
        """query ($id: ID!) { node(id: $id) { ... on Message {
          text grounded parentId
          citations { quote pageNumber document { filename } version { page(number: 1) { text } } }
          passages { document { filename } } steps { tool } usage { promptTokens } } } }""",
        id=answer,
    )
    (citation,) = message["citations"]
    assert citation["document"] == {"filename": "lamp.txt"}
    assert citation["quote"] in citation["version"]["page"]["text"]
    assert citation["quote"] in message["text"]
    assert message["grounded"]
    assert message["passages"][0]["document"] == {"filename": "lamp.txt"}
    assert message["usage"] == {"promptTokens": 0}


async def test_what_is_used_is_counted(call: Caller, answer: str) -> None:
    usage = await call(
        "{ usage { documentCount storedBytes answersToday month { promptTokens cost } } }"
    )
    assert usage["documentCount"] == len(FILES)
    assert usage["storedBytes"] == sum(map(len, FILES.values()))
    assert usage["answersToday"] == 1


async def once(content: bytes) -> AsyncIterator[bytes]:
    yield content
