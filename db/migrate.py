"""The schema of the database: bring it up to date, and say whether it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from db.engine import driver_url
from db.health import REVISION

T = TypeVar("T")

OWNER = "(SELECT nullif(current_setting('lectern.owner_id', true), '')::uuid)"
"""In SQL, the user whose rows a transaction may see."""
_GRANTS = """
GRANT USAGE ON SCHEMA public TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role};
REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {role};
"""


class MigrationRefused(Exception):
    """PostgreSQL refused a migration, which changed nothing; the message is its own."""


async def upgrade(owner_url: str, app_url: str, revision: str = "head") -> None:
    """Migrate as the owner, and make sure that `app_url`'s role exists with just its rights.

    Raises `MigrationRefused`.
    """

    def run(connection: Connection) -> None:
        command.upgrade(_config(connection), revision)
        _grant(connection, app_url)

    await _as_owner(owner_url, run)


async def downgrade(owner_url: str, revision: str) -> None:
    await _as_owner(owner_url, lambda connection: command.downgrade(_config(connection), revision))


async def pending(url: str) -> list[str]:
    """Revisions that the database lacks, oldest first; raises when it cannot be reached.

    A database that is newer than this code lacks none.
    """

    def run(connection: Connection) -> list[str]:
        current = MigrationContext.configure(connection).get_current_revision()
        if current is not None and current > REVISION:
            return []
        scripts = ScriptDirectory.from_config(_config(connection))
        return [s.revision for s in scripts.iterate_revisions("head", current)][::-1]

    return await _as_owner(url, run)


def run_script(sql: str) -> None:
    """Run several SQL statements in a migration; a prepared statement holds only one."""
    adapted: Any = op.get_bind().connection.dbapi_connection
    adapted.run_async(lambda connection: connection.execute(sql))


def wall(table: str) -> str:
    """SQL that lets each user see and write only his own rows of a table with an `owner_id`.

    Never changes: a migration that needs another rule says it itself.
    """
    return f"""ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON {table} USING (owner_id = {OWNER});"""


async def _as_owner(url: str, run: Callable[[Connection], T]) -> T:
    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(
            driver_url(url), timeout=10, server_settings={"lock_timeout": "10s"}
        )

    engine = create_async_engine("postgresql+asyncpg://", poolclass=NullPool, async_creator=connect)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(run)
    except DBAPIError as error:
        raise MigrationRefused(str((error.orig and error.orig.__cause__) or error.orig)) from error
    except asyncpg.PostgresError as error:
        raise MigrationRefused(str(error)) from error
    finally:
        await engine.dispose()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def _grant(connection: Connection, app_url: str) -> None:
    url = make_url(app_url)
    role = connection.dialect.identifier_preparer.quote(url.username or "")
    exists = connection.execute(
        text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": url.username}
    ).scalar()
    adapted: Any = connection.connection.dbapi_connection
    if not exists:
        password = str(url.password or "").replace("'", "''")
        adapted.run_async(lambda c: c.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'"))
    adapted.run_async(lambda c: c.execute(_GRANTS.format(role=role)))
