"""The way to the database stays open when the database does not."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import text

from cli.embedded import EmbeddedPostgres
from core.errors import DatabaseUnavailable, InvalidInput
from core.ids import new_id
from db import accounts
from db.engine import Database

BACKEND = text("SELECT pg_backend_pid() AS pid")


async def test_terminated_backends_are_replaced_without_anyone_noticing(
    postgres: EmbeddedPostgres,
) -> None:
    async with Database(postgres.app_url, pool_size=1) as database:
        async with database.read(None) as session:
            before = (await session.one(BACKEND))["pid"]
        superuser = await asyncpg.connect(postgres.url("postgres"))
        await superuser.execute("SELECT pg_terminate_backend($1, 5000)", before)
        await superuser.close()
        async with database.read(None) as session:
            assert (await session.one(BACKEND))["pid"] != before


async def test_waiting_for_ones_turn_takes_no_connection(postgres: EmbeddedPostgres) -> None:
    owner, order = new_id(), list[int]()

    async def write(database: Database, number: int) -> None:
        async with database.write_alone(owner):
            order.append(number)

    async with Database(postgres.app_url, pool_size=2) as database:
        async with asyncio.TaskGroup() as tasks, database.write_alone(owner):
            for number in range(5):
                tasks.create_task(write(database, number))
            await asyncio.sleep(0.1)
            async with database.read(new_id()) as session:
                await session.one(BACKEND)
            assert order == []
        assert order == [0, 1, 2, 3, 4]


async def test_a_user_is_set_for_one_transaction_only(postgres: EmbeddedPostgres) -> None:
    async with Database(postgres.app_url, pool_size=1) as database:
        owner = text("SELECT current_setting('lectern.owner_id', true) AS owner")
        user_id = new_id()
        async with database.read(user_id) as session:
            assert (await session.one(owner))["owner"] == str(user_id)
        async with database.read(None) as session:
            assert (await session.one(owner))["owner"] == ""


@pytest.mark.parametrize("unstorable", ["\x00", "\ud800"])
async def test_text_that_cannot_be_stored_is_bad_input(
    postgres: EmbeddedPostgres, unstorable: str
) -> None:
    async with Database(postgres.app_url, pool_size=1) as database:
        with pytest.raises(InvalidInput):
            async with database.read(None) as session:
                await session.one(text("SELECT CAST(:value AS text)"), value=unstorable)


async def test_what_follows_a_commit_finds_it(postgres: EmbeddedPostgres) -> None:
    user_id, found = new_id(), list[bool]()

    async def look(database: Database) -> None:
        async with database.read(user_id) as session:
            found.append(await accounts.user_by_id(session, user_id) is not None)

    async with Database(postgres.app_url, pool_size=1) as database:
        async with database.write_alone(user_id) as session:
            session.after_commit(look, database)
            await accounts.insert_user(session, f"{user_id.hex}@example.org", "", None)
            assert found == []
        assert found == [True]


async def test_nothing_follows_a_rollback(postgres: EmbeddedPostgres) -> None:
    done = list[str]()

    async def act(name: str) -> None:
        done.append(name)

    async def fail(database: Database, statement: str) -> None:
        async with database.write(None) as session:
            session.after_commit(act, statement)
            await session.one(text(statement))

    async with Database(postgres.app_url) as database:
        with pytest.raises(asyncpg.DivisionByZeroError):
            await fail(database, "SELECT 1 / 0")
        with pytest.raises(DatabaseUnavailable):
            await fail(database, "SELECT pg_terminate_backend(pg_backend_pid())")
        async with database.write(None) as session:
            session.after_commit(act, "committed")
    assert done == ["committed"]
