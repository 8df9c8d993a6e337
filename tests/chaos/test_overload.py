"""More than a process can do: what is refused, in which order, and what goes on all the same."""

import asyncio
import time
from typing import Any, NoReturn

import pytest
from starlette.requests import HTTPConnection

from core.errors import Overloaded
from core.principal import Principal
from core.settings import Settings
from core.states import MessageStatus
from resolvers.context import Context
from resolvers.schema import build_schema
from server.asgi import response_memory
from server.operations import Executor, OperationRequest
from server.results import result_body
from server.validation import CachedDocuments
from services.admission import Admission
from services.chat import answer_log, chat, leases
from services.chat.chat import Ask
from services.chat.sweeper import AnswerSweeper
from services.container import Services

SCHEMA = build_schema([CachedDocuments])
SEARCH = '{ search(query: "moon cam") { id } }'
LIGHT = "{ me { id } documents(first: 5) { nodes { id } } conversations { nodes { id } } }"


async def refuses(admission: Admission) -> list[str]:
    found = []
    try:
        admission.admit_question(0)
    except Overloaded:
        found.append("question")
    try:
        async with admission.searching():
            pass
    except Overloaded:
        found.append("search")
    return found


@pytest.mark.parametrize(
    ("lag", "waiting", "refused"),
    [
        (0.0, 0, []),
        (0.2, 9, []),
        (0.3, 0, ["question"]),
        (0.0, 10, ["question"]),
        (0.6, 0, ["question", "search"]),
        (0.0, 20, ["question", "search"]),
    ],
)
async def test_questions_are_refused_before_searches(
    lag: float, waiting: int, refused: list[str]
) -> None:
    admission = Admission(0.25, 10, lambda: waiting)
    admission.lag = lag
    assert await refuses(admission) == refused


async def test_a_loop_that_is_late_once_is_not_overloaded_and_one_that_stays_so_is() -> None:
    admission = Admission(0.5, 10, lambda: 0)
    admission.observe(3)
    assert await refuses(admission) == []
    for _ in range(10):
        admission.observe(0.9)
    assert await refuses(admission) == ["question"]
    for _ in range(50):
        admission.observe(1.2)
    assert await refuses(admission) == ["question", "search"]
    for _ in range(50):
        admission.observe(0)
    assert await refuses(admission) == []


async def test_the_lag_of_the_loop_is_measured() -> None:
    admission = Admission(0.5, 10, lambda: 0)
    async with admission.measured():
        await asyncio.sleep(0)
        time.sleep(0.5)  # noqa: ASYNC251
        await asyncio.sleep(0.01)
        assert admission.lag > 0


async def run(services: Services, principal: Principal, query: str) -> dict[str, Any]:
    executor = Executor(
        SCHEMA,
        lambda _, authorization: services.authenticate(authorization),
        lambda _, who: Context(services, who, "", None),
        memory=response_memory(Settings(_env_file=None)),
    )
    connection = HTTPConnection({"type": "http", "headers": []})
    results = executor.run(executor.prepare(OperationRequest(query)), connection, principal)
    [body] = [result_body(result) async for result in results]
    return body


def codes(body: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in body.get("errors", ())]


async def test_searches_beyond_capacity_are_refused_at_once_and_light_reads_go_on(
    services: Services, principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No search ends; those that run and those that wait are few, and hold no light read up."""
    ends = asyncio.Event()

    async def hang(*_: object) -> list[object]:
        await ends.wait()
        return []

    monkeypatch.setattr(type(services.retrieval), "search", hang)
    searches = [asyncio.create_task(run(services, principal, SEARCH)) for _ in range(40)]
    async with asyncio.timeout(30):
        while sum(task.done() for task in searches) < 28:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        light = [await run(services, principal, LIGHT) for _ in range(5)]
    assert [codes(body) for body in light] == [[]] * 5

    refused = [await task for task in searches if task.done()]
    assert len(refused) == 28, "four run, eight wait"
    assert {code for body in refused for code in codes(body)} == {"OVERLOADED"}
    assert all(body["errors"][0]["extensions"]["retryAfter"] > 0 for body in refused)
    ends.set()
    bodies = [await task for task in searches]
    assert [codes(body) for body in bodies].count([]) == 12


async def test_questions_are_refused_while_connections_are_short(
    services: Services, principal: Principal, settings: Settings
) -> None:
    goes_on = asyncio.Event()

    async def occupy() -> None:
        async with services.database.read(None):
            await goes_on.wait()

    size = settings.database_pool_size
    busy = [asyncio.create_task(occupy()) for _ in range(2 * size)]
    while services.database.waiting < size:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    with pytest.raises(Overloaded) as refused:
        await services.chat.ask(principal, Ask("1", "Where is the moon cam?"))
    assert refused.value.retry_after > 0
    goes_on.set()
    await asyncio.gather(*busy)
    asked = await services.chat.ask(principal, Ask("1", "Where is the moon cam?"))
    assert asked.answer.status == MessageStatus.STREAMING


async def test_no_answer_is_interrupted_while_its_process_lives(
    services: Services, principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event loop is stuck for longer than a lease; the answer goes on all the same."""
    for module in (answer_log, chat, leases):
        monkeypatch.setattr(module, "LEASE_SECONDS", 4.0)
    goes_on = asyncio.Event()

    async def wait(*_: object) -> NoReturn:
        await goes_on.wait()
        raise Overloaded("enough", 1)

    monkeypatch.setattr(type(services.retrieval), "search", wait)
    asked = await services.chat.ask(principal, Ask("1", "Where is the moon cam?"))
    time.sleep(6)  # noqa: ASYNC251
    await AnswerSweeper(services.database, services.chat._tail).sweep()
    answer = await services.chat.answer(principal, asked.answer.id)
    assert answer.status == MessageStatus.STREAMING
    goes_on.set()
