"""Files that nobody refers to, in a store that does not always answer."""

from collections.abc import AsyncIterator
from datetime import timedelta

import asyncpg
import pytest
from obstore.store import S3Store

from cli.embedded import EmbeddedPostgres
from core.principal import Principal
from db import blobs
from providers.storage import Storage
from services.container import Services
from workers.sweeper import POSTPONED_SECONDS, Sweeper


async def content() -> AsyncIterator[bytes]:
    yield b"The lamp is lit."


@pytest.fixture
async def key(services: Services, principal: Principal) -> str:
    """Of a stored file that is due."""
    key = f"{principal.user_id.hex}/lamp"
    async with services.database.write(principal.user_id) as session:
        await blobs.abandon(session, principal.user_id, key, delay_seconds=0)
    await services.storage.write(key, content())
    return key


@pytest.fixture
def away() -> Storage:
    """A store whose server is not there."""
    return Storage(
        S3Store(
            "bucket",
            endpoint="http://127.0.0.1:1",
            access_key_id="key",
            secret_access_key="secret",
            region="us-east-1",
            client_options={"allow_http": True},
            retry_config={"max_retries": 0},
        )
    )


async def wait_for(postgres: EmbeddedPostgres, key: str) -> timedelta | None:
    """How long until the file may be deleted; None once nothing is left to do."""
    connection = await asyncpg.connect(postgres.url("postgres"))
    try:
        query = "SELECT available_at - now() FROM abandoned_blobs WHERE storage_key = $1"
        found: timedelta | None = await connection.fetchval(query, key)
        return found
    finally:
        await connection.close()


async def test_what_is_due_is_deleted_once(
    services: Services, postgres: EmbeddedPostgres, key: str
) -> None:
    sweeper = Sweeper(services.database, services.storage)
    await sweeper.sweep()
    assert await services.storage.size(key) is None
    assert await wait_for(postgres, key) is None
    await sweeper.sweep()


async def test_a_store_that_is_away_is_asked_again_later(
    services: Services, postgres: EmbeddedPostgres, key: str, away: Storage
) -> None:
    await Sweeper(services.database, away).sweep()
    wait = await wait_for(postgres, key)
    assert wait is not None
    assert 0 < wait.total_seconds() <= POSTPONED_SECONDS
    await Sweeper(services.database, services.storage).sweep()
    assert await services.storage.size(key) is not None
