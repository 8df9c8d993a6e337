"""What one answer has been given so far: the passages that it may cite."""

from collections.abc import Sequence
from uuid import UUID

from core.principal import Principal
from db import citations, documents, retrieval
from db.documents import Page
from db.engine import Database
from db.retrieval import Hit, Scope
from providers.answering import Source
from services.retrieval import Retrieval

PASSAGES = 8
"""Of one search."""
PAGE_PASSAGES = 12
"""Of pages that are read."""
TITLES = 100


class AnswerSources:
    """Implements `providers.answering.Library`; sources are numbered as they are found.

    Everything found is stored with the answer. Passages of a document that is deleted meanwhile
    are left out.
    """

    def __init__(
        self,
        database: Database,
        retrieval: Retrieval,
        principal: Principal,
        message_id: UUID,
        document_ids: Sequence[UUID] | None,
    ) -> None:
        self._database = database
        self._retrieval = retrieval
        self._principal = principal
        self._message_id = message_id
        self._scope = Scope(document_ids=document_ids)
        self._pages: dict[tuple[UUID, int], Page] = {}
        self.hits: list[Hit] = []

    async def search(self, query: str) -> list[Source]:
        found = await self._retrieval.sources(
            self._principal, query, PASSAGES, self._scope.document_ids
        )
        return await self._give(found)

    async def read(self, title: str, first_page: int, last_page: int) -> list[Source]:
        async with self._database.read(self._principal.user_id) as session:
            found = await retrieval.passages_on_pages(
                session, self._scope, title, first_page, last_page, PAGE_PASSAGES
            )
        return await self._give(found)

    async def titles(self) -> list[str]:
        async with self._database.read(self._principal.user_id) as session:
            return await retrieval.titles(session, self._scope, TITLES)

    def pages_of(self, hit: Hit) -> list[Page]:
        """The pages that a given passage stands on."""
        return [self._pages[key] for key in _page_keys(hit)]

    async def _give(self, found: Sequence[Hit]) -> list[Source]:
        places = {(hit.version_id, hit.ordinal): n for n, hit in enumerate(self.hits, start=1)}
        new = [hit for hit in found if (hit.version_id, hit.ordinal) not in places]
        keys = sorted({key for hit in new for key in _page_keys(hit)})
        async with self._database.write(self._principal.user_id) as session:
            pages = await documents.pages(session, keys)
            new = [hit for hit in new if all(key in pages for key in _page_keys(hit))]
            await citations.insert_passages(session, self._message_id, new, len(self.hits) + 1)
        self._pages |= pages
        for hit in new:
            self.hits.append(hit)
            places[hit.version_id, hit.ordinal] = len(self.hits)
        return [
            _source(places[hit.version_id, hit.ordinal], hit)
            for hit in found
            if (hit.version_id, hit.ordinal) in places
        ]


def _page_keys(hit: Hit) -> list[tuple[UUID, int]]:
    return [(hit.version_id, number) for number in range(hit.first_page, hit.last_page + 1)]


def _source(index: int, hit: Hit) -> Source:
    return Source(index, hit.filename, hit.first_page, hit.text, hit.similarity or 0.0, hit.context)
