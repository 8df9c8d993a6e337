"""Short questions whose answers would be long: what they may hold of the server's memory."""

from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from typing import Any

import pytest
import strawberry
from starlette.requests import HTTPConnection

from core.errors import RateLimited, ResponseTooLarge
from core.principal import Principal
from core.response_memory import ResponseMemory
from core.settings import Settings
from resolvers.context import Context
from resolvers.schema import build_schema
from schema.documents import MAX_TEXT_SLICE, Page
from server.execution import BoundedExecution
from server.limits import MAX_COST, operation_cost
from server.operations import Executor, OperationRequest
from server.results import result_body
from server.validation import CachedDocuments, load
from services.container import Services
from support.library import add_documents

SCHEMA = build_schema([CachedDocuments], BoundedExecution)
TEXT = " ".join(f"Granite {n} stands by sea wall {n * n}." for n in range(6_000))
LIMIT = 60_000
PAGE = "document { page(number: 1) { text } }"
AMPLIFIED = "{{ {} }}".format(
    " ".join(f'a{n}: search(query: "granite {n}", first: 50) {{ {PAGE} }}' for n in range(4))
)


def executor_of(services: Services, memory: ResponseMemory) -> Executor:
    def new_context(_: HTTPConnection, who: Principal | None) -> Context:
        return Context(services, who, "", None)

    return Executor(
        SCHEMA,
        lambda _, authorization: services.authenticate(authorization),
        new_context,
        memory=memory,
    )


@pytest.fixture
async def long_page(settings: Settings, services: Services, principal: Principal) -> None:
    """One document with many passages on each of its pages."""
    await add_documents(settings, services, principal, {"walls.txt": TEXT})


async def run(
    executor: Executor, principal: Principal, query: str
) -> AsyncGenerator[dict[str, Any], None]:
    operation = executor.prepare(OperationRequest(query))
    assert operation.errors == []
    connection = HTTPConnection({"type": "http", "headers": []})
    async with aclosing(executor.run(operation, connection, principal)) as results:
        async for result in results:
            yield result_body(result)


@pytest.mark.usefixtures("long_page")
async def test_an_answer_beyond_the_limit_is_an_error_of_its_field(
    services: Services, principal: Principal
) -> None:
    memory = ResponseMemory(LIMIT, 10 * LIMIT, 10 * LIMIT)
    query = AMPLIFIED.replace("{", "{ me { email } ", 1)
    [body] = [body async for body in run(executor_of(services, memory), principal, query)]
    assert {error["extensions"]["code"] for error in body["errors"]} == {"RESPONSE_TOO_LARGE"}
    assert body["data"]["me"] is not None, "siblings stay"
    assert memory.held == 0


@pytest.mark.usefixtures("long_page")
async def test_who_does_not_read_holds_no_more_than_his_share(
    services: Services, principal: Principal
) -> None:
    """Each answer fits; forty of them, none of which is taken, do not."""
    memory = ResponseMemory(LIMIT, 2 * LIMIT, 10 * LIMIT)
    executor = executor_of(services, memory)
    query = '{ search(query: "granite", first: 4) { document { page(number: 1) { text } } } }'
    unread = [run(executor, principal, query) for _ in range(40)]
    bodies = [await anext(answer) for answer in unread]
    codes = [error["extensions"]["code"] for body in bodies for error in body.get("errors", ())]
    assert set(codes) == {"RATE_LIMITED"}
    assert 0 < memory.held <= 2 * LIMIT
    for answer in unread:
        await answer.aclose()
    assert memory.held == 0


async def test_a_page_is_read_in_slices() -> None:
    page = Page(whole="x" * 60_000 + "end", number=1, width=None, height=None, language=None)
    assert page.text_length() == 60_003
    for arguments, text in (
        ("", "x" * MAX_TEXT_SLICE),
        ("(start: null, length: null)", "x" * MAX_TEXT_SLICE),
        ("(start: -5, length: 999999999)", "x" * MAX_TEXT_SLICE),
        ("(start: 60000, length: 2)", "en"),
        ("(start: 70000)", ""),
        ("(length: -1)", ""),
    ):
        schema = strawberry.Schema(strawberry.type(type("Query", (), {"page": page_field(page)})))
        result = await schema.execute(f"{{ page {{ text{arguments} }} }}")
        assert result.data == {"page": {"text": text}}, arguments


def page_field(page: Page) -> Any:
    def resolve() -> Page:
        return page

    return strawberry.field(resolver=resolve)


def test_memory_is_counted_for_each_caller_and_for_all() -> None:
    memory = ResponseMemory(per_response=100, per_caller=150, in_all=200)
    with ExitStack() as stack:
        one, two, other = (stack.enter_context(memory.hold(who)) for who in ("a", "a", "b"))
        one.grow(100)
        with pytest.raises(ResponseTooLarge):
            one.grow(1)
        with pytest.raises(RateLimited):
            two.grow(51)
        two.grow(50)
        with pytest.raises(RateLimited):
            other.grow(51)
        one.release()
        other.grow(100)
        assert memory.held == 150
    assert memory.held == 0


MANY_PAGES = "{{ {} }}".format(
    " ".join(f"{a}: search(query: {a!r}, first: 100) {{ {PAGE} }}" for a in "abcdefghij")
)
MESSAGES = """{ conversation(id: "1") { messages(first: 50) { nodes { text steps { tool }
  citations { quote document { filename } boxes { x } } passages { text } } } } }"""


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        (AMPLIFIED.replace("first: 50", "first: 20"), True),
        (MESSAGES, True),
        (AMPLIFIED.replace("first: 50", "first: 100"), True),
        (MANY_PAGES, False),
    ],
)
def test_texts_and_lists_weigh(query: str, fits: bool) -> None:
    document = load(SCHEMA._schema, query.replace("'", '"'))
    operation = document.operation(None)
    assert operation is not None
    assert (operation_cost(SCHEMA._schema, document.ast, operation, {}) <= MAX_COST) is fits
