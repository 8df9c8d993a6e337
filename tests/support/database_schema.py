"""`db/schema.sql`: the tables as they stand after all migrations, for people to read.

`python -m support.database_schema` prints it, table by table, from a fresh embedded PostgreSQL.
"""

import asyncio
import os
import re
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg

from cli.embedded import EmbeddedPostgres
from db import migrate

HEAD = """\
-- The database after all migrations, for reading. `make schema` writes this file.
-- Role lectern_app is the application, which owns nothing and is bound by the policies.
"""
_ENTRY = re.compile(
    r"^-- Name: (?P<name>.+); Type: (?P<type>.+); Schema: .*\n--\n\n(?P<sql>(?s:.+?))(?=\n--\n|\Z)",
    re.MULTILINE,
)
_TABLE = re.compile(r"(?:\bTABLE(?: ONLY)?|\bON(?: TABLE)?) (?:public\.)?(\w+)")


def dump(postgres: EmbeddedPostgres, database: str) -> str:
    """What `pg_dump` says of a migrated database, everything of a table in one place."""
    program = postgres.program.with_name("pg_dump")
    done = subprocess.run(
        [program, "--schema-only", postgres.url("lectern_owner", database)],
        env={"PATH": os.defpath, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
    )
    general = [HEAD]
    tables: dict[str, list[str]] = {}
    for entry in _ENTRY.finditer(done.stdout):
        sql = re.sub(
            r"^(SET|\\).*\n|^ALTER .* OWNER TO .*\n|\bpublic\.", "", entry["sql"], flags=re.M
        )
        sql = re.sub(r"\n{2,}", "\n", sql).strip()
        found = _TABLE.search(sql)
        if found is None or entry["type"] in ("TYPE", "FUNCTION"):
            general += [sql, ""]
        elif found[1] != "alembic_version":
            tables.setdefault(found[1], [f"-- {found[1]}\n"]).append(sql)
    for table in tables.values():
        general += [*table, ""]
    return "\n".join(general[:-1]) + "\n"


async def describe_new(postgres: EmbeddedPostgres, database: str) -> str:
    """The dump of a new database that has gone through all migrations."""
    connection = await asyncpg.connect(postgres.url("lectern_owner", "postgres"))
    try:
        await connection.execute(f"CREATE DATABASE {database}")
    finally:
        await connection.close()
    owner_url, app_url = (
        postgres.url("lectern_owner", database),
        postgres.url("lectern_app", database),
    )
    await migrate.upgrade(owner_url, app_url)
    return await asyncio.to_thread(dump, postgres, database)


def main() -> None:
    with TemporaryDirectory() as folder, EmbeddedPostgres(Path(folder), fsync="off") as postgres:
        print(asyncio.run(describe_new(postgres, "described")), end="")


if __name__ == "__main__":
    main()
