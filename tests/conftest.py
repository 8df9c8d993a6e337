"""A real PostgreSQL and a real Redis for each test process, migrated once.

Tests share the database and stay apart as users do: each makes its own. The job queue belongs to no
user, so nothing queued outlives its test.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from cli.embedded import EmbeddedPostgres, EmbeddedRedis
from core.ids import new_id
from core.principal import Principal
from core.settings import Settings
from db import migrate
from services.container import Services, open_services
from support.language_model import Model, serve_model

PASSWORD = "correct horse battery"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    folder = tmp_path_factory.mktemp("servers")
    with EmbeddedPostgres(folder, fsync="off", synchronous_commit="off") as server:
        asyncio.run(migrate.upgrade(server.owner_url, server.app_url))
        yield server


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis(tmp_path_factory.mktemp("servers")) as server:
        yield server


@pytest.fixture(scope="session")
def models() -> Path:
    """Where the converted embedding model is kept between runs."""
    return Path(__file__).parent.parent / ".lectern" / "models"


@pytest.fixture(scope="session")
def settings_in(
    postgres: EmbeddedPostgres, redis: EmbeddedRedis, models: Path
) -> Callable[[Path], Settings]:
    """Settings for the servers of this test process and a data folder."""

    def make(data_dir: Path) -> Settings:
        models.mkdir(parents=True, exist_ok=True)
        (data_dir / "models").symlink_to(models, target_is_directory=True)
        return Settings(
            _env_file=None,
            DATABASE_URL=postgres.app_url,
            REDIS_URL=redis.url,
            database_owner_url=postgres.owner_url,
            data_dir=data_dir,
            secret_key="a secret of the tests, long enough",
            parser="local",
            embedder="local",
            answerer="extractive",
            overload_lag_seconds=60,
        )

    return make


@pytest.fixture
def settings(settings_in: Callable[[Path], Settings], tmp_path: Path) -> Settings:
    return settings_in(tmp_path)


@pytest.fixture
async def empty_queue(postgres: EmbeddedPostgres) -> AsyncIterator[None]:
    """A queue that no other test has left anything in."""
    yield
    connection = await asyncpg.connect(postgres.url("postgres"))
    try:
        await connection.execute(
            "UPDATE ingestion_jobs SET state = 'DONE', worker = NULL, lease_expires_at = NULL"
        )
    finally:
        await connection.close()


@pytest.fixture
async def services(settings: Settings, empty_queue: None) -> AsyncIterator[Services]:
    async with open_services(settings) as services:
        yield services


@pytest.fixture
async def principal(services: Services) -> Principal:
    """A newly registered user."""
    return await _register(services)


@pytest.fixture
async def stranger(services: Services) -> Principal:
    """Another one."""
    return await _register(services)


async def _register(services: Services) -> Principal:
    session = await services.accounts.register(f"{new_id().hex}@example.org", PASSWORD, "Ada")
    found = await services.authenticate(f"Bearer {session.access.token}")
    assert found is not None
    return found


@pytest.fixture
async def model() -> AsyncIterator[Model]:
    """A language model's server."""
    async with serve_model() as model:
        yield model
