"""The product on servers of its own, filled as its users fill it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from cli.embedded import EmbeddedPostgres, EmbeddedRedis
from core.errors import EmailTaken
from core.principal import Principal
from core.settings import Settings
from db import migrate
from providers.parsing.factory import open_parser
from services.container import Services, open_services
from services.ingestion.jobs import Ingestion
from services.ingestion.pipeline import Pipeline
from services.uploads import Upload

PASSWORD = "correct horse battery"
WORKERS = 4


@dataclass(frozen=True, slots=True)
class Product:
    settings: Settings
    services: Services
    postgres: EmbeddedPostgres

    async def user(self, name: str) -> Principal:
        """The user of that name, from an earlier run or new."""
        email = f"{name}@example.org"
        try:
            session = await self.services.accounts.register(email, PASSWORD, None)
        except EmailTaken:
            session = await self.services.accounts.login(email, PASSWORD)
        principal = await self.services.authenticate(f"Bearer {session.access.token}")
        assert principal is not None
        return principal

    async def upload(
        self, principal: Principal, files: Mapping[str, str | bytes]
    ) -> dict[UUID, str]:
        """File name by document; what an earlier run uploaded is recognised by its content."""
        documents = {}
        for filename, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            upload = Upload(filename, None, _once(data))
            uploaded = await self.services.uploads.upload(principal, upload)
            documents[uploaded.document.id] = filename
        return documents

    async def ingest(self) -> None:
        """Work until nothing is left to do, as the worker does."""
        services = self.services
        pipeline = Pipeline(services.storage, open_parser(self.settings), services.embedder, 1, 1)
        ingestion = Ingestion(
            services.database, services.hints, services.queue, pipeline, self.settings.lease_seconds
        )

        async def work(name: str) -> None:
            while await ingestion.run_next(name):
                pass

        await asyncio.gather(*(work(f"worker {number}") for number in range(WORKERS)))


@asynccontextmanager
async def open_product(folder: Path) -> AsyncIterator[Product]:
    """Everything below `folder`, which a later run may open again."""
    with EmbeddedPostgres(folder) as postgres, EmbeddedRedis(folder) as redis:
        await migrate.upgrade(postgres.owner_url, postgres.app_url)
        settings = Settings(
            _env_file=None,
            DATABASE_URL=postgres.app_url,
            REDIS_URL=redis.url,
            data_dir=folder,
            secret_key="a secret of the bench, long enough",
            parser="local",
            embedder="local",
            answerer="extractive",
        )
        async with open_services(settings) as services:
            yield Product(settings, services, postgres)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
