"""What one answer has been given so far: the passages that it may cite."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from core.blocks import Block, BlockKind, Table
from core.language import detect_language
from core.overview import Overview, Place
from core.principal import Principal
from core.terms import terms
from db import citations, documents, retrieval
from db.documents import Page
from db.engine import Database
from db.retrieval import Hit, Scope
from providers.answering import Card, Source, TableText
from services.retrieval import Retrieval

PASSAGES = 8
"""How many passages one search gives."""
PAGE_PASSAGES = 12
"""How many passages a reading of pages gives."""
MENTIONS, MENTIONED = 100, 20
"""How many passages are searched for some words, and how many documents are told."""
TITLES = 100
CARDS = 1_000
TABLE_PAGES = 300
"""How many pages of a document, from its beginning, have their tables read."""


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
        last_answer: UUID | None = None,
    ) -> None:
        self._database = database
        self._retrieval = retrieval
        self._principal = principal
        self._message_id = message_id
        self._last_answer = last_answer
        self._scope = Scope(document_ids=document_ids)
        self._pages: dict[tuple[UUID, int], Page] = {}
        self._versions: dict[UUID, UUID] | None = None
        self._cards: list[Card] = []
        self.hits: list[Hit] = []

    async def search(self, query: str) -> list[Source]:
        found = await self._retrieval.sources(
            self._principal, query, PASSAGES, self._scope.document_ids
        )
        return await self._give(found)

    async def mentions(self, words: str) -> list[Source]:
        found = await self._retrieval.sources(
            self._principal, words, MENTIONS, self._scope.document_ids
        )
        best: dict[UUID, Hit] = {}
        for hit in found:
            language = await asyncio.to_thread(detect_language, hit.text)
            spoken = [language] if language else []
            if set(terms(words, spoken)) <= set(terms(hit.text, spoken)):
                best.setdefault(hit.document_id, hit)
        return await self._give(list(best.values())[:MENTIONED])

    async def read(self, title: str, first_page: int, last_page: int) -> list[Source]:
        async with self._database.read(self._principal.user_id) as session:
            found = await retrieval.passages_on_pages(
                session, self._scope, title, first_page, last_page, PAGE_PASSAGES
            )
        return await self._give(found)

    async def titles(self) -> list[str]:
        async with self._database.read(self._principal.user_id) as session:
            return await retrieval.titles(session, self._scope, TITLES)

    async def documents(self) -> list[Card]:
        await self._known_versions()
        return self._cards

    async def recent(self) -> list[UUID]:
        if self._last_answer is None:
            return []
        async with self._database.read(self._principal.user_id) as session:
            found = await citations.citations(session, [self._last_answer])
        cited = Counter(citation.document_id for citation in found.get(self._last_answer, []))
        return [document for document, _ in cited.most_common()]

    async def overview(self, document: UUID) -> Overview | None:
        version_id = (await self._known_versions()).get(document)
        if version_id is None:
            return None
        async with self._database.read(self._principal.user_id) as session:
            return (await documents.overviews(session, [version_id])).get(version_id)

    async def page(self, document: UUID, number: int) -> Place | None:
        version_id = (await self._known_versions()).get(document)
        if version_id is None or not 0 < number < 2**31:
            return None
        async with self._database.read(self._principal.user_id) as session:
            page = await documents.page(session, version_id, number)
        return None if page is None else (page.start, page.start + len(page.text))

    async def excerpt(self, document: UUID, place: Place) -> list[Source]:
        version_id = (await self._known_versions()).get(document)
        if version_id is None:
            return []
        async with self._database.read(self._principal.user_id) as session:
            found = await retrieval.passages_between(session, version_id, *place, PAGE_PASSAGES)
        return [
            clipped
            for source in await self._give(found)
            if (clipped := _clipped(source, self.hits[source.index - 1].start, place)).text.strip()
        ]

    async def tables(self, document: UUID) -> list[TableText]:
        version_id = (await self._known_versions()).get(document)
        if version_id is None:
            return []
        async with self._database.read(self._principal.user_id) as session:
            pages = await documents.first_pages(session, version_id, TABLE_PAGES)
        return _tables(pages)

    def pages_of(self, hit: Hit) -> list[Page]:
        """The pages that a given passage stands on."""
        return [self._pages[key] for key in _page_keys(hit)]

    async def _known_versions(self) -> dict[UUID, UUID]:
        """Active version of each readable document."""
        if self._versions is None:
            async with self._database.read(self._principal.user_id) as session:
                if self._scope.document_ids is None:
                    found = await documents.documents_page(session, CARDS, None, None, None)
                else:
                    ids = list(self._scope.document_ids)
                    found = list((await documents.documents_by_ids(session, ids)).values())
                    found.sort(key=lambda document: document.created_at, reverse=True)
            self._cards = [_card(document) for document in found]
            self._versions = {
                document.id: document.active_version_id
                for document in found
                if document.active_version_id is not None
            }
        return self._versions

    async def _give(self, found: Sequence[Hit]) -> list[Source]:
        places = {(hit.version_id, hit.ordinal): n for n, hit in enumerate(self.hits, start=1)}
        new = [hit for hit in found if (hit.version_id, hit.ordinal) not in places]
        if not new:
            return [self._numbered(hit, places) for hit in found]
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
            self._numbered(hit, places) for hit in found if (hit.version_id, hit.ordinal) in places
        ]

    def _numbered(self, hit: Hit, places: Mapping[tuple[UUID, int], int]) -> Source:
        return _source(places[hit.version_id, hit.ordinal], hit, self.pages_of(hit))


def _page_keys(hit: Hit) -> list[tuple[UUID, int]]:
    return [(hit.version_id, number) for number in range(hit.first_page, hit.last_page + 1)]


def _source(index: int, hit: Hit, pages: Sequence[Page]) -> Source:
    return Source(
        index,
        hit.filename,
        hit.first_page,
        hit.text,
        hit.similarity or 0.0,
        hit.context,
        _blocks_within(pages, hit.start, hit.start + len(hit.text)),
        hit.document_id,
    )


def _card(document: documents.Document) -> Card:
    return Card(
        document=document.id,
        title=document.filename,
        is_readable=document.active_version_id is not None,
        failure=document.progress.failure_message,
        page_count=document.page_count,
        language=document.language,
        created_at=document.created_at,
    )


def _clipped(source: Source, start: int, place: Place) -> Source:
    """The part of a passage, which begins at `start`, that stands at a place."""
    first, last = max(place[0] - start, 0), min(place[1] - start, len(source.text))
    blocks = [_moved(block, 0, first, last) for block in source.blocks]
    return replace(
        source, text=source.text[first:last], blocks=[block for block in blocks if block]
    )


def _blocks_within(pages: Sequence[Page], start: int, end: int) -> list[Block]:
    """Blocks between two characters of the document, placed relative to the first."""
    found = [_moved(block, page.start, start, end) for page in pages for block in page.blocks]
    return [block for block in found if block is not None]


def _moved(block: Block, base: int, start: int, end: int) -> Block | None:
    """A block that begins `block.start` after `base`, as far as it stands between `start` and
    `end`, counted from `start`."""
    first, last = max(block.start + base, start), min(block.end + base, end)
    if first >= last:
        return None
    table = block.table
    if table is not None:

        def inside(row: Sequence[tuple[int, int]]) -> bool:
            return all(start <= base + s and base + e <= end for s, e in row)

        def moved(span: tuple[int, int]) -> tuple[int, int]:
            return span[0] + base - start, span[1] + base - start

        rows = [[moved(cell) for cell in row] for row in table.rows if inside(row)]
        caption = table.caption if table.caption and inside([table.caption]) else None
        table = Table(table.columns, rows, moved(caption) if caption else None)
    return Block(block.kind, first - start, last - start, block.level, table)


def _tables(pages: Sequence[Page]) -> list[TableText]:
    found: list[TableText] = []
    heading = ""
    open_table: tuple[list[str], list[list[str]], list[Place], str] | None = None
    for page in pages:
        for block in page.blocks:
            text = page.text[block.start : block.end]
            if block.kind is BlockKind.HEADING:
                heading = text.lstrip("# ")
            if block.kind is BlockKind.METADATA:
                continue
            if block.table is None:
                open_table = None
                continue
            table = block.table
            columns = [" ".join(name.split()) for name in table.columns]
            caption = page.text[slice(*table.caption)] if table.caption else ""
            if open_table is None or open_table[0] != columns:
                open_table = (columns, [], [], " ".join(f"{heading} {caption}".split()))
                found.append(TableText(*open_table))
            for row in table.rows:
                if row and any(start < end for start, end in row):
                    open_table[1].append([" ".join(page.text[s:e].split()) for s, e in row])
                    first, last = min(s for s, _ in row), max(e for _, e in row)
                    open_table[2].append((page.start + first, page.start + last))
    return found
