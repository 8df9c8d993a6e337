"""Checks of a database before it is trusted with other people's documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import ArgumentError

from core.errors import SchemaOutdated
from db.engine import ReadSession, driver_url

CONNECT_SECONDS = 5
REVISION = max(p.name[:4] for p in Path(__file__).parent.glob("migrations/versions/0*.py"))
"""The newest revision of the schema that this code knows, which is the one that it needs."""

_REVISION = text("SELECT version_num FROM alembic_version")
_HEALTH = """
SELECT current_setting('server_version') AS server_version,
       (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS pgvector_version,
       (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user)
           AS bypasses_policies,
       ARRAY(SELECT relname::text FROM pg_class
             WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
               AND pg_has_role(current_user, relowner, 'MEMBER')) AS owned_tables
"""


@dataclass(frozen=True, slots=True)
class Health:
    server_version: str
    pgvector_version: str | None
    bypasses_policies: bool
    """Whether the role sees every user's rows, whatever the policies say."""
    owned_tables: Sequence[str]
    """Tables whose policies the role could switch off."""


async def check_revision(session: ReadSession) -> None:
    """Raises `SchemaOutdated`; a newer schema serves older code too."""
    try:
        row = await session.first(_REVISION)
    except asyncpg.UndefinedTableError:
        row = None
    found = row["version_num"] if row else None
    if found is None or found < REVISION:
        raise SchemaOutdated(found, REVISION)


async def inspect(url: str) -> Health:
    """The health of a database as the role in `url` sees it.

    Raises `ConnectionError`, saying why the database cannot be reached.
    """
    try:
        connection = await asyncpg.connect(driver_url(url), timeout=CONNECT_SECONDS)
        try:
            return Health(**await connection.fetchrow(_HEALTH))
        finally:
            await connection.close()
    except TimeoutError:
        raise ConnectionError(f"no answer within {CONNECT_SECONDS} s") from None
    except OSError as error:
        raise ConnectionError(error.strerror or str(error)) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ArgumentError, ValueError) as error:
        raise ConnectionError(str(error)) from error
