"""Connections and transactions; the only way to the database.

Statements are SQLAlchemy's `text` with named parameters and run on asyncpg itself: through
SQLAlchemy's connection a statement costs five times the CPU.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from functools import cache, partial
from typing import Any, ParamSpec, Self
from uuid import UUID
from weakref import WeakValueDictionary

import asyncpg
from pgvector.asyncpg import register_vector
from sqlalchemy import TextClause, text
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.engine import make_url

from core.errors import DatabaseUnavailable, InvalidInput, Unauthenticated

P = ParamSpec("P")
Row = Mapping[str, Any]

CONNECT_SECONDS = 10
COMMAND_SECONDS = 65
"""Time-out for a server that has gone silent; one that is alive ends statements earlier."""
POOL_SECONDS = 30
ROLLBACK_SECONDS = 1
CLOSE_SECONDS = 10
_TRANSIENT = ("08", "25P03", "40001", "40P01", "53", "55P03", "57", "58")
"""SQLSTATEs (or their first digits) of a server that goes away, is full or rolls back."""
_UNSTORABLE = "22021"
_NO_PARENT = "23503"
_DIALECT = dialect()  # type: ignore[no-untyped-call]
_SETTINGS = {
    "application_name": "lectern",
    "statement_timeout": "60s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "20s",
    "jit": "off",
    "hnsw.iterative_scan": "relaxed_order",
    "hnsw.ef_search": "200",
}
_SET_OWNER = text("SELECT set_config('lectern.owner_id', :owner_id, true)")
_LOCK_OWNER = text("SELECT pg_advisory_xact_lock(hashtextextended(:owner, 0))")
_SET_LOGIN_EMAIL = text("SELECT set_config('lectern.login_email', :email, true)")


class ReadSession:
    """One read-only transaction in which only `owner_id`'s rows exist."""

    def __init__(self, connection: asyncpg.Connection, owner_id: UUID | None) -> None:
        self._connection = connection
        self._owner_id = owner_id

    @property
    def owner_id(self) -> UUID:
        if self._owner_id is None:
            raise LookupError("this session belongs to no user")
        return self._owner_id

    async def all(self, statement: TextClause, **parameters: object) -> Sequence[Row]:
        sql, names = _compiled(statement)
        rows: list[Row] = await self._connection.fetch(sql, *[parameters[n] for n in names])
        return rows

    async def first(self, statement: TextClause, **parameters: object) -> Row | None:
        sql, names = _compiled(statement)
        row: Row | None = await self._connection.fetchrow(sql, *[parameters[n] for n in names])
        return row

    async def one(self, statement: TextClause, **parameters: object) -> Row:
        row = await self.first(statement, **parameters)
        if row is None:
            raise LookupError(f"no row: {statement}")
        return row

    async def act_for(self, owner_id: UUID) -> None:
        """Let this transaction see `owner_id`'s rows from here on."""
        await self.one(_SET_OWNER, owner_id=str(owner_id))
        self._owner_id = owner_id

    async def allow_login(self, email: str) -> None:
        """Let this transaction see the one user with `email`, before anyone is authenticated."""
        await self.one(_SET_LOGIN_EMAIL, email=email)


class WriteSession(ReadSession):
    """One transaction that may write; commits when its block ends well."""

    def __init__(self, connection: asyncpg.Connection, owner_id: UUID | None) -> None:
        super().__init__(connection, owner_id)
        self.acts: list[Callable[[], Awaitable[object]]] = []
        """Calls that follow the commit, in this order."""

    async def run(self, statement: TextClause, **parameters: object) -> int:
        """Run a statement; the number of rows that it affected."""
        sql, names = _compiled(statement)
        tag = await self._connection.execute(sql, *[parameters[n] for n in names])
        return int(tag.rpartition(" ")[2])

    def after_commit(
        self, act: Callable[P, Awaitable[object]], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Have `act` called once this transaction is committed; after a rollback it never is."""
        self.acts.append(partial(act, *args, **kwargs))

    async def run_many(self, statement: TextClause, rows: Sequence[Mapping[str, object]]) -> None:
        """Run a statement once for each row of parameters, in one round trip."""
        if rows:
            sql, names = _compiled(statement)
            await self._connection.executemany(sql, [[row[n] for n in names] for row in rows])


class Database:
    """A pool of connections as the application role; open while its block runs.

    Raises `DatabaseUnavailable`, `InvalidInput` for text that PostgreSQL cannot store, and
    `Unauthenticated` for what belongs to a user who has been deleted.
    """

    def __init__(self, url: str, pool_size: int = 10) -> None:
        self._pool = asyncpg.create_pool(
            driver_url(url),
            min_size=0,
            max_size=pool_size,
            init=_prepare,
            reset=_keep_settings,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            server_settings=_SETTINGS,
        )
        self.waiting = 0
        """Transactions that have no connection yet."""
        self._turns: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def __aenter__(self) -> Self:
        await self._pool
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    @asynccontextmanager
    async def read(self, owner_id: UUID | None) -> AsyncIterator[ReadSession]:
        async with self._transaction("READ ONLY", owner_id) as connection:
            yield ReadSession(connection, owner_id)

    @asynccontextmanager
    async def write(self, owner_id: UUID | None) -> AsyncIterator[WriteSession]:
        """A transaction that commits when its block ends well, and then calls what follows it."""
        async with self._write(owner_id, nullcontext()) as session:
            yield session

    @asynccontextmanager
    async def write_alone(self, owner_id: UUID) -> AsyncIterator[WriteSession]:
        """A transaction that is alone among its owner's, so that what it checks stays true.

        Waiting for others of this process takes no connection.
        """
        turn = self._turns.setdefault(owner_id, asyncio.Lock())
        async with self._write(owner_id, turn) as session:
            await session.one(_LOCK_OWNER, owner=str(owner_id))
            yield session

    @property
    def connections_in_use(self) -> int:
        return int(self._pool.get_size() - self._pool.get_idle_size())

    @asynccontextmanager
    async def _write(
        self, owner_id: UUID | None, turn: AbstractAsyncContextManager[None]
    ) -> AsyncIterator[WriteSession]:
        async with turn, self._transaction("READ WRITE", owner_id) as connection:
            session = WriteSession(connection, owner_id)
            yield session
        for act in session.acts:
            await act()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        self.waiting += 1
        try:
            connection = await self._pool.acquire(timeout=POOL_SECONDS)
        finally:
            self.waiting -= 1
        try:
            yield connection
        finally:
            await self._pool.release(connection)

    @asynccontextmanager
    async def _transaction(
        self, mode: str, owner_id: UUID | None
    ) -> AsyncIterator[asyncpg.Connection]:
        with _translated():
            async with self._connection() as connection:
                try:
                    # One round trip: the owner of the rows comes with the transaction.
                    await connection.execute(
                        f"BEGIN {mode};"
                        f"SELECT set_config('lectern.owner_id', '{owner_id or ''}', true)"
                    )
                    yield connection
                    await connection.execute("COMMIT")
                except BaseException:
                    await _roll_back(connection)
                    raise


def driver_url(url: str) -> str:
    """A PostgreSQL URL in the form that asyncpg takes."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@cache
def _compiled(statement: TextClause) -> tuple[str, tuple[str, ...]]:
    """The SQL with numbered parameters, and the names of these in order."""
    compiled = statement.compile(dialect=_DIALECT)
    return str(compiled), tuple(compiled.positiontup or ())


async def _prepare(connection: asyncpg.Connection) -> None:
    await register_vector(connection)
    await connection.set_type_codec(
        "jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog"
    )


async def _roll_back(connection: asyncpg.Connection) -> None:
    """Roll back; a connection on which even that fails is given up: its server has frozen."""
    if connection.is_closed():
        return
    try:
        async with asyncio.timeout(ROLLBACK_SECONDS):
            await connection.execute("ROLLBACK")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()
    except BaseException:
        connection.terminate()
        raise


async def _keep_settings(_: asyncpg.Connection) -> None:
    """Replaces the pool's RESET ALL, since transactions leave nothing behind to reset."""


@contextmanager
def _translated() -> Iterator[None]:
    """Turn failures of the database into domain errors."""
    try:
        yield
    except (OSError, asyncpg.InterfaceError) as error:  # TimeoutError is an OSError
        raise DatabaseUnavailable from error
    except asyncpg.PostgresError as error:
        state = error.sqlstate or ""
        if state.startswith(_TRANSIENT) or isinstance(error, asyncpg.InvalidCachedStatementError):
            raise DatabaseUnavailable from error
        if state == _UNSTORABLE or "surrogates not allowed" in str(error):
            message = "Text may hold neither NUL nor half of a character."
            raise InvalidInput(message, field="text") from None
        if state == _NO_PARENT and '_owner_id_fkey"' in str(error):
            raise Unauthenticated("This account does not exist any more.") from None
        raise
