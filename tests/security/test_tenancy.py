"""The wall between users: in the database, and through every operation of the schema."""

from collections.abc import AsyncIterator, Sequence
from hashlib import sha256

import asyncpg
import pytest
from sqlalchemy import text

from cli.embedded import EmbeddedPostgres
from core.ids import Kind, encode_id, new_id
from core.principal import Principal
from resolvers.context import Context
from resolvers.schema import build_schema
from services.chat.chat import Ask
from services.container import Services
from services.uploads import Announced, Prepared, Upload, Uploaded

PASSWORD = "correct horse battery"
TENANT_TABLES = """
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
  (SELECT array_agg(a.attname ORDER BY k.place) FROM pg_index i,
     unnest(i.indkey) WITH ORDINALITY AS k(number, place)
     JOIN pg_attribute a ON a.attnum = k.number
   WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid) AS key
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind = 'r'
"""
UNWALLED = {
    "alembic_version": "names a revision",
    "embedding_models": "names of models",
    "ingestion_jobs": "ids, states and leases, for workers of all owners",
    "ingestion_turns": "when each owner was served",
    "answer_leases": "ids and times, for the sweeper",
    "abandoned_blobs": "storage keys to delete",
    "purges": "ids of versions to delete",
}
KEYLESS = {"postings": "an index, whose size a key would double"}


async def rows(url: str, query: str) -> Sequence[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        found: Sequence[asyncpg.Record] = await connection.fetch(query)
        return found
    finally:
        await connection.close()


async def test_every_table_with_content_is_walled_by_force(postgres: EmbeddedPostgres) -> None:
    for table in await rows(postgres.owner_url, TENANT_TABLES):
        if table["relname"] in UNWALLED:
            continue
        assert table["relrowsecurity"], table["relname"]
        assert table["relforcerowsecurity"], table["relname"]
        if table["relname"] not in KEYLESS:
            assert table["key"][0] == ("id" if table["relname"] == "users" else "owner_id")


async def test_the_application_owns_nothing_and_cannot_pass_the_wall(
    postgres: EmbeddedPostgres,
) -> None:
    (role,) = await rows(
        postgres.app_url,
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb,"
        " (SELECT count(*) FROM pg_class WHERE relowner = r.oid) AS owned"
        " FROM pg_roles r WHERE rolname = current_user",
    )
    assert tuple(role.values()) == (False, False, False, False, 0)


@pytest.fixture
async def library(services: Services, principal: Principal) -> dict[str, str]:
    """Something of everything, belonging to `principal`: global ids by kind."""
    uploaded = await services.uploads.upload(
        principal, Upload("secret.txt", None, once(b"The secret of Skerra is tin."), None)
    )
    answer = (await services.chat.ask(principal, Ask("first", "What is the secret?"))).answer
    async for _ in services.chat.follow(principal, answer, 0):
        pass
    found = await services.conversations.messages_by_ids(principal, [answer.id])
    key = await services.accounts.create_api_key(principal, "ci", None)
    prepared = await services.uploads.prepare(principal, Announced("next.txt", 4, "00" * 32))
    assert isinstance(prepared, Prepared)
    return {
        "document": encode_id(Kind.DOCUMENT, uploaded.document.id),
        "conversation": encode_id(Kind.CONVERSATION, found[answer.id].conversation_id),
        "message": encode_id(Kind.MESSAGE, answer.id),
        "api_key": encode_id(Kind.API_KEY, key.key.id),
        "upload": prepared.upload_id,
    }


async def test_without_a_user_raw_sql_finds_nothing(
    postgres: EmbeddedPostgres, library: dict[str, str]
) -> None:
    assert library
    for table in await rows(postgres.owner_url, TENANT_TABLES):
        if table["relname"] not in UNWALLED:
            query = f"SELECT count(*) FROM {table['relname']}"
            assert (await rows(postgres.app_url, query))[0][0] == 0, table["relname"]


async def test_nobody_writes_rows_of_another(
    services: Services, principal: Principal, library: dict[str, str]
) -> None:
    assert library
    stranger = await stranger_to(services)
    async with services.database.write(stranger.user_id) as session:
        renamed = await session.run(text("UPDATE documents SET filename = 'mine now'"))
        deleted = await session.run(text("DELETE FROM conversations"))
    assert (renamed, deleted) == (0, 0)
    insert = text("INSERT INTO documents (owner_id, id, filename) VALUES (:owner, :id, 'x')")
    with pytest.raises(Exception, match="row-level security"):
        async with services.database.write(stranger.user_id) as session:
            await session.run(insert, owner=principal.user_id, id=new_id())


async def test_a_read_session_cannot_write(services: Services, principal: Principal) -> None:
    with pytest.raises(Exception, match="read-only"):
        async with services.database.read(principal.user_id) as session:
            await session.all(text("DELETE FROM documents"))


async def test_equal_content_of_two_users_stays_two_documents(
    services: Services, principal: Principal
) -> None:
    stranger = await stranger_to(services)
    mine = await services.uploads.upload(principal, Upload("a.txt", None, once(b"same text")))
    theirs = await services.uploads.upload(stranger, Upload("a.txt", None, once(b"same text")))
    assert isinstance(theirs, Uploaded)
    assert mine.document.id != theirs.document.id


HASH = sha256(b"The secret of Skerra is tin.").hexdigest()
OPERATIONS = {
    "me": "query { me { email } }",
    "node": 'query { node(id: "DOCUMENT") { id } }',
    "document": 'query { document(id: "DOCUMENT") { filename downloadUrl } }',
    "documents": "query { documents { nodes { filename } } }",
    "conversation": 'query { conversation(id: "CONVERSATION") { title } }',
    "conversations": "query { conversations { nodes { title } } }",
    "search": 'query { search(query: "secret", documentIds: ["DOCUMENT"]) { text } }',
    "apiKeys": "query { apiKeys { id name } }",
    "usage": "query { usage { documentCount storedBytes answersToday month { cost } } }",
    "logout": "mutation { logout(everywhere: true) { everywhere } }",
    "deleteAccount": f"""mutation {{ deleteAccount(password: "{PASSWORD}") {{
        ... on DeletedAccount {{ id }} ... on Error {{ code }} }} }}""",
    "createApiKey": """mutation { createApiKey(input: { name: "mine" }) {
        ... on CreatedApiKey { apiKey { name } } } }""",
    "revokeApiKey": 'mutation { revokeApiKey(id: "API_KEY") { ... on Error { code } } }',
    "prepareUpload": f"""mutation {{ prepareUpload(input: {{
        filename: "secret.txt", byteSize: 28, sha256: "{HASH}" }}) {{
        ... on DuplicateDocument {{ document {{ filename }} }} ... on Error {{ code }} }} }}""",
    "completeUpload": """mutation { completeUpload(uploadId: "UPLOAD") {
        ... on Error { code } } }""",
    "retryIngestion": """mutation { retryIngestion(documentId: "DOCUMENT") {
        ... on Error { code } } }""",
    "cancelIngestion": """mutation { cancelIngestion(documentId: "DOCUMENT") {
        ... on Error { code } } }""",
    "renameDocument": """mutation { renameDocument(input: { id: "DOCUMENT", filename: "mine" }) {
        ... on Error { code } } }""",
    "restoreVersion": """mutation { restoreVersion(input: { documentId: "DOCUMENT", number: 1 }) {
        ... on Error { code } } }""",
    "deleteDocument": 'mutation { deleteDocument(id: "DOCUMENT") { ... on Error { code } } }',
    "createConversation": """mutation { createConversation(input: { title: "mine" }) {
        ... on CreatedConversation { conversation { title } } } }""",
    "renameConversation": """mutation {
        renameConversation(input: { id: "CONVERSATION", title: "mine" }) {
        ... on Error { code } } }""",
    "deleteConversation": """mutation { deleteConversation(id: "CONVERSATION") {
        ... on Error { code } } }""",
    "stopAnswer": 'mutation { stopAnswer(messageId: "MESSAGE") { ... on Error { code } } }',
    "rateAnswer": """mutation { rateAnswer(input: { messageId: "MESSAGE", rating: 1 }) {
        ... on Error { code } } }""",
    "documentProgress": 'subscription { documentProgress(documentId: "DOCUMENT") { status } }',
    "chat": """subscription { chat(input: { clientMessageId: "first", text: "secret",
        conversationId: "CONVERSATION", parentId: "MESSAGE" }) {
        ... on ChatFailed { code } ... on ChatDelta { text } } }""",
    "answer": 'subscription { answer(messageId: "MESSAGE") { ... on ChatDelta { text } } }',
}
"""Every operation that needs a user, aimed at things of somebody else."""
ELSEWHERE = {
    "register": "tests/integration/test_accounts.py",
    "login": "tests/integration/test_accounts.py",
    "refreshSession": "tests/integration/test_accounts.py",
    "uploadDocument": "needs multipart: tests/journey",
    "libraryProgress": "never ends and takes no id: tests/integration/test_documents.py",
}


def test_the_matrix_covers_the_schema() -> None:
    schema = build_schema()._schema
    fields = {
        name
        for type_ in (schema.query_type, schema.mutation_type, schema.subscription_type)
        if type_ is not None
        for name in type_.fields
    }
    assert fields == OPERATIONS.keys() | ELSEWHERE.keys()


async def run(services: Services, principal: Principal | None, query: str) -> str:
    """Everything that came back, data and errors, as one text."""
    context = Context(services, principal, "test")
    schema = build_schema()
    if query.startswith("subscription"):
        results = await schema.subscribe(query, context_value=context)
        if not hasattr(results, "__aiter__"):
            return repr(results)
        return repr([result async for result in results])
    return repr(await schema.execute(query, context_value=context))


async def belongings(postgres: EmbeddedPostgres, owner: Principal) -> list[object]:
    """All that somebody has, as the superuser sees it."""
    url = postgres.url("postgres")
    found: list[object] = []
    for table in await rows(url, TENANT_TABLES):
        name = table["relname"]
        if name not in UNWALLED and name != "users":
            mine = f"FROM {name} t WHERE owner_id = '{owner.user_id}'"
            query = f"SELECT CAST(t AS text) {mine} ORDER BY 1"
            found.append((name, [tuple(row) for row in await rows(url, query)]))
    return found


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_strangers_and_nobody_get_nothing_and_change_nothing(
    postgres: EmbeddedPostgres,
    services: Services,
    principal: Principal,
    library: dict[str, str],
    operation: str,
) -> None:
    query = OPERATIONS[operation]
    for kind, id_ in library.items():
        query = query.replace(f'"{kind.upper()}"', f'"{id_}"')
    before = await belongings(postgres, principal)

    stolen = await run(services, await stranger_to(services), query)
    assert "Skerra" not in stolen
    assert "secret.txt" not in stolen
    assert "What is the secret" not in stolen

    anonymous = await run(services, None, query)
    assert operation == "me" or "Log in first" in anonymous
    assert "Skerra" not in anonymous
    assert await belongings(postgres, principal) == before


async def stranger_to(services: Services) -> Principal:
    session = await services.accounts.register(f"{new_id().hex}@example.org", PASSWORD, None)
    principal = await services.authenticate(f"Bearer {session.access.token}")
    assert principal is not None
    return principal


async def once(content: bytes) -> AsyncIterator[bytes]:
    yield content
