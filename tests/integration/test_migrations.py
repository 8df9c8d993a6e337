"""The schema of the database goes up and down on a real server."""

from collections.abc import AsyncIterator
from decimal import Decimal

import asyncpg
import pytest
from sqlalchemy.engine import make_url

from cli.embedded import EmbeddedPostgres
from core.ids import new_id
from db import answer_events, conversations, migrate
from db.answer_events import DeltaWritten, Event
from db.engine import Database

USER_ID = new_id()
OLD_ANSWER = """
INSERT INTO users (id, email, password_hash) VALUES ($1, 'ann@example.org', 'hash');
INSERT INTO conversations (owner_id, id, title) VALUES ($1, $1, 'Oil');
INSERT INTO messages (owner_id, id, conversation_id, role, text, status)
VALUES ($1, $1, $1, 'ASSISTANT', 'Some.', 'COMPLETED');
INSERT INTO answer_events (owner_id, message_id, sequence, kind, payload)
VALUES ($1, $1, 2, 'DELTA', '{"text": "Some."}');
INSERT INTO postings (owner_id, term, version_id, ordinal, frequency, length)
VALUES ($1, 'oil', $1, 3, 2, 40), ($1, 'oil', $1, 255, 200, 50), ($1, 'oil', $1, 256, 1, 60)
"""
PUBLIC_OBJECTS = """
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'S', 'v') AND c.relname <> 'alembic_version'
"""
OWN_FUNCTIONS = """
SELECT proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'public'
  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""


@pytest.fixture
async def empty(postgres: EmbeddedPostgres) -> AsyncIterator[tuple[str, str]]:
    """A new database: its URLs as the owner and as the application."""
    name = f"empty_{new_id().hex}"
    owner = await asyncpg.connect(postgres.owner_url)
    await owner.execute(f"CREATE DATABASE {name}")
    yield postgres.url("lectern_owner", name), postgres.url("lectern_app", name)
    await owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await owner.close()


async def test_up_and_down_and_up_again(empty: tuple[str, str]) -> None:
    owner_url, app_url = empty
    revisions = await migrate.pending(owner_url)
    assert revisions
    await migrate.upgrade(owner_url, app_url)
    assert await migrate.pending(app_url) == []

    await migrate.downgrade(owner_url, "base")
    connection = await asyncpg.connect(owner_url)
    assert await connection.fetchval(PUBLIC_OBJECTS) == 0
    assert await connection.fetch(OWN_FUNCTIONS) == []
    await connection.close()

    await migrate.upgrade(owner_url, app_url)
    assert await migrate.pending(owner_url) == []


async def test_upgrading_twice_changes_nothing(empty: tuple[str, str]) -> None:
    owner_url, app_url = empty
    await migrate.upgrade(owner_url, app_url)
    await migrate.upgrade(owner_url, app_url)
    assert await migrate.pending(app_url) == []


async def test_a_newer_database_lacks_nothing(empty: tuple[str, str]) -> None:
    owner_url, app_url = empty
    await migrate.upgrade(owner_url, app_url)
    connection = await asyncpg.connect(owner_url)
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    await connection.close()
    assert await migrate.pending(app_url) == []


async def test_what_an_older_version_wrote_is_kept(
    postgres: EmbeddedPostgres, empty: tuple[str, str]
) -> None:
    owner_url, app_url = empty
    await migrate.upgrade(owner_url, app_url, "0001")
    name = str(make_url(owner_url).database)
    superuser = await asyncpg.connect(postgres.url("postgres", name))
    for statement in OLD_ANSWER.split(";"):
        await superuser.execute(statement, USER_ID)

    await migrate.upgrade(owner_url, app_url)

    rows = await superuser.fetch("SELECT first, entries FROM postings ORDER BY 1")
    assert [tuple(row) for row in rows] == [
        (0, [3 << 23 | 2 << 16 | 40, 255 << 23 | 127 << 16 | 50]),
        (256, [1 << 16 | 60]),
    ]
    more = [Event(3, DeltaWritten(" A")), Event(4, DeltaWritten(" lot."))]
    async with Database(app_url) as database, database.write(USER_ID) as session:
        answer = await conversations.message(session, USER_ID)
        await answer_events.append(session, USER_ID, more)
        events = await answer_events.after(session, USER_ID, 0, 10)
    assert answer is not None
    assert (answer.text, answer.cost, answer.suggestions) == ("Some.", Decimal(0), [])
    assert events == [Event(2, DeltaWritten("Some.")), *more]

    await migrate.downgrade(owner_url, "0001")
    rows = await superuser.fetch("SELECT sequence, payload->>'text' FROM answer_events ORDER BY 1")
    places = await superuser.fetch("SELECT ordinal, frequency, length FROM postings ORDER BY 1")
    await superuser.close()
    assert [tuple(row) for row in places] == [(3, 2, 40), (255, 127, 50), (256, 1, 60)]
    assert [tuple(row) for row in rows] == [(2, "Some."), (3, " A"), (4, " lot.")]
