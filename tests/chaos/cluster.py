"""The whole product on servers of its own, which may be stopped, killed and emptied."""

import asyncio
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import asyncpg

from cli.children import Child
from cli.embedded import EmbeddedPostgres, EmbeddedRedis, EmbeddedServerError
from core.errors import DatabaseUnavailable
from core.ids import new_id
from core.principal import Principal
from core.settings import Settings
from db import migrate
from db.documents import Document
from services.container import Services, open_services
from services.documents import ENDED
from services.uploads import Upload
from support.embeddings import EmbeddingServer
from support.product import PATIENCE_SECONDS, Product

LEASE_SECONDS = 2.0
_HALT = """
CREATE SCHEMA chaos;
CREATE TABLE chaos.halts (owner_id uuid NOT NULL, pattern text NOT NULL);
CREATE FUNCTION chaos.halt() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF EXISTS (SELECT FROM chaos.halts WHERE owner_id = NEW.owner_id
      AND concat_ws(' ', NEW.status, NEW.stage, NEW.message) LIKE pattern) THEN
    PERFORM pg_advisory_xact_lock_shared(1);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER halt AFTER UPDATE ON documents FOR EACH ROW EXECUTE FUNCTION chaos.halt();
"""
_WORKER = "SELECT worker FROM ingestion_jobs WHERE document_id = $1 AND state = 'RUNNING'"
_HALTED = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


class Cluster:
    """PostgreSQL, Redis, an embedding server, and workers and APIs as processes."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.postgres = EmbeddedPostgres(folder, fsync="off")
        self.redis = EmbeddedRedis(folder)
        self.embeddings = EmbeddingServer()
        self.settings = Settings(
            _env_file=None,
            DATABASE_URL=self.postgres.app_url,
            REDIS_URL=self.redis.url,
            database_owner_url=self.postgres.owner_url,
            data_dir=folder,
            secret_key="a secret of the tests, long enough",
            answerer="extractive",
        ).model_copy(update=self.embeddings.settings)
        self._product = Product(
            self.settings,
            **self.embeddings.environment,
            LECTERN_LEASE_SECONDS=str(LEASE_SECONDS),
            LECTERN_LOG_LEVEL="ERROR",
            **environment,
        )
        self.workers: list[Child] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for part in (self.embeddings, self.postgres, self.redis):
            self._stack.enter_context(part)
        asyncio.run(self._prepare())
        self._stack.enter_context(self._product)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    async def _prepare(self) -> None:
        await migrate.upgrade(self.postgres.owner_url, self.postgres.app_url)
        async with self.superuser() as connection:
            await connection.execute(_HALT)

    def serve(self, **environment: str) -> tuple[str, Child]:
        return self._product.serve(**environment)

    def keep_working(self, count: int, **environment: str) -> None:
        """Start as many workers as have died."""
        self.workers = [worker for worker in self.workers if worker.is_running()]
        while len(self.workers) < count:
            self.workers.append(self._product.work(**environment))

    def stop_working(self) -> None:
        for worker in self.workers:
            worker.ask_to_stop()
        for worker in self.workers:
            worker.stop()
        self.workers.clear()

    @asynccontextmanager
    async def superuser(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self.postgres.url("postgres"))
        try:
            yield connection
        finally:
            await connection.close()

    @asynccontextmanager
    async def services(self) -> AsyncIterator[Services]:
        async with open_services(self.settings) as services:
            yield services

    def crash_postgres(self) -> None:
        """As when the power fails: no shutdown, no checkpoint. Then it is started again."""
        assert self.postgres.process is not None
        self.postgres.process.kill()
        self.postgres.process.wait()
        while not self.postgres.is_running():
            with suppress(EmbeddedServerError):  # its children take a moment to notice
                self.postgres.start()

    def crash_redis(self) -> None:
        assert self.redis.process is not None
        self.redis.process.kill()
        self.redis.process.wait()

    @asynccontextmanager
    async def halted_at(self, owner: Principal, pattern: str) -> AsyncIterator[None]:
        """Every transaction of the owner's jobs stops right before the commit of a snapshot whose
        status, stage and message are LIKE `pattern`; they go on when the block ends."""
        async with self.superuser() as connection:
            await connection.execute("SELECT pg_advisory_lock(1)")
            insert = "INSERT INTO chaos.halts VALUES ($1, $2)"
            await connection.execute(insert, owner.user_id, pattern)
            try:
                yield
            finally:
                await connection.execute("DELETE FROM chaos.halts")

    async def until_halted(self) -> None:
        await self._answer(_HALTED)

    async def worker_of(self, document_id: UUID) -> Child:
        """Whoever holds the lease of the document's job."""
        name = await self._answer(_WORKER, document_id)
        pid = int(name.split(":")[1])
        return next(w for w in self.workers if w.process is not None and w.process.pid == pid)

    async def _answer(self, query: str, *arguments: object) -> Any:
        """The first value that is neither null nor zero."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        async with self.superuser() as connection:
            while not (value := await connection.fetchval(query, *arguments)):
                assert time.monotonic() < deadline, query
                await asyncio.sleep(0.02)
        return value


def kill(child: Child) -> None:
    assert child.process is not None
    child.process.kill()
    child.process.wait()


@contextmanager
def frozen(process: subprocess.Popen[bytes] | None) -> Iterator[None]:
    """As a machine that is paused or swaps: nothing answers and nothing is closed."""
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


async def register(services: Services) -> Principal:
    session = await services.accounts.register(
        f"{new_id().hex}@example.org", "correct horse battery", None
    )
    principal = await services.authenticate(f"Bearer {session.access.token}")
    assert principal is not None
    return principal


async def upload(services: Services, owner: Principal, filename: str, content: bytes) -> Document:
    async def once() -> AsyncIterator[bytes]:
        yield content

    uploaded = await services.uploads.upload(owner, Upload(filename, None, once()))
    return uploaded.document


async def until_ended(
    services: Services, owner: Principal, document_ids: Sequence[UUID]
) -> dict[UUID, Document]:
    """The documents once each is READY, FAILED or CANCELLED."""
    deadline = time.monotonic() + 2 * PATIENCE_SECONDS
    while True:
        waiting = list(document_ids)
        with suppress(DatabaseUnavailable):
            found = await services.documents.by_ids(owner, document_ids)
            waiting = [id_ for id_ in document_ids if found[id_].progress.status not in ENDED]
            if not waiting:
                return found
        assert time.monotonic() < deadline, waiting
        await asyncio.sleep(0.1)
