"""Re-embedding of all libraries with another model, while searches use the old one."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from uuid import UUID

from db import vectors
from db.engine import Database
from providers.embedding import Embedder

BATCH = 64


@dataclass(frozen=True, slots=True)
class Progress:
    """Number of passages embedded so far, of those that lacked a vector at the beginning."""

    done: int
    total: int


class Reembedding:
    """Vectors of several models lie side by side, and a search reads those of its own model.

    So the API keeps answering with the model it was started with, and meets the new one's vectors
    when it is started with that. Broken off, it goes on where it was.
    """

    def __init__(self, database: Database, embedder: Embedder) -> None:
        self._database = database
        self._embedder = embedder

    async def run(self) -> AsyncGenerator[Progress]:
        """Embed all passages that lack a vector of the model. Raises `ProviderUnavailable`."""
        model_id, owners = await self._begin()
        missing = {}
        for owner_id in owners:
            async with self._database.read(owner_id) as read:
                for version_id, count in (await vectors.missing(read, model_id)).items():
                    missing[owner_id, version_id] = count
        done, total = 0, sum(missing.values())
        yield Progress(done, total)
        for owner_id, version_id in missing:
            first = 0
            while batch := await self._batch(owner_id, version_id, model_id, first):
                first = batch[-1][0] + 1
                await self._embed(owner_id, version_id, model_id, batch)
                done += len(batch)
                yield Progress(min(done, total), total)

    async def prune(self) -> None:
        """Delete the vectors of other models from every library that lacks none of this one."""
        model_id, owners = await self._begin()
        for owner_id in owners:
            async with self._database.read(owner_id) as read:
                more = not await vectors.missing(read, model_id)
            while more:
                async with self._database.write(owner_id) as write:
                    more = await vectors.delete_others(write, model_id)

    async def _begin(self) -> tuple[int, Sequence[UUID]]:
        """The model's key, and the owners of all libraries."""
        async with self._database.write(None) as session:
            model_id = await vectors.model_id(
                session, self._embedder.model, self._embedder.dimensions
            )
            return model_id, await vectors.owners(session)

    async def _batch(
        self, owner_id: UUID, version_id: UUID, model_id: int, first: int
    ) -> list[tuple[int, str]]:
        async with self._database.read(owner_id) as session:
            return await vectors.unembedded(session, version_id, model_id, first, BATCH)

    async def _embed(
        self, owner_id: UUID, version_id: UUID, model_id: int, batch: list[tuple[int, str]]
    ) -> None:
        embeddings = await self._embedder.embed_passages([text for _, text in batch])
        ordinals = [ordinal for ordinal, _ in batch]
        async with self._database.write(owner_id) as session:
            if await vectors.lock_version(session, version_id):
                await vectors.insert_vectors(session, version_id, model_id, ordinals, embeddings)
