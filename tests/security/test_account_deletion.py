"""Whoever leaves takes everything along, and nothing of anybody else."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NoReturn

import asyncpg
import pytest

from cli.embedded import EmbeddedPostgres
from core.errors import (
    ErrorCode,
    InvalidCredentials,
    InvalidRefreshToken,
    NotFound,
    RateLimited,
    Unauthenticated,
)
from core.ids import new_id
from core.principal import Principal
from core.settings import Settings
from resolvers.context import Context
from resolvers.schema import build_schema
from services.chat.chat import Ask
from services.container import LOGIN_TRIES, Services
from services.retrieval import Retrieval
from services.uploads import Upload
from support.library import add_documents
from workers.sweeper import Sweeper

PASSWORD = "correct horse battery"
FILES = {"guide.txt": "The lighthouse of Skerra was lit in 1862 by Ann Ross. " * 40}
OWNED = """
SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attname = 'owner_id'
"""


@pytest.fixture
async def library(settings: Settings, services: Services, principal: Principal) -> None:
    """Something of everything."""
    await add_documents(settings, services, principal, FILES)
    await answered(services, principal)
    await services.accounts.create_api_key(principal, "ci", None)


async def answered(services: Services, principal: Principal) -> None:
    answer = (await services.chat.ask(principal, Ask("1", "When was the lighthouse lit?"))).answer
    async for _ in services.chat.follow(principal, answer, 0):
        pass


async def rows_of(postgres: EmbeddedPostgres, owner: Principal) -> dict[str, int]:
    """Of each table that knows the owner, past all walls."""
    connection = await asyncpg.connect(postgres.url("postgres"))
    try:
        tables = [row["relname"] for row in await connection.fetch(OWNED)]
        counts = {
            table: await connection.fetchval(
                f"SELECT count(*) FROM {table} WHERE owner_id = $1", owner.user_id
            )
            for table in tables
        }
        counts["users"] = await connection.fetchval(
            "SELECT count(*) FROM users WHERE id = $1", owner.user_id
        )
    finally:
        await connection.close()
    return {table: count for table, count in counts.items() if count}


def files_of(settings: Settings, owner: Principal) -> Sequence[Path]:
    folder = settings.data_dir / "files" / owner.user_id.hex
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.usefixtures("library")
async def test_nothing_is_left_but_what_others_have(
    settings: Settings,
    services: Services,
    postgres: EmbeddedPostgres,
    principal: Principal,
    stranger: Principal,
) -> None:
    await add_documents(settings, services, stranger, FILES)
    await answered(services, stranger)
    others = await rows_of(postgres, stranger)
    assert await rows_of(postgres, principal)
    assert files_of(settings, principal)

    await services.accounts.delete(principal, PASSWORD)
    await Sweeper(services.database, services.storage).sweep()

    assert await rows_of(postgres, principal) == {}
    assert files_of(settings, principal) == []
    assert await rows_of(postgres, stranger) == others
    assert len(files_of(settings, stranger)) == 1


async def test_every_proof_of_identity_ends(services: Services) -> None:
    email = f"{new_id().hex}@example.org"
    session = await services.accounts.register(email, PASSWORD, None)
    principal = await services.authenticate(f"Bearer {session.access.token}")
    assert principal is not None
    key = await services.accounts.create_api_key(principal, "ci", None)

    await services.accounts.delete(principal, PASSWORD)

    with pytest.raises(InvalidCredentials):
        await services.accounts.login(email, PASSWORD)
    with pytest.raises(InvalidRefreshToken):
        await services.accounts.refresh(session.refresh_token)
    with pytest.raises(Unauthenticated):
        await services.authenticate(f"Bearer {key.secret}")
    again = await services.accounts.register(email, PASSWORD, None)
    assert again.user.id != session.user.id


@pytest.mark.usefixtures("library")
async def test_an_access_token_that_outlives_its_account_does_nothing(
    services: Services, principal: Principal
) -> None:
    await services.accounts.delete(principal, PASSWORD)

    with pytest.raises(Unauthenticated):
        await services.accounts.user(principal)
    with pytest.raises(Unauthenticated):
        await services.accounts.delete(principal, PASSWORD)
    with pytest.raises(Unauthenticated):
        await services.conversations.create(principal, "t")
    with pytest.raises(Unauthenticated):
        await services.chat.ask(principal, Ask("2", "Why?"))
    with pytest.raises(Unauthenticated):
        await services.uploads.upload(principal, Upload("a.txt", None, once(b"late")))
    assert await services.retrieval.search(principal, "lighthouse", 5) == []


@pytest.mark.usefixtures("library")
async def test_a_wrong_password_deletes_nothing_and_is_not_guessed(
    services: Services, postgres: EmbeddedPostgres, principal: Principal
) -> None:
    before = await rows_of(postgres, principal)
    for _ in range(LOGIN_TRIES):
        with pytest.raises(InvalidCredentials):
            await services.accounts.delete(principal, "a guess")
    with pytest.raises(RateLimited):
        await services.accounts.delete(principal, PASSWORD)
    assert await rows_of(postgres, principal) == before


@pytest.mark.usefixtures("library")
async def test_an_answer_under_way_ends_with_its_account(
    services: Services,
    postgres: EmbeddedPostgres,
    principal: Principal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def search_forever(*_: object) -> NoReturn:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(Retrieval, "sources", search_forever)
    answer = (await services.chat.ask(principal, Ask("2", "Who lit the lighthouse?"))).answer
    await services.accounts.delete(principal, PASSWORD)

    with pytest.raises(NotFound):
        async for _ in services.chat.follow(principal, answer, 0):
            pass
    async with asyncio.timeout(60):
        while services.chat.writing:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await Sweeper(services.database, services.storage).sweep()
    assert await rows_of(postgres, principal) == {}


async def test_what_clients_see(services: Services, principal: Principal) -> None:
    schema = build_schema()
    context = Context(services, principal, "test")
    delete = """mutation ($password: String!) { deleteAccount(password: $password) {
        __typename ... on DeletedAccount { id } ... on Error { code message } } }"""

    half = await schema.execute(delete, {"password": "\ud800"}, context_value=context)
    wrong = await schema.execute(delete, {"password": "wrong"}, context_value=context)
    right = await schema.execute(delete, {"password": PASSWORD}, context_value=context)
    late = await schema.execute(delete, {"password": PASSWORD}, context_value=context)

    assert half.data == wrong.data
    assert wrong.data == {
        "deleteAccount": {
            "__typename": "InvalidCredentials",
            "code": ErrorCode.INVALID_CREDENTIALS,
            "message": "The password is wrong.",
        }
    }
    assert right.data == {
        "deleteAccount": {"__typename": "DeletedAccount", "id": f"user_{principal.user_id.hex}"}
    }
    assert late.errors
    assert isinstance(late.errors[0].original_error, Unauthenticated)


async def once(content: bytes) -> AsyncIterator[bytes]:
    yield content
