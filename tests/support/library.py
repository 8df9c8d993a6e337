"""A user's documents, uploaded and ingested as the worker does it."""

from collections.abc import AsyncIterator, Mapping
from uuid import UUID

from core.principal import Principal
from core.settings import Settings
from core.states import OnSameName
from providers.parsing.factory import open_parser
from services.container import Services
from services.ingestion.jobs import Ingestion
from services.ingestion.pipeline import Pipeline
from services.uploads import Upload


async def add_documents(
    settings: Settings, services: Services, principal: Principal, files: Mapping[str, str | bytes]
) -> dict[str, UUID]:
    """Id of each document by its file name."""
    documents = {}
    for filename, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        upload = Upload(filename, None, _once(data), on_same_name=OnSameName.REPLACE)
        uploaded = await services.uploads.upload(principal, upload)
        documents[filename] = uploaded.document.id
    ingestion = open_ingestion(settings, services)
    while await ingestion.run_next("test"):
        pass
    return documents


def open_ingestion(settings: Settings, services: Services) -> Ingestion:
    pipeline = Pipeline(
        services.storage,
        open_parser(settings),
        services.embedder,
        settings.max_attempts,
        settings.max_versions,
    )
    return Ingestion(
        services.database, services.hints, services.queue, pipeline, settings.lease_seconds
    )


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
