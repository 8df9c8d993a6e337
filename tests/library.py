"""A user's documents, uploaded and ingested as the worker does it."""

from collections.abc import AsyncIterator, Mapping
from uuid import UUID

from core.principal import Principal
from core.settings import Settings
from providers.parsing.factory import open_parser
from services.container import Services
from services.ingestion import Ingestion
from services.pipeline import Pipeline
from services.uploads import Upload


async def add_documents(
    settings: Settings, services: Services, principal: Principal, files: Mapping[str, str | bytes]
) -> dict[str, UUID]:
    """Id of each document by its file name."""
    documents = {}
    for filename, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        uploaded = await services.uploads.upload(principal, Upload(filename, None, _once(data)))
        documents[filename] = uploaded.document.id
    pipeline = Pipeline(services.storage, open_parser(settings), services.embedder, 1)
    ingestion = Ingestion(
        services.database, services.hints, services.queue, pipeline, settings.lease_seconds
    )
    while await ingestion.run_next("test"):
        pass
    return documents


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
