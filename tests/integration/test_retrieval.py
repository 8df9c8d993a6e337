"""Searches of uploaded documents: what they find, whose, and in which order."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from math import log
from uuid import uuid4

import pytest

from core.errors import InvalidInput
from core.ids import new_id
from core.principal import Principal
from core.settings import Settings
from core.terms import search_terms
from db.retrieval import Hit, Scope
from services.container import Services
from support.library import add_documents, open_ingestion

KEEPERS = {
    "lamp.txt": "The keeper lights the lamp at dusk. The lamp burns whale oil.",
    "tide.txt": "The tide gauge is read at noon, and the keeper writes the height down.",
    "bread.txt": "Bread is baked on Fridays in the stone oven behind the tower.",
}


@pytest.fixture
async def stranger(services: Services) -> Principal:
    """Another user."""
    session = await services.accounts.register(f"{new_id().hex}@example.org", "a long secret", None)
    found = await services.authenticate(f"Bearer {session.access.token}")
    assert found is not None
    return found


def names(hits: list[Hit]) -> list[str]:
    return [hit.filename for hit in hits]


async def test_scores_are_those_of_bm25(
    settings: Settings, services: Services, principal: Principal
) -> None:
    await add_documents(settings, services, principal, KEEPERS)
    query = "Which lamp does the keeper light?"

    hits = await services.retrieval.search(principal, query, 10)

    # The title is searched with the text; Robertson and Zaragoza (2009), k1 = 0.6, b = 0.75.
    texts = {
        name: Counter(search_terms(f"{name.removesuffix('.txt')}\n{text}", ["en"]))
        for name, text in KEEPERS.items()
    }
    mean = sum(text.total() for text in texts.values()) / len(texts)
    for hit in hits:
        text, expected = texts[hit.filename], 0.0
        for term in set(search_terms(query, ["en"])):
            n = sum(term in other for other in texts.values())
            idf = log(1 + (len(texts) - n + 0.5) / (n + 0.5))
            norm = 0.6 * (1 - 0.75 + 0.75 * text.total() / mean)
            expected += idf * text[term] * 1.6 / (text[term] + norm)
        assert hit.lexical_score == (pytest.approx(expected) if expected else None)
    assert names(hits)[0] == "lamp.txt"
    assert [hit.lexical_rank for hit in hits if hit.filename == "lamp.txt"] == [1]


async def test_the_trace_tells_each_leg(
    settings: Settings, services: Services, principal: Principal
) -> None:
    await add_documents(settings, services, principal, KEEPERS)
    hits = await services.retrieval.search(principal, "Wann wird das Brot gebacken?", 10)
    assert names(hits)[0] == "bread.txt"
    assert {hit.semantic_rank for hit in hits} == {1, 2, 3}
    assert hits == sorted(hits, key=lambda hit: hit.score, reverse=True)
    by_cosine = sorted(hits, key=lambda hit: hit.similarity or 0, reverse=True)
    assert [hit.semantic_rank for hit in by_cosine] == [1, 2, 3]


async def test_a_deleted_document_is_gone_at_once(
    settings: Settings, services: Services, principal: Principal
) -> None:
    documents = await add_documents(settings, services, principal, KEEPERS)
    before = await services.retrieval.search(principal, "whale oil lamp", 10)
    await services.documents.delete(principal, documents["lamp.txt"])
    after = await services.retrieval.search(principal, "whale oil lamp", 10)
    assert "lamp.txt" in names(before)
    assert sorted(names(after)) == ["bread.txt", "tide.txt"]
    assert all(hit.lexical_score is None for hit in after)  # no idf of what is gone


async def test_a_new_version_replaces_the_old_one(
    settings: Settings, services: Services, principal: Principal
) -> None:
    await add_documents(settings, services, principal, {"price.txt": "The ferry costs four coins."})
    await add_documents(settings, services, principal, {"price.txt": "The ferry costs nine coins."})
    (hit,) = await services.retrieval.search(principal, "What does the ferry cost?", 10)
    assert hit.text == "The ferry costs nine coins."


async def test_equal_texts_stay_with_their_owners(
    settings: Settings, services: Services, principal: Principal, stranger: Principal
) -> None:
    mine = await add_documents(settings, services, principal, KEEPERS)
    theirs = await add_documents(settings, services, stranger, KEEPERS)
    query = "When is the tide gauge read?"
    # The second of the two finds the question's vector in the cache.
    for user, own in ((principal, mine), (stranger, theirs)):
        hits = await services.retrieval.search(user, query, 10)
        assert {hit.document_id for hit in hits} == set(own.values())


async def test_foreign_and_unknown_documents_find_nothing(
    settings: Settings, services: Services, principal: Principal, stranger: Principal
) -> None:
    theirs = await add_documents(settings, services, stranger, KEEPERS)
    await add_documents(settings, services, principal, {"mine.txt": "A lamp of my own."})
    scope = Scope(document_ids=[theirs["lamp.txt"], uuid4()])
    assert await services.retrieval.search(principal, "lamp", 10, scope) == []
    hit = (await services.retrieval.search(stranger, "lamp", 1))[0]
    assert await services.retrieval.neighbours(principal, hit.version_id, hit.ordinal) == []


async def test_models_may_ask_with_what_people_may_not(
    settings: Settings, services: Services, principal: Principal
) -> None:
    await add_documents(settings, services, principal, KEEPERS)
    with pytest.raises(InvalidInput) as refused:
        await services.retrieval.search(principal, "lamp\0", 1)
    assert refused.value.field == "query"
    assert await services.retrieval.sources(principal, "lamp\0", 1, None)


async def test_an_empty_library_finds_nothing(services: Services, principal: Principal) -> None:
    assert await services.retrieval.search(principal, "anything", 10) == []


async def test_filters_bound_documents_pages_and_time(
    settings: Settings, services: Services, principal: Principal
) -> None:
    long = "\n\n".join(f"Section {n}. " + f"The lamp of tower {n} is red. " * 30 for n in range(12))
    documents = await add_documents(settings, services, principal, {**KEEPERS, "long.txt": long})
    search = services.retrieval.search
    now = datetime.now(UTC)

    only = Scope(document_ids=[documents["tide.txt"]])
    assert names(await search(principal, "lamp", 10, only)) == ["tide.txt"]
    pages = Scope(document_ids=[documents["long.txt"]], first_page=2, last_page=2)
    found = await search(principal, "red lamp of the tower", 50, pages)
    assert found
    assert all(hit.first_page <= 2 <= hit.last_page for hit in found)
    assert await search(principal, "lamp", 10, Scope(first_page=900)) == []
    assert await search(principal, "lamp", 10, Scope(uploaded_until=now - timedelta(1))) == []
    recent = Scope(uploaded_from=now - timedelta(1), uploaded_until=now + timedelta(1))
    assert len({hit.document_id for hit in await search(principal, "lamp", 50, recent)}) == 4


async def test_identifiers_and_sections_are_found_exactly(
    settings: Settings, services: Services, principal: Principal
) -> None:
    invoices = {
        f"invoice {n}.txt": f"Invoice INV-2024-007{n} of the harbour office, due in thirty days."
        for n in range(30, 40)
    }
    rules = {f"rule {n}.txt": f"§ 4.{n} Boats of class {n} moor at the pier." for n in range(1, 9)}
    await add_documents(settings, services, principal, {**invoices, **rules})
    for query, name in {
        "INV-2024-00731": "invoice 31.txt",
        "when is inv-2024-00736 due?": "invoice 36.txt",
        "§ 4.2": "rule 2.txt",
        "What does § 4.7 say?": "rule 7.txt",
    }.items():
        assert names(await services.retrieval.search(principal, query, 1)) == [name], query


async def test_a_library_of_many_languages_answers_in_all_of_them(
    settings: Settings, services: Services, principal: Principal
) -> None:
    library = {
        "de.txt": "Die Leuchttürme der Insel wurden im Jahr 1874 aus Granit erbaut.",
        "en.txt": "The ferries leave the harbour every morning at six, except on Sundays.",
        "ar.txt": "يحتفظ المتحف بمجموعة كبيرة من الخرائط البحرية القديمة.",
        "zh.txt": "灯塔管理员每天晚上都要记录风向和潮汐的高度。",
        "th.txt": "ชาวประมงบนเกาะซ่อมแหและเรือในช่วงฤดูมรสุม",
        "hi.txt": "द्वीप के विद्यालय में बच्चे खगोल विज्ञान और नौकायन सीखते हैं।",
        "ko.txt": "섬의 도서관에는 오래된 항해 일지가 보관되어 있다.",
        "ru.txt": "Сторожа маяка каждую зиму чинили деревянные лодки.",
    }
    await add_documents(settings, services, principal, library)
    for query, name in {
        "Wann wurde der Leuchtturm erbaut?": "de.txt",
        "When does the ferry leave?": "en.txt",
        "أين توجد الخريطة البحرية؟": "ar.txt",
        "谁记录潮汐？": "zh.txt",
        "ซ่อมแหเมื่อไร": "th.txt",
        "बच्चे क्या सीखते हैं?": "hi.txt",
        "항해 일지는 어디에 있나요?": "ko.txt",
        "Кто чинит лодки зимой?": "ru.txt",
        "What do the children learn at school?": "hi.txt",
    }.items():
        assert names(await services.retrieval.search(principal, query, 1)) == [name], query


@pytest.mark.parametrize("query", ["t", "7", "海", "🦀🦞", "§", "the lamp " * 1_111])
async def test_odd_queries_are_answered(
    settings: Settings, services: Services, principal: Principal, query: str
) -> None:
    await add_documents(settings, services, principal, KEEPERS)
    assert len(await services.retrieval.search(principal, query[:10_000], 10)) == 3


@pytest.mark.parametrize(
    ("query", "limit"),
    [(" ", 1), ("x" * 10_001, 1), ("\ud800 lamp", 1), ("x", 0), ("x", 101)],
)
async def test_impossible_searches_are_refused(
    services: Services, principal: Principal, query: str, limit: int
) -> None:
    with pytest.raises(InvalidInput):
        await services.retrieval.search(principal, query, limit)


async def test_passages_that_say_the_same_appear_once(
    settings: Settings, services: Services, principal: Principal
) -> None:
    notice = (
        "The pier is closed to boats until the storm has passed and the keeper says so; whoever "
        "moors there before then pays for every rope, fender and plank that the sea takes away."
    )
    copies = {
        "first.txt": notice,
        "second.txt": f"{notice.upper()}\n",
        "third.txt": notice.replace("says so", "says it"),
        "other.txt": notice + " Pier 4.",
    }
    await add_documents(settings, services, principal, copies)
    hits = await services.retrieval.search(principal, "Why is the pier closed?", 10)
    assert len(hits) == 2
    assert "other.txt" in names(hits)


async def test_of_several_given_documents_each_speaks_first(
    settings: Settings, services: Services, principal: Principal
) -> None:
    about_lamps = "\n\n".join(f"Lamp {n} of the tower burns oil. " * 25 for n in range(8))
    documents = await add_documents(
        settings, services, principal, {**KEEPERS, "lamps.txt": about_lamps}
    )
    ids = list(documents.values())
    hits = await services.retrieval.search(
        principal, "Which lamp burns oil?", 6, Scope(document_ids=ids)
    )
    assert {hit.document_id for hit in hits[:4]} == set(ids)
    assert names(hits[4:]) == ["lamps.txt", "lamps.txt"]


async def test_neighbours_are_in_the_order_of_the_document(
    settings: Settings, services: Services, principal: Principal
) -> None:
    text = "\n\n".join(f"Chapter {n}." + f" The wind of day {n} blew hard." * 25 for n in range(6))
    await add_documents(settings, services, principal, {"log.txt": text})
    hit = (await services.retrieval.search(principal, "wind of day 3", 1))[0]
    around = await services.retrieval.neighbours(principal, hit.version_id, hit.ordinal)
    assert [n.ordinal for n in around] == [hit.ordinal - 1, hit.ordinal, hit.ordinal + 1]
    assert text[around[0].start :].startswith(around[0].text)
    first = await services.retrieval.neighbours(principal, hit.version_id, 0, distance=2)
    assert [n.ordinal for n in first] == [0, 1, 2]


async def test_searches_go_on_while_documents_come_in(
    settings: Settings, services: Services, principal: Principal
) -> None:
    await add_documents(settings, services, principal, KEEPERS)
    ingestion = open_ingestion(settings, services)
    coming = asyncio.create_task(
        add_documents(
            settings,
            services,
            principal,
            {f"{n}.txt": f"Log of day {n}: the boat number {n} came in." for n in range(12)},
        )
    )
    searches = 0
    while not coming.done():
        found = await asyncio.gather(
            *(services.retrieval.search(principal, "whale oil lamp", 5) for _ in range(4)),
        )
        assert all(names(hits)[0] == "lamp.txt" for hits in found)
        searches += len(found)
        await ingestion.run_next("second")
    await coming
    assert searches
    hits = await services.retrieval.search(principal, "boat number 7 came in", 1)
    assert names(hits) == ["7.txt"]
