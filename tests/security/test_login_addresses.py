"""Guessing from one address, over real sockets and through a proxy."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from core.addresses import network_of
from core.ids import new_id
from core.settings import Settings
from support.product import Product

LOGIN = """mutation ($input: LoginInput!) { login(input: $input) {
  ... on Session { accessToken } ... on RateLimited { code retryAfter } ... on Error { code } } }"""
TRIES = 3


@pytest.fixture(scope="module")
def urls(
    tmp_path_factory: pytest.TempPathFactory, settings_in: Callable[[Path], Settings]
) -> Iterator[tuple[str, str]]:
    """One replica that believes the machine it runs on about addresses, and one that does not."""
    settings = settings_in(tmp_path_factory.mktemp("product"))
    with Product(settings, LECTERN_MAX_ADDRESS_LOGINS=str(TRIES)) as product:
        believing, _ = product.serve()
        doubting, _ = product.serve(FORWARDED_ALLOW_IPS="192.0.2.7")
        yield believing, doubting


def codes(url: str, *addresses: str) -> list[str]:
    """What a try of an account of its own meets from each address."""
    found = []
    for address in addresses:
        account = {"email": f"{new_id().hex}@example.org", "password": "a guess of mine"}
        response = httpx.post(
            f"{url}/graphql",
            json={"query": LOGIN, "variables": {"input": account}},
            headers={"X-Forwarded-For": address},
            timeout=60,
        )
        found.append(response.json()["data"]["login"]["code"])
    return found


def test_an_address_has_so_many_tries_whatever_the_account(urls: tuple[str, str]) -> None:
    believing, _ = urls
    tried = codes(believing, *["198.51.100.1"] * (TRIES + 1))
    assert tried == ["INVALID_CREDENTIALS"] * TRIES + ["RATE_LIMITED"]
    assert codes(believing, "198.51.100.2") == ["INVALID_CREDENTIALS"], "somebody else"


def test_an_address_that_a_client_makes_up_is_not_believed(urls: tuple[str, str]) -> None:
    _, doubting = urls
    tried = codes(doubting, *(f"198.51.100.{n}" for n in range(10, 10 + TRIES + 1)))
    assert tried[-1] == "RATE_LIMITED"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("198.51.100.1", "198.51.100.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:198.51.100.1", "198.51.100.1", True),
        ("::ffff:198.51.100.1", "::ffff:198.51.100.2", False),
        ("testclient", "testclient", True),
    ],
)
def test_whose_address_it_is(one: str, other: str, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same
