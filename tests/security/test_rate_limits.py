"""How often somebody may do what costs something: by user, by address, and everybody together."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from core.errors import RateLimited
from core.ids import new_id
from core.settings import Settings
from services.container import Services
from services.rate_limit import Activity, Counters, RateLimits
from services.redis import Redis
from support.chat import CHAT, subscribe
from support.product import Product

PASSWORD = "correct horse battery"
REGISTER = """mutation ($email: String!) {
  register(input: {email: $email, password: "correct horse battery"}) {
    __typename ... on Session { accessToken refreshToken }
    ... on RateLimited { code retryAfter } } }"""
REFRESH = """mutation ($old: String!) { refreshSession(refreshToken: $old) {
  __typename ... on Session { refreshToken } } }"""
SEARCH = '{ me { id } search(query: "moon cam") { id } }'
PREPARE = """mutation ($name: String!) { prepareUpload(input: {
  filename: $name, byteSize: 1, sha256: "%s" }) { __typename } }""" % ("0" * 64)
CREATE = 'mutation { createConversation(input: {title: "Tides"}) { __typename } }'
RATES = {
    "LECTERN_RATE_REGISTER": "4/hour",
    "LECTERN_RATE_REGISTER_IN_ALL": "5/hour",
    "LECTERN_RATE_REFRESH": "2/hour",
    "LECTERN_RATE_SEARCH": "2/hour",
    "LECTERN_RATE_UPLOAD": "2/hour",
    "LECTERN_RATE_QUESTION": "1/hour",
    "LECTERN_RATE_WRITE": "2/hour",
    "LECTERN_RATE_ADDRESS_FACTOR": "100",
}
HOME, OTHER, THIRD = "198.51.100.21", "198.51.100.22", "198.51.100.23"


@pytest.fixture(scope="module")
def url(
    tmp_path_factory: pytest.TempPathFactory, settings_in: Callable[[Path], Settings]
) -> Iterator[str]:
    with Product(settings_in(tmp_path_factory.mktemp("product")), **RATES) as product:
        yield product.serve()[0]


def post(url: str, query: str, address: str, token: str = "", **variables: Any) -> httpx.Response:
    """From an address that the proxy of this machine tells."""
    headers = {"X-Forwarded-For": address, "Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    body = {"query": query, "variables": variables}
    return httpx.post(f"{url}/graphql", json=body, headers=headers, timeout=60)


def test_accounts_are_made_so_often_from_one_address_and_from_all(url: str) -> None:
    def register(address: str) -> httpx.Response:
        return post(url, REGISTER, address, email=f"{new_id().hex}@example.org")

    made = [register(HOME) for _ in range(5)]
    kinds = [response.json()["data"]["register"]["__typename"] for response in made]
    assert kinds == ["Session"] * 4 + ["RateLimited"]
    refused = made[-1].json()["data"]["register"]
    assert refused["code"] == "RATE_LIMITED"
    assert 0 < refused["retryAfter"] <= 3600
    assert 0 < int(made[-1].headers["Retry-After"]) <= 3600

    sessions = [response.json()["data"]["register"] for response in made[:2]]
    check_refresh(url, sessions[0]["refreshToken"])
    asyncio.run(check_activities(url, *(session["accessToken"] for session in sessions)))

    others = [register(address).json()["data"]["register"] for address in (OTHER, THIRD)]
    assert [other["__typename"] for other in others] == ["Session", "RateLimited"], "five in all"


def check_refresh(url: str, token: str) -> None:
    kinds = []
    for _ in range(3):
        renewed = post(url, REFRESH, OTHER, old=token).json()["data"]["refreshSession"]
        kinds.append(renewed["__typename"])
        token = renewed.get("refreshToken", token)
    assert kinds == ["Session", "Session", "RateLimited"]


async def check_activities(url: str, token: str, other: str) -> None:
    def codes(query: str, who: str, **variables: Any) -> list[str]:
        found = []
        for _ in range(3):
            body = post(url, query, HOME, who, **variables).json()
            [name] = body["data"].keys() - {"me"}
            result = body["data"][name]
            if isinstance(result, dict):
                found.append(result["__typename"])
            else:
                found += ["hits"] if result == [] else [body["errors"][0]["extensions"]["code"]]
        return found

    assert codes(CREATE, token) == ["CreatedConversation"] * 2 + ["RateLimited"]
    assert codes(PREPARE, token, name="a.txt") == ["PreparedUpload"] * 2 + ["RateLimited"]
    assert codes(SEARCH, token) == ["hits"] * 2 + ["RATE_LIMITED"]
    last = post(url, SEARCH, HOME, token)
    assert last.json()["data"]["me"] is not None, "light reads go on"
    assert int(last.headers["Retry-After"]) > 0
    assert codes(CREATE, other)[0] == "CreatedConversation", "somebody else is not concerned"

    async def ask(number: int) -> dict[str, Any]:
        question = {"clientMessageId": str(number), "text": "Where is the moon cam?"}
        async with subscribe(url, token, CHAT, input=question) as events:
            return [event async for event in events][-1]

    assert (await ask(1))["__typename"] == "ChatCompleted"
    refused = await ask(2)
    assert (refused["code"], refused["retryable"], refused["sequence"]) == ("RATE_LIMITED", True, 0)


async def test_registrations_do_not_stand_before_whoever_logs_in(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hashing of a registration hangs; a login goes through all the same."""
    email = f"{new_id().hex}@example.org"
    await services.accounts.register(email, PASSWORD, None)
    hash_, goes_on = PasswordHasher.hash, threading.Event()

    def slow(self: PasswordHasher, password: str) -> str:
        goes_on.wait(60)
        return hash_(self, password)

    monkeypatch.setattr(PasswordHasher, "hash", slow)
    registering = [
        asyncio.create_task(
            services.accounts.register(f"{new_id().hex}@example.org", PASSWORD, None)
        )
        for _ in range(10)
    ]
    try:
        async with asyncio.timeout(30):
            await services.accounts.login(email, PASSWORD)
        assert not any(task.done() for task in registering)
    finally:
        goes_on.set()
        await asyncio.gather(*registering)


async def test_without_redis_each_process_counts_for_itself() -> None:
    rates: dict[Activity, str] = {"search": "2/hour"}
    gone = Redis(host="127.0.0.1", port=1)
    limits = RateLimits(Counters(gone), rates, "9/hour", address_factor=2)
    one, other = new_id(), new_id()
    for _ in range(2):
        await limits.admit("search", one, HOME)
    with pytest.raises(RateLimited) as refused:
        await limits.admit("search", one, HOME)
    assert 0 < refused.value.retry_after <= 3600
    await limits.admit("search", other, HOME)
    await limits.admit("search", other, HOME)
    with pytest.raises(RateLimited):
        await limits.admit("search", new_id(), HOME)
    await gone.aclose()
