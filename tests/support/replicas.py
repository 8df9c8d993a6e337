"""Two API replicas and a worker behind a language model that does as it is told."""

from dataclasses import dataclass
from pathlib import Path

from cli.client import Client
from cli.embedded import EmbeddedRedis
from core.ids import new_id
from support.accounts import register
from support.chat import MESSAGE, Json, answer_id, cited_in, subscribe, text_of
from support.language_model import Model
from support.product import Product

UPLOAD = """
mutation ($file: Upload!) {
  uploadDocument(input: { file: $file }) { ... on UploadedDocument { document { id } } }
}
"""
PROGRESS = "subscription ($id: ID!) { documentProgress(documentId: $id) { status } }"
FACT = "The lighthouse of Skerra was lit in 1862 by Ann Ross. Fog came in the morning."


@dataclass
class Cluster:
    product: Product
    model: Model
    redis: EmbeddedRedis
    urls: list[str]
    token: str

    async def call(self, query: str, **variables: object) -> Json:
        return await self.call_as(self.token, query, **variables)

    async def call_as(self, token: str, query: str, **variables: object) -> Json:
        async with Client(self.urls[0]) as client:
            client.access_token = token
            return await client.execute(query, **variables)

    async def stored(self, events: list[Json], token: str | None = None) -> Json:
        message = await self.call_as(token or self.token, MESSAGE, id=answer_id(events))
        node: Json = message["node"]
        return node


async def prepare(folder: Path, url: str) -> str:
    """A user with one document."""
    document = folder / "guide.txt"
    document.write_text(FACT)
    async with Client(url) as client:
        await register(client)
        uploaded = await client.upload(UPLOAD, document)
        id_ = uploaded["uploadDocument"]["document"]["id"]
        statuses = [
            e["documentProgress"]["status"] async for e in client.subscribe(PROGRESS, id=id_)
        ]
        assert statuses[-1] == "READY"
        assert client.access_token is not None
        return client.access_token


def question(**more: object) -> Json:
    return {"clientMessageId": new_id().hex, "text": "When was the lighthouse lit?", **more}


async def collect(url: str, token: str, query: str, **variables: object) -> list[Json]:
    async with subscribe(url, token, query, **variables) as events:
        return [event async for event in events]


def assert_whole(events: list[Json], stored: Json) -> None:
    """Nothing missing, nothing twice, and what was seen is what is kept."""
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert text_of(events) == stored["text"]
    assert cited_in(events) == stored["citations"]
    assert all(citation["verified"] for citation in stored["citations"])


def words(n: int) -> list[str]:
    return [f"word{i} " for i in range(n)]
