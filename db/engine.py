"""Connections and transactions; the only way to the database."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from uuid import UUID

import asyncpg
from pgvector.asyncpg import register_vector
from sqlalchemy import RowMapping, TextClause, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from core.errors import DatabaseUnavailable, InvalidInput, Unauthenticated

Row = RowMapping

COMMAND_SECONDS = 65
"""For a server that stopped talking; one that talks ends statements itself, a little earlier."""
_TRANSIENT = ("08", "25P03", "40001", "40P01", "53", "55P03", "57", "58")
"""SQLSTATEs, or their classes, of a server that goes away, is full or breaks a transaction off."""
_UNSTORABLE = "22021"
_NO_PARENT = "23503"
_BEGIN = text(
    "SELECT set_config('lectern.owner_id', :owner_id, true),"
    " set_config('transaction_read_only', :read_only, true)"
)
_SET_OWNER = text("SELECT set_config('lectern.owner_id', :owner_id, true)")
_SET_LOGIN_EMAIL = text("SELECT set_config('lectern.login_email', :email, true)")


class ReadSession:
    """One read-only transaction in which only `owner_id`'s rows exist."""

    def __init__(self, connection: AsyncConnection, owner_id: UUID | None) -> None:
        self._connection = connection
        self._owner_id = owner_id

    @property
    def owner_id(self) -> UUID:
        if self._owner_id is None:
            raise LookupError("this session belongs to no user")
        return self._owner_id

    async def all(self, statement: TextClause, **parameters: object) -> Sequence[Row]:
        return (await self._connection.execute(statement, parameters)).mappings().all()

    async def first(self, statement: TextClause, **parameters: object) -> Row | None:
        return (await self._connection.execute(statement, parameters)).mappings().first()

    async def one(self, statement: TextClause, **parameters: object) -> Row:
        return (await self._connection.execute(statement, parameters)).mappings().one()

    async def act_for(self, owner_id: UUID) -> None:
        """Let this transaction see `owner_id`'s rows from here on."""
        await self._connection.execute(_SET_OWNER, {"owner_id": str(owner_id)})
        self._owner_id = owner_id

    async def allow_login(self, email: str) -> None:
        """Let this transaction see the one user with `email`, before anyone is authenticated."""
        await self._connection.execute(_SET_LOGIN_EMAIL, {"email": email})


class WriteSession(ReadSession):
    """One transaction that may write; commits when its block ends well."""

    async def run(self, statement: TextClause, **parameters: object) -> int:
        """Number of rows affected."""
        return (await self._connection.execute(statement, parameters)).rowcount

    async def run_many(self, statement: TextClause, rows: Sequence[Mapping[str, object]]) -> None:
        """The statement once a row, in one round trip."""
        if rows:
            await self._connection.execute(statement, rows)


class Database:
    """A pool of connections as the application role.

    Raises `DatabaseUnavailable`, `InvalidInput` for text that PostgreSQL cannot store, and
    `Unauthenticated` for what belongs to a user who has been deleted.
    """

    def __init__(self, url: str, pool_size: int = 10) -> None:
        self._engine = _create_engine(url, pool_size)

    @asynccontextmanager
    async def read(self, owner_id: UUID | None) -> AsyncIterator[ReadSession]:
        async with self._transaction(owner_id, read_only="on") as connection:
            yield ReadSession(connection, owner_id)

    @asynccontextmanager
    async def write(self, owner_id: UUID | None) -> AsyncIterator[WriteSession]:
        async with self._transaction(owner_id, read_only="off") as connection:
            yield WriteSession(connection, owner_id)

    async def ping(self) -> None:
        async with self.read(None) as session:
            await session.one(text("SELECT 1"))

    @property
    def connections_in_use(self) -> int:
        pool = self._engine.pool
        assert isinstance(pool, QueuePool)
        return pool.checkedout()

    async def close(self) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def _transaction(
        self, owner_id: UUID | None, read_only: str
    ) -> AsyncIterator[AsyncConnection]:
        with _translated():
            async with self._engine.begin() as connection:
                parameters = {"owner_id": str(owner_id or ""), "read_only": read_only}
                await connection.execute(_BEGIN, parameters)
                yield connection


@contextmanager
def _translated() -> Iterator[None]:
    """Failures that are not ours as domain errors."""
    try:
        yield
    except (OSError, PoolTimeoutError) as error:  # TimeoutError is an OSError
        raise DatabaseUnavailable from error
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None) or ""
        if error.connection_invalidated or state.startswith(_TRANSIENT):
            raise DatabaseUnavailable from error
        if state == _UNSTORABLE or "surrogates not allowed" in str(error.orig):
            message = "Text may hold neither NUL nor half of a character."
            raise InvalidInput(message, field="text") from None
        if state == _NO_PARENT and '_owner_id_fkey"' in str(error.orig):
            raise Unauthenticated("This account does not exist any more.") from None
        raise
    except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError) as error:
        raise DatabaseUnavailable from error  # while types were registered on a new connection


def driver_url(url: str) -> str:
    """Any PostgreSQL URL as SQLAlchemy wants it: through asyncpg."""
    return make_url(url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


def _create_engine(url: str, pool_size: int) -> AsyncEngine:
    engine = create_async_engine(
        driver_url(url),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=30,
        connect_args={
            "timeout": 10,
            "command_timeout": COMMAND_SECONDS,
            "server_settings": {
                "application_name": "lectern",
                "statement_timeout": "60s",
                "lock_timeout": "10s",
                "idle_in_transaction_session_timeout": "20s",
                "jit": "off",
                "hnsw.iterative_scan": "relaxed_order",
                "hnsw.ef_search": "200",
            },
        },
    )

    @event.listens_for(engine.sync_engine, "connect")
    def register_vector_types(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.run_async(register_vector)

    @event.listens_for(engine.sync_engine, "checkout")
    def replace_closed(dbapi_connection: Any, _record: Any, _proxy: Any) -> None:
        """What SQLAlchemy's pre-ping does in three round trips, asyncpg knows from its socket."""
        if dbapi_connection.driver_connection.is_closed():
            raise DisconnectionError

    return engine
