"""What goes wrong in a user's hands is answered with a type, a reason, and no trace of it."""

import io
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.client import ApiError, Client
from core.settings import Settings
from providers.parsing.media import OLE_MAGIC
from support.accounts import register
from support.product import Product

SAMPLES = Path(__file__).parent.parent / "samples"
LIMIT = 200_000

LOGIN = """mutation ($input: LoginInput!) { login(input: $input) {
  __typename ... on Error { code message } } }"""
UPLOAD = """mutation ($file: Upload!) { uploadDocument(input: { file: $file }) {
  __typename
  ... on UploadedDocument { document { id } }
  ... on Error { code message } } }"""
PROGRESS = """subscription ($id: ID!) { documentProgress(documentId: $id) {
  status failure { code message advice } } }"""
LIBRARY = "query { documents { nodes { id } } usage { documentCount storedBytes } }"


@pytest.fixture(scope="module")
def url(
    settings_in: Callable[[Path], Settings], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("data")
    with Product(settings_in(folder), LECTERN_MAX_UPLOAD_BYTES=str(LIMIT)) as product:
        url, _ = product.serve()
        product.work()
        yield url


@pytest.fixture
async def client(url: str) -> AsyncIterator[Client]:
    async with Client(url) as client:
        await register(client)
        yield client


async def upload(client: Client, path: Path) -> dict[str, Any]:
    result: dict[str, Any] = (await client.upload(UPLOAD, path))["uploadDocument"]
    return result


async def assert_nothing_is_left(client: Client) -> None:
    left = await client.execute(LIBRARY)
    assert left["documents"]["nodes"] == []
    assert left["usage"] == {"documentCount": 0, "storedBytes": 0}


def archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("notes.txt", "not a document")
    return buffer.getvalue()


REFUSED = {
    "an empty file": ("empty.txt", b"", "InvalidInput"),
    "a program": ("tool.pdf", b"\x7fELF" + bytes(5000), "UnsupportedFileType"),
    "a sound": ("song.txt", b"OggS" + bytes(500), "UnsupportedFileType"),
    "an archive": ("notes.docx", archive(), "UnsupportedFileType"),
    "just too large": ("long.txt", b"word " * (LIMIT // 5 + 1), "FileTooLarge"),
}


@pytest.mark.parametrize(("filename", "content", "type_"), REFUSED.values(), ids=REFUSED.keys())
async def test_files_that_cannot_be_documents_are_refused_at_once(
    client: Client, tmp_path: Path, filename: str, content: bytes, type_: str
) -> None:
    (tmp_path / filename).write_bytes(content)
    refused = await upload(client, tmp_path / filename)
    assert refused["__typename"] == type_
    assert refused["message"]
    await assert_nothing_is_left(client)


async def test_a_far_too_large_file_is_refused_as_a_slightly_too_large_one(
    client: Client, tmp_path: Path
) -> None:
    (tmp_path / "endless.txt").write_bytes(b"word " * 40 * LIMIT)
    refused = await upload(client, tmp_path / "endless.txt")
    assert (refused["__typename"], refused["code"]) == ("FileTooLarge", "FILE_TOO_LARGE")
    await assert_nothing_is_left(client)


@pytest.mark.parametrize("filename", ["plan.vsd", "nameless"])
async def test_other_old_office_files_are_refused_with_the_way_out(
    client: Client, tmp_path: Path, filename: str
) -> None:
    (tmp_path / filename).write_bytes(OLE_MAGIC + bytes(5000))
    refused = await upload(client, tmp_path / filename)
    assert refused["code"] == "UNSUPPORTED_FILE_TYPE"
    assert ".docx, .xlsx or .pptx" in refused["message"]


UNREADABLE = {
    "wardens-only.pdf": "ENCRYPTED",
}


@pytest.mark.parametrize(("filename", "code"), UNREADABLE.items())
async def test_files_that_cannot_be_read_fail_with_advice(
    client: Client, filename: str, code: str
) -> None:
    uploaded = await upload(client, SAMPLES / filename)
    snapshots = [
        event["documentProgress"]
        async for event in client.subscribe(PROGRESS, id=uploaded["document"]["id"])
    ]
    last = snapshots[-1]
    assert (last["status"], last["failure"]["code"]) == ("FAILED", code)
    assert last["failure"]["advice"]


async def test_a_truncated_pdf_fails_as_malformed(client: Client, tmp_path: Path) -> None:
    whole = (SAMPLES / "tide-engine-handbook.pdf").read_bytes()
    (tmp_path / "torn.pdf").write_bytes(whole[:1500])
    uploaded = await upload(client, tmp_path / "torn.pdf")
    snapshots = [
        event["documentProgress"]
        async for event in client.subscribe(PROGRESS, id=uploaded["document"]["id"])
    ]
    assert snapshots[-1]["failure"]["code"] in ("MALFORMED", "NO_TEXT_LAYER", "EMPTY")


async def test_a_wrong_password_is_a_typed_result(client: Client) -> None:
    wrong = {"email": "nobody@example.org", "password": "not this one"}
    result = (await client.execute(LOGIN, input=wrong))["login"]
    assert (result["__typename"], result["code"]) == ("InvalidCredentials", "INVALID_CREDENTIALS")


async def test_an_expired_token_says_so_over_http_and_websocket(client: Client) -> None:
    client.access_token = "eyJhbGciOiJIUzI1NiJ9.e30.x"
    with pytest.raises(ApiError, match="not valid"):
        await client.execute(LIBRARY)
    with pytest.raises(Exception, match="4403"):
        async for _ in client.subscribe("subscription { libraryProgress { status } }"):
            pass


@pytest.mark.parametrize("id_", ["doc_" + "0" * 32, "conv_" + "0" * 32, "doc_", "", "💥", "\x00"])
async def test_unknown_and_malformed_ids_find_nothing(client: Client, id_: str) -> None:
    found = await client.execute("query ($id: ID!) { document(id: $id) { id } }", id=id_)
    assert found == {"document": None}


@pytest.mark.parametrize("id_", ["", "lamp.txt", "doc_1", "conv_" + "0" * 32])
async def test_what_is_no_documents_id_is_refused_where_documents_are_chosen(
    client: Client, id_: str
) -> None:
    search = 'query ($ids: [ID!]) { search(query: "lamp", documentIds: $ids) { id } }'
    with pytest.raises(ApiError, match="documentIds"):
        await client.execute(search, ids=[id_])
    chat = """subscription ($input: ChatInput!) { chat(input: $input) {
      __typename ... on ChatFailed { sequence code message } } }"""
    question = {"clientMessageId": "1", "text": "Which lamp?", "documentIds": [id_]}
    [failed] = [event["chat"] async for event in client.subscribe(chat, input=question)]
    assert (failed["sequence"], failed["code"]) == (0, "INVALID_INPUT")
    assert "documentIds" in failed["message"]


@pytest.mark.parametrize("text", ["", "   ", "x" * 10_001, "\x00", "a\x00b", "\ud800"])
async def test_questions_that_are_none_are_refused(client: Client, text: str) -> None:
    chat = """subscription ($input: ChatInput!) { chat(input: $input) {
      __typename ... on ChatFailed { code message } } }"""
    question = {"clientMessageId": "1", "text": text}
    events = [event["chat"] async for event in client.subscribe(chat, input=question)]
    assert [event["__typename"] for event in events] == ["ChatFailed"]
    assert events[0]["code"] == "INVALID_INPUT"


@pytest.mark.parametrize("text", ["\x00", "a\x00b"])
async def test_text_that_no_database_stores_is_bad_input_everywhere(
    client: Client, text: str
) -> None:
    for query in (
        "query ($s: String) { documents(search: $s) { nodes { id } } }",
        "query ($s: String!) { search(query: $s) { id } }",
    ):
        with pytest.raises(ApiError, match="NUL"):
            await client.execute(query, s=text)
    create = """mutation ($t: String!) {
      createConversation(input: { title: $t }) { ... on InvalidInput { field } }
      createApiKey(input: { name: $t }) { ... on InvalidInput { field } } }"""
    assert await client.execute(create, t=text) == {
        "createConversation": {"field": "title"},
        "createApiKey": {"field": "name"},
    }
